//! How `portrait live` begins: without a photo, and where it cannot.

use std::path::Path;

use portrait_media::{Picture, cameras, load_photo};

use crate::common::{Sandbox, astronaut, avatar, driver_frames, landscape, portrait, run};
use crate::screen::{ESCAPE, Screen, eventually};
use crate::window::{MIDDLE, Run, crop, keep, live, middle, part, shows, small};

#[test]
fn without_a_photo_somebody_is_shown_and_it_is_said_how_to_show_another() {
    let (Some(_), Some(screen)) = (avatar(), Screen::open()) else { return };
    let sandbox = Sandbox::new();
    let crop = crop(&sandbox);
    let mut run = Run::start(&screen, &sandbox, &[], &["--idle", "--preset", "fast"]);
    let window = screen.window("portrait: the bundled portrait");
    // The hint, which goes away by itself: something dark at the lower edge, with light letters on it, over what the picture shows there.
    let hint = [430, 680, 100, 24];
    let letters = eventually("a hint", || {
        let shot = screen.shot();
        let pixels = part(&shot, hint).rgba;
        let of = |is: fn(u8) -> bool| pixels.chunks(4).filter(|pixel| pixel[..3].iter().all(|&v| is(v))).count();
        (of(|v| v < 60) > 1000 && of(|v| v > 180) > 50).then_some(shot)
    });
    keep("live-without-a-photo.png", &letters);
    shows(&screen, "who comes with the program", MIDDLE, &small(&middle(&crop), false));
    run.says("this is the portrait that comes with the program; O opens yours");
    let photo = load_photo(astronaut()).unwrap();
    let mirrored = Picture::from_fn(photo.width, photo.height, |x, y| photo.pixel(photo.width - 1 - x, y).unwrap());
    screen.drop_file(window, &sandbox.photo("mine.png", &mirrored));
    run.says("mine.png: shown after");
    shows(&screen, "the photo that was dropped", MIDDLE, &small(&middle(&crop), true));
    assert_eq!(screen.title(window), "portrait: mine.png");
    // It can be had again.
    screen.types('n');
    run.says("the bundled portrait: shown after");
    if cameras().is_empty() {
        screen.types('d');
        run.says("there is no other driver; L opens a clip");
    }
    screen.key(ESCAPE);
    run.ends();
}

#[test]
fn what_cannot_be_shown_is_said_before_a_window_opens() {
    let sandbox = Sandbox::new();
    let clip = sandbox.clip("driver.mp4", &driver_frames(2));
    let clip = clip.to_string_lossy();
    let no_display = |photo: &Path, arguments: &[&str]| {
        let mut command = live(&[photo]);
        run(command.args(arguments).env_remove("DISPLAY"))
    };
    let astronaut = astronaut();
    let words = ["no window can be opened here (neither WAYLAND_DISPLAY", "portrait animate"];
    no_display(&astronaut, &["--source", &clip]).fails(&sandbox, &words);
    let virtual_camera = |path: &str| no_display(&astronaut, &["--idle", "--virtual-camera", path]);
    virtual_camera("/dev/video-none").fails(&sandbox, &["`/dev/video-none` is not there", "modprobe v4l2loopback"]);
    virtual_camera("/dev/null").fails(&sandbox, &["`/dev/null` takes no pictures", "v4l2loopback"]);
    no_display(&astronaut, &["--source", "missing.mp4"]).fails(&sandbox, &["missing.mp4"]);
    let motion = sandbox.file("cut.motion", b"PTMOTION");
    no_display(&astronaut, &["--source", motion.to_str().unwrap()]).fails(&sandbox, &["cut.motion", "truncated"]);
    no_display(&sandbox.input("missing.png"), &["--idle"]).fails(&sandbox, &["missing.png"]);
    no_display(&sandbox.file("text.png", b"no picture"), &["--idle"]).fails(&sandbox, &["text.png"]);
    no_display(&astronaut, &["--save-to", "missing"]).fails(&sandbox, &["`missing` is no directory", "--save-to"]);
    no_display(&astronaut, &["--preset", "xs"]).fails(&sandbox, &["preset `xs`", "--weights"]);
    assert_eq!(no_display(&astronaut, &["--camera-size", "large"]).code, Some(2));
    assert_eq!(no_display(&astronaut, &["--camera", "0", "--idle"]).code, Some(2));
    run(portrait().args(["live", "--cameras"])).succeeds();

    // A photo without a face is found out on the GPU, with the window open.
    let Some(screen) = avatar().and_then(|_| Screen::open()) else { return };
    let photo = sandbox.photo("landscape.png", &landscape(300, 200));
    let mut command = live(&[&photo]);
    run(command.arg("--idle").env("DISPLAY", screen.name())).refused(&["landscape.png", "no face"]);
    // So is a screen of a palette, on which Vulkan shows nothing.
    let Some(screen) = Screen::with_depth(8) else { return };
    let mut command = live(&[&astronaut]);
    let words = ["no adapter reaches this screen", "portrait animate", "cannot draw on the window"];
    run(command.arg("--idle").env("DISPLAY", screen.name())).refused(&words);
}
