//! Drivers without a GPU: cameras that come and go, clips that end.

use super::*;

fn taken(source: &Source) -> Captured {
    source.newest.take(Duration::from_secs(20)).expect("a moment")
}

fn first(source: &Source) -> Input {
    taken(source).input
}

#[test]
fn a_camera_that_is_not_there_leaves_idle_motion_and_a_reason() {
    let source = Source::open(&Choice::Camera(Some("no such camera".to_owned()), [64, 48])).expect("starts");
    assert!(matches!(first(&source), Input::Idle(_)));
    let trouble = source.about().trouble.expect("a reason");
    assert!(trouble.contains("camera"), "{trouble}");
}

#[test]
fn a_camera_that_is_unplugged_drives_again_wherever_it_is_plugged_in() {
    let (pull, pulled) = std::sync::mpsc::channel();
    let pulled = Mutex::new(Some(pulled));
    // The first one sends until it is pulled, and is found anew by its name alone, with larger pictures.
    let open = move |wanted: Option<&str>| {
        let missing = || CameraError::Unknown { wanted: wanted.unwrap_or_default().to_owned(), known: String::new() };
        let pulled = pulled.lock().expect("no panic").take();
        let (id, side) = match (wanted, &pulled) {
            (Some("/dev/video0"), Some(_)) => ("/dev/video0", 16),
            (Some("Webcam"), None) => ("/dev/video3", 32),
            _ => return Err(missing()),
        };
        let info = CameraInfo { id: id.to_owned(), name: "Webcam".to_owned() };
        let next = move |_| {
            std::thread::sleep(Duration::from_millis(5));
            let gone = pulled.as_ref().is_some_and(|pulled| pulled.try_recv().is_ok());
            let picture = portrait_media::Picture::from_fn(side, side, |_, _| [0; 4]);
            let shot = Shot { picture, arrived: Instant::now() };
            if gone { Err(CameraError::Gone { name: "Webcam".to_owned() }) } else { Ok(Some(shot)) }
        };
        Ok(Running { info, next: Box::new(next) })
    };
    let source = Source::start([64; 2], None, "camera", move |outlet| outlet.camera(Some("/dev/video0"), open));
    let until = |what: &str, wanted: &dyn Fn(&Input) -> bool| {
        assert!((0..500).any(|_| wanted(&first(&source))), "{what}");
    };
    let side = |input: &Input, side: u32| matches!(input, Input::Drive(Drive::Picture(p)) if p.width == side);
    until("it drives", &|input| side(input, 16));
    assert_eq!((source.about().name, source.about().trouble), ("Webcam".to_owned(), None));
    pull.send(()).expect("it listens");
    until("nobody drives", &|input| matches!(input, Input::Idle(_)));
    assert!(source.about().trouble.expect("a reason").contains("plug it in again"));
    until("it drives again", &|input| side(input, 32));
    assert_eq!(source.about().trouble, None);
}

#[test]
fn a_camera_that_another_program_has_drives_once_it_is_free() {
    let busy = Arc::new(AtomicBool::new(true));
    let theirs = busy.clone();
    let open = move |_: Option<&str>| {
        let name = "Webcam".to_owned();
        if theirs.load(Ordering::Relaxed) {
            return Err(CameraError::Busy { name });
        }
        let next = |_| {
            std::thread::sleep(Duration::from_millis(5));
            let picture = portrait_media::Picture::from_fn(16, 16, |_, _| [0; 4]);
            Ok(Some(Shot { picture, arrived: Instant::now() }))
        };
        Ok(Running { info: CameraInfo { id: "/dev/video0".to_owned(), name }, next: Box::new(next) })
    };
    let source = Source::start([64; 2], None, "camera", move |outlet| outlet.camera(None, open));
    assert!(matches!(first(&source), Input::Idle(_)));
    let trouble = source.about().trouble.expect("a reason");
    assert!(trouble.contains("in use by another program"), "{trouble}");
    busy.store(false, Ordering::Relaxed);
    let drives = |input: Input| matches!(input, Input::Drive(Drive::Picture(_)));
    assert!((0..500).any(|_| drives(first(&source))), "it drives");
    assert_eq!((source.about().name, source.about().trouble), ("Webcam".to_owned(), None));
}

#[test]
fn a_driver_that_panics_leaves_idle_motion_and_a_reason() {
    let source = Source::start([64; 2], None, "camera", |_| panic!("on purpose"));
    assert!(matches!(first(&source), Input::Idle(_)));
    let trouble = source.about().trouble.expect("a reason");
    assert!(trouble.contains("panicked"), "{trouble}");
}

#[test]
fn clips_start_again_and_the_newest_moment_wins() {
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/driver.mp4");
    let source = Source::open(&Choice::File(clip)).expect("opens");
    assert_eq!(source.about().name, "driver.mp4");
    assert!(matches!(first(&source), Input::Drive(Drive::Picture(_))));
    // Nobody takes them: they make room for newer ones.
    let start = Instant::now();
    while source.newest.dropped() == 0 {
        assert!(start.elapsed() < Duration::from_secs(60), "nothing was dropped");
        std::thread::sleep(NAP);
    }
    assert!(Source::open(&Choice::File("no such clip.mp4".into())).is_err());
}

#[test]
fn the_last_frame_of_a_clip_is_shown_as_long_as_the_others() {
    let directory = tempfile::tempdir().expect("a directory");
    // One frame alone, in each format, as long as players show it.
    for (name, fps, least) in [("one.gif", 10.0, 100), ("one.mp4", 50.0, 33)] {
        let path = directory.path().join(name);
        let mut writer = portrait_media::VideoWriter::create(&path, 64, 64, fps).expect("creates");
        writer.push(&portrait_media::Picture::from_fn(64, 64, |x, y| [x as u8, y as u8, 0, 255])).expect("writes");
        writer.finish().expect("finishes");
        let source = Source::open(&Choice::File(path)).expect("opens");
        let times: Vec<Instant> = (0..4).map(|_| taken(&source).at).collect();
        for pair in times.windows(2) {
            let shown = pair[1].duration_since(pair[0]);
            assert!(shown >= Duration::from_millis(least), "{name} began again after {shown:?}");
        }
        assert!(source.about().trouble.is_none());
    }
}

#[test]
fn idle_motion_that_nobody_took_is_not_missed() {
    let source = Source::open(&Choice::Idle).expect("it needs nothing");
    let seconds = |source: &Source| match first(source) {
        Input::Idle(seconds) => seconds,
        Input::Drive(_) => panic!("somebody drives"),
    };
    let start = seconds(&source);
    let mut skipped = 0.0;
    while skipped < 5.0 {
        std::thread::sleep(Duration::from_millis(200));
        skipped = IDLE_RATE * (seconds(&source) - start);
    }
    assert_eq!(source.newest.dropped(), 0);
}
