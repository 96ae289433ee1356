//! Face tracking: regions, crops, facial points, and holding them when the face is lost.

mod common;

use common::{Check, Gpu, Rng, assert_close, twin};
use portrait_kernels::{CROP_SCALE, CROP_UP, DeviceProfile, Kernel, Tier, Track, portrait_crop};

const TRACK: Track = Track { frame: [640, 480], mesh_size: 192, image: 256, threshold: 0.5, whole_frame: false };
const ROI: [f32; 4] = [330.5, 210.25, 260.0, 0.35];
const FACE: f32 = 3.0;

/// A mesh in the middle of its crop, the eyes level but for noise; logit; 106 indices spread over the mesh.
fn inputs(logit: f32, seed: u64) -> Vec<Vec<f32>> {
    let mut rng = Rng::new(seed);
    let mut mesh: Vec<f32> = (0..468 * 3).map(|_| rng.range(32.0, 160.0)).collect();
    mesh[33 * 3..33 * 3 + 2].copy_from_slice(&[60.0, 80.0]);
    mesh[263 * 3..263 * 3 + 2].copy_from_slice(&[132.0, 83.0]);
    let mut indices: Vec<f32> = (0..106).map(|i| (i * 37 % 468) as f32).collect();
    indices.extend([0.0; 2]);
    vec![mesh, vec![logit, 0.0, 0.0, 0.0], indices]
}

/// State before the frame: roi, crop, status, fk.
fn state(crop: [f32; 4]) -> Vec<Option<Vec<f32>>> {
    let fk = (0..212).map(|i| i as f32 / 212.0).collect();
    vec![Some(ROI.to_vec()), Some(crop.to_vec()), Some(vec![0.9, 1.0, 2.0, 0.0]), Some(fk)]
}

/// Twin against the GPU; returns the twin's outputs.
fn run(kernel: &Track, inputs: &[Vec<f32>], before: &[Option<Vec<f32>>]) -> [Vec<f32>; 4] {
    Check::new(kernel, inputs).initial(before.to_vec()).run();
    twin(kernel, inputs, before).try_into().expect("four outputs")
}

/// The mesh in frame pixels, in f64.
fn points64(mesh: &[f32]) -> Vec<[f64; 2]> {
    let [cx, cy, side, angle] = ROI.map(f64::from);
    let place = |p: &[f32]| {
        let [x, y] = [p[0], p[1]].map(|v| (f64::from(v) / 192.0 - 0.5) * side);
        [cx + angle.cos() * x - angle.sin() * y, cy + angle.sin() * x + angle.cos() * y]
    };
    mesh.chunks(3).map(place).collect()
}

fn box64(points: &[[f64; 2]]) -> [[f64; 2]; 2] {
    let by = |f: fn(f64, f64) -> f64| [0, 1].map(|a| points.iter().map(|p| p[a]).reduce(f).unwrap());
    [by(f64::min), by(f64::max)]
}

fn fk64(points: &[[f64; 2]], indices: &[f32], crop: &[f32]) -> Vec<f32> {
    let index =
        |v: f64, centre: f32| (v - (f64::from(centre) - f64::from(crop[2]) / 2.0)) / f64::from(crop[2]) * 256.0 - 0.5;
    let point = |&i: &f32| [0, 1].map(|a| (2.0 * index(points[i as usize][a], crop[a]) / 255.0 - 1.0) as f32);
    indices[..106].iter().flat_map(point).collect()
}

#[test]
fn a_face_moves_the_region_and_keeps_a_locked_crop() {
    let (inputs, before) = (inputs(FACE, 1), state([300.0, 240.0, 400.0, 0.0]));
    let [roi, crop, status, fk] = run(&TRACK, &inputs, &before);
    let points = points64(&inputs[0]);
    let [low, high] = box64(&points);
    let side = (high[0] - low[0]).max(high[1] - low[1]);
    let angle = (points[263][1] - points[33][1]).atan2(points[263][0] - points[33][0]);
    let want = [(low[0] + high[0]) / 2.0, (low[1] + high[1]) / 2.0, side * 1.5, angle].map(|v| v as f32);
    for (got, want) in roi.iter().zip(want) {
        assert!((got - want).abs() < 1e-4, "{roi:?} against {want:?}");
    }
    assert_eq!(crop, [300.0, 240.0, 400.0, 0.0]);
    assert_eq!(status[1..], [1.0, 0.0, 0.0]);
    assert!((status[0] - 0.952_574).abs() < 1e-5);
    assert_close(&fk, &fk64(&points, &inputs[2], &crop), 1e-11);
}

