//! Pictures in: crops.

mod common;

use common::{Check, Gpu, Rng, assert_close, from_layout, twin};
use portrait_kernels::{Border, Crop, DeviceProfile, Tier};
use std::f32::consts::{FRAC_PI_2, PI};

const PLAIN: Crop = Crop { frame: [7, 5], size: [7, 5], taps: 1, scale: 1.0, offset: 0.0, border: Border::Zero };

/// A picture of `[w, h]` texels of 8 bits.
fn picture([w, h]: [u32; 2], seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    (0..4 * w * h).map(|_| (rng.bits() % 256) as f32 / 255.0).collect()
}

/// Runs a crop on the GPU against its twin; returns the twin's output in NCHW.
fn crop(op: &Crop, frame: &[f32], roi: [f32; 4]) -> Vec<f32> {
    let inputs = [frame.to_vec(), roi.to_vec()];
    Check::new(op, &inputs).size(0, op.frame).run();
    let out = twin(op, &inputs, &[]).remove(0);
    assert!(out.iter().skip(3).step_by(4).all(|&v| v == 0.0), "the fourth lane is not zero");
    from_layout(&out, op.output())
}

/// The definition in f64: triangle weights over all texels, outside ones dropped (`Zero`) or moved to the edge (`Clamp`).
fn formula(op: &Crop, frame: &[f32], roi: [f32; 4]) -> Vec<f32> {
    let [cx, cy, side, angle] = roi.map(f64::from);
    let ([n, m], [w, h]) = (op.size, op.frame.map(i64::from));
    let (sin, cos) = angle.sin_cos();
    let mut out = vec![0.0; (3 * n * m) as usize];
    for (j, i) in (0..m).flat_map(|j| (0..n).map(move |i| (j, i))) {
        let t = op.taps;
        let mut sum = [0.0f64; 3];
        for (b, a) in (0..t).flat_map(|b| (0..t).map(move |a| (b, a))) {
            let sub = |i: u32, k: u32| f64::from(i) + (f64::from(k) + 0.5) / f64::from(t);
            let (nf, mf) = (f64::from(n), f64::from(m));
            let (u, v) = (sub(i, a) / nf - 0.5, (sub(j, b) / mf - 0.5) * mf / nf);
            let x = cx + (cos * u - sin * v) * side - 0.5;
            let y = cy + (sin * u + cos * v) * side - 0.5;
            let tent = |at: f64, i: i64| (1.0 - (at - i as f64).abs()).max(0.0);
            for (row, column) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let (qx, qy) = (x.floor() as i64 + column, y.floor() as i64 + row);
                let (ix, iy) = (qx.clamp(0, w - 1), qy.clamp(0, h - 1));
                if op.border == Border::Clamp || (ix, iy) == (qx, qy) {
                    for (k, sum) in sum.iter_mut().enumerate() {
                        *sum += tent(x, qx) * tent(y, qy) * f64::from(frame[(iy * w + ix) as usize * 4 + k]);
                    }
                }
            }
        }
        for (k, sum) in sum.iter().enumerate() {
            let v = sum / f64::from(t * t) * f64::from(op.scale) + f64::from(op.offset);
            out[(k as u32 * n * m + j * n + i) as usize] = v as f32;
        }
    }
    out
}

/// Channels r, g, b of a picture in NCHW.
fn planes(frame: &[f32]) -> Vec<f32> {
    (0..3).flat_map(|k| frame.iter().skip(k).step_by(4).copied()).collect()
}

#[test]
fn crop_of_the_whole_frame_is_the_frame() {
    for size in [[7, 5], [1, 1], [17, 3], [64, 64], [3, 90]] {
        for border in [Border::Zero, Border::Clamp] {
            let frame = picture(size, 3);
            let op = Crop { frame: size, size, border, ..PLAIN };
            let [w, h] = size.map(|v| v as f32);
            assert_eq!(crop(&op, &frame, [0.5 * w, 0.5 * h, w, 0.0]), planes(&frame), "{op:?}");
        }
    }
}

#[test]
fn crop_of_half_the_size_with_two_taps_is_the_area_mean() {
    // Multiples of 1/256: sums are exact in any order.
    let mut rng = Rng::new(8);
    let frame: Vec<f32> = (0..4 * 10 * 6).map(|_| (rng.bits() % 256) as f32 / 256.0).collect();
    let op = Crop { frame: [10, 6], size: [5, 3], taps: 2, ..PLAIN };
    let inputs = [frame.clone(), vec![5.0, 3.0, 10.0, 0.0]];
    let got = from_layout(&twin(&op, &inputs, &[])[0], op.output());
    let full = planes(&frame);
    let mean = |k: usize, y: usize, x: usize| {
        [0, 1, 10, 11].map(|d| full[k * 60 + 2 * y * 10 + 2 * x + d]).iter().sum::<f32>() / 4.0
    };
    let want: Vec<f32> = (0..45).map(|i| mean(i / 15, i / 5 % 3, i % 5)).collect();
    assert_eq!(got, want);
    crop(&op, &picture([10, 6], 1), [5.0, 3.0, 10.0, 0.0]);
    // And 4:1.
    let op = Crop { frame: [8, 4], size: [2, 1], taps: 4, ..PLAIN };
    let frame = picture([8, 4], 2);
    let full = planes(&frame);
    let want: Vec<f32> =
        (0..6).map(|i| (0..16).map(|p| full[i / 2 * 32 + p / 4 * 8 + i % 2 * 4 + p % 4]).sum::<f32>() / 16.0).collect();
    assert_close(&crop(&op, &frame, [4.0, 2.0, 8.0, 0.0]), &want, 1e-13);
}

