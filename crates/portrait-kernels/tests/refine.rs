//! The refiner's crops, and the points it finds.

mod common;

use common::{Check, Rng, assert_close, check, twin};
use portrait_kernels::{RefineCrops, RefinePoints};

/// The mesh's facial points of a face in a portrait crop: noise but for what places the crops.
fn face(turn: f32, seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    let mut p: Vec<[f32; 2]> = (0..106).map(|_| [rng.range(-0.6, 0.6), rng.range(-0.6, 0.6)]).collect();
    p[44..48].copy_from_slice(&[[-0.3, -0.2], [0.3, -0.2], [-0.12, -0.2], [0.12, -0.2]]);
    p[83..87].copy_from_slice(&[[0.0, 0.2], [0.0, 0.3], [-0.15, 0.26], [0.15, 0.24]]);
    let (sin, cos) = turn.sin_cos();
    p.iter().flat_map(|[x, y]| [cos * x - sin * y, sin * x + cos * y]).collect()
}

fn frame([w, h]: [u32; 2], seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    (0..4 * w * h).map(|_| rng.range(0.0, 1.0)).collect()
}

#[test]
fn crops_match_twin() {
    // A face far smaller than the crops, one of their size, a large one, and one that reaches out of the frame.
    for (size, crop) in [
        ([64, 48], [30.0, 20.0, 40.0, 0.0]),
        ([301, 257], [150.0, 120.0, 250.0, 0.0]),
        ([900, 700], [450.0, 350.0, 700.0, 0.0]),
        ([200, 100], [20.0, 90.0, 100.0, 0.0]),
    ] {
        for turn in [0.0, 0.4] {
            let inputs = [frame(size, 1), crop.to_vec(), face(turn, 2)];
            Check::new(&RefineCrops { frame: size, image: 256 }, &inputs).size(0, size).run();
        }
    }
}

#[test]
fn before_the_first_face_there_is_no_crop_and_no_harm() {
    let inputs = [frame([64, 48], 1), vec![0.0; 4], vec![0.0; 212]];
    Check::new(&RefineCrops { frame: [64, 48], image: 256 }, &inputs).size(0, [64, 48]).run();
}

#[test]
fn crops_are_upright_and_the_left_eye_is_mirrored() {
    // A frame whose red is x and whose green is y, in units of a point; its portrait crop is all of it.
    let (n, turn) = (512, 0.3f32);
    let unit = |i: usize| (2.0 * (i as f32 + 0.5) - 1.0 * n as f32) / n as f32 * 256.0 / 255.0;
    let frame: Vec<f32> =
        (0..n * n).flat_map(|i| [0.25 * unit(i % n) + 0.5, 0.25 * unit(i / n) + 0.5, 0.0, 1.0]).collect();
    let crop = vec![n as f32 / 2.0, n as f32 / 2.0, n as f32, 0.0];
    let kernel = RefineCrops { frame: [n as u32; 2], image: 256 };
    let atlas = twin(&kernel, &[frame, crop, face(turn, 1)], &[]).remove(0);
    let pixel = |which: usize, x: usize, y: usize| {
        let at = |colour: usize| ((3 * which + colour) * 576 + y / 2 * 24 + x / 2) * 4 + y % 2 * 2 + x % 2;
        [0, 1].map(|c| (atlas[at(c)] - 0.5) * 4.0)
    };
    // Eyes 0.6 apart, 1.25 times the 0.45 from them to the mouth is less.
    let (sin, cos) = turn.sin_cos();
    for (which, centre, side, flip) in
        [(0, [-0.21, -0.2], 0.33, 1.0), (1, [0.21, -0.2], 0.33, -1.0), (2, [0.0, 0.25], 0.54, 1.0)]
    {
        for (x, y) in [(0, 0), (47, 0), (12, 31), (47, 47)] {
            let u = |i: usize| (i as f32 + 0.5) / 48.0 - 0.5;
            let q = [centre[0] + flip * side * u(x), centre[1] + side * u(y)];
            let want = [cos * q[0] - sin * q[1], sin * q[0] + cos * q[1]];
            let got = pixel(which, x, y);
            assert!(
                (0..2).all(|c| (got[c] - want[c]).abs() < 2e-3),
                "crop {which} at {x}, {y}: {got:?}, expected {want:?}"
            );
        }
    }
}

#[test]
fn points_match_twin() {
    let mut rng = Rng::new(3);
    let seen = (0..RefinePoints::FOUND).map(|_| rng.range(-0.5, 0.5)).collect();
    let map = (0..RefinePoints::MAP_LEN).map(|_| rng.range(-0.2, 0.2)).collect();
    check(&RefinePoints, &[face(0.2, 4), seen, map]);
}

#[test]
fn points_land_where_the_crops_say_and_the_others_stay() {
    let raw = face(0.0, 5);
    let mut found = vec![0.0; RefinePoints::FOUND];
    found[2 * 12] = 0.5; // right iris: at the edge of its crop
    found[2 * (13 + 12)] = 0.5; // left iris: mirrored
    found[2 * (26 + 19) + 1] = -0.5; // the last lip point: at the top
    let y = twin(&RefinePoints, &[raw.clone(), found, vec![0.0; RefinePoints::MAP_LEN]], &[]).remove(0);
    let point = |i: usize| [y[2 * i], y[2 * i + 1]];
    let near = |i: usize, want: [f32; 2]| assert_close(&point(i), &want, 1e-10);
    near(106, [-0.21 + 0.165, -0.2]);
    near(107, [0.21 - 0.165, -0.2]);
    near(44, [-0.21, -0.2]);
    near(67, [0.21, -0.2]);
    near(102, [0.0, 0.25 - 0.27]);
    for i in (0..44).chain(68..83).chain(103..106) {
        assert_eq!(point(i), [raw[2 * i], raw[2 * i + 1]]);
    }
}

#[test]
fn a_map_that_keeps_the_meshs_points_changes_none_of_them() {
    let raw = face(0.3, 6);
    let mut map = vec![0.0; RefinePoints::MAP_LEN];
    // Rows count the irises, columns do not.
    let rows = (0..46).filter(|row| ![12, 25].contains(row));
    for (column, row) in rows.enumerate() {
        for c in 0..2 {
            map[(2 * row + c) * 88 + 2 * column + c] = 1.0;
        }
    }
    let y = twin(&RefinePoints, &[raw.clone(), vec![0.0; RefinePoints::FOUND], map], &[]).remove(0);
    assert_close(&y[..212], &raw, 1e-12);
}
