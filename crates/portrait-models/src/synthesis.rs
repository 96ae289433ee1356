//! The synthesis network: warped source, occlusion, background and mask to the finished picture.

use crate::preset::Preset;
use crate::unet::{decode, encode};
use portrait_graph::{Conv2d, Graph, Value, Weights};
use portrait_kernels::{Activation, shuffled_channel};

const STEM: &str = "synthesis.stem.conv";
const FUSION: &str = "synthesis.fusion.conv";
const HEAD: &str = "synthesis.head.conv";

/// The encoder: `x` [`Preset::synthesis_input`] is the output of `Warp`, whose channel order the trained weights are brought into;
/// all levels, the deepest last.
fn encoder(g: &mut Graph<'_>, preset: &Preset, weights: &Weights, x: Value) -> Vec<Value> {
    let (outputs, inputs) = (preset.synthesis.stem as usize, g.shape(x)[0]);
    let trained = g.take(weights, &format!("{STEM}.weight"), &[outputs, inputs as usize, 3, 3]);
    let bias = g.take(weights, &format!("{STEM}.bias"), &[outputs]);
    let order: Vec<usize> = (0..inputs).map(|c| shuffled_channel(c, preset.synthesis.fold) as usize).collect();
    let taps = trained.as_chunks::<9>().0.chunks(order.len());
    let weight = taps.flat_map(|row| order.iter().flat_map(|&c| row[c])).collect();
    let stem = g.conv_with(x, STEM, weight, bias, Conv2d::same(3, 1));
    let stem = g.activate(stem, Activation::Relu);
    encode(g, "synthesis", stem, &preset.synthesis.down)
}

/// The bottleneck features of one pseudo view, cached per photo.
pub fn synthesis_bottleneck(g: &mut Graph<'_>, preset: &Preset, weights: &Weights, x: Value) -> Value {
    *encoder(g, preset, weights, x).last().expect("the stem is always there")
}

/// Columns `first..first + count` of the fusion's 1 × 1 weights, and its bias.
fn fusion_weights(
    g: &mut Graph<'_>,
    preset: &Preset,
    weights: &Weights,
    first: usize,
    count: usize,
) -> (Vec<f32>, Vec<f32>) {
    let top = preset.synthesis.down.last().copied().unwrap_or_default() as usize;
    let all = top * (1 + preset.synthesis.views as usize);
    let weight = g.take(weights, &format!("{FUSION}.weight"), &[top, all, 1, 1]);
    let bias = g.take(weights, &format!("{FUSION}.bias"), &[top]);
    let picked = weight.chunks(all).flat_map(|row| &row[first..first + count]).copied().collect();
    (picked, bias)
}

/// What the pseudo views alone contribute to the fusion: `views` `[views · C, h, w]` (as many as the preset has) through the
/// fusion's view columns, without bias. Exact, because the fusion is linear. Add it to [`synthesis`] as `views`.
pub fn view_bias(g: &mut Graph<'_>, preset: &Preset, weights: &Weights, views: Value) -> Value {
    let top = preset.synthesis.down.last().copied().unwrap_or_default() as usize;
    let (weight, bias) = fusion_weights(g, preset, weights, top, top * preset.synthesis.views as usize);
    g.conv_with(views, FUSION, weight, vec![0.0; bias.len()], Conv2d::valid(1, 1))
}

/// `x` is the output of `Warp`, `views` that of [`view_bias`]. The result, RGB logits and the blend logit of each pixel, is folded
/// as `x` is, for `Compose`.
pub fn synthesis(g: &mut Graph<'_>, preset: &Preset, weights: &Weights, x: Value, views: Value) -> Value {
    let levels = encoder(g, preset, weights, x);
    let (bottom, skips) = levels.split_last().expect("the stem is always there");
    let top = g.shape(*bottom)[0] as usize;
    let (weight, bias) = fusion_weights(g, preset, weights, 0, top);
    let fused = g.conv_with(*bottom, FUSION, weight, bias, Conv2d::valid(1, 1));
    let fused = g.add(fused, views);
    let y = decode(g, "synthesis", fused, skips);
    let outputs = 4 * preset.synthesis.fold.pow(2);
    let inputs = g.shape(y)[0] as usize;
    let trained = g.take(weights, &format!("{HEAD}.weight"), &[outputs as usize, inputs, 3, 3]);
    let trained_bias = g.take(weights, &format!("{HEAD}.bias"), &[outputs as usize]);
    let order = (0..outputs).map(|c| shuffled_channel(c, preset.synthesis.fold) as usize);
    let bias = order.clone().map(|o| trained_bias[o]).collect();
    let weight = order.flat_map(|o| &trained[o * inputs * 9..][..inputs * 9]).copied().collect();
    g.conv_with(y, HEAD, weight, bias, Conv2d::same(3, 1))
}
