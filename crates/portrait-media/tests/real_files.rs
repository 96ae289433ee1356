//! Files made by others: clips from `PORTRAIT_CLIPS`, and whatever `ffmpeg` makes, where they are there.

mod common;

use std::path::Path;

use common::{clips, ffmpeg, have_ffmpeg, mean_difference, read_all};
use portrait_media::{MediaError, VideoReader, VideoWriter};

/// What `ffmpeg` decodes, one buffer of RGBA per frame.
fn by_ffmpeg(path: &Path, frame: usize) -> Vec<Vec<u8>> {
    let out = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(["-fps_mode", "passthrough", "-sws_flags", "accurate_rnd+full_chroma_int+neighbor"])
        .args(["-f", "rawvideo", "-pix_fmt", "rgba", "-"])
        .output()
        .unwrap();
    out.stdout.chunks(frame).map(<[u8]>::to_vec).collect()
}

/// Same number of frames, same order, same colours.
fn same_as_ffmpeg(path: &Path) {
    let (frames, error) = read_all(path);
    assert!(error.is_none(), "{error:?}");
    let info = VideoReader::open(path).unwrap().info().clone();
    assert_eq!(info.frames, Some(frames.len() as u64));
    let reference = by_ffmpeg(path, info.width as usize * info.height as usize * 4);
    assert_eq!(frames.len(), reference.len());
    for (frame, reference) in frames.iter().zip(&reference) {
        let off = mean_difference(&frame.picture.rgba, reference);
        assert!(off < 0.5, "frame {} of {}: {off} levels", frame.index, path.display());
    }
    assert!(frames.windows(2).all(|w| w[0].timestamp < w[1].timestamp));
}

#[test]
fn clips_of_others_come_in_order() {
    for path in clips() {
        let (frames, error) = read_all(&path);
        assert!(error.is_none());
        assert!(frames.windows(2).all(|w| w[0].timestamp < w[1].timestamp));
        // In order, neighbours are alike: two steps differ more than one does, on average.
        let step = |n: usize| {
            let pairs = frames.iter().zip(frames.iter().skip(n));
            pairs.map(|(a, b)| mean_difference(&a.picture.rgba, &b.picture.rgba)).sum::<f64>()
        };
        assert!(step(1) < step(2) && step(2) < step(4), "{} {} {}", step(1), step(2), step(4));
        if have_ffmpeg() {
            same_as_ffmpeg(&path);
        }
    }
}

#[test]
fn what_ffmpeg_writes_is_read_the_same() {
    if !have_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let source = "-f lavfi -i testsrc2=s=162x90:r=30:d=1 -c:v libx264 -pix_fmt yuv420p";
    for (name, options) in [
        ("pyramid.mp4", "-bf 8 -x264-params b-pyramid=normal:ref=8"),
        ("open_gop.mp4", "-bf 3 -x264-params keyint=10:open-gop=1"),
        ("no_b.mov", "-bf 0 -x264-params slices=3"),
        ("fragments.mp4", "-g 10 -movflags frag_keyframe+empty_moov"),
        ("bt709.mp4", "-colorspace bt709 -vf scale=out_color_matrix=bt709"),
        ("full.mp4", "-color_range pc -vf scale=out_range=full"),
    ] {
        let path = dir.path().join(name);
        ffmpeg(&format!("{source} {options}"), &path);
        same_as_ffmpeg(&path);
    }
    // Cut out without re-encoding: the edit list hides the frames before the cut.
    let cut = dir.path().join("cut.mp4");
    ffmpeg(&format!("-ss 0.5 -i {} -c copy", dir.path().join("pyramid.mp4").display()), &cut);
    same_as_ffmpeg(&cut);
}

#[test]
fn other_codecs_go_through_ffmpeg() {
    if !have_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let source = "-f lavfi -i testsrc2=s=64x48:r=10:d=1";
    for (name, options, codec) in [
        ("a.avi", "-c:v mpeg4", "mpeg4"),
        ("a.mkv", "-c:v ffv1", "ffv1"),
        ("-odd name.mp4", "-c:v libx264 -pix_fmt yuv444p", "h264"),
    ] {
        let path = dir.path().join(name);
        ffmpeg(&format!("{source} {options}"), &path);
        let reader = VideoReader::open(&path).unwrap();
        let info = reader.info();
        assert_eq!((info.width, info.height, info.codec.as_str()), (64, 48, codec));
        assert!((info.fps - 10.0).abs() < 1e-6);
        // Dropped half-way: the child goes with it.
        drop(reader);
        let (frames, error) = read_all(&path);
        assert!(error.is_none() && frames.len() == 10, "{name}: {} {error:?}", frames.len());
        assert!((frames[9].timestamp.as_secs_f64() - 0.9).abs() < 1e-6);
    }
    let junk = dir.path().join("junk.mkv");
    std::fs::write(&junk, b"\x1a\x45\xdf\xa3 this is not matroska").unwrap();
    let error = VideoReader::open(&junk).unwrap_err();
    assert!(matches!(error, MediaError::Ffmpeg { .. }), "{error}");
}

