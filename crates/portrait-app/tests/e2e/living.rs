//! `portrait live` in a real window: what it shows, keys, sizes, a lost device.

use std::path::Path;
use std::time::Duration;

use portrait_media::{Picture, load_photo};
use portrait_runtime::RecordedMotion;
use x11rb::protocol::xproto::{AtomEnum, ConnectionExt as _, PropMode, Window};
use x11rb::wrapper::ConnectionExt as _;

use crate::common::{Sandbox, astronaut, avatar, driver_frames, frames_of, landscape, names, repository, scaled};
use crate::screen::{CONTROL, ESCAPE, SCREEN, Screen, eventually};
use crate::window::{Run, WINDOW, appears, changes, crop, difference, part, shows, small, square, still};

/// What a window manager notes of a window that it minimises, or shows again. X11 tells the window nothing else of it.
fn note_minimised(screen: &Screen, window: Window, minimised: bool) {
    let (connection, _) = x11rb::connect(Some(screen.name())).unwrap();
    let atom = |name: &str| connection.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom;
    let states = if minimised { vec![atom("_NET_WM_STATE_HIDDEN")] } else { Vec::new() };
    let (mode, state) = (PropMode::REPLACE, atom("_NET_WM_STATE"));
    connection.change_property32(mode, window, state, AtomEnum::ATOM, &states).unwrap().check().unwrap();
}

