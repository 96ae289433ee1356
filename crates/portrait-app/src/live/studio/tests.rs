//! The thread's work without its thread: moments in, pictures out, on the GPU there is.

use std::sync::mpsc::{Sender, channel};

use clap::Parser;
use std::path::Path;

use portrait_media::VideoReader;
use portrait_runtime::{EngineError, Gpu, RecordedMotion};

use super::*;
use crate::engine::EngineArgs;

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    framing: FramingArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

fn asset(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets").join(name)
}

/// What a studio starts with that nobody drives; `None` (printed) without an adapter.
fn start() -> Option<Start> {
    let Arguments { framing, engine } = Arguments::parse_from(["live", "--preset", "fast", "--size", "256"]);
    let gpu = match pollster::block_on(Gpu::open(&engine.options().expect("options").gpu)) {
        Err(EngineError::NoAdapter { .. }) if std::env::var("PORTRAIT_REQUIRE_GPU").as_deref() != Ok("1") => {
            println!("SKIP: no adapter");
            return None;
        }
        gpu => gpu.expect("opens"),
    };
    println!("adapter: {}", gpu.adapter().name);
    Some(Start {
        gpu,
        presets: engine.presets().expect("presets"),
        preset: 0,
        kept: None,
        photo: asset("astronaut.png"),
        faces: Faces::One(FaceChoice::Largest),
        driver: Choice::Idle,
        idle: Idle::default(),
        driver_face: FaceChoice::Largest,
        framing,
        shown: Shown::Crop,
        motion: MotionOptions::default(),
        mirror: None,
        virtual_camera: None,
        hold: false,
        // Nobody draws, and nobody is waited for.
        hidden: true,
    })
}

/// Such a studio, with frames of a driver.
fn studio() -> Option<(Studio, Sender<Command>, Vec<Picture>)> {
    let (sender, commands) = channel();
    let studio = Studio::open(start()?, Arc::default(), commands, Rc::new(|| ())).expect("opens");
    let mut reader = VideoReader::open(asset("driver.mp4")).expect("opens");
    let frames = (0..100).map(|_| reader.next_frame().expect("reads").expect("a frame").picture).collect();
    Some((studio, sender, frames))
}

fn moment(input: Input) -> Captured {
    Captured { input, at: Instant::now() }
}

/// What was said last.
fn said(studio: &Studio) -> String {
    studio.shared.view().notice.as_ref().expect("a notice").text.clone()
}

fn drive(studio: &mut Studio, frames: &[Picture]) {
    for frame in frames {
        studio.frame(moment(Input::Drive(Drive::Picture(frame.clone())))).expect("a picture");
    }
}

fn idle(studio: &mut Studio) {
    (0..3).for_each(|i| studio.frame(moment(Input::Idle(f64::from(i) / 30.0))).expect("a picture"));
}

/// Makes the pictures that are owed of a held pose, and no more.
fn settle(studio: &mut Studio) {
    for _ in 0..std::mem::take(&mut studio.owed) {
        studio.owed = 1;
        studio.hidden = false;
        let again = studio.moment().expect("the held moment");
        studio.hidden = true;
        studio.frame(again).expect("a picture");
    }
    studio.hidden = false;
    assert!(studio.moment().is_none(), "nothing is owed");
    studio.hidden = true;
}

/// The pose that motion is measured from.
fn neutral(studio: &Studio) -> Vec<[f32; 2]> {
    studio.session.neutral().expect("reads").expect("a neutral pose").facial.to_vec()
}

fn apart(a: &[[f32; 2]], b: &[[f32; 2]]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1])).sum::<f32>() / a.len() as f32
}

#[test]
fn a_driver_who_comes_and_goes_keeps_a_neutral_pose_of_his_own() {
    let Some((mut studio, _commands, frames)) = studio() else { return };
    let photo = studio.sitting.prepared.avatar().points().facial.to_vec();
    idle(&mut studio);
    assert!(apart(&neutral(&studio), &photo) < 1e-4, "idle motion is measured from the photo");
    drive(&mut studio, &frames[..8]);
    let driver = neutral(&studio);
    assert!(apart(&driver, &photo) > 0.02, "a driver's motion is not: {}", apart(&driver, &photo));
    idle(&mut studio);
    assert!(apart(&neutral(&studio), &photo) < 1e-4);
    drive(&mut studio, &frames[40..43]);
    assert!(apart(&neutral(&studio), &driver) < 1e-4, "who comes back is measured as before");
    // In another session as well: of frames that are turned, and of another view.
    let turned = |frame: &Picture| {
        let [width, height] = [frame.height, frame.width];
        Picture::from_fn(width, height, |x, y| frame.pixel(y, width - 1 - x).expect("inside"))
    };
    let upright = studio.frame;
    drive(&mut studio, &[turned(&frames[43])]);
    assert_eq!(studio.frame, [upright[1], upright[0]]);
    assert!(apart(&neutral(&studio), &driver) < 1e-4);
    studio.obey(Command::Show(Shown::Photo)).expect("shows");
    assert_eq!(studio.shown, Shown::Photo);
    drive(&mut studio, &frames[43..44]);
    assert!(apart(&neutral(&studio), &driver) < 1e-4);
}