#[test]
fn a_clip_that_breaks_off_gives_its_frames_then_says_so() {
    if !have_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (whole, cut) = (dir.path().join("whole"), dir.path().join("cut"));
    let source = "-f lavfi -i testsrc2=s=160x120:r=10:d=3 -pix_fmt yuv420p -bf 0 -g 5";
    // Two that ffmpeg reads, and one in fragments, cut in the index of its last.
    for (format, options) in [
        ("matroska", "-c:v libx264 -f matroska"),
        ("mp4", "-c:v mpeg4 -movflags faststart -f mp4"),
        ("fragments", "-c:v libx264 -movflags frag_keyframe+empty_moov -f mp4"),
    ] {
        ffmpeg(&format!("{source} {options}"), &whole);
        let data = std::fs::read(&whole).unwrap();
        let end = match format {
            "fragments" => data.windows(4).rposition(|kind| kind == b"moof").unwrap() + 40,
            _ => data.len() * 6 / 10,
        };
        std::fs::write(&cut, &data[..end]).unwrap();
        let (frames, error) = read_all(&cut);
        let count = frames.len() as u64;
        assert!((8..30).contains(&count), "{format}: {count} frames");
        let text = error.as_ref().map(ToString::to_string).unwrap_or_default();
        assert!(matches!(error, Some(MediaError::TruncatedVideo { found, .. }) if found == count), "{format}: {text}");
        let of = if format == "fragments" { "" } else { " of 30" };
        assert!(text.contains(&format!("ends early: {count}{of} frames are there")), "{format}: {text}");
        // A whole one is not.
        assert!(read_all(&whole).1.is_none(), "{format}");
    }
    // Cut before any fragment: there is nothing to play.
    let data = std::fs::read(&whole).unwrap();
    let first = data.windows(4).position(|kind| kind == b"moof").unwrap();
    std::fs::write(&cut, &data[..first + 40]).unwrap();
    let error = VideoReader::open(&cut).unwrap_err();
    assert!(matches!(error, MediaError::DamagedVideo { .. }) && error.to_string().contains("cut off"), "{error}");
}

#[test]
fn a_clip_that_begins_at_a_recovery_point_goes_through_ffmpeg() {
    if !have_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (whole, cut) = (dir.path().join("whole.mp4"), dir.path().join("cut.mp4"));
    let options = "-bf 3 -x264-params keyint=10:min-keyint=10:scenecut=0:open-gop=1";
    ffmpeg(&format!("-f lavfi -i testsrc2=s=64x48:r=10:d=3 -c:v libx264 -pix_fmt yuv420p {options}"), &whole);
    ffmpeg(&format!("-ss 1.2 -i {} -c copy", whole.display()), &cut);
    let (frames, error) = read_all(&cut);
    assert!(error.is_none(), "{error:?}");
    assert!((15..=20).contains(&frames.len()), "{}", frames.len());
    assert_eq!(VideoReader::open(&cut).unwrap().info().codec, "h264");
}

#[test]
fn sound_that_is_not_carried_over_is_known() {
    if !have_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let video = "-f lavfi -i testsrc2=s=64x48:r=10:d=0.5";
    let sound = "-f lavfi -i sine=duration=0.5 -shortest";
    let subtitles = dir.path().join("a.srt");
    std::fs::write(&subtitles, "1\n00:00:00,000 --> 00:00:00,400\nwords\n").unwrap();
    for (name, options, has_audio) in [
        ("pcm.mov", format!("{video} {sound} -c:v libx264 -pix_fmt yuv420p -c:a pcm_s16le"), true),
        ("aac.mkv", format!("{video} {sound} -c:v libx264 -c:a aac"), true),
        ("silent.mkv", format!("{video} -i {} -c:v libx264", subtitles.display()), false),
    ] {
        let path = dir.path().join(name);
        ffmpeg(&options, &path);
        let reader = VideoReader::open(&path).unwrap();
        assert_eq!((reader.info().has_audio, reader.audio().is_some()), (has_audio, false), "{name}");
    }
}

#[test]
fn the_drivers_sound_is_carried_over() {
    if !have_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (driver, out) = (dir.path().join("driver.mov"), dir.path().join("out.mp4"));
    let source = "-f lavfi -i testsrc2=s=64x48:r=25:d=2 -f lavfi -i sine=f=440:r=44100:d=3";
    ffmpeg(&format!("{source} -c:v libx264 -pix_fmt yuv420p -c:a aac"), &driver);
    let mut reader = VideoReader::open(&driver).unwrap();
    assert!(reader.info().has_audio);
    let sound = reader.audio().unwrap();
    assert_eq!(sound.sample_rate(), 44_100);
    assert!((sound.duration().as_secs_f64() - 3.0).abs() < 0.05, "{:?}", sound.duration());
    let mut writer = VideoWriter::create(&out, 64, 48, 25.0).unwrap();
    writer.set_audio(sound).unwrap();
    while let Some(frame) = reader.next_frame().unwrap() {
        writer.push(&frame.picture).unwrap();
    }
    writer.finish().unwrap();

    let copied = VideoReader::open(&out).unwrap().audio().unwrap();
    assert!((copied.duration().as_secs_f64() - 2.0).abs() < 0.05, "cut to the video: {:?}", copied.duration());
    let play = |path: &Path| {
        let out = std::process::Command::new("ffmpeg")
            .args(["-v", "error", "-i"])
            .arg(path)
            .args(["-t", "1.5", "-vn", "-f", "s16le", "-"])
            .output()
            .unwrap();
        assert!(out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
        out.stdout
    };
    // The same samples at the same time: neither re-encoded nor shifted.
    assert_eq!(play(&driver), play(&out));
    let check =
        std::process::Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(&out).args(["-f", "null", "-"]).output();
    assert!(check.unwrap().stderr.is_empty());
}
