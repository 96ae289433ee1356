//! What the overlay costs: a measurement of minutes, by turns with it and without it in one run.

use std::time::Duration;

use portrait_runtime::RecordedMotion;

use crate::common::{Sandbox, astronaut, avatar, frames_of, names, repository};
use crate::screen::{ESCAPE, Screen, eventually};
use crate::window::{Run, appears};

/// Turns of each kind, and how long one is.
const TURNS: usize = 8;
const TURN: Duration = Duration::from_secs(12);

/// Median of a few numbers.
fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

#[test]
#[ignore = "a measurement of minutes: --ignored --nocapture what_the_overlay_costs"]
fn what_the_overlay_costs() {
    let (Some(_), Some(screen)) = (avatar(), Screen::open()) else { return };
    for preset in ["fast", "s"] {
        let sandbox = Sandbox::new();
        // Slow enough to be decoded for next to nothing, and not to set the pace.
        let clip = sandbox.clip_at("driver.mp4", 10.0, &frames_of(&repository("assets/driver.mp4"), 100));
        let arguments = ["--preset", preset, "--source", clip.to_str().unwrap()];
        let run = Run::start(&screen, &sandbox, &[&astronaut()], &arguments);
        screen.window("portrait: astronaut.png");
        appears(&screen);
        // Seconds of the processor, which is the GPU here, and of the clock for each picture; shown and hidden.
        let mut costs = [[Vec::new(), Vec::new()], [Vec::new(), Vec::new()]];
        for turn in 0..2 * TURNS {
            // Notices and hints are over, and what was asked for is done.
            std::thread::sleep(Duration::from_secs(if turn == 0 { 12 } else { 2 }));
            let before = run.processor();
            screen.types('m');
            std::thread::sleep(TURN);
            screen.types('m');
            let motion = eventually("a motion", || {
                let files = names(&sandbox.output(""));
                files.get(turn).and_then(|name| RecordedMotion::load(sandbox.output(name)).ok())
            });
            let worked = run.processor() - before;
            let (first, last) = (&motion.frames[0], &motion.frames[motion.frames.len() - 1]);
            let clock = (last.time - first.time).as_secs_f64() / (motion.frames.len() - 1) as f64;
            costs[turn % 2][0].push(worked / motion.frames.len() as f64);
            costs[turn % 2][1].push(clock);
            screen.types('h');
        }
        for (kind, name) in ["processor", "clock"].into_iter().enumerate() {
            let [shown, hidden] = [0, 1].map(|of| median(&costs[of][kind]));
            // Of neighbours, which had the machine to themselves alike.
            let pairs = costs[0][kind].iter().zip(&costs[1][kind]);
            let mut shares: Vec<f64> = pairs.map(|(shown, hidden)| 100.0 * (shown / hidden - 1.0)).collect();
            shares.sort_by(f64::total_cmp);
            println!(
                "preset {preset}, a picture by the {name}: {shown:.3} s shown, {hidden:.3} s hidden; in pairs {:+.1} % \
                 ({:+.1} to {:+.1})",
                median(&shares),
                shares[TURNS / 4],
                shares[TURNS - 1 - TURNS / 4]
            );
        }
        screen.key(ESCAPE);
        run.ends();
    }
}