#[test]
fn who_comes_after_idling_is_looked_at_for_a_second() {
    let Some((mut studio, _commands, frames)) = studio() else { return };
    // As with a camera that was not there at first.
    studio.fit([frames[0].width, frames[0].height]).expect("fits");
    idle(&mut studio);
    let start = Instant::now();
    let mut at = |seconds: f32, frame: &Picture| {
        let input = Input::Drive(Drive::Picture(frame.clone()));
        studio.frame(Captured { input, at: start + Duration::from_secs_f32(seconds) }).expect("a picture");
        neutral(&studio)
    };
    // Turned away at first; after half a second as in the photo.
    let [.., turned] = [0.0, 0.2, 0.4].map(|seconds| at(seconds, &frames[70]));
    let [.., straight] = [0.6, 0.7, 0.8].map(|seconds| at(seconds, &frames[0]));
    assert!(apart(&turned, &straight) > 0.01, "{}", apart(&turned, &straight));
    // Not for ever.
    (9..14).for_each(|tenth| drop(at(0.1 * tenth as f32, &frames[0])));
    let settled = at(1.5, &frames[90]);
    assert_eq!(at(1.6, &frames[90]), settled);
}

/// The driver's neural points in a picture, from those of the neutral pose; and the points themselves.
fn moved(studio: &mut Studio, frame: &Picture) -> [Vec<[f32; 2]>; 2] {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a.motion");
    studio.obey(Command::Points(path.clone())).expect("records");
    // Until tracker and filter stand still.
    (0..6).for_each(|_| drive(studio, std::slice::from_ref(frame)));
    studio.obey(Command::Points(path.clone())).expect("saves");
    let RecordedMotion { neutral, mut frames } = RecordedMotion::load(&path).expect("a motion");
    let points = frames.pop().and_then(|frame| frame.points).expect("a face").neural;
    let neutral = neutral.expect("a neutral pose").neural;
    [points.iter().zip(neutral).map(|(a, b)| [a[0] - b[0], a[1] - b[1]]).collect(), points]
}

#[test]
fn other_weights_measure_the_same_motion_from_the_same_neutral_pose() {
    let Some((mut studio, _commands, frames)) = studio() else { return };
    drive(&mut studio, &frames[..6]);
    let [before, points] = moved(&mut studio, &frames[80]);
    let facial = neutral(&studio);
    studio.obey(Command::NextPreset).expect("changes");
    assert_eq!(studio.engine.preset().name, "s", "{}", said(&studio));
    let [after, others] = moved(&mut studio, &frames[80]);
    assert!(apart(&neutral(&studio), &facial) < 1e-4, "facial points are the same");
    let (off, weights) = (apart(&before, &after), apart(&points, &others));
    println!("neural points differ by {weights:.4} between the presets, their motion by {off:.4}");
    assert!(weights > 0.02 && off < 0.2 * weights, "{weights} {off}");
    // Where nobody is seen there is nothing to compare, and the pose is looked for anew.
    let empty = Picture::from_fn(frames[0].width, frames[0].height, |_, _| [40, 40, 40, 255]);
    drive(&mut studio, &vec![empty; 3]);
    studio.obey(Command::NextPreset).expect("changes");
    assert_eq!(studio.session.neutral().expect("reads"), None);
}

