//! Live sessions as apps use them.

use super::fixtures::{colours, driver, engine, photo, psnr};
use crate::{
    CameraFrame, HeldFrame, LiveOptions, LiveSession, MotionOptions, Orientation, Picture, Portrait, PrepareOptions,
    SessionOptions, Trim,
};
use portrait_kernels::Tier;
use std::sync::Arc;
use std::time::Duration;

struct Held(Picture);

impl HeldFrame for Held {
    fn frame(&self) -> CameraFrame<'_> {
        self.0.frame().into()
    }
}

/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn a_paused_session_submits_nothing_and_goes_on_as_before() {
    let Some(engine) = engine(Tier::F32) else { return };
    let avatar = Arc::new(engine.prepare(photo().frame(), &PrepareOptions::default()).expect("an avatar"));
    let gpu = engine.gpu().clone();
    let portrait = Portrait { engine: Arc::new(engine), avatar };
    let start = || {
        // The first frame is the neutral pose, and each is taken over as it is.
        let motion = MotionOptions { filter: None, ..MotionOptions::default() };
        let session = SessionOptions { calibration: 0.0, motion, ..SessionOptions::new(256, 256) };
        LiveSession::start(portrait.clone(), LiveOptions { session, rate: None, cool: None }).expect("starts")
    };
    let show = |session: &LiveSession, name: &str, ms: u64| {
        let frame = Box::new(Held(driver(name)));
        session.push(frame, Orientation::default(), Duration::from_millis(ms)).expect("takes it");
        session.take_picture(PATIENCE).expect("no error").expect("a picture").picture
    };

    let session = start();
    show(&session, "s_frame0", 0);
    // The second time the face is where it was looked for.
    let twice = |session: &LiveSession| [40, 80].map(|ms| show(session, "s_frame1", ms))[1].clone();
    let unbroken = twice(&session);
    drop(session);

    let session = start();
    show(&session, "s_frame0", 0);
    session.pause();
    let submitted = gpu.submissions();
    session.trim(Trim::Session);
    assert!(!session.status().open && session.status().paused);
    session.trim(Trim::Pipelines);
    session
        .push(Box::new(Held(driver("s_frame1"))), Orientation::default(), Duration::from_millis(20))
        .expect("drops it");
    session.window_destroyed();
    session.pause();
    assert_eq!(gpu.submissions(), submitted, "an app in the background that submits is ended by iOS");
    assert_eq!((session.status().dropped, session.status().pictures), (1, 1));
    session.resume();
    let resumed = twice(&session);
    session.pause();
    let submitted = gpu.submissions();
    drop(session);
    assert_eq!(gpu.submissions(), submitted, "not even when it ends");

    // Measured from the frame before the pause, not from the first one after it.
    let fresh = twice(&start());
    let [same, other] = [&resumed, &fresh].map(|picture| psnr(&colours(picture), &colours(&unbroken)));
    println!("the picture after a pause: {same:.1} dB of the one without; with another neutral pose {other:.1} dB");
    assert!(same > 25.0 && same > other + 6.0);
}
