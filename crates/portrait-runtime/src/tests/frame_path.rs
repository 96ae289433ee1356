//! Promises of the frame path: nothing is created, the face is followed, avatars survive a file.

use super::fixtures::{driver, engine, gpu, photo, photo_s_face, tiny};
use crate::{
    Avatar, Engine, EngineError, FaceChoice, Mode, MotionOptions, OneEuro, Picture, Points, PrepareOptions, Session,
    SessionOptions,
};
use portrait_kernels::Tier;

fn blank(width: u32, height: u32) -> Picture {
    Picture { width, height, rgba: vec![90; 4 * (width * height) as usize] }
}

#[test]
fn a_photo_becomes_an_avatar_that_survives_a_file() {
    let Some(engine) = engine(Tier::F32) else { return };
    let photo = photo();
    let faces = engine.faces(photo.frame()).expect("detection runs");
    assert_eq!(faces.len(), 1);
    let [x, y] = faces[0].center;
    assert!((x - 223.0).abs() < 25.0 && (y - 120.0).abs() < 25.0, "{faces:?}");
    let avatar = engine.prepare(photo.frame(), &PrepareOptions::default()).expect("an avatar");
    assert!(avatar.warnings().is_empty(), "{:?}", avatar.warnings());

    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("astronaut.avatar");
    avatar.save(&file).expect("saved");
    assert_eq!(Avatar::load(&file).expect("loaded"), avatar);
    let started = std::time::Instant::now();
    Avatar::load(&file).expect("loaded");
    println!("avatar: {} bytes, loads in {:?}", avatar.to_bytes().len(), started.elapsed());

    let good = avatar.to_bytes();
    for (what, bytes) in [
        ("empty", Vec::new()),
        ("foreign", b"GIF89a and so on".to_vec()),
        ("truncated", good[..good.len() - 7].to_vec()),
        ("header only", good[..20].to_vec()),
        ("damaged", good.iter().enumerate().map(|(i, &b)| if i == 5000 { b ^ 1 } else { b }).collect()),
        ("newer", good.iter().enumerate().map(|(i, &b)| if i == 8 { 9 } else { b }).collect()),
    ] {
        let error = Avatar::from_bytes(what, &bytes).expect_err(what);
        assert!(matches!(error, EngineError::AvatarFormat { .. }), "{what}: {error}");
    }
}

#[test]
fn photos_without_a_face_and_malformed_frames_are_refused() {
    let Some(engine) = engine(Tier::F32) else { return };
    let refuse =
        |photo: Picture, options: PrepareOptions| engine.prepare(photo.frame(), &options).expect_err("no avatar");
    assert!(matches!(refuse(blank(200, 100), PrepareOptions::default()), EngineError::NoFace));
    assert!(matches!(refuse(blank(1, 1), PrepareOptions::default()), EngineError::NoFace));
    let third = refuse(photo(), PrepareOptions { face: FaceChoice::Index(3), ..PrepareOptions::default() });
    assert!(matches!(third, EngineError::FaceIndex { chosen: 3, found: 1 }), "{third}");
    let zero = refuse(photo(), PrepareOptions { face: FaceChoice::Index(0), ..PrepareOptions::default() });
    assert!(matches!(zero, EngineError::FaceIndex { chosen: 0, .. }), "{zero}");
    let mut short = photo();
    short.rgba.pop();
    assert!(matches!(refuse(short, PrepareOptions::default()), EngineError::PictureSize { .. }));

    // Two astronauts side by side.
    let one = photo();
    let row = 4 * one.width as usize;
    let rgba = one.rgba.chunks(row).flat_map(|r| r.iter().chain(r)).copied().collect();
    let two = Picture { width: 2 * one.width, height: one.height, rgba };
    let error = engine.prepare(two.frame(), &PrepareOptions::default()).expect_err("two faces");
    assert!(error.to_string().starts_with("2 faces found"), "{error}");
    assert!(
        engine
            .prepare(two.frame(), &PrepareOptions { face: FaceChoice::Index(2), ..PrepareOptions::default() })
            .is_ok()
    );
}