#[test]
fn what_is_gone_when_a_device_is_opened_again_is_done_without() {
    let Some(mut start) = start() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let gone = |name: &str| directory.path().join(name);
    let open = |start: Start| Studio::open(start, Arc::default(), channel().1, Rc::new(|| ()));
    let engine = Engine::with_gpu(start.gpu.clone(), &start.presets[0].0, &start.presets[0].1).expect("opens");
    let sitting = Sitting::open(&engine, &start.photo, start.faces).expect("opens");
    (start.kept, start.photo) = (Some(sitting), gone("photo.png"));
    start.driver = Choice::File(gone("clip.mp4"));
    start.virtual_camera = Some(gone("video9"));
    let background = gone("wall.png");
    (start.framing, start.shown) = (start.framing.before(&background), Shown::Cutout);
    let mut studio = open(start).expect("goes on");
    assert!(studio.broadcast.is_none() && studio.shown == Shown::Crop);
    assert!(said(&studio).contains("wall.png"), "{}", said(&studio));
    studio.hidden = false;
    let next = (0..500).find_map(|_| studio.moment()).expect("a moment");
    studio.hidden = true;
    studio.frame(next).expect("a picture");
    assert!(studio.idle && studio.source.about().trouble.expect("a reason").contains("clip.mp4"));
}

#[test]
fn what_cannot_be_done_or_has_failed_is_said() {
    let Some((mut studio, _commands, frames)) = studio() else { return };
    let Picture { width, height, .. } = frames[0];
    drive(&mut studio, &vec![Picture::from_fn(width, height, |_, _| [40, 40, 40, 255]); 2]);
    studio.obey(Command::Calibrate).expect("says why not");
    assert_eq!(said(&studio), "no face in sight: there is no pose to take");
    studio.obey(Command::Follow([0.5, 0.5])).expect("waits for one");
    assert_eq!(said(&studio), "no face in sight: the one nearest to that place is followed when there is one");
    drive(&mut studio, &frames[..3]);
    studio.obey(Command::Calibrate).expect("takes it");
    assert_eq!(said(&studio), "this pose is the neutral one now");
    studio.obey(Command::Mirror(true)).expect("mirrors");
    assert_eq!(said(&studio), "the driver is shown mirrored");
    // The photo that is shown, by its whole name.
    let photo = asset("astronaut.png").canonicalize().expect("is there");
    studio.obey(Command::Photo(photo, Faces::One(FaceChoice::Largest))).expect("goes on");
    assert_eq!(said(&studio), "astronaut.png is shown already");
    assert!(studio.changed.is_none() && studio.shelf.is_empty());
    // A video whose encoder has given up.
    let directory = tempfile::tempdir().expect("a directory");
    studio.obey(Command::Video(directory.path().join("a.mp4"))).expect("records");
    let video = studio.video.as_mut().expect("records");
    video.push(Picture { width: 256, height: 256, rgba: Vec::new() }, Instant::now());
    let start = Instant::now();
    while !video.failed() && start.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(GLANCE);
    }
    drive(&mut studio, &frames[3..4]);
    assert!(said(&studio).contains("a.mp4 was not saved: "), "{}", said(&studio));
    let view = studio.shared.view();
    assert!(studio.video.is_none() && view.video.is_none() && view.notice.as_ref().is_some_and(|notice| notice.fault));
}

#[test]
fn nobody_has_no_face_to_choose() {
    let Some((mut studio, _commands, _)) = studio() else { return };
    idle(&mut studio);
    studio.obey(Command::NextDriverFace).expect("says why not");
    assert_eq!(said(&studio), "nobody drives: there is no face to choose");
    studio.obey(Command::Mirror(true)).expect("says why not");
    assert_eq!(said(&studio), "nobody drives: there is nothing to mirror");
    // A recorded motion is of one face, and has no pictures.
    let points = studio.engine.pose(studio.sitting.prepared.avatar(), &portrait_runtime::Expression::default());
    studio.frame(moment(Input::Drive(Drive::Points(points)))).expect("animates");
    studio.obey(Command::NextDriverFace).expect("says why not");
    assert_eq!(said(&studio), "a recorded motion drives: there is no face to choose");
    studio.obey(Command::Mirror(false)).expect("says why not");
    assert_eq!(said(&studio), "a recorded motion drives: there is nothing to mirror");
    assert_eq!(studio.driver_face, FaceChoice::Largest);
}

