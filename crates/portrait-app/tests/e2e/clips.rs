//! Driving clips that cannot be used, and one that loses its face.

use crate::common::{Sandbox, animate, astronaut, avatar, driver_frames, ffmpeg, frames_of, landscape, run};

/// Animates with a clip that is refused before a device is needed.
fn refuse(name: &str, bytes: &[u8], words: &[&str]) {
    let sandbox = Sandbox::new();
    let clip = sandbox.file(name, bytes);
    let mut command = animate(&astronaut(), &clip, &sandbox.output("me.mp4"));
    // Without ffmpeg, so that its presence makes no difference.
    run(command.env("PATH", sandbox.input("nothing"))).fails(&sandbox, &[&[name], words].concat());
}

#[test]
fn missing() {
    let sandbox = Sandbox::new();
    let clip = sandbox.input("nothing.mp4");
    run(&mut animate(&astronaut(), &clip, &sandbox.output("me.mp4"))).fails(&sandbox, &["nothing.mp4", "cannot open"]);
}

#[test]
fn not_a_video() {
    refuse("empty.mp4", b"", &["is empty"]);
    refuse("words.mp4", b"these are words", &["not a video", "text"]);
    refuse("photo.mp4", &std::fs::read(astronaut()).unwrap(), &["not a video", "PNG"]);
}

#[test]
fn no_frames() {
    refuse("none.gif", b"GIF89a\x10\0\x10\0\0\0\0\x3b", &["damaged or incomplete video"]);
    let ftyp = b"\0\0\0\x14ftypisom\0\0\0\0isom";
    let mvhd = [b"\0\0\0\x6cmvhd".as_slice(), &[0; 12], &1000u32.to_be_bytes(), &[0; 84]].concat();
    let moov = [&(8 + mvhd.len() as u32).to_be_bytes()[..], b"moov", &mvhd].concat();
    refuse("none.mp4", &[&ftyp[..], &moov].concat(), &["no video frame"]);
}

#[test]
fn truncated() {
    let sandbox = Sandbox::new();
    let whole = std::fs::read(sandbox.short_clip(8)).unwrap();
    // In the index: refused at once.
    refuse("index.mp4", &whole[..whole.len().min(600)], &["damaged or incomplete"]);
    // In the pictures.
    let Some(avatar) = avatar() else { return };
    let clip = sandbox.file("half.mp4", &whole[..whole.len() * 2 / 3]);
    let out = sandbox.output("me.mp4");
    let outcome = run(animate(avatar, &clip, &out).arg("--json"));
    let report = outcome.json();
    let frames = report["frames"].as_u64().unwrap();
    assert_eq!((outcome.code, &report["truncated"]), (Some(1), &true.into()), "{}", outcome.stderr);
    let words = ["error: `", "half.mp4` ends early", &format!("me.mp4` holds the {frames} frames before the break")];
    assert!(words.iter().all(|word| outcome.stderr.contains(word)), "{}", outcome.stderr);
    // Every frame before the cut is there.
    let mut reader = portrait_media::VideoReader::open(&clip).unwrap();
    let readable = std::iter::from_fn(|| reader.next_frame().ok().flatten()).count();
    assert!((1..8).contains(&readable));
    assert_eq!((frames_of(&out, 9).len(), frames as usize), (readable, readable));
    assert_eq!(sandbox.written(), ["me.mp4"]);
}

#[test]
fn truncated_and_read_by_ffmpeg() {
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    let whole = sandbox.input("whole.mkv");
    if !ffmpeg(&sandbox.short_clip(8), "-i CLIP -c copy", &whole) {
        return;
    }
    let bytes = std::fs::read(whole).unwrap();
    let clip = sandbox.file("half.mkv", &bytes[..bytes.len() * 3 / 4]);
    let out = sandbox.output("me.mp4");
    let outcome = run(animate(avatar, &clip, &out).arg("--json"));
    let report = outcome.json();
    let frames = report["frames"].as_u64().unwrap();
    assert_eq!((outcome.code, &report["truncated"]), (Some(1), &true.into()), "{}", outcome.stderr);
    assert!((1..8).contains(&frames), "{frames}");
    let words = ["half.mkv` ends early", &format!("me.mp4` holds the {frames} frames before the break")];
    assert!(words.iter().all(|word| outcome.stderr.contains(word)), "{}", outcome.stderr);
    assert_eq!(frames_of(&out, 9).len() as u64, frames);
}

