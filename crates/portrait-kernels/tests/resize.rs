//! Bilinear resizing.

mod common;

use common::{Rng, assert_close, check, from_layout, to_layout, twin};
use portrait_kernels::ResizeBilinear;

/// The position as TFLite's reference kernel states it, in f64.
fn position(i: u32, input: u32, output: u32) -> f64 {
    let (i, n, m) = (f64::from(i), f64::from(input), f64::from(output));
    ((i + 0.5) * n / m - 0.5).clamp(0.0, n - 1.0)
}

/// Sum over all input pixels with triangle weights: another way to say bilinear.
fn formula(op: &ResizeBilinear, x: &[f32]) -> Vec<f32> {
    let [c, h, w] = op.input;
    let tent = |at: f64, i: u32| (1.0 - (at - f64::from(i)).abs()).max(0.0);
    let mut out = Vec::new();
    for (ch, i, j) in (0..c).flat_map(|ch| (0..op.height).flat_map(move |i| (0..op.width).map(move |j| (ch, i, j)))) {
        let (y, x_) = (position(i, h, op.height), position(j, w, op.width));
        let pixels = (0..h).flat_map(|r| (0..w).map(move |q| (r, q)));
        let v = pixels.map(|(r, q)| tent(y, r) * tent(x_, q) * f64::from(x[((ch * h + r) * w + q) as usize]));
        out.push(v.sum::<f64>() as f32);
    }
    out
}

#[test]
fn matches_twin_and_formula() {
    let shapes = [
        ([1, 1, 1], [1, 1]),
        ([3, 1, 5], [1, 9]),
        ([5, 7, 6], [14, 12]),
        ([6, 4, 4], [17, 5]),
        ([104, 3, 2], [6, 4]),
        ([4, 16, 18], [5, 9]),
        ([2, 9, 9], [1, 1]),
        ([3, 5, 5], [5, 5]),
        ([7, 1, 1], [3, 4]),
    ];
    for (seed, (input, [height, width])) in shapes.into_iter().enumerate() {
        let op = ResizeBilinear { input, height, width };
        let x = Rng::new(seed as u64).feature(input);
        check(&op, std::slice::from_ref(&x));
        let want = formula(&op, &from_layout(&x, input));
        assert_close(&twin(&op, &[x], &[])[0], &to_layout(&want, op.output()), 1e-10);
    }
}

/// The rule of the segmentation network: `y[2i] = 0.25 x[i-1] + 0.75 x[i]`, `y[2i+1] = 0.75 x[i] + 0.25 x[i+1]`.
#[test]
fn doubling_has_quarter_weights() {
    let op = ResizeBilinear { input: [1, 1, 4], height: 1, width: 8 };
    let x = to_layout(&[0.0, 4.0, 8.0, 100.0], op.input);
    let got = from_layout(&twin(&op, &[x], &[])[0], op.output());
    assert_eq!(got, [0.0, 1.0, 3.0, 5.0, 7.0, 31.0, 77.0, 100.0]);
}

#[test]
fn same_size_is_the_identity() {
    let op = ResizeBilinear { input: [5, 7, 9], height: 7, width: 9 };
    let x = Rng::new(2).feature(op.input);
    assert_eq!(twin(&op, std::slice::from_ref(&x), &[])[0], x);
}