#[test]
fn the_angle_agrees_on_the_gpu() {
    // In the error of the whole region an angle would drown.
    let Some(gpu) = Gpu::open() else { return };
    let (inputs, before) = (inputs(FACE, 2), state([0.0; 4]));
    let got = gpu.run(&TRACK, Tier::F32, &DeviceProfile::WIDE, &inputs, &before, &[]).expect("run");
    let want = twin(&TRACK, &inputs, &before);
    assert!((got[0][3] - want[0][3]).abs() < 1e-4, "{} against {}", got[0][3], want[0][3]);
}

#[test]
fn the_first_face_locks_the_crop() {
    for frame in [[640, 480], [301, 997], [200, 200]] {
        let (kernel, inputs) = (Track { frame, ..TRACK }, inputs(FACE, 3));
        let [_, crop, _, fk] = run(&kernel, &inputs, &state([0.0; 4]));
        let points = points64(&inputs[0]);
        let [low, high] = box64(&points).map(|p| p.map(|v| v as f32));
        let want = portrait_crop(low, high, frame);
        for (got, want) in crop.iter().zip(want) {
            assert!((got - want).abs() < 1e-3, "{crop:?} against {want:?}");
        }
        assert_close(&fk, &fk64(&points, &inputs[2], &crop), 1e-10);
    }
}

#[test]
fn the_whole_frame_is_the_crop_when_asked() {
    let kernel = Track { whole_frame: true, ..TRACK };
    for logit in [FACE, -FACE] {
        let [_, crop, ..] = run(&kernel, &inputs(logit, 4), &state([0.0, 0.0, 7.0, 0.0]));
        assert_eq!(crop, [320.0, 240.0, 480.0, 0.0]);
    }
}

#[test]
fn a_lost_face_holds_everything() {
    let mut broken_point = inputs(FACE, 5);
    broken_point[0][467 * 3 + 1] = f32::NAN;
    let mut endless_point = inputs(FACE, 5);
    endless_point[0][200 * 3] = f32::INFINITY;
    let mut collapsed = inputs(FACE, 5);
    collapsed[0].fill(96.0);
    let before = state([0.0; 4]);
    for (inputs, score) in [
        (inputs(-0.01, 5), 0.4975),
        (inputs(-1000.0, 5), 0.0),
        (inputs(f32::NAN, 5), 0.0),
        (inputs(f32::INFINITY, 5), 0.0),
        (broken_point, 0.952_574),
        (endless_point, 0.952_574),
        (collapsed, 0.952_574),
    ] {
        let [roi, crop, status, fk] = run(&TRACK, &inputs, &before);
        assert_eq!([Some(&roi), Some(&crop), Some(&fk)], [before[0].as_ref(), before[1].as_ref(), before[3].as_ref()]);
        assert_eq!(status[1..], [0.0, 3.0, 0.0]);
        assert!((status[0] - score).abs() < 1e-4, "{}", status[0]);
    }
}

#[test]
fn a_wrong_point_is_seen() {
    if Gpu::open().is_none() {
        return;
    }
    let inputs = inputs(FACE, 6);
    let report = Check::new(&TRACK, &inputs).initial(state([0.0; 4])).perturb(3, 17, 0.1).report();
    report.expect_err("a wrong point went unseen");
}

#[test]
fn portrait_crop_follows_the_rule_and_stays_inside() {
    // A face in the middle of a large frame: the rule alone.
    let [cx, cy, side] = portrait_crop([450.0, 460.0], [550.0, 580.0], [1000, 1000]);
    assert_eq!([cx, side], [500.0, 120.0 * CROP_SCALE]);
    assert!((cy - (520.0 - CROP_UP * side)).abs() < 1e-3);
    let mut rng = Rng::new(1);
    for _ in 0..200 {
        let low = [rng.range(-50.0, 300.0), rng.range(-50.0, 200.0)];
        let high = [low[0] + rng.range(1.0, 300.0), low[1] + rng.range(1.0, 300.0)];
        let [cx, cy, side] = portrait_crop(low, high, [320, 240]);
        assert!(side <= 240.0 && cx - side / 2.0 >= -1e-3 && cx + side / 2.0 <= 320.001);
        assert!(cy - side / 2.0 >= -1e-3 && cy + side / 2.0 <= 240.001);
    }
}

#[test]
fn track_fits_the_buffer_limit() {
    assert_eq!(TRACK.bindings().len(), 7);
}
