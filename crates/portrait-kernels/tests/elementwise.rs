//! Channel scaling and addition.

mod common;

use common::{Rng, assert_close, check, from_layout, to_layout, twin};
use portrait_kernels::{Activation, AddFeatures, Kernel, ScaleChannels};

const SHAPES: [[u32; 3]; 6] = [[1, 1, 1], [3, 1, 65], [5, 8, 8], [104, 3, 7], [2, 13, 5], [16, 16, 17]];

/// Activations without slopes, written a second time.
fn act(act: Activation, v: f32) -> f32 {
    match act {
        Activation::None => v,
        Activation::Relu => {
            if v > 0.0 {
                v
            } else {
                0.0
            }
        }
        Activation::Prelu => unreachable!("it has slopes"),
        Activation::HardSwish => v * ((v + 3.0) / 6.0).clamp(0.0, 1.0),
        Activation::Sigmoid => (0.5 * v).tanh() * 0.5 + 0.5,
    }
}

/// Inputs `range · uniform` of all read-only bindings: features keep their zero lanes.
fn inputs(first: &[[u32; 3]], seed: u64) -> Vec<Vec<f32>> {
    let mut rng = Rng::new(seed);
    let mut list: Vec<Vec<f32>> = first.iter().map(|&shape| rng.feature(shape)).collect();
    list.iter_mut().flatten().for_each(|v| *v *= 4.0);
    list
}

/// Checks `op`, and its twin against `formula(channel, values of the inputs at one place)`.
fn compare(op: &dyn Kernel, shape: [u32; 3], list: &[Vec<f32>], formula: impl Fn(usize, usize) -> f32) {
    check(op, list);
    let [c, h, w] = shape;
    let plane = (h * w) as usize;
    let want: Vec<f32> = (0..c as usize * plane).map(|i| formula(i / plane, i)).collect();
    assert_close(&twin(op, list, &[])[0], &to_layout(&want, shape), 1e-11);
}

#[test]
fn scale_channels() {
    for (seed, input) in SHAPES.into_iter().enumerate() {
        let list = inputs(&[input, [input[0], 1, 1]], seed as u64);
        let x = from_layout(&list[0], input);
        compare(&ScaleChannels { input }, input, &list, |c, i| x[i] * list[1][c]);
    }
}

#[test]
fn add_features() {
    for (seed, input) in SHAPES.into_iter().enumerate() {
        for a in Activation::ALL.into_iter().filter(|a| *a != Activation::Prelu) {
            let list = inputs(&[input, input], seed as u64);
            let (x, y) = (from_layout(&list[0], input), from_layout(&list[1], input));
            compare(&AddFeatures { input, act: a }, input, &list, |_, i| act(a, x[i] + y[i]));
        }
    }
}
