//! Videos written, and read back.

mod common;

use std::time::Duration;

use common::{moving, names, psnr, read_all, top_box, write_moving};
use portrait_media::{MediaError, Picture, VideoReader, VideoWriter, load_photo};

#[test]
fn mp4_round_trip() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mp4");
    write_moving(&path, 128, 96, 25.0, 60);
    assert_eq!(names(dir.path()), ["a.mp4"]);

    let reader = VideoReader::open(&path).unwrap();
    let info = reader.info();
    assert_eq!((info.width, info.height, info.frames), (128, 96, Some(60)));
    assert_eq!((info.codec.as_str(), info.has_audio), ("h264", false));
    assert!((info.fps - 25.0).abs() < 1e-9 && info.duration == Some(Duration::from_millis(2400)));

    let (frames, error) = read_all(&path);
    assert!(error.is_none() && frames.len() == 60);
    for (i, frame) in (0u32..).zip(&frames) {
        assert_eq!(frame.index, u64::from(i));
        assert_eq!(frame.timestamp, Duration::from_millis(u64::from(i) * 40));
        let quality = psnr(&frame.picture, &moving(128, 96, i));
        assert!(quality > 36.0, "frame {i}: {quality} dB");
    }
    // The measure can fail: a frame differs from its neighbour in time.
    assert!(psnr(&frames[0].picture, &moving(128, 96, 3)) < 30.0);
}

#[test]
fn the_index_comes_first() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mp4");
    write_moving(&path, 64, 64, 30.0, 3);
    let data = std::fs::read(&path).unwrap();
    let (moov, mdat) = (top_box(&data, b"moov").unwrap(), top_box(&data, b"mdat").unwrap());
    assert!(moov.end <= mdat.start && mdat.end == data.len());
}

#[test]
fn hd_colours_survive() {
    // Above 576 lines the matrix is BT.709: a mix-up would shift saturated colours by tens of levels.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mp4");
    for (width, height) in [(64, 640), (64, 64)] {
        for color in [[220, 30, 30, 255], [30, 200, 40, 255], [40, 40, 230, 255]] {
            let picture = Picture::from_fn(width, height, |_, _| color);
            let mut writer = VideoWriter::create(&path, width, height, 25.0).unwrap();
            writer.push(&picture).unwrap();
            writer.finish().unwrap();
            let found = read_all(&path).0[0].picture.pixel(20, 20).unwrap();
            let worst = (0..3).map(|i| found[i].abs_diff(color[i])).max().unwrap();
            assert!(worst <= 5, "{color:?} became {found:?} at {height} lines");
        }
    }
}

#[test]
fn ntsc_rates_are_exact() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mp4");
    write_moving(&path, 32, 32, 29.97, 61);
    let (frames, _) = read_all(&path);
    assert_eq!(frames.len(), 61);
    let seconds = frames[60].timestamp.as_secs_f64();
    assert!((seconds - 60.0 * 1001.0 / 30_000.0).abs() < 1e-6, "{seconds}");
}

#[test]
fn given_times_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mp4");
    let times = [0, 40, 100, 110, 500];
    let mut writer = VideoWriter::create(&path, 32, 32, 30.0).unwrap();
    for (t, &millis) in (0..).zip(&times) {
        writer.push_at(&moving(32, 32, t), Duration::from_millis(millis)).unwrap();
    }
    let error = writer.push_at(&moving(32, 32, 9), Duration::from_millis(500)).unwrap_err();
    assert!(matches!(error, MediaError::FrameTime { index: 5, .. }), "{error}");
    writer.finish().unwrap();
    let got: Vec<_> = read_all(&path).0.iter().map(|f| f.timestamp.as_secs_f64() * 1000.0).collect();
    assert_eq!(got.len(), times.len());
    for (got, want) in got.iter().zip(times) {
        assert!((got - want as f64).abs() < 0.1, "{got} for {want}");
    }
}

#[test]
fn odd_sizes_grow_by_a_repeated_edge() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mp4");
    write_moving(&path, 65, 33, 25.0, 4);
    let (frames, _) = read_all(&path);
    let picture = &frames[3].picture;
    assert_eq!((picture.width, picture.height), (66, 34));
    let inner = Picture::from_fn(65, 33, |x, y| picture.pixel(x, y).unwrap());
    assert!(psnr(&inner, &moving(65, 33, 3)) > 32.0);
}

#[test]
fn gif_round_trip() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.gif");
    write_moving(&path, 48, 32, 30.0, 31);
    let reader = VideoReader::open(&path).unwrap();
    let info = reader.info();
    assert_eq!((info.width, info.height, info.frames, info.codec.as_str()), (48, 32, Some(31), "gif"));
    assert!((info.fps - 30.0).abs() < 0.5, "{}", info.fps);
    let (frames, error) = read_all(&path);
    assert!(error.is_none() && frames.len() == 31);
    for (i, frame) in (0u32..).zip(&frames) {
        let quality = psnr(&frame.picture, &moving(48, 32, i));
        assert!(quality > 25.0, "frame {i}: {quality} dB");
        // Rounded to hundredths, without drift.
        assert!((frame.timestamp.as_secs_f64() - f64::from(i) / 30.0).abs() <= 0.0051);
    }
    let data = std::fs::read(&path).unwrap();
    assert!(data.windows(11).any(|w| w == b"NETSCAPE2.0"), "it loops");
}

