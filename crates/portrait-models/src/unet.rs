//! The U-Net both networks share: stride-2 encoder, nearest ×2 decoder, concatenated skips.

use portrait_graph::{Conv2d, Graph, Value};
use portrait_kernels::Activation;

fn layer(g: &mut Graph<'_>, x: Value, name: &str, width: u32, stride: u32) -> Value {
    let y = g.conv(x, &format!("{name}.conv"), width, Conv2d::same(3, stride));
    g.activate(y, Activation::Relu)
}

/// The encoder after the stem: the stem's output, then one value for each halving.
pub(crate) fn encode(g: &mut Graph<'_>, name: &str, stem: Value, down: &[u32]) -> Vec<Value> {
    let mut levels = vec![stem];
    for (i, &width) in down.iter().enumerate() {
        let x = levels[i];
        levels.push(layer(g, x, &format!("{name}.enc.{i}"), width, 2));
    }
    levels
}

/// The decoder: each step doubles the side, halves back to the encoder's width and appends the encoder's output.
pub(crate) fn decode(g: &mut Graph<'_>, name: &str, bottom: Value, skips: &[Value]) -> Value {
    let mut x = bottom;
    for (i, &skip) in skips.iter().rev().enumerate() {
        let width = g.shape(skip)[0];
        let up = g.upsample(x);
        let y = layer(g, up, &format!("{name}.dec.{i}"), width, 1);
        x = g.concat(&[y, skip]);
    }
    x
}