#[test]
fn frames_create_nothing_and_follow_the_face() {
    let Some(engine) = engine(Tier::F32) else { return };
    let avatar = engine.prepare(photo().frame(), &PrepareOptions::default()).expect("an avatar");
    let (first, second, empty) = (driver("s_frame0"), driver("s_frame1"), blank(256, 256));
    let mut session = engine.session(&avatar, &SessionOptions::new(256, 256)).expect("a session");
    session.observe(first.frame(), 0.04).expect("observed");
    let mut show = |photo: &Picture| {
        let submissions = engine.gpu().submissions();
        session.animate(photo.frame(), 0.04).expect("animated");
        assert_eq!(engine.gpu().submissions() - submissions, 1, "a frame is one submission");
        let picture = session.take_picture(true).expect("no error").expect("a picture");
        session.finish().expect("finished");
        (picture, session.status().expect("a report"), engine.gpu().objects_created())
    };
    let (a, found, created) = show(&first);
    assert!(found.found && found.score > 0.9, "{found:?}");
    let (b, _, _) = show(&second);
    assert_ne!(a, b, "the picture follows the driver");
    // The face goes away: the pose is held; it comes back: it is found again.
    let (_, lost, _) = show(&empty);
    let (held, still_lost, _) = show(&empty);
    assert!(!lost.found && !still_lost.found && still_lost.lost_frames >= 1, "{lost:?} {still_lost:?}");
    let (same, _, _) = show(&empty);
    assert_eq!(held.rgba, same.rgba, "a lost face holds the pose");
    show(&second);
    let (_, again, after) = show(&second);
    assert!(again.found, "{again:?}");
    assert_eq!(created, after, "frames create no buffers, textures, bind groups or pipelines");

    let wrong = blank(128, 256);
    assert!(matches!(session.animate(wrong.frame(), 0.04), Err(EngineError::FrameSize { .. })));
    let stats = session.stats();
    println!("{stats:?}");
    assert!(stats.arena_bytes < stats.bytes_without_reuse * 3 / 5, "{stats:?}");
}

/// A clip is looked at first, then animated and recorded, in one session.
#[test]
fn what_was_observed_is_not_recorded_and_what_is_animated_after_it_is() {
    let Some(gpu) = gpu(Tier::F32) else { return };
    let engine = Engine::with_noise(gpu, tiny(1), 7).expect("any preset builds");
    let avatar = engine.prepare(photo().frame(), &PrepareOptions::default()).expect("an avatar");
    let options = SessionOptions { record: true, ..SessionOptions::new(256, 256) };
    let mut session = engine.session(&avatar, &options).expect("a session");
    let (first, second) = (driver("s_frame0"), driver("s_frame1"));
    // Both may be on their way at once.
    session.observe(first.frame(), 0.04).expect("observed");
    session.animate(second.frame(), 0.04).expect("animated");
    session.finish().expect("finished");
    let recorded = session.take_motion();
    assert!(recorded.len() == 1 && recorded[0].points.is_some(), "the animated frame alone: {}", recorded.len());
    assert!(!session.calibrating(), "a neutral pose was observed");
    // A report with a face does not end what was asked for after it.
    session.recalibrate();
    session.animate(second.frame(), 0.04).expect("animated");
    session.finish().expect("finished");
    assert!(session.calibrating() && session.take_motion().len() == 1);
}

#[test]
fn a_restart_drops_pictures_on_their_way_and_loses_none_after_it() {
    let Some(gpu) = gpu(Tier::F32) else { return };
    let engine = Engine::with_noise(gpu, tiny(1), 7).expect("any preset builds");
    let avatar = engine.prepare(photo().frame(), &PrepareOptions::default()).expect("an avatar");
    let mut session = engine.session(&avatar, &SessionOptions::new(256, 256)).expect("a session");
    session.set_neutral(&avatar.points()).expect("a pose");
    let [first, second] = ["s_frame0", "s_frame1"].map(driver);
    session.animate(second.frame(), 0.04).expect("animated");
    let expected = session.take_picture(true).expect("no error").expect("a picture");
    session.restart();
    (0..3).for_each(|_| session.animate(first.frame(), 0.04).expect("animated"));
    assert!(!session.has_room());
    session.restart();
    assert!(session.has_room() && session.status().is_none());
    session.animate(second.frame(), 0.04).expect("animated");
    let picture = session.take_picture(true).expect("no error").expect("a picture");
    assert!(picture == expected, "it is one of before the restart");
    assert_eq!(session.take_picture(true).expect("no error"), None);
    session.finish().expect("finished");
    assert_eq!(session.status().expect("a report").frames, 1);
}

