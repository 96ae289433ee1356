//! The warp of the source picture and the composition of the result.

mod common;

use common::{Rng, assert_close, check, from_layout, to_layout, twin};
use portrait_kernels::{Compose, Warp, shuffled_channel};

const WARPS: [Warp; 8] = [
    Warp { size: 1, fold: 1 },
    Warp { size: 17, fold: 1 },
    Warp { size: 33, fold: 1 },
    Warp { size: 2, fold: 2 },
    Warp { size: 38, fold: 2 },
    Warp { size: 15, fold: 3 },
    Warp { size: 64, fold: 1 },
    Warp { size: 256, fold: 2 },
];

/// Flow (partly outside the picture), source with mask, background.
fn warp_inputs(kernel: &Warp, seed: u64) -> Vec<Vec<f32>> {
    let mut rng = Rng::new(seed);
    let m = kernel.size as usize;
    let flow = (0..m * m)
        .flat_map(|i| {
            let [x, y] = [i % m, i / m].map(|v| 2.0 * v as f32 / (m.max(2) - 1) as f32 - 1.0);
            [x * 1.3 + rng.range(-0.1, 0.1), y * 1.2 + rng.range(-0.1, 0.1), rng.range(0.0, 1.0), 0.0]
        })
        .collect();
    vec![flow, rng.feature([4, kernel.size, kernel.size]), rng.feature([3, kernel.size, kernel.size])]
}

/// Bilinear, align_corners, clamped, by tent weights over a whole plane.
fn sample64(plane: &[f64], size: usize, at: [f64; 2]) -> f64 {
    let [x, y] = at.map(|v| v.clamp(0.0, size as f64 - 1.0));
    let tent = |a: f64, b: usize| (1.0 - (a - b as f64).abs()).max(0.0);
    (0..size * size).map(|i| tent(x, i % size) * tent(y, i / size) * plane[i]).sum()
}

/// PyTorch's `pixel_unshuffle` of planes `[channels, size, size]`, its channels in the order of the folded layout.
fn unshuffled(planes: &[f32], channels: u32, size: u32, fold: u32) -> Vec<f32> {
    let side = size / fold;
    let square = fold * fold;
    let channel = |to: u32| {
        let k = shuffled_channel(to, fold);
        let (c, dy, dx) = (k / square, k % square / fold, k % fold);
        (0..side * side)
            .map(move |i| planes[((c * size + i / side * fold + dy) * size + i % side * fold + dx) as usize])
    };
    (0..channels * square).flat_map(channel).collect()
}

#[test]
fn warp_matches_twin() {
    for kernel in &WARPS {
        check(kernel, &warp_inputs(kernel, 1));
    }
}

#[test]
fn warp_matches_formula() {
    for kernel in &WARPS[1..6] {
        let inputs = warp_inputs(kernel, 2);
        let size = kernel.size as usize;
        let area = size * size;
        let wide = |v: Vec<f32>| v.into_iter().map(f64::from).collect::<Vec<f64>>();
        let flow = wide(from_layout(&inputs[0], [4, kernel.size, kernel.size]));
        let source = wide(from_layout(&inputs[1], [4, kernel.size, kernel.size]));
        let background = from_layout(&inputs[2], [3, kernel.size, kernel.size]);
        let (mut y, mut warped) = (vec![0.0; 8 * area], vec![0.0; 4 * area]);
        for i in 0..area {
            let moved = |c: usize| flow[c * area + i];
            let to = [moved(0), moved(1)].map(|v| (v + 1.0) / 2.0 * (size as f64 - 1.0));
            for c in 0..4 {
                let v = sample64(&source[c * area..][..area], size, to);
                warped[c * area + i] = v as f32;
                y[if c < 3 { c } else { 7 } * area + i] = if c < 3 { v * moved(2) } else { v } as f32;
            }
            y[3 * area + i] = moved(2) as f32;
            for c in 0..3 {
                y[(4 + c) * area + i] = background[c * area + i];
            }
        }
        let got = twin(kernel, &inputs, &[]);
        let side = kernel.size / kernel.fold;
        let y = unshuffled(&y, 8, kernel.size, kernel.fold);
        assert_close(&from_layout(&got[0], [8 * kernel.fold * kernel.fold, side, side]), &y, 1e-9);
        assert_close(&from_layout(&got[1], [4, kernel.size, kernel.size]), &warped, 1e-9);
    }
}

#[test]
fn an_identity_flow_returns_the_source() {
    let kernel = Warp { size: 9, fold: 3 };
    let mut inputs = warp_inputs(&kernel, 3);
    inputs[0] = (0..81).flat_map(|i| [(i % 9) as f32 / 4.0 - 1.0, (i / 9) as f32 / 4.0 - 1.0, 1.0, 0.0]).collect();
    let got = twin(&kernel, &inputs, &[]);
    assert_close(&got[1], &inputs[1], 1e-12);
    check(&kernel, &inputs);
}

#[test]
fn compose_matches_twin_and_formula() {
    for (size, fold) in [(1, 1), (5, 1), (17, 1), (64, 1), (2, 2), (34, 2), (9, 3), (20, 4)] {
        let kernel = Compose { size, fold };
        let mut rng = Rng::new(u64::from(size));
        let mut head = rng.feature([4, size, size]);
        head.iter_mut().for_each(|v| *v *= 6.0);
        let warped: Vec<f32> = (0..head.len()).map(|_| rng.range(0.0, 1.0)).collect();
        let sigmoid = |v: f32| 1.0 / (1.0 + f64::from(-v).exp());
        let want: Vec<f32> = (0..head.len())
            .map(|i| {
                let m = sigmoid(head[i / 4 * 4 + 3]);
                if i % 4 == 3 { 1.0 } else { (m * f64::from(warped[i]) + (1.0 - m) * sigmoid(head[i])) as f32 }
            })
            .collect();
        let planes = from_layout(&head, [4, size, size]);
        let folded = to_layout(&unshuffled(&planes, 4, size, fold), [4 * fold * fold, size / fold, size / fold]);
        let inputs = [folded, warped];
        assert_close(&twin(&kernel, &inputs, &[])[0], &want, 1e-12);
        check(&kernel, &inputs);
    }
}
