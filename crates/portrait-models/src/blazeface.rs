//! BlazeFace short range (MediaPipe): faces in a 128 × 128 picture. `weights/TOPOLOGY.md` has the layer table.

use portrait_graph::{Conv2d, Graph, Value};
use portrait_kernels::Activation;

/// Side of the input in pixels.
pub const DETECTOR_SIZE: u32 = 128;

/// Raw outputs, decoded by `portrait_kernels::DecodeFace`.
#[derive(Clone, Copy, Debug)]
pub struct Detection {
    /// Boxes and points of the two anchors of each cell, `[32, 16, 16]`.
    pub boxes16: Value,
    /// Score logits `[2, 16, 16]`.
    pub scores16: Value,
    /// Boxes and points of the six anchors of each cell, `[96, 8, 8]`.
    pub boxes8: Value,
    /// Score logits `[6, 8, 8]`.
    pub scores8: Value,
}

/// Width and stride of the residual blocks.
const BLOCKS: [(u32, u32); 16] = [
    (24, 1),
    (28, 1),
    (32, 2),
    (36, 1),
    (42, 1),
    (48, 2),
    (56, 1),
    (64, 1),
    (72, 1),
    (80, 1),
    (88, 1),
    (96, 2),
    (96, 1),
    (96, 1),
    (96, 1),
    (96, 1),
];

/// `x` is RGB in -1..=1, `[3, 128, 128]`.
pub fn blazeface(g: &mut Graph<'_>, x: Value) -> Detection {
    let stem = g.conv(x, "stem.conv", 24, Conv2d::tf_same(5, 2));
    let mut x = g.activate(stem, Activation::Relu);
    let mut at16 = x;
    for (i, (width, stride)) in BLOCKS.into_iter().enumerate() {
        let y = g.separable(x, &format!("blocks.{i}"), width, stride);
        x = g.activate(y, Activation::Relu);
        if i == 10 {
            at16 = x;
        }
    }
    let mut head = |x, name: &str, outputs| g.conv(x, &format!("heads.{name}"), outputs, Conv2d::valid(1, 1));
    Detection {
        boxes16: head(at16, "box16", 32),
        scores16: head(at16, "score16", 2),
        boxes8: head(x, "box8", 96),
        scores8: head(x, "score8", 6),
    }
}
