//! MediaPipe's selfie segmentation: how much of each pixel is person. `weights/TOPOLOGY.md` has the layer table.

use portrait_graph::{Conv2d, Graph, Value};
use portrait_kernels::Activation;

/// Side of input and output in pixels.
pub const SELFIE_SIZE: u32 = 256;

/// Inverted residual block.
struct Inverted {
    hidden: u32,
    width: u32,
    kernel: u32,
    stride: u32,
    act: Activation,
    /// Width of the gate's hidden layer; 0 for no gate.
    gate: u32,
}

/// `x` is RGB in 0..=1, `[3, 256, 256]`; the result `[1, 256, 256]` is the person's alpha.
pub fn selfie_segmentation(g: &mut Graph<'_>, x: Value) -> Value {
    use Activation::{HardSwish, Relu};
    let stem = g.conv(x, "stem.conv", 16, Conv2d::tf_same(3, 2));
    let a = g.activate(stem, HardSwish);
    let block = |hidden, width, kernel, stride, act, gate| Inverted { hidden, width, kernel, stride, act, gate };
    let b = inverted(g, a, "blocks.0", &block(16, 16, 3, 2, Relu, 8));
    let y = inverted(g, b, "blocks.1", &block(72, 24, 3, 2, Relu, 0));
    let c = inverted(g, y, "blocks.2", &block(88, 24, 3, 1, Relu, 0));
    let mut d = inverted(g, c, "blocks.3", &block(96, 32, 5, 2, HardSwish, 24));
    for (i, hidden) in [(4, 128), (5, 128), (6, 96), (7, 96)] {
        d = inverted(g, d, &format!("blocks.{i}"), &block(hidden, 32, 5, 1, HardSwish, hidden / 4));
    }
    let mean = g.global_average(d);
    let gate = g.fully_connected(mean, "context.gate", 128);
    let gate = g.activate(gate, Activation::Sigmoid);
    let context = g.conv(d, "context.conv", 128, Conv2d::valid(1, 1));
    let context = g.activate(context, Relu);
    let mut y = g.scale_channels(context, gate);
    for (i, skip) in [c, b, a].into_iter().enumerate() {
        y = decode(g, y, skip, &format!("decoder.{i}"));
    }
    let mask = g.conv_transpose(y, "head.transposed", 1);
    g.activate(mask, Activation::Sigmoid)
}

/// `x · sigmoid(W2 relu(W1 mean))`, the factor taken from the mean of `of`.
fn gated(g: &mut Graph<'_>, x: Value, of: Value, name: &str, hidden: u32) -> Value {
    let channels = g.shape(x)[0];
    let mean = g.global_average(of);
    let y = g.fully_connected(mean, &format!("{name}.gate.reduce"), hidden);
    let y = g.activate(y, Activation::Relu);
    let y = g.fully_connected(y, &format!("{name}.gate.expand"), channels);
    let y = g.activate(y, Activation::Sigmoid);
    g.scale_channels(x, y)
}

fn inverted(g: &mut Graph<'_>, x: Value, name: &str, b: &Inverted) -> Value {
    let y = g.conv(x, &format!("{name}.expand"), b.hidden, Conv2d::valid(1, 1));
    let y = g.activate(y, b.act);
    let y = g.depthwise(y, &format!("{name}.depthwise"), Conv2d::tf_same(b.kernel, b.stride));
    let mut y = g.activate(y, b.act);
    if b.gate > 0 {
        y = gated(g, y, y, name, b.gate);
    }
    let y = g.conv(y, &format!("{name}.project"), b.width, Conv2d::valid(1, 1));
    let same = b.stride == 1 && g.shape(x) == g.shape(y);
    if same { g.add(y, x) } else { y }
}

fn decode(g: &mut Graph<'_>, x: Value, skip: Value, name: &str) -> Value {
    let [width, h, w] = g.shape(skip);
    // A pointwise convolution and a resize commute: the cheaper order.
    let u = g.conv(x, &format!("{name}.reduce"), width, Conv2d::valid(1, 1));
    let u = g.resize(u, h, w);
    let sum = g.add(skip, u);
    let gated = gated(g, skip, sum, name, width);
    let v = g.add(gated, u);
    let v = g.conv(v, &format!("{name}.conv"), width, Conv2d::valid(1, 1));
    let v = g.activate(v, Activation::Relu);
    let y = g.depthwise(v, &format!("{name}.depthwise"), Conv2d::tf_same(3, 1));
    let y = g.activate(y, Activation::Relu);
    g.add(v, y)
}
