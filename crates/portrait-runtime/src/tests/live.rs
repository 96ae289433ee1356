//! Live sessions as apps use them.

use super::fixtures::{colours, driver, engine, gpu, photo, photo_s_face, psnr, root};
use crate::{
    CameraFrame, Engine, EngineError, Gpu, HeldFrame, LiveOptions, LiveSession, MotionOptions, Orientation, Picture,
    Placement, Portrait, PrepareOptions, SessionOptions, Thermal, Trim, WeightsSource,
};
use portrait_kernels::Tier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub(super) struct Held(pub(super) Arc<Picture>);

impl HeldFrame for Held {
    fn frame(&self) -> CameraFrame<'_> {
        self.0.frame().into()
    }
}

/// Nothing here takes so long.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn a_paused_session_submits_nothing_and_goes_on_as_before() {
    let Some(engine) = engine(Tier::F32) else { return };
    let gpu = engine.gpu().clone();
    let portrait = portrait(Arc::new(engine));
    // The first frame is the neutral pose.
    let start = || start(&portrait, unfiltered(0.0), None);

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
        .push(Box::new(Held(Arc::new(driver("s_frame1")))), Orientation::default(), Duration::from_millis(20))
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

/// Preset fast on this device.
pub(super) fn fast(gpu: &Arc<Gpu>) -> Arc<Engine> {
    let weights = WeightsSource::File(root("weights/portrait_fast.safetensors"));
    Arc::new(Engine::with_gpu(gpu.clone(), "fast", &weights).expect("the committed weights fit preset fast"))
}

pub(super) fn portrait(engine: Arc<Engine>) -> Portrait {
    let avatar = Arc::new(engine.prepare(photo().frame(), &PrepareOptions::default()).expect("an avatar"));
    Portrait { engine, avatar }
}

/// Each frame is taken over as it is.
pub(super) fn unfiltered(calibration: f32) -> SessionOptions {
    let motion = MotionOptions { filter: None, ..MotionOptions::default() };
    SessionOptions { calibration, motion, ..SessionOptions::new(256, 256) }
}

pub(super) fn start(portrait: &Portrait, session: SessionOptions, cool: Option<Portrait>) -> LiveSession {
    LiveSession::start(portrait.clone(), LiveOptions { session, rate: None, cool }).expect("starts")
}

/// The picture of a stored frame, or of one that shows the photo.
pub(super) fn show(session: &LiveSession, name: &str, ms: u64) -> Picture {
    let frame = if name == "photo" { photo_s_face() } else { driver(name) };
    session.push(Box::new(Held(Arc::new(frame))), Orientation::default(), Duration::from_millis(ms)).expect("takes it");
    session.take_picture(PATIENCE).expect("no error").expect("a picture").picture
}

/// The picture of a frame, once the face is where it was looked for.
pub(super) fn settled(session: &LiveSession, name: &str, ms: u64) -> Picture {
    let [.., last] = [0, 40, 80].map(|more| show(session, name, ms + more));
    last
}

pub(super) fn likeness(a: &Picture, b: &Picture) -> f32 {
    psnr(&colours(a), &colours(b))
}

#[test]
fn whoever_waits_is_served_before_the_frame_after_the_next() {
    let Some(gpu) = gpu(Tier::F32) else { return };
    let session = start(&portrait(fast(&gpu)), unfiltered(0.0), None);
    show(&session, "s_frame0", 0);
    let frame = Arc::new(driver("s_frame1"));
    let canvas = gpu.texture("canvas", [64; 2], wgpu::TextureUsages::RENDER_ATTACHMENT);
    let pictures = || session.status().pictures;
    // Frames stop here: a call that starves returns in the end, and is found out.
    let limit = AtomicU64::new(u64::MAX);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut clock = Duration::from_millis(40);
            while pictures() < limit.load(Ordering::Relaxed) {
                clock += Duration::from_millis(1);
                session.push(Box::new(Held(frame.clone())), Orientation::default(), clock).expect("takes it");
                std::thread::yield_now();
            }
        });
        type Call<'a> = (&'static str, &'a dyn Fn());
        let calls: [Call<'_>; 4] = [
            ("pause", &|| session.pause()),
            ("resume", &|| session.resume()),
            ("trim", &|| session.trim(Trim::Waiting)),
            ("draw", &|| assert!(session.draw_picture(PATIENCE, &canvas, Placement::default()).is_ok())),
        ];
        for (name, call) in calls.into_iter().cycle().take(8) {
            let before = pictures();
            limit.store(before + 12, Ordering::Relaxed);
            call();
            let made = pictures() - before;
            println!("{name}: {made} pictures meanwhile");
            assert!(made <= 2, "{name} waited for {made} pictures");
        }
        limit.store(0, Ordering::Relaxed);
    });
}

