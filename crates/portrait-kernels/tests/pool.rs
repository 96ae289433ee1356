//! Max and global pooling.

mod common;

use common::{Check, Gpu, Rng, assert_close, check, from_layout, to_layout, twin};
use portrait_kernels::{DeviceProfile, GlobalAverage, MaxPool, Tier, slices};

/// Odd channels, 1 × N, tile + 1; MobilePortrait's 3 s2 p1, BlazeFace's 2 s2, and paddings that differ on each side.
const MAX: [MaxPool; 9] = [
    MaxPool { input: [1, 1, 1], kernel: 1, stride: 1, pad: [0; 4] },
    MaxPool { input: [3, 1, 7], kernel: 3, stride: 2, pad: [1; 4] },
    MaxPool { input: [5, 9, 17], kernel: 3, stride: 2, pad: [1; 4] },
    MaxPool { input: [104, 5, 6], kernel: 2, stride: 2, pad: [0; 4] },
    MaxPool { input: [32, 64, 64], kernel: 3, stride: 2, pad: [1; 4] },
    MaxPool { input: [6, 5, 33], kernel: 3, stride: 1, pad: [2, 0, 1, 2] },
    MaxPool { input: [4, 8, 8], kernel: 3, stride: 2, pad: [0, 0, 1, 1] },
    MaxPool { input: [2, 2, 3], kernel: 5, stride: 3, pad: [4, 3, 2, 4] },
    MaxPool { input: [7, 13, 11], kernel: 2, stride: 3, pad: [1, 0, 0, 1] },
];

/// Folds every window of `[c, h, w]` in NCHW that starts at `start(index along an axis, axis)`; outside is left out.
fn windows(
    x: &[f32],
    [c, h, w]: [u32; 3],
    [oh, ow]: [u32; 2],
    kernel: u32,
    start: impl Fn(u32, usize) -> i64,
    fold: impl Fn(&[f32]) -> f32,
) -> Vec<f32> {
    let mut out = Vec::new();
    for (ch, i, j) in (0..c).flat_map(|ch| (0..oh).flat_map(move |i| (0..ow).map(move |j| (ch, i, j)))) {
        let mut seen = Vec::new();
        for (dy, dx) in (0..kernel).flat_map(|dy| (0..kernel).map(move |dx| (dy, dx))) {
            let (y, x_) = (start(i, 0) + i64::from(dy), start(j, 1) + i64::from(dx));
            if (0..i64::from(h)).contains(&y) && (0..i64::from(w)).contains(&x_) {
                seen.push(x[(i64::from(ch * h) + y) as usize * w as usize + x_ as usize]);
            }
        }
        out.push(fold(&seen));
    }
    out
}

#[test]
fn max_pool_matches_twin_and_formula() {
    for (seed, op) in MAX.into_iter().enumerate() {
        let mut x = Rng::new(seed as u64).feature(op.input);
        // All below zero: a padding of zeros would win.
        x.iter_mut().for_each(|v| *v = (*v - 1.0) * if *v == 0.0 { 0.0 } else { 1.0 });
        check(&op, std::slice::from_ref(&x));
        let [c, oh, ow] = op.output();
        let start = |i: u32, axis: usize| i64::from(i * op.stride) - i64::from(op.pad[axis]);
        let want = windows(&from_layout(&x, op.input), op.input, [oh, ow], op.kernel, start, |v| {
            v.iter().copied().reduce(f32::max).expect("a window wholly in the padding")
        });
        assert_eq!(twin(&op, &[x], &[])[0], to_layout(&want, [c, oh, ow]), "{op:?}");
    }
}

#[test]
fn output_shapes_are_those_of_the_networks() {
    assert_eq!(MaxPool { input: [32, 64, 64], kernel: 3, stride: 2, pad: [1; 4] }.output(), [32, 32, 32]);
    assert_eq!(MaxPool { input: [28, 64, 64], kernel: 2, stride: 2, pad: [0; 4] }.output(), [28, 32, 32]);
}

#[test]
fn global_average_matches_twin_and_formula() {
    for (seed, input) in
        [[1, 1, 1], [3, 1, 5], [5, 16, 16], [104, 1, 257], [6, 33, 31], [16, 64, 64]].into_iter().enumerate()
    {
        let op = GlobalAverage { input };
        let mut x = Rng::new(seed as u64).feature(input);
        x.iter_mut().filter(|v| **v != 0.0).for_each(|v| *v += 0.25);
        check(&op, std::slice::from_ref(&x));
        let [c, h, w] = input;
        let plane = (h * w) as usize;
        let mean = |v: &[f32]| (v.iter().map(|&v| f64::from(v)).sum::<f64>() / plane as f64) as f32;
        let want: Vec<f32> = from_layout(&x, input).chunks(plane).map(mean).collect();
        let got = &twin(&op, &[x], &[])[0];
        assert_close(got, &to_layout(&want, [c, 1, 1]), 1e-11);
        assert_eq!(got.len(), slices(c) as usize * 4);
    }
}

#[test]
fn global_average_is_reproducible() {
    let Some(gpu) = Gpu::open() else { return };
    let op = GlobalAverage { input: [8, 61, 67] };
    let x = [Rng::new(5).feature(op.input)];
    let run = || gpu.run(&op, Tier::F32, &DeviceProfile::WIDE, &x, &[], &[]).expect("runs");
    let first = run();
    assert!((0..4).all(|_| run() == first), "the sum depends on the schedule");
    assert_eq!(first, twin(&op, &x, &[]), "the twin adds in the same order");
}

#[test]
fn the_comparison_can_fail() {
    if Gpu::open().is_none() {
        return;
    }
    let x = [Rng::new(1).feature(MAX[2].input)];
    assert!(Check::new(&MAX[2], &x).perturb(0, 3, 0.1).report().is_err());
}
