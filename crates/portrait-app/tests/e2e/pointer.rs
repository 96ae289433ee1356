//! `portrait live` and the pointer: sliders that are dragged, and one of two people in front of the camera who is clicked on.

use portrait_media::Picture;

use crate::cameras::{CALM, Cameras, PREVIEW, SIZE};
use crate::common::{Sandbox, astronaut, avatar, frames_of, repository, scaled};
use crate::screen::{ESCAPE, MOVED, PRESSED, RELEASED, Screen, eventually};
use crate::window::{MIDDLE, Run, appears, changes, difference, keep, part, shows, small};

/// On the slider of motion strength: beyond its left end, at it, and where it has 1.
const NONE: [i16; 2] = [690, 33];
const ZERO: [i16; 2] = [714, 33];
const FULL: [i16; 2] = [749, 33];
/// Where it is.
const SLIDER: [u32; 4] = [704, 22, 110, 22];

/// Numbers that change with every picture: its time, and how many of the camera's were dropped.
const NUMBERS: [u32; 4] = [26, 48, 280, 44];

/// How different the portrait is once it has turned, at least, and while it looks ahead as at first, at most.
const TURNED: f64 = 20.0;
const AHEAD: f64 = 8.0;

/// Sides of the two people's pictures, the left one's and the smaller right one's, and where the right one is.
const SIDES: [u32; 2] = [190, 124];
const RIGHT: [u32; 2] = [194, 60];

/// What the camera sees of them.
fn two(left: &Picture, right: &Picture) -> Picture {
    let [left, right] = [(left, SIDES[0]), (right, SIDES[1])].map(|(picture, side)| scaled(picture.clone(), side));
    Picture::from_fn(SIZE[0], SIZE[1], |x, y| {
        let on_right = x.checked_sub(RIGHT[0]).zip(y.checked_sub(RIGHT[1])).and_then(|(x, y)| right.pixel(x, y));
        on_right.or_else(|| left.pixel(x, y.wrapping_sub(25))).unwrap_or([128, 128, 128, 255])
    })
}

/// Where the window shows the right one, which it does as a mirror: left, top, width, height.
fn right_one() -> [u32; 4] {
    let [x, y, side] = [SIZE[0] - RIGHT[0] - SIDES[1], RIGHT[1], SIDES[1]].map(|v| v * PREVIEW[2] / SIZE[0]);
    [PREVIEW[0] + x, PREVIEW[1] + y, side, side]
}

/// Whether the green box around who is followed is there.
fn is_followed(screen: &Screen, at: [u32; 4]) -> bool {
    let green = |&&[r, g, b, _]: &&[u8; 4]| g > 80 + r.min(170) && g > 50 + b.min(200);
    part(&screen.shot(), at).rgba.as_chunks().0.iter().filter(green).count() > 40
}

/// Drags with the pointer. The window draws each step before the next: of what comes at once for one drawing it takes the end alone.
fn drags(screen: &Screen, from: [i16; 2], to: [i16; 2]) {
    for (kind, at) in [(MOVED, from), (PRESSED, from), (MOVED, to), (RELEASED, to)] {
        let before = part(&screen.shot(), SLIDER);
        screen.points(kind, at);
        changes(screen, "the slider", SLIDER, &before, 0.0);
    }
}

#[test]
fn who_is_clicked_on_drives_and_a_dragged_slider_ends_it() {
    let (Some(_), Some(screen)) = (avatar(), Screen::open()) else { return };
    let sandbox = Sandbox::new();
    let Some(cameras) = Cameras::new(&sandbox) else { return };
    let frames = frames_of(&repository("assets/driver.mp4"), 100);
    let [ahead, aside] = [&frames[0], &frames[70]];
    cameras.plug("video0", "Test Camera", &two(ahead, ahead));
    let arguments = ["--preset", "fast", "--camera", "0"];
    let run = Run::start_in(&screen, &sandbox, &[&astronaut()], &arguments, &cameras.environment());
    screen.window("portrait: astronaut.png");
    appears(&screen);
    let look = || part(&screen.shot(), MIDDLE);
    let sees = |left: &Picture, right: &Picture| {
        let picture = two(left, right);
        cameras.sees("video0", &picture);
        shows(&screen, "what the camera sees", PREVIEW, &small(&picture, true));
    };
    sees(ahead, ahead);
    let first = look();
    let turns = |what: &str| drop(changes(&screen, what, MIDDLE, &first, TURNED));
    let looks_ahead = |what: &str| eventually(what, || (difference(&look(), &first) < AHEAD).then_some(()));

    // The larger one drives; then the other, who looks ahead, and turns.
    sees(aside, ahead);
    turns("the larger one");
    let [x, y, side, _] = right_one();
    assert!(!is_followed(&screen, right_one()));
    screen.clicks([x + side / 2, y + side / 2].map(|v| v as i16));
    eventually("a box around the smaller one", || is_followed(&screen, right_one()).then_some(()));
    // His motion is measured from what he does in the next pictures.
    for _ in 0..2 {
        changes(&screen, "a picture", NUMBERS, &part(&screen.shot(), NUMBERS), 0.0);
    }
    looks_ahead("the smaller one");
    keep("live-two-drivers.png", &screen.shot());
    sees(aside, aside);
    turns("the smaller one");

    // Without strength nothing moves it.
    drags(&screen, FULL, NONE);
    looks_ahead("whatever drives without strength");
    let calm = look();
    keep("live-no-strength.png", &screen.shot());
    sees(ahead, ahead);
    sees(ahead, aside);
    let moved = difference(&look(), &calm);
    assert!(moved < CALM, "it moves by {moved:.2} all the same");
    drags(&screen, ZERO, FULL);
    turns("full strength again");
    screen.key(ESCAPE);
    run.ends();
}
