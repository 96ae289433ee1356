//! Windows that are next to nothing, and screens whose scale changes.

use portrait_media::Picture;

use crate::common::{Sandbox, astronaut, avatar};
use crate::screen::{ESCAPE, Screen, eventually};
use crate::window::{Run, appears, changes, part, square};

/// A window that the picture fills.
const SQUARE: [u16; 2] = [780, 780];

#[test]
fn a_window_shrinks_to_a_pixel_and_moves_to_a_screen_of_another_scale() {
    let (Some(_), Some(screen)) = (avatar(), Screen::open()) else { return };
    let sandbox = Sandbox::new();
    let run = Run::start(&screen, &sandbox, &[&astronaut()], &["--idle"]);
    let window = screen.window("portrait: astronaut.png");
    let whole = square(SQUARE);
    appears(&screen);
    for [width, height] in [[1, 1], [1, 700], [900, 1]] {
        screen.resize(window, [width, height]);
        // Drawn, whatever it shows: not what was there before, black.
        let seen = |shot: &Picture| {
            (0..u32::from(width.max(height))).all(|i| lit(shot, [i % u32::from(width), i / u32::from(width)]))
        };
        eventually("a narrow window", || seen(&screen.shot()).then_some(()));
    }
    screen.resize(window, SQUARE);
    // What lies over the picture begins 14 points from its edge, on a screen of 96 dots an inch and on one of twice as many.
    for (dpi, [beside, inside]) in [(96, [7, 18]), (192, [18, 36]), (96, [7, 18])] {
        screen.set_resolution(window, dpi);
        eventually("the window in its new scale", || {
            // The window has asked for as many points as before.
            screen.resize(window, SQUARE);
            let shot = screen.shot();
            let [beside, inside] = [beside, inside].map(|x| brightness(&shot, x));
            (inside < 0.7 * beside).then_some(())
        });
        let before = part(&screen.shot(), whole);
        changes(&screen, "the portrait moves on", whole, &before, 0.05);
    }
    screen.key(ESCAPE);
    run.ends();
}

/// Whether anything is drawn here.
fn lit(shot: &Picture, [x, y]: [u32; 2]) -> bool {
    shot.pixel(x, y).unwrap()[..3].iter().any(|&value| value > 0)
}

/// Of a column of the screen, 50 pixels from 40 on.
fn brightness(shot: &Picture, x: u32) -> f64 {
    (40..90).map(|y| f64::from(shot.pixel(x, y).unwrap()[1])).sum::<f64>() / 50.0
}
