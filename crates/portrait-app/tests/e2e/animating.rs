//! What works.

use portrait_media::{Picture, SoundReader, VideoReader, load_photo};

use portrait_runtime::{MotionFrame, Points, RecordedMotion};

use crate::common::{Sandbox, animate, astronaut, avatar, driver_frames, ffmpeg, frames_of, names, portrait, run};

#[test]
fn a_photo_and_a_clip_become_a_video() {
    let Some(_) = avatar() else { return };
    let sandbox = Sandbox::new();
    let (clip, out) = (sandbox.short_clip(5), sandbox.output("me.mp4"));
    let outcome = run(animate(&astronaut(), &clip, &out).args(["--compare", "--json"])).succeeds();
    assert_eq!(sandbox.written(), ["me-compare.png", "me.mp4"]);

    let report = outcome.json();
    assert_eq!(
        (&report["frames"], &report["lost_frames"], &report["interrupted"]),
        (&5.into(), &0.into(), &false.into())
    );
    assert_eq!((&report["preset"], &report["output"]), (&"s".into(), &out.to_string_lossy().as_ref().into()));
    assert!(report["fps"].as_f64().unwrap() > 0.0);
    assert!(!report["adapter"].as_str().unwrap().is_empty());
    let session = |key: &str| report["session"][key].as_u64().unwrap();
    assert!(
        session("arena_bytes") < session("bytes_without_reuse") && session("dispatches") > 0 && session("macs") > 0
    );

    let info = VideoReader::open(&out).unwrap().info().clone();
    assert_eq!((info.width, info.height, info.fps, info.codec.as_str()), (512, 512, 25.0, "h264"));
    let frames = frames_of(&out, 9);
    assert_eq!(frames.len(), 5);
    let sheet = load_photo(sandbox.output("me-compare.png")).unwrap();
    assert_eq!((sheet.width, sheet.height), (3 * 256 + 2 * 4, 4 * 256 + 3 * 4));

    // The driver hardly moves in its first frames: the result is close to the photo's crop, and not the driver.
    let tile = |column: u32| -> Vec<[u8; 4]> {
        (0..256 * 256).map(|at| sheet.pixel(column * 260 + at % 256, at / 256).unwrap()).collect()
    };
    let difference = |a: &[[u8; 4]], b: &[[u8; 4]]| {
        let sum: u32 = a.iter().flatten().zip(b.iter().flatten()).map(|(&a, &b)| u32::from(a.abs_diff(b))).sum();
        f64::from(sum) / (3.0 * a.len() as f64)
    };
    let (source, driver, result) = (tile(0), tile(1), tile(2));
    assert!(difference(&source, &result) < 20.0, "{}", difference(&source, &result));
    assert!(difference(&driver, &result) > 30.0, "{}", difference(&driver, &result));
}

#[test]
fn an_avatar_and_a_clip_of_odd_size_become_png_frames() {
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    // GIF keeps odd sizes.
    let frames: Vec<_> = driver_frames(3).iter().map(|frame| cut(frame, 231, 253)).collect();
    let clip = sandbox.clip("odd.gif", &frames);
    let outcome =
        run(animate(avatar, &clip, &sandbox.output("frames")).args(["--compare", "--size", "300"])).succeeds();
    assert!(outcome.stdout.contains("3 frames of 300×300"), "{}", outcome.stdout);
    assert_eq!(sandbox.written(), ["frames", "frames-compare.png"]);
    let numbered = names(&sandbox.output("frames"));
    assert_eq!(numbered, ["frame_00000.png", "frame_00001.png", "frame_00002.png"]);
    assert_eq!(load_photo(sandbox.output("frames").join("frame_00002.png")).unwrap().width, 300);
}

#[test]
fn absolute_motion_in_packed_halves_becomes_a_gif() {
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    let mut command = animate(avatar, &sandbox.short_clip(3), &sandbox.output("me.gif"));
    let outcome = run(command.args(["--absolute", "--precision", "f16_packed", "--json"])).succeeds();
    assert_eq!(outcome.json()["tier"], "f16_packed");
    let software = outcome.json()["adapter"].as_str().unwrap().contains("llvmpipe");
    assert_eq!(outcome.stderr.contains("is a software driver, not a GPU"), software, "{}", outcome.stderr);
    assert_eq!(sandbox.written(), ["me.gif"]);
    assert_eq!(frames_of(&sandbox.output("me.gif"), 9).len(), 3);
}

