//! The flow led by hand at lids, lips and irises.

mod common;

use common::pins::{LIPS, Point, face};
use common::{Check, Gpu, Rng, check, twin};
use portrait_kernels::{FindRims, PinFlow};

const PINS: [PinFlow; 4] = [
    PinFlow { motion: 2, size: 2, sigma: 0.3, softness: 0.5 },
    PinFlow { motion: 5, size: 33, sigma: 0.05, softness: 0.1 },
    PinFlow { motion: 17, size: 9, sigma: 0.02, softness: 0.02 },
    PinFlow { motion: 16, size: 64, sigma: 0.02, softness: 0.02 },
];
const LARGE: PinFlow = PinFlow { motion: 64, size: 256, sigma: 0.02, softness: 0.02 };

/// The same, turned, scaled and moved in the picture, every point a little out of its place.
fn posed(pins: &[Point], [turn, scale, x, y]: [f32; 4], rng: &mut Rng) -> Vec<Point> {
    let (sin, cos) = turn.sin_cos();
    let mut wobble = || rng.range(-0.01, 0.01);
    let point = |p: &Point| {
        [scale * (cos * p[0] - sin * p[1]) + x + wobble(), scale * (sin * p[0] + cos * p[1]) + y + wobble()]
    };
    pins.iter().map(point).collect()
}

/// A pixel's place in [-1, 1].
fn place(i: usize, size: usize) -> Point {
    [i % size, i / size].map(|v| 2.0 * v as f32 / (size - 1) as f32 - 1.0)
}

fn identity(kernel: &PinFlow) -> Vec<f32> {
    let size = kernel.motion as usize;
    (0..size * size).flat_map(|i| [place(i, size)[0], place(i, size)[1], 1.0, 0.0]).collect()
}

/// What finds the rims for it.
fn finder(kernel: &PinFlow) -> FindRims {
    FindRims { motion: kernel.motion, size: kernel.size, sigma: kernel.sigma }
}

/// A flow near the identity, pins of the source and of the driver.
fn found_from(kernel: &PinFlow, source: &[Point], driver: &[Point], rng: &mut Rng) -> Vec<Vec<f32>> {
    let loose = identity(kernel).into_iter().map(|v| v + rng.range(-0.1, 0.1)).collect();
    vec![loose, source.concat(), driver.concat()]
}

/// What leads such a flow: its rims as the twin finds them, and a background.
fn led_by(kernel: &PinFlow, [loose, source, driver]: [Vec<f32>; 3], background: Vec<f32>) -> Vec<Vec<f32>> {
    let rims = twin(&finder(kernel), &[loose.clone(), source, driver.clone()], &[]).remove(0);
    vec![loose, rims, driver, background]
}

/// The twin's flow from the pins of a driver to those of a source, led from a loose one, where all of the picture is hole.
fn led(kernel: &PinFlow, loose: Vec<f32>, source: &[Point], driver: &[Point]) -> Vec<f32> {
    let hole = vec![1.0; (4 * kernel.size * kernel.size) as usize];
    twin(kernel, &led_by(kernel, [loose, source.concat(), driver.concat()], hole), &[]).remove(0)
}

/// The same where nothing else moves.
fn flow(kernel: &PinFlow, source: &[Point], driver: &[Point]) -> Vec<f32> {
    led(kernel, identity(kernel), source, driver)
}

/// The twin's flow at a point of the picture, bilinear.
fn read(kernel: &PinFlow, flow: &[f32], z: Point) -> Point {
    let (size, last) = (kernel.size as usize, (kernel.size - 1) as f32);
    let at = z.map(|v| (v + 1.0) / 2.0 * last);
    let (low, t) = (at.map(|v| v as usize), at.map(f32::fract));
    [0, 1].map(|c| {
        let value = |x: usize, y: usize| flow[4 * ((low[1] + y) * size + low[0] + x) + c];
        let row = |y: usize| value(0, y) * (1.0 - t[0]) + value(1, y) * t[0];
        row(0) * (1.0 - t[1]) + row(1) * t[1]
    })
}

#[test]
fn rims_and_flow_match_their_twins() {
    let mut rng = Rng::new(1);
    // Upright, turned, upside down, half outside the picture; eyes and mouths that close, are shut and open.
    let poses = [[0.0, 1.0, 0.0, 0.0], [0.5, 0.9, 0.1, -0.1], [3.0, 1.2, 0.0, 0.2], [-0.2, 1.5, 0.7, -0.6]];
    for kernel in PINS {
        for (pose, [photo, driver]) in poses.into_iter().zip([[0.1, 0.05], [0.1, 0.0], [0.02, 0.12], [0.1, 0.1]]) {
            let source = posed(&face(photo, photo), [0.0, 1.0, 0.0, 0.0], &mut rng);
            let driver = posed(&face(driver, driver), pose, &mut rng);
            let inputs = found_from(&kernel, &source, &driver, &mut rng);
            check(&finder(&kernel), &inputs);
            let background = rng.feature([4, kernel.size, kernel.size]);
            check(&kernel, &led_by(&kernel, inputs.try_into().unwrap(), background));
        }
    }
}

