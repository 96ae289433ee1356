//! Keypoint-driven frames at a small size, as many as fit in a third of a minute or `PORTRAIT_SOAK_FRAMES`: memory stays, and so do pictures.
//! One test in a process of its own: others would blur the measure.

use portrait_runtime::{
    Avatar, Engine, EngineError, Frame, Gpu, GpuOptions, Idle, Mode, MotionOptions, Picture, PrepareOptions, Preset,
    Session, SessionOptions,
};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const TIME: Duration = Duration::from_secs(20);
/// Frames before memory is first looked at.
const WARM_UP: u64 = 200;
/// Frames between two lines of a long run.
const NEWS: u64 = 5000;
/// Frames after which the motion starts again.
const CYCLE: u64 = 240;

fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Resident memory in MiB; `None` where the system does not tell.
fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}

/// Networks of the preset's shape for pictures of 64 pixels, with few channels.
fn small() -> Preset {
    let text = std::fs::read_to_string(root("weights/presets/s.toml")).expect("the preset is there");
    let text = text
        .replace("image = 256", "image = 64")
        .replace("motion = 64", "motion = 32")
        .replace("input = 128", "input = 64")
        .replace("widths = [32, 64, 128, 256]", "widths = [8, 8, 16, 16]")
        .replace("stem = 32", "stem = 8")
        .replace("down = [64, 128, 256, 512, 512]", "down = [16, 16]")
        .replace("stem = 16", "stem = 8")
        .replace("down = [32, 64, 128, 256, 512]", "down = [16, 16, 16]");
    Preset::parse(&text).expect("the preset is consistent")
}

fn frame(engine: &Engine, avatar: &Avatar, session: &mut Session, number: u64) -> Picture {
    let points = engine.pose(avatar, &Idle::default().expression((number % CYCLE) as f64 / 30.0));
    session.animate_keypoints(&points, 1.0 / 30.0).expect("animated");
    session.take_picture(true).expect("the device works").expect("a picture")
}

#[test]
fn memory_and_pictures_stay_as_they_are() {
    let gpu = match pollster::block_on(Gpu::open(&GpuOptions::default())) {
        Err(EngineError::NoAdapter(why)) if std::env::var("PORTRAIT_REQUIRE_GPU").as_deref() != Ok("1") => {
            println!("SKIP: {why}");
            return;
        }
        other => other.expect("a device"),
    };
    let wanted: Option<u64> = std::env::var("PORTRAIT_SOAK_FRAMES").ok().map(|text| text.parse().expect("a number"));
    let engine = Engine::with_noise(gpu, small(), 7).expect("any preset builds");
    let picture = image::open(root("assets/astronaut.png")).expect("the fixture is a picture").to_rgba8();
    let photo = Frame { width: picture.width(), height: picture.height(), rgba: picture.as_raw() };
    let avatar = engine.prepare(photo, &PrepareOptions::default()).expect("an avatar");
    // Without a filter a picture depends on its frame alone: the same points have to give the same picture ever after.
    let motion = MotionOptions { mode: Mode::Absolute, filter: None, ..MotionOptions::default() };
    let options = SessionOptions { motion, record: true, ..SessionOptions::new(64, 64) };
    let mut session = engine.session(&avatar, &options).expect("a session");
    let first: Vec<Picture> = (0..WARM_UP).map(|number| frame(&engine, &avatar, &mut session, number)).collect();
    assert!(first.windows(2).any(|pair| pair[0] != pair[1]), "the portrait moves");
    session.take_motion();
    let (before, objects, start) = (resident(), engine.gpu().objects_created(), Instant::now());
    let mut number = WARM_UP;
    let share = |number: u64| match wanted {
        Some(wanted) => number as f64 / wanted as f64,
        None => start.elapsed().as_secs_f64() / TIME.as_secs_f64(),
    };
    let mut middle = None;
    while share(number) < 1.0 {
        let picture = frame(&engine, &avatar, &mut session, number);
        if let Some(same) = first.get((number % CYCLE) as usize) {
            assert!(picture == *same, "frame {number} has drifted");
        }
        assert!(session.take_motion().len() <= 4, "reports do not pile up");
        number += 1;
        if middle.is_none() && share(number) >= 0.5 {
            middle = resident();
        }
        if number.is_multiple_of(NEWS) {
            println!(
                "{number} frames, {:.0} s: {:.1} MiB",
                start.elapsed().as_secs_f64(),
                resident().unwrap_or_default()
            );
        }
    }
    assert_eq!(engine.gpu().objects_created(), objects, "frames create nothing");
    // The frame at hand is one of the first again, bit for bit, however many there were.
    let again = frame(&engine, &avatar, &mut session, CYCLE);
    assert!(again == first[0], "the first frame's points give another picture after {number} frames");
    let (Some(before), Some(middle), Some(after)) = (before, middle, resident()) else {
        println!("{number} frames; SKIP: no /proc/self/status");
        return;
    };
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{number} frames, {seconds:.0} s after {WARM_UP}: {before:.1} MiB, {middle:.1} half way, {after:.1} at the end"
    );
    assert!(after - before < 8.0, "{before:.1} MiB grew to {after:.1} MiB");
}