#[test]
fn of_a_group_the_largest_moves_unless_another_is_chosen() {
    let Some((mut studio, _commands, _)) = studio() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let one = portrait_media::load_photo(asset("astronaut.png")).expect("reads");
    let two = Picture::from_fn(2 * one.width, one.height, |x, y| one.pixel(x % one.width, y).expect("inside"));
    let path = directory.path().join("two.png");
    portrait_media::save_png(&path, &two).expect("saved");
    studio.obey(Command::Photo(path.clone(), Faces::One(FaceChoice::Only))).expect("shows");
    idle(&mut studio);
    let told = said(&studio);
    assert!(
        told.starts_with("two.png: shown after ") && told.contains("2 faces") && told.contains("G chooses"),
        "{told}"
    );
    assert_eq!(studio.sitting.faces, Faces::One(FaceChoice::Largest));
    // Dropped once more, and as G shows it next.
    studio.obey(Command::Photo(path, Faces::One(FaceChoice::Only))).expect("shows");
    assert_eq!(said(&studio), "two.png is shown already");
    studio.obey(Command::NextFace).expect("shows");
    idle(&mut studio);
    assert!(said(&studio).starts_with("face 2 of 2: shown after "), "{}", said(&studio));
    assert!(!said(&studio).contains("largest"), "{}", said(&studio));
}

#[test]
fn a_driver_that_cannot_be_used_is_named_and_nobody_drives() {
    let Some((mut studio, _commands, frames)) = studio() else { return };
    drive(&mut studio, &frames[..2]);
    let wide = Picture::from_fn(1 << 20, 1, |_, _| [0; 4]);
    let error = studio.frame(moment(Input::Drive(Drive::Picture(wide)))).expect_err("too large for a texture");
    assert!(!is_lost(&error), "{error:#}");
    studio.give_up_driver(error).expect("goes on");
    let start = Instant::now();
    while studio.source.about().trouble.is_none() {
        assert!(start.elapsed() < Duration::from_secs(20), "no reason was given");
    }
    let trouble = studio.source.about().trouble.expect("a reason");
    assert!(trouble.contains("1048576"), "{trouble}");
    studio.hidden = false;
    let next = (0..500).find_map(|_| studio.moment()).expect("a moment");
    assert!(matches!(next.input, Input::Idle(_)));
    // One that cannot be opened leaves the one there is.
    studio.obey(Command::Driver(Choice::File("no such clip.mp4".into()))).expect("goes on");
    assert_eq!(studio.driver, Choice::Idle);
    assert!(studio.shared.view().notice.as_ref().expect("a notice").text.contains("no such clip.mp4"));
}

#[test]
fn a_pose_is_held_through_changes() {
    let Some((mut studio, _commands, frames)) = studio() else { return };
    studio.obey(Command::Driver(Choice::File(asset("driver.mp4")))).expect("opens");
    drive(&mut studio, &frames[..4]);
    studio.obey(Command::Hold(true)).expect("holds");
    settle(&mut studio);
    studio.hidden = false;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("held.png");
    studio.obey(Command::Screenshot(path.clone())).expect("asks");
    studio.hidden = true;
    assert!(studio.moment().is_none(), "nobody looks");
    studio.hidden = false;
    let again = studio.moment().expect("the same moment");
    assert!(matches!(&again.input, Input::Drive(Drive::Picture(picture)) if *picture == frames[3]));
    studio.hidden = true;
    studio.frame(again).expect("a picture");
    assert!(path.exists());
    // Once round and one further, at once.
    (0..4).for_each(|_| studio.obey(Command::NextView).expect("shows"));
    assert_eq!(studio.shown, Shown::Photo);
    // Two presets have weights here: there and back.
    let preset = studio.engine.preset().name.clone();
    studio.obey(Command::NextPreset).expect("changes");
    assert_ne!(studio.engine.preset().name, preset);
    studio.obey(Command::NextPreset).expect("changes");
    assert_eq!((&studio.engine.preset().name, studio.presets.len()), (&preset, 2));
    settle(&mut studio);
    assert!(studio.changed.is_none());
}

#[test]
fn a_held_pose_is_recorded_for_as_long_as_it_is_held() {
    let Some((mut studio, _commands, frames)) = studio() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a.mp4");
    drive(&mut studio, &frames[..2]);
    studio.obey(Command::Hold(true)).expect("holds");
    settle(&mut studio);
    studio.obey(Command::Video(path.clone())).expect("records");
    assert_eq!(studio.owed, 1);
    settle(&mut studio);
    std::thread::sleep(Duration::from_millis(300));
    studio.obey(Command::Video(path.clone())).expect("ends");
    assert!(said(&studio).contains("saved "), "{}", said(&studio));
    let mut reader = VideoReader::open(&path).expect("opens");
    let times: Vec<_> = std::iter::from_fn(|| reader.next_frame().expect("reads")).map(|f| f.timestamp).collect();
    assert!(times.len() == 2 && times[1] >= Duration::from_millis(300), "{times:?}");

    let path = directory.path().join("a.motion");
    studio.obey(Command::Points(path.clone())).expect("records");
    assert_eq!(studio.owed, 1);
    settle(&mut studio);
    std::thread::sleep(Duration::from_millis(300));
    studio.obey(Command::Points(path.clone())).expect("ends");
    assert!(said(&studio).contains("saved "), "{}", said(&studio));
    let frames = RecordedMotion::load(&path).expect("a motion").frames;
    assert!(frames.len() == 2 && frames[1].time >= Duration::from_millis(300), "{} moments", frames.len());
    assert!(frames[0].points.is_some() && frames[0].points == frames[1].points);
}