#[test]
fn a_wrong_pin_is_seen() {
    if Gpu::open().is_none() {
        return;
    }
    let (kernel, mut rng) = (PINS[3], Rng::new(4));
    let inputs = found_from(&kernel, &face(0.1, 0.05), &face(0.05, 0.05), &mut rng);
    // The flow at an upper lid.
    let lid = 4 * (30 * 64 + 23) + 1;
    Check::new(&finder(&kernel), &inputs).perturb(0, 0, 0.1).report().expect_err("a wrong rim went unseen");
    let background = rng.feature([4, 64, 64]);
    let inputs = led_by(&kernel, inputs.try_into().unwrap(), background);
    Check::new(&kernel, &inputs).perturb(0, lid, 0.1).report().expect_err("a wrong flow went unseen");
}

#[test]
fn lids_and_lips_are_met_along_their_whole_length_and_the_rest_is_left_alone() {
    let (driver, photo) = (face(0.12, 0.1), face(0.06, 0.04));
    let source: Vec<Point> = photo.iter().map(|p| p.map(|v| v + 0.03)).collect();
    let flow = flow(&LARGE, &source, &driver);
    let middle = |a: Point, b: Point| [0, 1].map(|c| 0.5 * (a[c] + b[c]));
    let lids = (4..12).chain(14..22).map(|i| [i, i + 2]);
    for [a, b] in lids.chain(LIPS.into_iter().flat_map(|rim| [[rim[1], rim[2]], [rim[2], rim[3]], [rim[3], rim[4]]])) {
        for (at, want) in [(driver[a], source[a]), (middle(driver[a], driver[b]), middle(source[a], source[b]))] {
            let got = read(&LARGE, &flow, at);
            // Within the mean of four pixels over a kink of the flow.
            assert!((0..2).all(|c| (got[c] - want[c]).abs() < 5e-3), "{a} to {b}: {got:?} for {want:?}");
        }
    }
    for z in [[-0.28, -0.3], [0.28, 0.3], [0.0, 0.0], [-0.6, 0.0], [0.0, 0.8], [0.4, 0.5]] {
        let got = read(&LARGE, &flow, z);
        assert!((0..2).all(|c| (got[c] - z[c]).abs() < 1e-5), "{z:?} was moved to {got:?}");
    }
}

#[test]
fn a_wink_closes_one_eye() {
    let (open, shut) = (face(0.12, 0.05), face(0.0, 0.05));
    let driver: Vec<Point> = (0..46).map(|i| if i % 2 == 0 { shut[i] } else { open[i] }).collect();
    let flow = flow(&LARGE, &open, &driver);
    let moved = |x: f32| [-0.02, 0.02].map(|y| (read(&LARGE, &flow, [x, y])[1] - y).abs());
    let (shut, open) = (moved(-0.28), moved(0.28));
    assert!(shut.iter().all(|&v| v > 0.04) && open.iter().all(|&v| v < 1e-5), "{shut:?} {open:?}");
}

#[test]
fn closed_lids_show_skin_on_both_sides_and_no_iris() {
    let kernel = PinFlow { size: 64, ..LARGE };
    let flow = flow(&kernel, &face(0.1, 0.05), &face(0.0, 0.05));
    // The rows next to the closed lids, at an iris: above lies the upper lid and what is above it, below the lower one.
    for x in [23, 40] {
        let y = |row: usize| flow[(row * 64 + x) * 4 + 1];
        assert!(y(31) < -0.05 && y(32) > 0.05, "column {x}: {} {}", y(31), y(32));
    }
}

#[test]
fn lips_that_meet_show_lips_on_both_sides_and_no_teeth() {
    let flow = flow(&LARGE, &face(0.1, 0.1), &face(0.1, 0.0));
    for x in [-0.07, 0.0, 0.07] {
        let [above, below] = [0.49, 0.51].map(|y| read(&LARGE, &flow, [x, y])[1]);
        assert!(above < 0.465 && below > 0.535, "at {x}: {above} {below}");
    }
}

/// Down each half of the eye the flow goes on reading further down: nothing is seen twice.
#[test]
fn skin_of_a_closing_eye_is_not_folded() {
    for opening in [0.0, 0.02, 0.06, 0.12] {
        let flow = flow(&LARGE, &face(0.15, 0.05), &face(opening, 0.05));
        let column: Vec<f32> = (0..256).map(|row| flow[4 * (row * 256 + 91) + 1]).collect();
        for half in [&column[..127], &column[129..]] {
            assert!(half.array_windows().all(|[a, b]| b > a), "open by {opening}");
        }
    }
}

