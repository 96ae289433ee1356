//! How live sessions stop: paused while they open, closed, and by a fault.

use super::fixtures::{driver, gpu};
use super::live::{PATIENCE, fast, portrait, show, start, unfiltered};
use crate::{CameraFrame, EngineError, HeldFrame, LiveSession, Orientation, Picture, SessionOptions, Thermal, Trim};
use portrait_kernels::Tier;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// A frame that tells when the session's thread looks at it, where it may fail, and when it is given back.
struct Watched {
    picture: Picture,
    fails: bool,
    begun: SyncSender<()>,
    given_back: SyncSender<()>,
}

impl HeldFrame for Watched {
    fn frame(&self) -> CameraFrame<'_> {
        if std::thread::current().name() == Some("portrait") {
            // It looks more than once.
            let _ = self.begun.try_send(());
            assert!(!self.fails, "a fault of the owner's");
        }
        self.picture.frame().into()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.given_back.send(()).expect("somebody waits");
    }
}

/// Pushes one; who hears when it is begun, and when it comes back.
fn push(session: &LiveSession, ms: u64, fails: bool) -> [Receiver<()>; 2] {
    let ((begun, looked), (given_back, back)) = (sync_channel(1), sync_channel(1));
    let frame = Watched { picture: driver("s_frame0"), fails, begun, given_back };
    session.push(Box::new(frame), Orientation::default(), Duration::from_millis(ms)).expect("takes it");
    [looked, back]
}

fn wait_for(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_session_that_opens_is_paused_and_trimmed_without_a_wait() {
    let Some(gpu) = gpu(Tier::F32) else { return };
    let portrait = portrait(fast(&gpu));
    // It compiles for a while.
    let compiled = gpu.pipelines_created();
    gpu.forget_pipelines();
    assert!(compiled > 0 && gpu.pipelines_created() == compiled, "what is forgotten was compiled all the same");
    let session = start(&portrait, unfiltered(0.0), None);
    let submitted = gpu.submissions();
    session.pause();
    session.trim(Trim::Waiting);
    assert!(!session.status().open, "the app's main thread waited until it was open");
    wait_for("it opens all the same", || session.status().open);
    session.pause();
    assert_eq!(gpu.submissions(), submitted, "an app in the background that submits is ended by iOS");
    session.resume();
    show(&session, "s_frame0", 0);
    drop(session);

    // Opened by a frame, which is given back unused.
    gpu.forget_pipelines();
    let session = start(&portrait, SessionOptions { frame: [0; 2], ..unfiltered(0.0) }, None);
    let [begun, back] = push(&session, 0, false);
    begun.recv_timeout(PATIENCE).expect("begun");
    session.pause();
    let submitted = gpu.submissions();
    back.recv_timeout(PATIENCE).expect("given back");
    session.pause();
    let status = session.status();
    assert_eq!((status.open, status.pictures, status.dropped), (true, 0, 1));
    assert_eq!(gpu.submissions(), submitted);
    session.resume();
    show(&session, "s_frame0", 40);
    drop(session);

    // Opened by heat, with work before it and after it.
    let session = start(&portrait, unfiltered(0.0), Some(portrait.clone()));
    show(&session, "s_frame0", 0);
    session.set_thermal(Thermal::Critical);
    let [begun, back] = push(&session, 40, false);
    begun.recv_timeout(PATIENCE).expect("begun");
    session.pause();
    let submitted = gpu.submissions();
    back.recv_timeout(PATIENCE).expect("given back");
    session.pause();
    assert!(session.status().cooled);
    assert_eq!(gpu.submissions(), submitted);
    session.resume();
    show(&session, "s_frame0", 80);
}

#[test]
fn after_its_end_a_session_keeps_no_frame() {
    let Some(gpu) = gpu(Tier::F32) else { return };
    let session = start(&portrait(fast(&gpu)), SessionOptions { frame: [0; 2], ..unfiltered(0.0) }, None);
    session.close();
    let [_begun, back] = push(&session, 0, false);
    assert!(back.try_recv().is_ok(), "given back before the push returns");
}

#[test]
fn a_fault_in_the_session_s_thread_is_not_the_device_s() {
    let Some(gpu) = gpu(Tier::F32) else { return };
    let session = start(&portrait(fast(&gpu)), SessionOptions { frame: [0; 2], ..unfiltered(0.0) }, None);
    let [_begun, _back] = push(&session, 0, true);
    let ended = session.take_picture(PATIENCE).expect_err("its thread is gone");
    assert!(ended.to_string().contains("a fault of the owner's"), "{ended}");
    assert!(matches!(&ended, EngineError::Ended(why) if matches!(**why, EngineError::Panicked(_))), "{ended}");
    assert!(session.status().failed);
}
