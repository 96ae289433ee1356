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