/// A frame whose owner asks for a picture when it gets it back.
struct Curious {
    picture: Picture,
    session: Arc<OnceLock<Arc<LiveSession>>>,
    told: SyncSender<bool>,
}

impl HeldFrame for Curious {
    fn frame(&self) -> CameraFrame<'_> {
        self.picture.frame().into()
    }
}

impl Drop for Curious {
    fn drop(&mut self) {
        let session = self.session.get().expect("set before the push");
        let there = session.take_picture(2 * PATIENCE).expect("no error").is_some();
        self.told.send(there).expect("somebody waits");
    }
}

#[test]
fn the_owner_of_a_frame_does_not_wait_in_the_session_s_thread() {
    let Some(gpu) = gpu(Tier::F32) else { return };
    let session = Arc::new(start(&portrait(fast(&gpu)), unfiltered(0.0), None));
    let (told, heard) = sync_channel(1);
    let known = Arc::new(OnceLock::new());
    known.set(session.clone()).expect("once");
    let frame = Curious { picture: driver("s_frame0"), session: known, told };
    session.push(Box::new(frame), Orientation::default(), Duration::ZERO).expect("takes it");
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(false), "its picture is not made yet");
    assert!(session.take_picture(PATIENCE).expect("no error").is_some());
}

#[test]
fn a_session_that_is_made_anew_goes_on_looking_for_the_neutral_pose() {
    let Some(gpu) = gpu(Tier::F32) else { return };
    let portrait = portrait(fast(&gpu));
    // The second face is the photo's, and is taken as the neutral pose when it comes.
    let run = |trim: bool| {
        let session = start(&portrait, unfiltered(1.0), None);
        let first = settled(&session, "s_frame0", 0);
        if trim {
            session.trim(Trim::Session);
        }
        settled(&session, "photo", 120);
        [first, settled(&session, "s_frame0", 240)]
    };
    let [first, unbroken] = run(false);
    let apart = likeness(&first, &unbroken);
    assert!(apart < 25.0, "{apart:.1} dB: this test shows nothing");
    let [_, trimmed] = run(true);
    let (same, other) = (likeness(&trimmed, &unbroken), likeness(&trimmed, &first));
    println!(
        "trimmed while looking: {same:.1} dB of the picture without, {other:.1} dB of the one with the first pose"
    );
    assert!(same > other + 6.0);
}

#[test]
fn heat_takes_the_neutral_pose_along_in_the_other_preset_s_points() {
    let Some(gpu) = gpu(Tier::F32) else { return };
    let weights = WeightsSource::File(root("weights/portrait_s.safetensors"));
    let s = Engine::with_gpu(gpu.clone(), "s", &weights).expect("the committed weights fit preset s");
    let (warm, cool) = (portrait(Arc::new(s)), portrait(fast(&gpu)));
    let mixed = Portrait { engine: cool.engine.clone(), avatar: warm.avatar.clone() };
    for (portrait, cool) in [(&mixed, None), (&warm, Some(mixed.clone()))] {
        let options = LiveOptions { session: unfiltered(0.0), rate: None, cool };
        let refused = LiveSession::start(portrait.clone(), options).expect_err("another preset's avatar");
        assert!(matches!(refused, EngineError::AvatarWeights { .. }), "{refused}");
    }

    // What preset fast shows of the second frame with the first as its neutral pose.
    let session = start(&cool, unfiltered(0.0), None);
    show(&session, "s_frame0", 0);
    let expected = settled(&session, "s_frame1", 40);
    drop(session);
    // The same after preset s has seen the first.
    let session = start(&warm, unfiltered(0.0), Some(cool.clone()));
    show(&session, "s_frame0", 0);
    session.set_thermal(Thermal::Critical);
    let swapped = settled(&session, "s_frame1", 40);
    assert!(session.status().cooled);
    session.set_thermal(Thermal::Nominal);
    let back = settled(&session, "s_frame1", 160);
    drop(session);
    // And there, had it never been hot.
    let session = start(&warm, unfiltered(0.0), None);
    show(&session, "s_frame0", 0);
    let never = settled(&session, "s_frame1", 40);
    let (there, home) = (likeness(&swapped, &expected), likeness(&back, &never));
    println!("with the pose of another preset: {there:.1} dB of the picture with its own; and back: {home:.1} dB");
    // Taken over as they are, the neural points of the other networks leave 27 dB.
    assert!(there > 29.0 && home > 30.0);
}