#[test]
fn a_window_shows_the_portrait_and_every_key_works() {
    let (Some(_), Some(screen)) = (avatar(), Screen::open()) else { return };
    let sandbox = Sandbox::new();
    let photo = load_photo(astronaut()).unwrap();
    let mirrored = Picture::from_fn(photo.width, photo.height, |x, y| photo.pixel(photo.width - 1 - x, y).unwrap());
    let second = sandbox.photo("second.png", &mirrored);
    // A driver that turns his head from side to side, a second each.
    let turns = frames_of(&repository("assets/driver.mp4"), 100);
    let clip =
        sandbox.clip_at("turns.mp4", 1.0, &[turns[0].clone(), turns[70].clone(), turns[0].clone(), turns[90].clone()]);
    let source = clip.to_string_lossy().into_owned();
    let mut run = Run::start(&screen, &sandbox, &[&astronaut(), &second], &["--source", &source]);
    let window = screen.window("portrait: astronaut.png");
    let face = square(WINDOW);
    let whole = [0, 0, WINDOW[0].into(), WINDOW[1].into()];

    // H: everything but the picture is hidden. The picture is there, and changes with the driver.
    screen.types('h');
    let crop = crop(&sandbox);
    shows(&screen, "the portrait", face, &small(&crop, false));
    let first = part(&screen.shot(), face);
    changes(&screen, "the driver moves the portrait", face, &first, 1.0);

    // Space: held. Then ? and H put things over the picture, and take them away.
    screen.types(' ');
    let held = still(&screen, whole);
    screen.types('?');
    changes(&screen, "? lists the keys", whole, &held, 1.0);
    // With Ctrl it is another program's H.
    screen.chord(CONTROL, 'h');
    screen.types('?');
    eventually("? again", || (difference(&part(&screen.shot(), whole), &held) == 0.0).then_some(()));
    screen.types('h');
    changes(&screen, "H shows status and controls", whole, &held, 1.0);
    screen.types('h');
    eventually("H again", || (difference(&part(&screen.shot(), whole), &held) == 0.0).then_some(()));
    // What is held is saved and shown in other ways.
    screen.types('s');
    run.says(".png");
    screen.types('v');
    changes(&screen, "V: the whole photo, held", whole, &held, 1.0);
    screen.types('v');
    screen.types('v');
    // The head is turned, maybe, and has stayed so, but for what a tracker that begins anew sees otherwise.
    let held = small(&part(&held, face), false);
    shows(&screen, "V: the square, held", face, &held);
    screen.types(' ');
    let before = part(&screen.shot(), face);
    changes(&screen, "Space goes on", face, &before, 1.0);

    // V: the whole photo, the person alone, the square again.
    screen.types('v');
    shows(&screen, "V: the whole photo", face, &small(&photo, false));
    screen.types('v');
    eventually("V: the person alone", || {
        let corner = screen.shot().pixel(face[0] + 8, face[1] + 8).unwrap();
        (corner[0] < 40 && corner[1] < 40 && corner[2] < 40).then_some(())
    });
    screen.types('v');
    shows(&screen, "V: the square again", face, &small(&crop, false));

    // R, M: files.
    screen.types('r');
    screen.types('m');
    for _ in 0..3 {
        let before = part(&screen.shot(), face);
        changes(&screen, "a picture to record", face, &before, 0.2);
    }
    screen.types('r');
    screen.types('m');
    run.says(".mp4: ");
    run.says(".motion: ");
    let saved = |extension: &str| {
        let name = sandbox.written().into_iter().find(|name| name.ends_with(extension)).unwrap();
        sandbox.output(&name)
    };
    let picture = load_photo(saved(".png")).unwrap();
    let changed = difference(&small(&picture, false), &held);
    assert!(changed < 14.0 && picture.width == 512, "{changed}");
    let frames = frames_of(&saved(".mp4"), 1000);
    assert!(!frames.is_empty() && (frames[0].width, frames[0].height) == (512, 512));
    assert!(!RecordedMotion::load(saved(".motion")).unwrap().frames.is_empty());

    // C says that it is done. A, X and P change the picture of a pose that is held, and change it back.
    screen.types('c');
    run.says("this pose is the neutral one now");
    screen.types(' ');
    for key in ['a', 'x'] {
        let held = still(&screen, face);
        screen.types(key);
        changes(&screen, "another picture of the same moment", face, &held, 0.1);
        let changed = still(&screen, face);
        screen.types(key);
        changes(&screen, "back again", face, &changed, 0.1);
    }
    let held = still(&screen, face);
    for preset in presets() {
        screen.types('p');
        run.says(&format!("preset {preset}: shown after"));
    }
    shows(&screen, "P: once round", face, &small(&held, false));
    screen.types(' ');

    // F, and F again or Esc: the full screen.
    for leave in [u32::from('f'), ESCAPE] {
        screen.types('f');
        screen.grant_full_screen(window, WINDOW);
        shows(&screen, "F: the full screen", square(SCREEN), &small(&crop, false));
        screen.key(leave);
        screen.grant_full_screen(window, WINDOW);
        shows(&screen, "the window again", face, &small(&crop, false));
    }

    // Any size; minimised and back.
    screen.resize(window, [400, 700]);
    shows(&screen, "a narrow window", square([400, 700]), &small(&crop, false));
    note_minimised(&screen, window, true);
    let last = still(&screen, square([400, 700]));
    screen.show(window, false);
    std::thread::sleep(Duration::from_secs(1));
    screen.show(window, true);
    note_minimised(&screen, window, false);
    changes(&screen, "it goes on", square([400, 700]), &last, 0.2);
    screen.resize(window, WINDOW);
    shows(&screen, "back from the task bar", face, &small(&crop, false));

    // N: the other photo.
    screen.types('n');
    shows(&screen, "N: the second photo", face, &small(&crop, true));
    assert_eq!(screen.title(window), "portrait: second.png");
    // A photo that is dropped on the window; then one that shows nobody, which changes nothing.
    let third = sandbox.photo("third.png", &photo);
    screen.drop_file(window, &third);
    shows(&screen, "a dropped photo", face, &small(&crop, false));
    assert_eq!(screen.title(window), "portrait: third.png");
    screen.drop_file(window, &sandbox.photo("landscape.png", &landscape(300, 200)));
    run.says("no face");
    shows(&screen, "the photo before", face, &small(&crop, false));
    // What was recorded drives when it is dropped; D goes on to the next driver, a camera or nobody.
    let motion = saved(".motion");
    screen.drop_file(window, &motion);
    run.says(".motion: shown after");
    screen.drop_file(window, &sandbox.file("broken.mp4", b"no clip"));
    run.says("broken.mp4");
    screen.types(' ');
    let held = still(&screen, face);
    screen.types('d');
    changes(&screen, "D: another driver", face, &held, 0.05);
    run.says("turns.mp4: shown after");

    screen.key(ESCAPE);
    let report = run.ends();
    println!("{report}");
    assert!(report["frames"].as_u64().unwrap() > 10 && report["devices_lost"] == 0, "{report}");
    assert!(report["latency_p50_seconds"].as_f64().unwrap() <= report["latency_p95_seconds"].as_f64().unwrap());
}

