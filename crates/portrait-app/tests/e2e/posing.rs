//! Without a driver, and with a recorded one; pictures beyond the square.

use portrait_media::{VideoReader, load_photo};

use crate::common::{Sandbox, animate, astronaut_scaled, avatar, names, portrait, run};

#[test]
fn a_photo_takes_another_pose() {
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    let shoot = |name: &str, arguments: &[&str]| {
        let out = sandbox.output(name);
        run(portrait().arg("pose").arg(avatar).args(arguments).arg("-o").arg(&out)).succeeds();
        load_photo(out).unwrap()
    };
    let rest = shoot("rest.png", &[]);
    let turned = shoot("turned.png", &["--yaw", "-15", "--smile", "0.6", "--set", "jawOpen=0.3"]);
    assert_eq!((rest.width, rest.height, turned.width), (256, 256, 256));
    assert!(rest != turned);
    let clear = shoot("clear.png", &["--output-as", "cutout"]);
    assert!(clear.rgba.iter().skip(3).step_by(4).any(|&alpha| alpha == 0));
    let list = run(portrait().args(["pose", "--list"])).succeeds().stdout;
    assert!(list.lines().count() == 51 && list.contains("eyeBlinkLeft\n"), "{list}");
}

#[test]
fn poses_that_nobody_can_take() {
    let sandbox = Sandbox::new();
    let photo = sandbox.photo("me.png", &astronaut_scaled(64));
    let refuse = |name: &str, arguments: &[&str], words: &[&str]| {
        let out = sandbox.output(name);
        run(portrait().arg("pose").arg(&photo).args(arguments).arg("-o").arg(out)).fails(&sandbox, words);
    };
    refuse("a.png", &["--yaw", "90"], &["yaw", "90", "45"]);
    refuse("a.png", &["--set", "grin=1"], &["`grin`", "mouthSmileLeft"]);
    refuse("a.png", &["--smile", "9"], &["mouthSmile", "9"]);
    refuse("a.jpg", &[], &["a.jpg", ".png"]);
}

#[test]
fn a_recorded_motion_drives_again() {
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    let motion = sandbox.output("me.motion");
    let mut recording = animate(avatar, &sandbox.short_clip(3), &sandbox.output("first.gif"));
    run(recording.arg("--record-motion").arg(&motion)).succeeds();
    let bytes = std::fs::read(&motion).unwrap();
    assert!(bytes.starts_with(b"PTMOTION"));

    let out = sandbox.output("again");
    let outcome = run(animate(avatar, &motion, &out).args(["--background", "#2060a0", "--json"])).succeeds();
    assert_eq!((&outcome.json()["frames"], &outcome.json()["lost_frames"]), (&3.into(), &0.into()));
    assert_eq!(names(&out).len(), 3);

    let sandbox = Sandbox::new();
    let refuse = |bytes: &[u8], words: &[&str]| {
        let file = sandbox.file("bad.motion", bytes);
        run(&mut animate(avatar, &file, &sandbox.output("out.mp4"))).fails(&sandbox, words);
    };
    refuse(&bytes[..bytes.len() - 9], &["bad.motion", "truncated"]);
    refuse(b"GIF89a", &["bad.motion", "does not start"]);
    let other: Vec<u8> = bytes.iter().enumerate().map(|(i, &b)| if i == 8 { 9 } else { b }).collect();
    refuse(&other, &["bad.motion", "version 9"]);
    let mut broken = bytes.clone();
    let end = broken.len();
    broken[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    refuse(&broken, &["bad.motion", "not finite"]);
}

#[test]
fn the_whole_photo_keeps_its_size() {
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    let (photo, clip) = (sandbox.photo("me.png", &astronaut_scaled(300)), sandbox.short_clip(2));
    let out = sandbox.output("me.mp4");
    run(animate(&photo, &clip, &out).args(["--output-as", "photo"])).succeeds();
    let info = VideoReader::open(&out).unwrap().info().clone();
    assert_eq!((info.width, info.height), (300, 300));

    let sandbox = Sandbox::new();
    let clip = sandbox.short_clip(2);
    let refuse = |arguments: &[&str], words: &[&str]| {
        run(animate(avatar, &clip, &sandbox.output("me.mp4")).args(arguments)).fails(&sandbox, words);
    };
    refuse(&["--output-as", "photo"], &["is an avatar", "the photo itself"]);
    refuse(&["--output-as", "cutout"], &["no transparency", "--background"]);
    refuse(&["--background", "#12"], &["#12", "hexadecimal"]);
    refuse(&["--background", "#000000", "--output-as", "photo"], &["--background", "one of them"]);
}
