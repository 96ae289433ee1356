//! What `eval` measures.

use crate::common::{Sandbox, astronaut, avatar, driver_frames, portrait, run};

#[test]
fn a_clip_of_its_own_and_one_that_drives_a_photo() {
    let Some(_) = avatar() else { return };
    let sandbox = Sandbox::new();
    // Neither square nor of the results' size.
    let wide: Vec<_> = driver_frames(3)
        .into_iter()
        .map(|frame| crate::common::scaled(frame, 300))
        .map(|f| portrait_media::Picture::from_fn(360, 300, |x, y| f.pixel(x.clamp(30, 329) - 30, y).unwrap()))
        .collect();
    let clip = sandbox.clip("wide.mp4", &wide);
    let eval = || {
        let mut command = portrait();
        command.arg("eval").arg(&clip).args(["--every", "1"]);
        command
    };
    let report = run(eval().arg("--json")).succeeds().json();
    let (model, copy) = (&report["clips"][0]["model"], &report["clips"][0]["copy"]);
    assert_eq!((&report["clips"][0]["frames"], &model["found"]), (&2.into(), &1.0.into()));
    // The driver hardly moves in its first frames: everything is close to its first.
    for (score, name) in [(model, "model"), (copy, "copy")] {
        assert!(score["psnr"].as_f64().unwrap() > 20.0, "{name}: {score}");
        assert!(score["akd"].as_f64().unwrap() < 4.0, "{name}: {score}");
    }

    let text = run(eval().arg("--photo").arg(astronaut())).succeeds().stdout;
    let words: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(&words[..5], ["wide.mp4", "2", "model", "-", "-"], "{text}");
    assert!((0.1..20.0).contains(&words[5].parse::<f64>().unwrap()), "{text}");
}