#[test]
fn without_a_photo_there_is_a_portrait_and_it_is_said_how_to_show_another() {
    let Some(start) = start() else { return };
    let (_sender, commands) = channel();
    let start = Start { photo: crate::source::BUNDLED.into(), ..start };
    let mut studio = Studio::open(start, Arc::default(), commands, Rc::new(|| ())).expect("opens");
    assert_eq!(studio.sitting.prepared.avatars.len(), 1);
    idle(&mut studio);
    assert!(said(&studio).contains("O opens yours"), "{}", said(&studio));
}

#[test]
fn a_held_pose_stays_where_it_is_in_another_session() {
    let Some((mut studio, _commands, frames)) = studio() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("held.png");
    // The head turns faster than the filter follows.
    drive(&mut studio, &[&frames[..2], &frames[90..91]].concat());
    studio.obey(Command::Screenshot(path.clone())).expect("asks");
    drive(&mut studio, &frames[70..71]);
    let moving = portrait_media::load_photo(&path).expect("reads");
    let look = |studio: &mut Studio| {
        studio.obey(Command::Screenshot(path.clone())).expect("asks");
        settle(studio);
        portrait_media::load_photo(&path).expect("reads")
    };
    studio.obey(Command::Hold(true)).expect("holds");
    settle(&mut studio);
    let held = look(&mut studio);
    studio.reopen().expect("opens");
    settle(&mut studio);
    let again = look(&mut studio);
    // On average, and at most.
    let differ = |a: &Picture, b: &Picture| {
        let apart = || a.rgba.iter().zip(&b.rgba).map(|(a, b)| a.abs_diff(*b));
        (apart().map(u64::from).sum::<u64>() as f64 / a.rgba.len() as f64, apart().max().unwrap_or_default())
    };
    let ((lag, _), (moved, most)) = (differ(&moving, &again), differ(&held, &again));
    println!("a pose held while it moves: {lag:.2} of 255 from where it ends, {moved:.2} once held, at most {most}");
    assert!(lag > 3.0, "the pose did not move: {lag}");
    assert!(moved < 0.8, "{moved}");
}

#[test]
fn what_is_being_recorded_is_complete_when_the_driver_or_the_device_fails() {
    let Some((mut studio, commands, frames)) = studio() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    studio.obey(Command::Video(path("a.mp4"))).expect("records");
    studio.obey(Command::Points(path("a.motion"))).expect("records");
    drive(&mut studio, &frames[..6]);
    // Another view has another size: its pictures are left out, and that is said.
    studio.obey(Command::Show(Shown::Photo)).expect("shows");
    drive(&mut studio, &frames[6..8]);
    assert!(said(&studio).contains("goes on without what has another size"), "{}", said(&studio));
    let shared = studio.shared.clone();
    commands.send(Command::Hold(true)).expect("sends");
    studio.engine.gpu().device().destroy();
    commands.send(Command::Show(Shown::Crop)).expect("sends");
    assert!(is_lost(&studio.run().expect_err("the device is gone")));
    let mut reader = VideoReader::open(path("a.mp4")).expect("a whole file");
    let mut shown = 0;
    while let Some(frame) = reader.next_frame().expect("a frame") {
        assert_eq!([frame.picture.width, frame.picture.height], [256; 2]);
        shown += 1;
    }
    // Six, and the last of them once more: it is held until the end.
    assert_eq!(shown, 7);
    let motion = RecordedMotion::load(path("a.motion")).expect("a whole file");
    assert!((7..=9).contains(&motion.frames.len()), "{}", motion.frames.len());
    assert!(shared.view().notice.as_ref().expect("a notice").text.contains("a.motion: "));
}
