//! The refiner: where lids, lips and irises are in the crops of `RefineCrops`.

use portrait_graph::{Conv2d, Graph, Value, Weights};
use portrait_kernels::Activation;

/// Prefix in the weights of the network that looks at each crop: right eye, left eye mirrored, mouth. The two eyes share one.
const CROPS: [&str; 3] = ["eye", "eye", "mouth"];
/// Channels of each network from layer to layer; first the three colours of a crop, squares of 2 × 2 pixels folded into them.
const WIDTHS: [[u32; 3]; 4] = [[12; 3], [32, 32, 48], [48, 48, 64], [64, 64, 96]];
/// Coordinates that each network finds: twelve points and an iris, twenty points.
const FOUND: [u32; 3] = [26, 26, 40];

/// `x` is `[36, 24, 24]`: the three crops; `weights` are those of `refiner.safetensors`. The result is a vector of `46 × (x, y)` in
/// sides of the crop a point belongs to, 0 in its middle.
///
/// The three networks run as one whose weights from crop to crop are zero: on a GPU these zeros cost less than the dispatches of
/// networks apart.
pub fn refiner(g: &mut Graph<'_>, weights: &Weights, x: Value) -> Value {
    let mut y = x;
    for (i, widths) in WIDTHS.windows(2).enumerate() {
        let layer = format!("convs.{i}");
        let (weight, bias) = side_by_side(g, weights, &layer, widths[0], widths[1]);
        y = g.conv_with(y, &layer, weight, bias, Conv2d::same(3, 2));
        y = g.activate(y, Activation::Relu);
    }
    let (weight, bias) = side_by_side(g, weights, "head", WIDTHS[3], FOUND);
    g.fully_connected_with(y, "head", weight, bias)
}

/// Weights `[sum of outputs, sum of inputs, 3, 3]` of a layer of all networks at once, and its biases.
fn side_by_side(
    g: &mut Graph<'_>,
    from: &Weights,
    layer: &str,
    inputs: [u32; 3],
    outputs: [u32; 3],
) -> (Vec<f32>, Vec<f32>) {
    let row = 9 * inputs.iter().sum::<u32>() as usize;
    let (mut weight, mut bias, mut first) = (Vec::new(), Vec::new(), 0);
    for ((network, inputs), outputs) in CROPS.into_iter().zip(inputs).zip(outputs) {
        let shape = [outputs as usize, inputs as usize, 3, 3];
        let own = 9 * inputs as usize;
        for filter in g.take(from, &format!("{network}.{layer}.weight"), &shape).chunks(own) {
            let start = weight.len() + first;
            weight.resize(weight.len() + row, 0.0);
            weight[start..start + own].copy_from_slice(filter);
        }
        bias.extend(g.take(from, &format!("{network}.{layer}.bias"), &shape[..1]));
        first += own;
    }
    (weight, bias)
}
