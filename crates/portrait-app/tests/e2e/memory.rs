//! Memory does not grow with the clip.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::common::{Outcome, Sandbox, animate, avatar, driver_frames, scaled};

#[test]
fn a_long_clip_takes_no_more_than_a_short_one() {
    if !cfg!(target_os = "linux") {
        println!("SKIP: peak memory is read from /proc");
        return;
    }
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    // A frame is 1.6 MB, so that holding the frames of the long clip would take 100 MB more.
    let frames: Vec<_> = driver_frames(6).into_iter().map(|frame| scaled(frame, 640)).collect();
    let long: Vec<_> = frames.iter().cycle().take(66).cloned().collect();
    let short = peak_kib(&sandbox, avatar, &sandbox.clip_at("short.mp4", 6.0, &frames));
    let long = peak_kib(&sandbox, avatar, &sandbox.clip_at("long.mp4", 6.0, &long));
    println!("peak memory: {} MiB for 6 frames, {} MiB for 66", short / 1024, long / 1024);
    assert!(long as f64 <= 1.1 * short as f64, "{short} KiB for 6 frames, {long} KiB for 66");
}

/// The most memory that a run ever held, in KiB.
fn peak_kib(sandbox: &Sandbox, avatar: &Path, clip: &Path) -> u64 {
    let mut command = animate(avatar, clip, &sandbox.output("me.mp4"));
    let mut child = command.arg("--compare").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kib.unwrap_or_default());
        std::thread::sleep(Duration::from_millis(20));
    }
    Outcome::of(&child.wait_with_output().unwrap()).succeeds();
    assert!(peak > 0);
    peak
}