#[test]
fn png_frames() {
    let dir = tempfile::tempdir().unwrap();
    let pattern = dir.path().join("f_%03d.png");
    write_moving(&pattern, 20, 10, 25.0, 3);
    assert_eq!(names(dir.path()), ["f_000.png", "f_001.png", "f_002.png"]);
    assert_eq!(load_photo(dir.path().join("f_002.png")).unwrap(), moving(20, 10, 2));
    let folder = dir.path().join("frames");
    write_moving(&folder, 20, 10, 25.0, 2);
    assert_eq!(names(&folder), ["frame_00000.png", "frame_00001.png"]);
    let error = VideoWriter::create(&folder, 20, 10, 25.0).unwrap_err();
    assert!(matches!(error, MediaError::InTheWay { .. }), "{error}");
}

#[test]
fn png_frames_replace_older_ones_all_or_none() {
    let dir = tempfile::tempdir().unwrap();
    let pattern = dir.path().join("f_%d.png");
    std::fs::write(dir.path().join("f_1.png"), b"older").unwrap();
    std::fs::create_dir(dir.path().join("f_2.png")).unwrap();
    let write = || {
        let mut writer = VideoWriter::create(&pattern, 20, 10, 25.0).unwrap();
        (0..3).for_each(|t| writer.push(&moving(20, 10, t)).unwrap());
        writer.finish()
    };
    let error = write().unwrap_err();
    assert!(matches!(error, MediaError::InTheWay { .. }), "{error}");
    assert_eq!(names(dir.path()), ["f_1.png", "f_2.png"]);
    assert_eq!(std::fs::read(dir.path().join("f_1.png")).unwrap(), b"older");
    std::fs::remove_dir(dir.path().join("f_2.png")).unwrap();
    write().unwrap();
    assert_eq!(names(dir.path()), ["f_0.png", "f_1.png", "f_2.png"]);
    assert_eq!(load_photo(dir.path().join("f_1.png")).unwrap(), moving(20, 10, 1));
}

#[test]
fn a_directory_of_png_frames_may_be_empty_or_end_in_a_slash() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    for name in ["empty", "new/"] {
        write_moving(&dir.path().join(name), 20, 10, 25.0, 2);
        assert_eq!(names(&dir.path().join(name)), ["frame_00000.png", "frame_00001.png"]);
    }
    assert_eq!(names(dir.path()), ["empty", "new"]);
    #[cfg(unix)]
    {
        // The rights of any directory made here, not those of a private one.
        use std::os::unix::fs::PermissionsExt;
        let mode = |name: &str| dir.path().join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode("new"), mode("empty"));
    }
}

#[test]
fn frames_go_into_a_directory_that_is_there_already() {
    let dir = tempfile::tempdir().unwrap();
    let frames = dir.path().join("frames");
    std::fs::create_dir(&frames).unwrap();
    // What a run that was killed left is nothing that a user would look for.
    std::fs::create_dir(frames.join(".frames.abc.part")).unwrap();
    let mut writer = VideoWriter::create(&frames, 20, 10, 25.0).unwrap();
    writer.push(&moving(20, 10, 0)).unwrap();
    assert_eq!(names(dir.path()), ["frames"], "nothing beside it");
    writer.finish().unwrap();
    assert_eq!(names(&frames), [".frames.abc.part", "frame_00000.png"]);
}

#[cfg(target_os = "linux")]
#[test]
fn frames_go_into_a_directory_of_another_file_system() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().unwrap();
    let device = |path: &std::path::Path| path.metadata().unwrap().dev();
    let Some(other) = tempfile::tempdir_in("/dev/shm").ok().filter(|other| device(other.path()) != device(dir.path()))
    else {
        println!("SKIP: no other file system at /dev/shm");
        return;
    };
    let link = dir.path().join("frames");
    std::os::unix::fs::symlink(other.path(), &link).unwrap();
    write_moving(&link, 20, 10, 25.0, 2);
    assert_eq!(names(other.path()), ["frame_00000.png", "frame_00001.png"]);
    assert_eq!(load_photo(link.join("frame_00001.png")).unwrap(), moving(20, 10, 1));
}

#[test]
fn what_is_too_large_for_mp4_is_scaled_down() {
    let dir = tempfile::tempdir().unwrap();
    for (given, written) in [([4800, 100], [3840, 80]), ([100, 4800], [80, 3840]), ([3840, 32], [3840, 32])] {
        let path = dir.path().join("a.mp4");
        let mut writer = VideoWriter::create(&path, given[0], given[1], 25.0).unwrap();
        assert_eq!((writer.size(), writer.takes_audio()), (written, true));
        let half =
            |x: u32, y: u32| if x * 2 < given[0] && y * 2 < given[1] { [230, 40, 40, 255] } else { [30, 60, 200, 255] };
        writer.push(&Picture::from_fn(given[0], given[1], half)).unwrap();
        writer.finish().unwrap();
        let picture = &read_all(&path).0[0].picture;
        assert_eq!([picture.width, picture.height], written);
        // The whole picture, not a part of it.
        let red = |x: u32, y: u32| picture.pixel(x, y).unwrap()[0] > 128;
        let [right, bottom] = written.map(|side| side - 3);
        assert!(red(2, 2) && !red(right, 2) && !red(2, bottom), "{given:?}");
    }
    let frames = VideoWriter::create(dir.path().join("frames/"), 4800, 100, 25.0).unwrap();
    assert_eq!((frames.size(), frames.takes_audio()), ([4800, 100], false));
}

