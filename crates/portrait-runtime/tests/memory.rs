//! Memory over many looks, sessions and frames. One test in a process of its own: others would blur the measure.

use portrait_runtime::{Engine, EngineError, EngineOptions, Frame, PrepareOptions, SessionOptions, WeightsSource};
use std::path::PathBuf;

fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Resident memory in MiB; `None` where the system does not tell.
fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}

/// Runs `task` often. What allocator and driver keep for themselves is taken once, now and then late; what is left behind adds up in every
/// round.
fn assert_no_growth(what: &str, mut task: impl FnMut()) {
    (0..10).for_each(|_| task());
    let Some(mut before) = resident() else {
        println!("SKIP: no /proc/self/status");
        return;
    };
    let grew = (0..3).all(|_| {
        (0..60).for_each(|_| task());
        let after = resident().unwrap_or(before);
        println!("{what}: {before:.0} MiB, after 60 more {after:.0} MiB");
        after - std::mem::replace(&mut before, after) >= 8.0
    });
    assert!(!grew, "{what}: memory grew in every round, to {before:.0} MiB");
}

#[test]
fn looks_sessions_and_frames_leave_nothing_behind() {
    let weights = WeightsSource::File(root("weights/portrait_s.safetensors"));
    let engine = match Engine::open(&EngineOptions::new(weights)) {
        Err(EngineError::NoAdapter(why)) if std::env::var("PORTRAIT_REQUIRE_GPU").as_deref() != Ok("1") => {
            println!("SKIP: {why}");
            return;
        }
        other => other.expect("an engine"),
    };
    println!("adapter: {}", engine.gpu().adapter().name);
    let picture = image::open(root("assets/astronaut.png")).expect("the fixture is a picture").to_rgba8();
    let photo = Frame { width: picture.width(), height: picture.height(), rgba: picture.as_raw() };
    let size = (picture.width(), picture.height());
    assert_no_growth("looks", || drop(engine.landmarks(photo).expect("the device works").expect("a face")));
    let avatar = engine.prepare(photo, &PrepareOptions::default()).expect("an avatar");
    let open = || engine.session(&avatar, &SessionOptions::new(size.0, size.1)).expect("a session");
    assert_no_growth("sessions", || {
        let mut session = open();
        session.observe(photo, 0.04).expect("observed");
        session.finish().expect("finished");
    });
    let mut session = open();
    assert_no_growth("frames", || {
        session.observe(photo, 0.04).expect("observed");
        session.finish().expect("finished");
    });
}
