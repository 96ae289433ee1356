//! Pins of a face, as `Transfer::pins` lists them.

pub type Point = [f32; 2];

/// From corner to corner: outer and inner rim of the upper, inner and outer rim of the lower lip.
pub const LIPS: [[usize; 7]; 4] = [
    [26, 28, 30, 24, 31, 29, 27],
    [26, 38, 40, 36, 41, 39, 27],
    [26, 38, 42, 37, 43, 39, 27],
    [26, 32, 34, 25, 35, 33, 27],
];

/// Pins of a face whose eyes and mouth are open by as much in the middle.
pub fn face(opening: f32, mouth: f32) -> Vec<Point> {
    let mut pins = vec![[0.0; 2]; 46];
    for (eye, side) in [-1.0, 1.0].into_iter().enumerate() {
        (pins[eye], pins[2 + eye], pins[44 + eye]) = ([side * 0.4, 0.0], [side * 0.16, 0.0], [side * 0.28, 0.0]);
        for k in 0..5 {
            let (x, half) = (side * (0.36 - 0.04 * k as f32), opening / 2.0 * (1.0 - (k as f32 - 2.0).abs() / 4.0));
            (pins[4 + 2 * k + eye], pins[14 + 2 * k + eye]) = ([x, -half], [x, half]);
        }
    }
    for (rim, thick) in LIPS.into_iter().zip([-0.05, 0.0, 0.0, 0.05]) {
        let half = if rim[3] == 24 || rim[3] == 36 { -mouth / 2.0 } else { mouth / 2.0 };
        for (k, i) in rim.into_iter().enumerate() {
            let from_middle = k as f32 - 3.0;
            let arch = (1.0 - from_middle.powi(2) / if thick == 0.0 { 4.0 } else { 9.0 }).max(0.0);
            pins[i] = [0.07 * from_middle, 0.5 + arch * (half + thick)];
        }
    }
    pins
}