/// Presets that have weights, as P goes through them until it is back at the first, which is `s`.
fn presets() -> Vec<String> {
    let names = names(&repository("weights"));
    let preset = |name: &str| Some(name.strip_prefix("portrait_")?.strip_suffix(".safetensors")?.to_owned());
    let mut presets: Vec<String> = names.iter().filter_map(|name| preset(name)).collect();
    presets.sort_by_key(|name| name == "s");
    presets
}

#[test]
fn faces_of_photo_and_driver_are_chosen_with_keys_and_clicks() {
    let (Some(_), Some(screen)) = (avatar(), Screen::open()) else { return };
    let sandbox = Sandbox::new();
    let one = load_photo(astronaut()).unwrap();
    let less = scaled(one.clone(), 400);
    let two = Picture::from_fn(2 * one.width, one.height, |x, y| match x.checked_sub(one.width) {
        Some(x) => one.pixel(x, y).unwrap(),
        None => less.pixel(x, y).unwrap_or([90, 90, 90, 255]),
    });
    let photo = sandbox.photo("two.png", &two);
    let clip = sandbox.clip_at("turns.mp4", 2.0, &frames_of(&repository("assets/driver.mp4"), 80)[60..]);
    let source = clip.to_string_lossy().into_owned();
    let mut run = Run::start(&screen, &sandbox, &[&photo], &["--face", "all", "--source", &source]);
    screen.window("portrait: two.png");
    // The whole photo fills the window's width.
    let whole = [0, (u32::from(WINDOW[1]) - 480) / 2, 960, 480];
    screen.types('h');
    shows(&screen, "everybody", whole, &small(&two, false));
    let halves = [[0, whole[1], 480, 480], [480, whole[1], 480, 480]];
    for half in halves {
        let before = part(&screen.shot(), half);
        changes(&screen, "each of them moves", half, &before, 0.3);
    }
    screen.types('t');
    run.says("looking for the driver's face number 2");
    run.says("1 in front of the camera: the largest face is followed");
    screen.types('v');
    run.says("everybody is shown in the whole photo");
    // A click on the right one: only that one moves.
    screen.clicks([480 + 209, whole[1] as i16 + 112]);
    run.says("face 1: shown after");
    still(&screen, halves[0]);
    changes(&screen, "the right one moves", halves[1], &part(&screen.shot(), halves[1]), 0.3);
    screen.types('g');
    run.says("face 2 of 2: shown after");
    screen.types('g');
    run.says("all 2 faces: shown after");
    screen.key(ESCAPE);
    run.ends();
}

