//! The dense-motion network: heatmaps and warped copies of the source to flow weights, occlusion and residual flow.

use crate::preset::Preset;
use crate::unet::{decode, encode};
use portrait_graph::{Conv2d, Graph, Value, Weights};
use portrait_kernels::{Activation, MotionInput};

const STEM: &str = "dense_motion.stem.conv";

/// The per-frame kernel that makes the network's input, and fixes the order of its channels.
pub(crate) fn motion_input(preset: &Preset) -> MotionInput {
    let k = &preset.keypoints;
    MotionInput { size: preset.motion, groups: k.tps, keypoints: k.neural, variance: k.heat_var }
}

/// Channels of the network as trained: (K + 1) × RGB, heatmaps and a zero, person mask, landmark mask.
fn trained_channels(preset: &Preset) -> u32 {
    3 * (preset.keypoints.tps + 1) + preset.keypoints.neural + 1 + 2
}

/// The stem's weights restricted to the trained channels that `pick` names for each of our channels.
fn stem_weights(g: &mut Graph<'_>, preset: &Preset, weights: &Weights, pick: &[Option<u32>]) -> (Vec<f32>, Vec<f32>) {
    let (outputs, trained) = (preset.dense_motion.stem as usize, trained_channels(preset) as usize);
    let all = g.take(weights, &format!("{STEM}.weight"), &[outputs, trained, 3, 3]);
    let bias = g.take(weights, &format!("{STEM}.bias"), &[outputs]);
    let mut picked = Vec::with_capacity(outputs * pick.len() * 9);
    for o in 0..outputs {
        for channel in pick {
            match channel {
                Some(c) => picked.extend_from_slice(&all[(o * trained + *c as usize) * 9..][..9]),
                None => picked.extend_from_slice(&[0.0; 9]),
            }
        }
    }
    (picked, bias)
}

/// What the photo alone contributes to the first layer: `masks` `[2, n, n]` (person mask and landmark mask at motion
/// resolution) through the stem's last two input channels, without bias. Add it to [`dense_motion`] as `still`.
pub fn dense_motion_bias(g: &mut Graph<'_>, preset: &Preset, weights: &Weights, masks: Value) -> Value {
    let first = trained_channels(preset) - 2;
    let (weight, bias) = stem_weights(g, preset, weights, &[Some(first), Some(first + 1)]);
    g.conv_with(masks, STEM, weight, vec![0.0; bias.len()], Conv2d::same(3, 1))
}

/// `x` is the output of `MotionInput`, `still` that of [`dense_motion_bias`]. The result `[K + 4, n, n]` holds K + 1 flow
/// logits, the occlusion logit and the residual flow (x, y), for `MotionCombine`.
pub fn dense_motion(g: &mut Graph<'_>, preset: &Preset, weights: &Weights, x: Value, still: Value) -> Value {
    let layout = motion_input(preset);
    let channels = g.shape(x)[0];
    let pick: Vec<Option<u32>> = (0..channels).map(|c| layout.channel(c)).collect();
    let (weight, bias) = stem_weights(g, preset, weights, &pick);
    let stem = g.conv_with(x, STEM, weight, bias, Conv2d::same(3, 1));
    let stem = g.add(stem, still);
    let stem = g.activate(stem, Activation::Relu);
    let levels = encode(g, "dense_motion", stem, &preset.dense_motion.down);
    let (bottom, skips) = levels.split_last().expect("the stem is always there");
    let y = decode(g, "dense_motion", *bottom, skips);
    g.conv(y, "dense_motion.head.conv", preset.keypoints.tps + 4, Conv2d::same(3, 1))
}