#[test]
fn an_interrupted_video_plays() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.mp4", "a.gif"] {
        let path = dir.path().join(name);
        let mut writer = VideoWriter::create(&path, 32, 32, 25.0).unwrap();
        writer.push(&moving(32, 32, 0)).unwrap();
        // Here the user pressed Ctrl-C; the caller finishes.
        writer.finish().unwrap();
        assert_eq!(read_all(&path).0.len(), 1, "{name}");
    }
}

#[test]
fn a_dropped_writer_leaves_nothing_and_spoils_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let old = dir.path().join("a.mp4");
    std::fs::write(&old, b"older").unwrap();
    for name in ["a.mp4", "b.gif", "c_%05d.png", "d/"] {
        let mut writer = VideoWriter::create(dir.path().join(name), 32, 32, 25.0).unwrap();
        writer.push(&moving(32, 32, 0)).unwrap();
        assert!(names(dir.path()).len() > 1, "work goes on beside the target");
        drop(writer);
        assert_eq!(names(dir.path()), ["a.mp4"], "{name}");
    }
    assert_eq!(std::fs::read(&old).unwrap(), b"older");
}

#[test]
fn refusals_before_any_work() {
    let dir = tempfile::tempdir().unwrap();
    let create = |name: &str, w, h, fps| VideoWriter::create(dir.path().join(name), w, h, fps).map(|_| ());
    assert!(matches!(create("a.avi", 32, 32, 25.0), Err(MediaError::UnknownOutput { .. })));
    assert!(matches!(create("a.png", 32, 32, 25.0), Err(MediaError::UnknownOutput { .. })));
    assert!(matches!(create("no/a.mp4", 32, 32, 25.0), Err(MediaError::MissingParent { .. })));
    assert!(matches!(create("no/frames/", 32, 32, 25.0), Err(MediaError::MissingParent { .. })));
    for fps in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        assert!(matches!(create("a.mp4", 32, 32, fps), Err(MediaError::FrameRate { .. })), "{fps}");
    }
    for (w, h) in [(0, 32), (8, 32), (100_000, 20)] {
        assert!(matches!(create("a.mp4", w, h, 25.0), Err(MediaError::OutputSize { .. })), "{w}×{h}");
    }
    assert!(matches!(create("a.gif", 70_000, 2, 25.0), Err(MediaError::OutputSize { .. })));
    std::fs::create_dir(dir.path().join("folder.mp4")).unwrap();
    assert!(matches!(create("folder.mp4", 32, 32, 25.0), Err(MediaError::InTheWay { .. })));
    assert_eq!(names(dir.path()), ["folder.mp4"]);
}

#[test]
fn wrong_frames_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mp4");
    let mut writer = VideoWriter::create(&path, 32, 32, 25.0).unwrap();
    let error = writer.push(&moving(16, 32, 0)).unwrap_err();
    assert!(matches!(error, MediaError::FrameSize { .. }), "{error}");
    let short = Picture { width: 32, height: 32, rgba: vec![0; 5] };
    assert!(matches!(writer.push(&short), Err(MediaError::PixelCount { .. })));
    assert!(matches!(writer.finish(), Err(MediaError::NothingToWrite { .. })));
    assert!(names(dir.path()).is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn a_directory_that_takes_no_files_is_reported() {
    let created = VideoWriter::create("/proc/a.mp4", 32, 32, 25.0).map(drop);
    for error in [created.unwrap_err(), portrait_media::check_target("/proc/a.motion").unwrap_err()] {
        assert!(matches!(error, MediaError::Write { .. }), "{error}");
        assert!(!error.to_string().contains(".part"), "{error}");
    }
    // Asking leaves nothing behind, and what is there as it is.
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.motion"), b"older").unwrap();
    portrait_media::check_target(dir.path().join("a.motion")).unwrap();
    assert_eq!(names(dir.path()), ["a.motion"]);
    assert_eq!(std::fs::read(dir.path().join("a.motion")).unwrap(), b"older");
}

#[test]
fn extreme_rates_still_make_a_file() {
    let dir = tempfile::tempdir().unwrap();
    for fps in [0.01, 0.5, 7.3, 59.94, 1000.0] {
        let path = dir.path().join("a.mp4");
        write_moving(&path, 16, 16, fps, 3);
        let reader = VideoReader::open(&path).unwrap();
        assert!((reader.info().fps / fps - 1.0).abs() < 1e-3, "{fps} became {}", reader.info().fps);
    }
}