#[test]
fn crop_turned_by_a_right_angle() {
    // Turning by 90° takes the crop's x axis to the frame's y axis: out(i, j) = frame(x = n - 1 - j, y = i).
    let n = 6;
    let frame = picture([6, 6], 4);
    let full = planes(&frame);
    let op = Crop { frame: [6, 6], size: [6, 6], ..PLAIN };
    let got = crop(&op, &frame, [3.0, 3.0, 6.0, FRAC_PI_2]);
    let want: Vec<f32> = (0..3 * n * n).map(|o| full[o / (n * n) * n * n + o % n * n + (n - 1 - o / n % n)]).collect();
    assert_close(&got, &want, 1e-11);
    // A half turn reverses the picture.
    let turned: Vec<f32> = full.chunks(n * n).flat_map(|plane| plane.iter().rev().copied()).collect();
    assert_close(&crop(&op, &frame, [3.0, 3.0, 6.0, PI]), &turned, 1e-11);
}

#[test]
fn crop_matches_twin_and_formula() {
    let cases = [
        ([7, 5], [3, 4], [3.2, 2.1, 4.5, 0.3]),
        ([1, 1], [5, 5], [0.5, 0.5, 3.0, 0.7]),
        ([33, 1], [17, 5], [16.0, 0.5, 30.0, -0.1]),
        ([40, 30], [17, 5], [20.0, 15.0, 40.0, 0.0]),
        ([30, 41], [16, 16], [15.0, 20.5, 41.0, 0.0]),
        ([24, 24], [33, 33], [2.0, 21.0, 11.0, 2.6]),
        ([24, 20], [1, 1], [-3.0, 25.0, 30.0, -1.2]),
        ([16, 16], [8, 8], [900.0, -900.0, 12.0, 0.4]),
    ];
    for (seed, (frame, size, roi)) in cases.into_iter().enumerate() {
        for border in [Border::Zero, Border::Clamp] {
            for taps in 1..=4 {
                let op = Crop { frame, size, taps, scale: 2.0, offset: -1.0, border };
                let input = picture(frame, seed as u64);
                assert_close(&crop(&op, &input, roi), &formula(&op, &input, roi), 1e-9);
            }
        }
    }
}

#[test]
fn crop_outside_is_black_before_scale_and_offset() {
    let frame = vec![1.0; 4 * 4 * 4];
    let op = Crop { frame: [4, 4], size: [4, 4], scale: 2.0, offset: -1.0, ..PLAIN };
    // Shifted by half a pixel to the left: column 0 mixes a white texel with black, twice as wide: black around it.
    assert_eq!(crop(&op, &frame, [1.5, 2.0, 4.0, 0.0])[..4], [0.0, 1.0, 1.0, 1.0]);
    assert_eq!(crop(&op, &frame, [2.0, 2.0, 8.0, 0.0])[..4], [-1.0; 4]);
    assert_eq!(crop(&op, &frame, [f32::MAX, 2.0, 8.0, 0.0]), [-1.0; 48]);
    let op = Crop { border: Border::Clamp, ..op };
    assert_eq!(crop(&op, &frame, [1e9, 2.0, 8.0, 0.0]), [1.0; 48]);
}

#[test]
fn crop_of_a_broken_region_stays_finite() {
    for roi in [[f32::NAN; 4], [0.0, 0.0, f32::INFINITY, 0.0], [1.0, f32::NEG_INFINITY, 3.0, f32::NAN]] {
        for border in [Border::Zero, Border::Clamp] {
            let op = Crop { border, ..PLAIN };
            let inputs = [picture(op.frame, 1), roi.to_vec()];
            let in_range = |v: &[f32]| v.iter().all(|v| (0.0..=1.0).contains(v));
            assert!(in_range(&twin(&op, &inputs, &[])[0]), "{roi:?}");
            if let Some(gpu) = Gpu::open() {
                let got = gpu.run(&op, Tier::F32, &DeviceProfile::WIDE, &inputs, &[], &[(0, op.frame)]);
                assert!(in_range(&got.expect("runs")[0]), "{roi:?}");
            }
        }
    }
}

#[test]
fn the_comparison_can_fail() {
    if Gpu::open().is_none() {
        return;
    }
    let op = Crop { size: [3, 3], ..PLAIN };
    let inputs = [picture(op.frame, 1), vec![3.0, 2.0, 4.0, 0.2]];
    assert!(Check::new(&op, &inputs).size(0, op.frame).perturb(0, 5, 0.1).report().is_err());
}
