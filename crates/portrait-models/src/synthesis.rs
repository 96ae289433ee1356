//! The synthesis network: warped source, occlusion, background and mask to the finished picture.

use crate::preset::Preset;
use crate::unet::{decode, encode};
use portrait_graph::{Conv2d, Graph, Value, Weights};
use portrait_kernels::Activation;

const FUSION: &str = "synthesis.fusion.conv";

/// The encoder: `x` `[8, n, n]` is the output of `Warp`; all levels, the deepest last.
fn encoder(g: &mut Graph<'_>, preset: &Preset, x: Value) -> Vec<Value> {
    let stem = g.conv(x, "synthesis.stem.conv", preset.synthesis.stem, Conv2d::same(3, 1));
    let stem = g.activate(stem, Activation::Relu);
    encode(g, "synthesis", stem, &preset.synthesis.down)
}

/// The bottleneck features of one pseudo view, cached per photo.
pub fn synthesis_bottleneck(g: &mut Graph<'_>, preset: &Preset, x: Value) -> Value {
    *encoder(g, preset, x).last().expect("the stem is always there")
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

/// What the pseudo views alone contribute to the fusion: `views` `[4 · C, h, w]` through the fusion's view columns, without
/// bias. Exact, because the fusion is linear. Add it to [`synthesis`] as `views`.
pub fn view_bias(g: &mut Graph<'_>, preset: &Preset, weights: &Weights, views: Value) -> Value {
    let top = preset.synthesis.down.last().copied().unwrap_or_default() as usize;
    let (weight, bias) = fusion_weights(g, preset, weights, top, top * preset.synthesis.views as usize);
    g.conv_with(views, FUSION, weight, vec![0.0; bias.len()], Conv2d::valid(1, 1))
}

/// `x` is the output of `Warp`, `views` that of [`view_bias`]. The result `[4, n, n]` is RGB logits and the blend logit, for
/// `Compose`.
pub fn synthesis(g: &mut Graph<'_>, preset: &Preset, weights: &Weights, x: Value, views: Value) -> Value {
    let levels = encoder(g, preset, x);
    let (bottom, skips) = levels.split_last().expect("the stem is always there");
    let top = g.shape(*bottom)[0] as usize;
    let (weight, bias) = fusion_weights(g, preset, weights, 0, top);
    let fused = g.conv_with(*bottom, FUSION, weight, bias, Conv2d::valid(1, 1));
    let fused = g.add(fused, views);
    let y = decode(g, "synthesis", fused, skips);
    g.conv(y, "synthesis.head.conv", 4, Conv2d::same(3, 1))
}