#[test]
fn the_clips_sound_is_carried_over() {
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    let (silent, clip) = (sandbox.short_clip(4), sandbox.input("sound.mp4"));
    let sound = "-i CLIP -f lavfi -i sine=duration=0.16 -c:v copy -c:a";
    if !ffmpeg(&silent, &format!("{sound} aac"), &clip) {
        return;
    }
    let out = sandbox.output("me.mp4");
    let outcome = run(&mut animate(avatar, &clip, &out)).succeeds();
    assert!(outcome.stdout.contains("4 frames") && !outcome.stderr.contains("sound"), "{}", outcome.stderr);
    assert!(VideoReader::open(&out).unwrap().audio().is_some());

    // Other sound is as well, without loss; where it cannot be decoded that is said, unless there could be no sound.
    let clip = sandbox.input("sound.mov");
    assert!(ffmpeg(&silent, &format!("{sound} pcm_s16le"), &clip));
    let outcome = run(&mut animate(avatar, &clip, &out)).succeeds();
    assert!(!outcome.stderr.contains("sound"), "{}", outcome.stderr);
    let heard = |path: &std::path::Path| {
        let mut sound = SoundReader::open(path).unwrap();
        std::iter::from_fn(|| sound.next_chunk().unwrap()).flatten().collect::<Vec<f32>>()
    };
    let (before, after) = (heard(&clip), heard(&out));
    assert!(before.iter().any(|s| s.abs() > 0.05) && before.len().abs_diff(after.len()) < 20, "{}", after.len());
    let off = before.iter().zip(&after).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(off < 1e-3, "{off}");
    let nowhere = sandbox.input("nothing");
    let outcome = run(animate(avatar, &clip, &out).arg("--json").env("PATH", &nowhere)).succeeds();
    let warning = outcome.json()["warnings"].to_string();
    let words = ["sound.mov` is left out", "ffmpeg"];
    assert!(words.iter().all(|word| warning.contains(word) && outcome.stderr.contains(word)), "{warning}");
    let outcome = run(animate(avatar, &clip, &sandbox.output("me.gif")).env("PATH", &nowhere)).succeeds();
    assert!(!outcome.stderr.contains("sound"), "{}", outcome.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn names_may_be_of_any_bytes() {
    use std::os::unix::ffi::OsStrExt;
    let name = |bytes: &[u8]| std::path::PathBuf::from(std::ffi::OsStr::from_bytes(bytes));
    let sandbox = Sandbox::new();
    let clip = sandbox.input("").join(name(b"caf\xe9.mp4"));
    std::fs::rename(sandbox.short_clip(2), &clip).unwrap();
    let about = run(portrait().arg("info").arg(&clip).arg("--json")).succeeds().json();
    assert!(about["file"].as_str().unwrap().contains("caf\u{fffd}.mp4"), "{about}");
    let Some(_) = avatar() else { return };
    let output = |bytes: &[u8]| sandbox.output("").join(name(bytes));
    let photo = sandbox.input("").join(name(b"\xe9.png"));
    std::fs::copy(astronaut(), &photo).unwrap();
    let (video, picture, made) = (output(b"caf\xe9.mp4"), output(b"caf\xe9.png"), output(b"caf\xe9.avatar"));
    run(portrait().arg("info").arg(&photo).arg("--json")).succeeds();
    run(portrait().arg("prepare").arg(&photo).arg("--json").arg("-o").arg(&made)).succeeds();
    run(portrait().arg("info").arg(&made).arg("--json")).succeeds();
    run(portrait().arg("pose").arg(&made).arg("--json").arg("-o").arg(&picture)).succeeds();
    run(animate(&made, &clip, &video).args(["--compare", "--json"])).succeeds();
    assert!([&video, &picture, &made].iter().all(|file| file.is_file()));
}

#[test]
fn pictures_that_are_too_large_for_mp4_are_scaled_down() {
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    let out = sandbox.output("me.mp4");
    let mut command = animate(avatar, &sandbox.short_clip(2), &out);
    let outcome = run(command.args(["--size", "2200", "--json"])).succeeds();
    let report = outcome.json();
    assert_eq!((&report["width"], &report["height"]), (&2160.into(), &2160.into()));
    assert!(outcome.stderr.contains("warning: MP4 has no pictures of 2200×2200"), "{}", outcome.stderr);
    let frames = frames_of(&out, 9);
    assert_eq!((frames.len(), frames[0].width, frames[0].height), (2, 2160, 2160));
}

#[test]
fn info_knows_every_kind_of_file() {
    let Some(avatar) = avatar() else { return };
    let info = |path: &std::path::Path| run(portrait().arg("info").arg(path).arg("--json")).succeeds().json();
    let sandbox = Sandbox::new();
    let photo = info(&astronaut());
    assert_eq!((&photo["kind"], photo["faces"].as_array().unwrap().len()), (&"photo".into(), 1));
    let clip = info(&sandbox.short_clip(3));
    assert_eq!((&clip["kind"], &clip["frames"], &clip["fps"]), (&"video".into(), &3.into(), &25.0.into()));
    let avatar = info(avatar);
    assert_eq!((&avatar["kind"], &avatar["avatar"]["photo"]), (&"avatar".into(), &serde_json::json!([512, 512])));
    let weights = info(&crate::common::repository("weights/portrait_s.safetensors"));
    assert_eq!((&weights["kind"], &weights["metadata"]["preset"]), (&"weights".into(), &"s".into()));
    assert!((4.0..4.5).contains(&weights["frame"]["video_driven"]["gmac"].as_f64().unwrap()), "{weights}");
    let text = run(portrait().arg("info").arg(astronaut())).succeeds().stdout;
    assert!(text.contains("faces: 1\n  1: x "), "{text}");
}

#[test]
fn info_knows_motions_and_says_of_photos_what_they_are() {
    let sandbox = Sandbox::new();
    let [facial, neural] = [Points::FACIAL, Points::NEURAL].map(|count| vec![[0.5; 2]; count]);
    let points = Points { facial, neural };
    let moment = |ms| MotionFrame { time: std::time::Duration::from_millis(ms), points: Some(points.clone()) };
    let frames = [0, 40, 120].map(moment);
    // By its content, whatever its name.
    for name in ["me.motion", "me.bin"] {
        let path = sandbox.input(name);
        RecordedMotion { neutral: None, frames: frames.to_vec() }.save(&path).unwrap();
        let motion = run(portrait().arg("info").arg(&path).arg("--json")).succeeds().json();
        assert_eq!((&motion["kind"], &motion["frames"]), (&"motion".into(), &3.into()));
        assert_eq!((&motion["seconds"], &motion["neutral"]), (&0.12.into(), &false.into()));
    }
    let heic = sandbox.file("me.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic");
    let words = ["me.heic", "not a PNG, JPEG, WebP or GIF picture", "HEIC", "convert it"];
    run(portrait().arg("info").arg(&heic)).fails(&sandbox, &words);
}

#[test]
fn info_without_a_file_is_about_the_preset() {
    let fast = run(portrait().args(["info", "--preset", "fast", "--json"])).succeeds().json();
    let cost = |driven: &str, key: &str| fast["frame"][driven][key].as_f64().unwrap();
    assert!(cost("video_driven", "executed_gmac") < 1.4 && cost("keypoint_driven", "executed_gmac") > 0.9, "{fast}");
    assert!(cost("video_driven", "gmac") > cost("video_driven", "executed_gmac"), "{fast}");
    assert!(fast["presets"].as_array().unwrap().contains(&"fast_512".into()), "{fast}");
    run(portrait().args(["info", "--preset", "slow"])).fails(&Sandbox::new(), &["`slow`", "fast"]);
}

fn cut(picture: &Picture, width: u32, height: u32) -> Picture {
    Picture::from_fn(width, height, |x, y| picture.pixel(x, y).unwrap_or_default())
}