/// The filter's state lasts: what is no number would stay in it for good.
#[test]
fn nothing_that_the_host_gives_breaks_the_filter() {
    let Some(gpu) = gpu(Tier::F32) else { return };
    let engine = Engine::with_noise(gpu, tiny(1), 7).expect("any preset builds");
    let avatar = engine.prepare(photo().frame(), &PrepareOptions::default()).expect("an avatar");
    let mut session = engine.session(&avatar, &SessionOptions::new(8, 8)).expect("a session");
    let own = avatar.points();
    let mut far = own.clone();
    far.facial.iter_mut().chain(&mut far.neural).for_each(|point| *point = point.map(|v| v.signum() * Points::REACH));
    for hostile in [0.0, -1.0, 1e38, f32::MAX, f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
        let filter = Some(OneEuro { min_cutoff: hostile, beta: hostile });
        let [strength, head_gain, expression_gain, eye_gain, mouth_gain] = [hostile; 5];
        let mode = Mode::Relative;
        let motion = MotionOptions { mode, filter, strength, head_gain, expression_gain, eye_gain, mouth_gain };
        session.set_motion(motion);
        for (points, dt) in [(&own, 0.04), (&far, hostile), (&own, hostile)] {
            session.animate_keypoints(points, dt).expect("animated");
        }
        session.set_motion(MotionOptions::default());
        session.animate_keypoints(&own, 0.04).expect("animated");
        session.finish().expect("finished");
        let motion = session.motion().expect("read");
        assert!(motion.facial.as_flattened().iter().all(|v| v.is_finite()), "after {hostile}");
    }
    far.neural[3][0] = -1e38;
    let refused = session.animate_keypoints(&far, 0.04).expect_err("out of reach").to_string();
    assert!(refused.contains("neural keypoints: point 3 is [-1e38,"), "{refused}");
}

#[test]
fn where_frames_are_seconds_apart_the_neutral_pose_is_still_chosen_among_several() {
    let Some(engine) = engine(Tier::F32) else { return };
    let avatar = engine.prepare(photo().frame(), &PrepareOptions::default()).expect("an avatar");
    let mut session = engine.session(&avatar, &SessionOptions::new(256, 256)).expect("a session");
    let mut neutral_after = |frame: &Picture| {
        for _ in 0..3 {
            session.animate(frame.frame(), 2.0).expect("animated");
            session.finish().expect("finished");
        }
        session.neutral().expect("read").expect("there is one").facial
    };
    let turned = neutral_after(&driver("s_frame0"));
    assert_ne!(neutral_after(&photo_s_face()), turned, "the second pose is the photo's own");
}

/// Nobody is tracked then, but every pose counts as seen.
#[test]
fn a_time_that_is_no_number_leaves_nothing_behind() {
    let Some(engine) = engine(Tier::F32) else { return };
    let avatar = engine.prepare(photo().frame(), &PrepareOptions::default()).expect("an avatar");
    let frames = [driver("s_frame0"), driver("s_frame1")];
    let run = |dt: f32| {
        let mut session = engine.session(&avatar, &SessionOptions::new(256, 256)).expect("a session");
        for frame in &frames {
            session.animate(frame.frame(), dt).expect("animated");
        }
        session.take_picture(true).expect("no error");
        session.take_picture(true).expect("no error").expect("the second picture")
    };
    let expected = run(1.0 / 30.0);
    for dt in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert!(run(dt) == expected, "{dt} s after the frame before");
    }
}

#[test]
fn a_driver_of_points_is_calibrated_for_as_long_as_one_before_a_camera() {
    let Some(engine) = engine(Tier::F32) else { return };
    let avatar = engine.prepare(photo().frame(), &PrepareOptions::default()).expect("an avatar");
    let own = avatar.points();
    let mut wider = own.clone();
    wider.facial.iter_mut().for_each(|p| p[0] *= if p[0] > 0.0 { 0.8 } else { 1.1 });
    let changes_after = |frames: usize| {
        let mut session = engine.session(&avatar, &SessionOptions::new(256, 256)).expect("a session");
        let mut neutral = |points: &Points, frames: usize| {
            for _ in 0..frames {
                session.animate_keypoints(points, 0.1).expect("animated");
                session.finish().expect("finished");
            }
            session.neutral().expect("read").expect("there is one")
        };
        neutral(&wider, frames) != neutral(&own, 1)
    };
    assert!(changes_after(3), "within the first second a pose that is more like the photo is taken");
    assert!(!changes_after(12), "and none later");
}

#[test]
fn every_pipeline_agrees_with_its_twin() {
    for tier in [Tier::F32, Tier::F16Packed] {
        let Some(engine) = engine(tier) else { return };
        let results = engine.self_test().expect("the device works");
        assert!(results.len() > 20, "{} pipelines", results.len());
        for r in &results {
            assert!(r.passed, "{} {}: {}", r.name, r.variant, r.error);
        }
    }
}

