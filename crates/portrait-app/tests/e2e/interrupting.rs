//! Ctrl-C.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Outcome, Sandbox, animate, avatar, frames_of, repository};

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_a_playable_file() {
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    let out = sandbox.output("me.mp4");
    // The clip repeated: also a fast GPU is not done before the signal comes.
    let frames = frames_of(&repository("assets/driver.mp4"), 100);
    let clip = sandbox.clip("long.mp4", &frames.iter().cycle().take(600).cloned().collect::<Vec<_>>());
    let mut command = animate(avatar, &clip, &out);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_pictures(&sandbox);
    // The shell's own `kill`: a small system has no other.
    let signal = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &signal]).status().unwrap().success());
    let outcome = Outcome::of(&child.wait_with_output().unwrap());
    assert_eq!(outcome.code, Some(130), "{}{}", outcome.stdout, outcome.stderr);
    assert!(outcome.stdout.contains("interrupted after"), "{}", outcome.stdout);
    assert_eq!(sandbox.written(), ["me.mp4"]);
    let frames = frames_of(&out, 1000).len();
    assert!((1..600).contains(&frames), "{frames} frames");
}

#[cfg(unix)]
#[test]
fn a_second_ctrl_c_ends_at_once() {
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    let out = sandbox.output("me.mp4");
    let frames = frames_of(&repository("assets/driver.mp4"), 100);
    let clip = sandbox.clip("long.mp4", &frames.iter().cycle().take(600).cloned().collect::<Vec<_>>());
    let child = animate(avatar, &clip, &out).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_pictures(&sandbox);
    let signals = format!("kill -INT {0}; sleep 0.02; kill -INT {0} 2>/dev/null; true", child.id());
    assert!(Command::new("sh").args(["-c", &signals]).status().unwrap().success());
    let outcome = Outcome::of(&child.wait_with_output().unwrap());
    assert_eq!(outcome.code, Some(130), "{}{}", outcome.stdout, outcome.stderr);
    // A fast GPU may be done with the file before the second signal; a file that is there plays.
    assert!(!out.exists() || !frames_of(&out, 1000).is_empty());
}

/// Waits until the program has begun to write pictures: its temporary file has stayed for a while.
fn wait_for_pictures(sandbox: &Sandbox) {
    let start = Instant::now();
    let mut since: Option<(Vec<String>, Instant)> = None;
    while start.elapsed() < Duration::from_secs(120) {
        let written = sandbox.written();
        match &since {
            Some((names, first)) if *names == written => {
                if !written.is_empty() && first.elapsed() > Duration::from_millis(300) {
                    return;
                }
            }
            _ => since = Some((written, Instant::now())),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("nothing was written in two minutes");
}