/// The loose flow may have closed the eye halfway by itself, and drawn skin along with it: what is left to do is not added to that.
#[test]
fn skin_of_a_closing_eye_is_no_line_drawn_out() {
    let (photo, driver) = (face(0.15, 0.05), face(0.0, 0.05));
    let upwards = |z: Point| 0.035 * (-((z[0] + 0.28).powi(2) + z[1].powi(2)) / 0.006).exp();
    let mut loose = identity(&LARGE);
    for (i, flow) in loose.chunks_exact_mut(4).enumerate() {
        flow[1] -= upwards(place(i, 64));
    }
    let flow = led(&LARGE, loose, &photo, &driver);
    // From the brow to the lashes, in pixels read for one that is shown.
    let column: Vec<f32> = (90..120).map(|row| flow[4 * (row * 256 + 91) + 1]).collect();
    let steps: Vec<f32> = column.array_windows().map(|[a, b]| (b - a) * 127.5).collect();
    assert!(steps.iter().all(|&step| step > 0.1), "{steps:?}");
}

#[test]
fn an_iris_is_moved_and_not_stretched() {
    // Everything lies where the driver's does, but for irises further to the left.
    let (driver, shift) = (face(0.12, 0.05), 0.04);
    let mut source = driver.clone();
    source[44..].iter_mut().for_each(|p| p[0] -= shift);
    let flow = flow(&LARGE, &source, &driver);
    // From one side of the iris to the other, 7 of its 13 pixels, the flow leads as far.
    let row = 127 * 256;
    let moved = |x: usize| place(x, 256)[0] - flow[4 * (row + x)];
    let middle = ((-0.28f32 + 1.0) / 2.0 * 255.0).round() as usize;
    let shifts: Vec<f32> = (middle - 3..=middle + 3).map(|x| moved(x) / shift).collect();
    println!("of the shift: {shifts:.2?}");
    assert!(shifts.iter().all(|&part| part > 0.9 && part < 1.02), "{shifts:?}");
    assert!(moved(middle + 15).abs() < 0.1 * shift, "the corner stays");
    // The skin above the lid stays, too.
    assert!((place(middle, 256)[0] - flow[4 * ((127 - 12) * 256 + middle)]).abs() < 0.02 * shift);
}

/// How much a flow that reads as far to the right and below carries along, at a pixel of a picture that is hole in its left half.
fn carried(shift: Point, [x, y]: [usize; 2]) -> f32 {
    let kernel = PinFlow { motion: 2, size: 65, ..LARGE };
    let loose = (0..4).flat_map(|i| [place(i, 2)[0] + shift[0], place(i, 2)[1] + shift[1], 1.0, 0.0]).collect();
    let pins: Vec<Point> = face(0.1, 0.0);
    let source: Vec<Point> = pins.iter().map(|p| [p[0] + shift[0], p[1] + shift[1]]).collect();
    let hole = (0..65 * 65).flat_map(|i| [0.0, 0.0, 0.0, if i % 65 < 32 { 1.0 } else { 0.0 }]).collect();
    let inputs = led_by(&kernel, [loose, source.concat(), pins.concat()], hole);
    let flow = twin(&kernel, &inputs, &[]).remove(0);
    flow[4 * (y * 65 + x) + 3]
}

#[test]
fn what_lies_in_the_hole_is_carried_along_and_the_background_is_not() {
    let right = [0.5, 0.0]; // 16 pixels
    assert_eq!([10, 15, 16, 40].map(|x| carried(right, [x, 32])), [1.0, 1.0, 0.0, 0.0]);
}

#[test]
fn what_lies_beyond_the_picture_is_not_carried_unless_it_is_clothes() {
    let left = [-0.5, 0.0];
    // The mouth lies at 0.5, pixel 48, half a picture below the eyes: clothes begin 0.2 and are all 0.6 times as far below.
    assert_eq!([16, 18, 13, 12].map(|x| carried(left, [x, 20])), [1.0, 1.0, 0.0, 0.0]);
    let edge = carried(left, [15, 20]);
    assert!((edge - 2.0 / 3.0).abs() < 1e-4, "fades over three pixels: {edge}");
    let below = carried(left, [5, 54]);
    assert!(below > 0.4 && below < 0.5, "clothes go on beside the picture: {below}");
    assert_eq!(carried([0.0, -0.5], [5, 5]), 0.0, "above the picture is nothing");
    assert_eq!(carried([0.0, 0.5], [5, 60]), 1.0, "below it the clothes go on");
}