#[test]
#[cfg(target_os = "linux")]
fn files_are_opened_in_a_dialog_or_it_is_said_why_not() {
    use std::os::unix::fs::PermissionsExt;
    let (Some(avatar), Some(screen)) = (avatar(), Screen::open()) else { return };
    let sandbox = Sandbox::new();
    // No portal here; a program in zenity's place chooses at once. It stands behind the name when it is told to.
    let tools = sandbox.input("tools");
    std::fs::create_dir(&tools).unwrap();
    let photo = sandbox.photo("chosen.png", &load_photo(astronaut()).unwrap());
    let picture = sandbox.photo("wall.png", &Picture::from_fn(64, 64, |_, _| [200, 30, 40, 255]));
    let zenity = |file: &Path| {
        std::fs::write(tools.join("zenity"), format!("#!/bin/sh\necho '{}'\n", file.display())).unwrap();
        std::fs::set_permissions(tools.join("zenity"), std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let no_bus = format!("unix:path={}", sandbox.input("no bus").display());
    let environment = [("PATH", tools.to_str().unwrap()), ("DBUS_SESSION_BUS_ADDRESS", &no_bus)];
    let mut run = Run::start_in(&screen, &sandbox, &[avatar], &["--idle"], &environment);
    screen.window("portrait: astronaut.avatar");
    appears(&screen);
    screen.types('o');
    run.says("no file dialog can be opened here");
    zenity(&photo);
    screen.types('o');
    run.says("chosen.png: shown after");
    zenity(&sandbox.clip("driver.mp4", &driver_frames(3)));
    screen.types('l');
    run.says("driver.mp4: shown after");
    zenity(&picture);
    screen.types('b');
    run.says("wall.png: shown after");
    screen.types('h');
    let corner = square(WINDOW);
    eventually("the wall behind the person", || {
        let pixel = screen.shot().pixel(corner[0] + 8, corner[1] + 8).unwrap();
        (pixel[0] > 150 && pixel[1] < 80 && pixel[2] < 80).then_some(())
    });
    screen.key(ESCAPE);
    run.ends();
}

#[test]
fn the_window_is_drawn_for_new_pictures_alone() {
    let (Some(avatar), Some(screen)) = (avatar(), Screen::open()) else { return };
    let sandbox = Sandbox::new();
    let clip = repository("assets/driver.mp4");
    let run = Run::start(&screen, &sandbox, &[avatar], &["--source", clip.to_str().unwrap()]);
    screen.window("portrait: astronaut.avatar");
    let face = square(WINDOW);
    let dark = part(&screen.shot(), face);
    let first = changes(&screen, "the portrait", face, &dark, 20.0);
    changes(&screen, "it moves", face, &first, 0.05);
    // While the pose is held there is nothing new, but for notices that go away.
    screen.types(' ');
    still(&screen, face);
    screen.key(ESCAPE);
    let report = run.ends();
    let [drawings, frames] = ["drawings", "frames"].map(|name| report[name].as_u64().unwrap());
    assert!(drawings >= 2 && drawings < frames + 30, "{drawings} drawings of {frames} pictures");
}

#[test]
fn a_lost_device_is_opened_again_and_a_camera_that_is_not_there_is_named() {
    let (Some(avatar), Some(screen)) = (avatar(), Screen::open()) else { return };
    let sandbox = Sandbox::new();
    let arguments = ["--camera", "no such camera", "--lose-device", "3"];
    let mut run = Run::start(&screen, &sandbox, &[avatar], &arguments);
    screen.window("portrait: astronaut.avatar");
    run.says("camera");
    let dark = |screen: &Screen| screen.shot().pixel(480, 360).unwrap()[..3].iter().all(|&v| v < 60);
    eventually("the portrait", || (!dark(&screen)).then_some(()));
    run.says("the GPU was lost and is opened again");
    // The last picture stays until there is one again.
    let face = square(WINDOW);
    let last = part(&screen.shot(), face);
    assert!(!dark(&screen), "the last picture is kept");
    changes(&screen, "the portrait moves again", face, &last, 0.05);
    assert!(!dark(&screen));
    // An avatar has no whole photo: said, and the square stays.
    screen.types('v');
    run.says("holds only the square");
    // Ctrl-C ends it as a key does, and the shell learns of it.
    let report = run.interrupted();
    assert_eq!(report["devices_lost"], 1, "{report}");
    assert!(report["frames"].as_u64().unwrap() > 3, "{report}");
}

#[test]
fn a_lost_surface_is_made_again_and_a_destroyed_window_ends_what_is_recorded() {
    let (Some(_), Some(screen)) = (avatar(), Screen::open()) else { return };
    let sandbox = Sandbox::new();
    let clip = repository("assets/driver.mp4");
    let arguments = ["--preset", "fast", "--source", clip.to_str().unwrap(), "--lose-surface", "2"];
    let mut run = Run::start(&screen, &sandbox, &[&astronaut()], &arguments);
    let window = screen.window("portrait: astronaut.png");
    let face = square(WINDOW);
    let mut seen = part(&screen.shot(), face);
    // Before the loss, and well after it.
    screen.types('h');
    for _ in 0..5 {
        seen = changes(&screen, "the portrait moves", face, &seen, 0.2);
    }
    screen.types('r');
    for _ in 0..4 {
        seen = changes(&screen, "the portrait is recorded", face, &seen, 0.2);
    }
    screen.destroy(window);
    run.says(".mp4: ");
    let report = run.ends();
    assert_eq!(report["devices_lost"], 0, "{report}");
    assert!(report["surfaces_lost"].as_u64().unwrap() >= 1, "{report}");
    let videos = names(&sandbox.output(""));
    assert!(videos.len() == 1 && videos[0].ends_with(".mp4"), "{videos:?}");
}
