//! The refiner: where lids, lips and irises are in the crops of `RefineCrops`.

use portrait_graph::{Conv2d, Graph, Value};
use portrait_kernels::Activation;

/// `x` is `[36, 24, 24]`: three crops of three colours, squares of 2 × 2 pixels folded into channels. The result is a vector of
/// `46 × (x, y)` in sides of the crop a point belongs to, 0 in its middle.
pub fn refiner(g: &mut Graph<'_>, x: Value) -> Value {
    let mut y = x;
    for (i, width) in [64, 96, 128].into_iter().enumerate() {
        y = g.conv(y, &format!("convs.{i}"), width, Conv2d::same(3, 2));
        y = g.activate(y, Activation::Relu);
    }
    g.fully_connected(y, "head", 92)
}