#[test]
fn begins_at_a_recovery_point() {
    let sandbox = Sandbox::new();
    let (whole, cut) = (sandbox.input("whole.mp4"), sandbox.input("cut.mp4"));
    let options = "-i CLIP -c:v libx264 -bf 3 -x264-params keyint=4:min-keyint=4:scenecut=0:open-gop=1";
    if !ffmpeg(&sandbox.short_clip(8), options, &whole) {
        return;
    }
    assert!(ffmpeg(&whole, "-ss 0.2 -i CLIP -c copy", &cut));
    refuse("cut.mp4", &std::fs::read(cut).unwrap(), &["does not begin with a key frame", "install ffmpeg"]);
}

#[test]
fn broken_before_the_first_picture() {
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    let mut bytes = std::fs::read(sandbox.short_clip(3)).unwrap();
    let media = bytes.windows(4).position(|kind| kind == b"mdat").unwrap() + 4;
    bytes[media..].fill(0xff);
    let clip = sandbox.file("broken.mp4", &bytes);
    run(&mut animate(avatar, &clip, &sandbox.output("me.mp4"))).fails(&sandbox, &["broken.mp4", "damaged"]);
}

#[test]
fn frames_without_durations_are_spread() {
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    let mut bytes = std::fs::read(sandbox.short_clip(4)).unwrap();
    // Version and flags, number of entries, frames of the first, and what each of them lasts.
    let lasts = bytes.windows(4).position(|kind| kind == b"stts").unwrap() + 16;
    assert!(bytes[lasts..lasts + 4].iter().any(|&b| b > 0));
    bytes[lasts..lasts + 4].fill(0);
    let (clip, out) = (sandbox.file("stopped.mp4", &bytes), sandbox.output("me.mp4"));
    run(&mut animate(avatar, &clip, &out)).succeeds();
    assert_eq!(frames_of(&out, 9).len(), 4);
}

#[test]
fn unknown_codec_without_ffmpeg() {
    let webm = [&[0x1a, 0x45, 0xdf, 0xa3][..], &[0x42; 200]].concat();
    refuse("clip.webm", &webm, &["Matroska or WebM", "install ffmpeg"]);
}

#[test]
fn no_face_at_the_start() {
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    let clip = sandbox.clip("hills.mp4", &vec![landscape(160, 120); 4]);
    let words = ["hills.mp4", "no face found in the first 0.2 s"];
    run(&mut animate(avatar, &clip, &sandbox.output("me.mp4"))).fails(&sandbox, &words);
    run(animate(avatar, &clip, &sandbox.output("me.mp4")).arg("--absolute")).fails(&sandbox, &words);
}

#[test]
fn a_face_lost_midway_is_held() {
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    let mut frames = driver_frames(2);
    frames.extend(vec![landscape(256, 256); 4]);
    let (clip, out) = (sandbox.clip("gone.mp4", &frames), sandbox.output("me.mp4"));
    let outcome = run(animate(avatar, &clip, &out).arg("--json")).succeeds();
    let report = outcome.json();
    let lost = report["lost_frames"].as_u64().unwrap();
    assert!((3..=4).contains(&lost), "{lost} lost");
    assert!(outcome.stderr.contains("warning: the driver's face was not found in"), "{}", outcome.stderr);
    let frames = frames_of(&out, 9);
    assert_eq!(frames.len(), 6);
    // The pose is held: the last frames are alike.
    let difference = |a: usize, b: usize| {
        let sum: u64 = frames[a].rgba.iter().zip(&frames[b].rgba).map(|(&a, &b)| u64::from(a.abs_diff(b))).sum();
        sum as f64 / frames[a].rgba.len() as f64
    };
    assert!(difference(4, 5) < 2.0, "{}", difference(4, 5));
}