#[test]
fn presets_nobody_trained_run_with_noise_and_views_matter() {
    let Some(gpu) = gpu(Tier::F32) else { return };
    let engine = Engine::with_noise(gpu.clone(), tiny(1), 7).expect("any preset builds");
    let avatar = engine.prepare(photo().frame(), &PrepareOptions::default()).expect("an avatar");
    assert!(avatar.view_bias.iter().any(|&v| v != 0.0), "four pseudo views reach the fusion");
    let mut session = engine.session(&avatar, &SessionOptions::new(256, 256)).expect("a session");
    session.animate(driver("s_frame0").frame(), 0.04).expect("animated");
    let picture = session.take_picture(true).expect("no error").expect("a picture");
    assert_eq!((picture.width, picture.height), (64, 64));

    let mut other = avatar.clone();
    // What a file says of itself may be anything: here a letter lies across the twelfth byte.
    other.info.weights = "a\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}".to_owned();
    assert!(matches!(engine.session(&other, &SessionOptions::new(8, 8)), Err(EngineError::AvatarWeights { .. })));
    // And so may the size of its picture.
    let mut smaller = avatar.clone();
    smaller.info.image = 32;
    let smaller = engine.session(&smaller, &SessionOptions::new(8, 8)).expect_err("another size").to_string();
    assert!(smaller.contains("its picture is 32 × 32, preset s needs 64 × 64"), "{smaller}");
    let nobody = SessionOptions { driver_face: FaceChoice::Index(0), ..SessionOptions::new(8, 8) };
    assert!(matches!(engine.session(&avatar, &nobody), Err(EngineError::DriverFace)));
    let large = SessionOptions::new(20_000, 8);
    assert!(matches!(engine.session(&avatar, &large), Err(EngineError::FrameTooLarge { .. })));

    let folded = Engine::with_noise(gpu, tiny(2), 7).expect("any preset builds");
    let avatar = folded.prepare(photo().frame(), &PrepareOptions::default()).expect("an avatar");
    assert!(avatar.view_bias.iter().any(|&v| v != 0.0), "four pseudo views reach the folded fusion");
    let mut session = folded.session(&avatar, &SessionOptions::new(256, 256)).expect("a session");
    session.animate(driver("s_frame0").frame(), 0.04).expect("animated");
    let other = session.take_picture(true).expect("no error").expect("a picture");
    assert!(other.width == 64 && other.rgba != picture.rgba);
    for r in folded.self_test().expect("the device works") {
        assert!(r.passed, "{} {}: {}", r.name, r.variant, r.error);
    }
}

#[test]
fn a_device_below_the_limits_is_refused_by_name() {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapter = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default()));
    let Ok(adapter) = adapter else {
        assert!(std::env::var("PORTRAIT_REQUIRE_GPU").as_deref() != Ok("1"), "PORTRAIT_REQUIRE_GPU=1 but no adapter");
        println!("SKIP: no adapter");
        return;
    };
    let required_limits = wgpu::Limits { max_storage_buffers_per_shader_stage: 4, ..wgpu::Limits::default() };
    let descriptor = wgpu::DeviceDescriptor { required_limits, ..Default::default() };
    let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).expect("a small device");
    let info = adapter.get_info();
    let error = crate::Gpu::with_device(device, queue, &info, None).expect_err("four storage buffers are too few");
    assert!(error.to_string().contains("max_storage_buffers_per_shader_stage is 4, needed 8"), "{error}");
    assert!(error.to_string().contains(&info.name), "{error}");
}

#[test]
fn of_a_driver_only_points_reach_the_picture() {
    let Some(engine) = engine(Tier::F32) else { return };
    let avatar = engine.prepare(photo().frame(), &PrepareOptions::default()).expect("an avatar");
    let motion = MotionOptions { mode: Mode::Absolute, ..MotionOptions::default() };
    let options = SessionOptions { motion, record: true, ..SessionOptions::new(256, 256) };
    let mut session = engine.session(&avatar, &options).expect("a session");
    let mut shoot = |work: &dyn Fn(&mut Session)| {
        session.restart();
        work(&mut session);
        let picture = session.take_picture(true).expect("no error").expect("a picture");
        session.finish().expect("finished");
        let moment = session.take_motion().pop().expect("a report");
        (picture.rgba, moment.points.expect("a face"))
    };
    for name in ["s_frame0", "s_frame1"] {
        let frame = driver(name);
        let (by_pixels, points) = shoot(&|session| session.animate(frame.frame(), 0.04).expect("animated"));
        // The same without the frame, after another driver's: a picture that knew more of the frame than its points would differ.
        let other = driver(if name == "s_frame0" { "s_frame1" } else { "s_frame0" });
        shoot(&|session| session.animate(other.frame(), 0.04).expect("animated"));
        let (by_points, _) = shoot(&|session| session.animate_keypoints(&points, 0.04).expect("animated"));
        assert!(by_pixels == by_points, "{name}: more than points reaches the picture");
        // And a small change of points shows.
        let mut moved = points.clone();
        moved.facial[60][1] += 0.02;
        let (by_moved, _) = shoot(&|session| session.animate_keypoints(&moved, 0.04).expect("animated"));
        assert!(by_moved != by_points, "{name}: the comparison sees nothing");
    }
}
