//! The neural-keypoint detector: a slim ResNet-18.

use crate::preset::Preset;
use portrait_graph::{Conv2d, Graph, Value};
use portrait_kernels::Activation;

/// `x` is RGB in 0..=1, `[3, n, n]` with n = `preset.nk.input`. The result is a vector of `50 × (x, y)` in 0..=1; points in
/// [-1, 1] are twice that minus one.
pub fn neural_keypoints(g: &mut Graph<'_>, preset: &Preset, x: Value) -> Value {
    let widths = &preset.nk.widths;
    let stem = g.conv(x, "nk.stem.conv", widths[0], Conv2d::same(7, 2));
    let stem = g.activate(stem, Activation::Relu);
    let mut x = g.max_pool(stem, Conv2d { kernel: 3, stride: 2, pad: [1; 4] });
    for (stage, &width) in widths.iter().enumerate() {
        for half in 0..2 {
            let stride = if stage > 0 && half == 0 { 2 } else { 1 };
            x = basic_block(g, x, &format!("nk.blocks.{}", 2 * stage + half), width, stride);
        }
    }
    let mean = g.global_average(x);
    let y = g.fully_connected(mean, "nk.fc", 2 * preset.keypoints.neural);
    g.activate(y, Activation::Sigmoid)
}

fn basic_block(g: &mut Graph<'_>, x: Value, name: &str, width: u32, stride: u32) -> Value {
    let changes = stride > 1 || g.shape(x)[0] != width;
    let skip = if changes { g.conv(x, &format!("{name}.skip.conv"), width, Conv2d::valid(1, stride)) } else { x };
    let y = g.conv(x, &format!("{name}.conv1.conv"), width, Conv2d::same(3, stride));
    let y = g.activate(y, Activation::Relu);
    let y = g.conv(y, &format!("{name}.conv2.conv"), width, Conv2d::same(3, 1));
    let y = g.add(y, skip);
    g.activate(y, Activation::Relu)
}
