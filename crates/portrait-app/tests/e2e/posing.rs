//! Without a driver, and with a recorded one; pictures beyond the square.

use portrait_media::{Picture, VideoReader, load_photo};

use crate::common::{Sandbox, animate, astronaut_scaled, avatar, names, portrait, run};

#[test]
fn a_photo_takes_another_pose() {
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    let shoot = |name: &str, arguments: &[&str]| {
        let out = sandbox.output(name);
        run(portrait().arg("pose").arg(avatar).args(["--size", "256"]).args(arguments).arg("-o").arg(&out)).succeeds();
        load_photo(out).unwrap()
    };
    let rest = shoot("rest.png", &[]);
    let turned = shoot("turned.png", &["--yaw", "-15", "--smile", "0.6", "--set", "jawOpen=0.3"]);
    assert_eq!((rest.width, rest.height, turned.width), (256, 256, 256));
    assert!(rest != turned);
    // What a face does is seen where it does it. Left is the person's left, right in the picture.
    let (right_eye, left_eye) = (dark(&rest, EYES[0]), dark(&rest, EYES[1]));
    let looks = shoot("looks.png", &["--look-right", "0.8"]);
    let back = shoot("back.png", &["--look-right", "-0.8"]);
    let up = shoot("up.png", &["--look-up", "0.8"]);
    for (eye, rest) in EYES.into_iter().zip([right_eye, left_eye]) {
        let [right, left, up] = [&looks, &back, &up].map(|picture| dark(picture, eye));
        println!("eye at {eye:?}: {rest:.2?}, to the right {right:.2?}, to the left {left:.2?}, upwards {up:.2?}");
        // Lashes are dark too, and stay: what is dark moves less than the iris.
        assert!(right.0 > left.0 + 1.2 && up.1 < rest.1 - 0.8, "the irises move");
    }
    let wink = shoot("wink.png", &["--blink-left", "1"]);
    let (right, left) = (dark(&wink, EYES[0]), dark(&wink, EYES[1]));
    println!(
        "darkness of the eyes: {:.0} and {:.0}, after a wink {:.0} and {:.0}",
        right_eye.2, left_eye.2, right.2, left.2
    );
    assert!(left.2 < 0.8 * left_eye.2 && right.2 > 0.9 * right_eye.2, "the left eye closes");
    let clear = shoot("clear.png", &["--output-as", "cutout"]);
    assert!(clear.rgba.iter().skip(3).step_by(4).any(|&alpha| alpha == 0));
    let list = run(portrait().args(["pose", "--list"])).succeeds().stdout;
    assert!(list.lines().count() == 51 && list.contains("eyeBlinkLeft\n"), "{list}");
}

/// Centres of the eyes in the square of the bundled portrait.
const EYES: [[u32; 2]; 2] = [[97, 112], [158, 115]];

/// Where around an eye it is dark: right and down from its centre, in pixels; and how dark it is in all.
fn dark(picture: &Picture, [x, y]: [u32; 2]) -> (f64, f64, f64) {
    let (mut right, mut down, mut sum) = (0.0, 0.0, 0.0);
    for (dx, dy) in (-11..=11).flat_map(|dx| (-6..=6).map(move |dy| (dx, dy))) {
        let at = 4 * (y.saturating_add_signed(dy) * picture.width + x.saturating_add_signed(dx)) as usize;
        // Skin is bright in red, lashes and irises are not.
        let darkness = (140.0 - f64::from(picture.rgba[at])).max(0.0);
        (right, down, sum) = (right + darkness * f64::from(dx), down + darkness * f64::from(dy), sum + darkness);
    }
    (right / sum.max(1.0), down / sum.max(1.0), sum)
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
    refuse("a.png", &["--smile", "9"], &["--smile 9 is too much"]);
    refuse("a.png", &["--set", "jawOpen=-3"], &["--set jawOpen=-3 is too much"]);
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
    refuse(&["--background", "red"], &["`red` is neither a picture nor a colour", "#20a060"]);
    for kept in ["photo", "crop"] {
        refuse(&["--background", "#000000", "--output-as", kept], &["--background", "one of them"]);
    }
}
