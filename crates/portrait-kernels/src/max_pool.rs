//! Max pooling.

use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len, slices};
use bytemuck::{Pod, Zeroable};

/// Largest value of each window. Padding never wins: it counts as −∞.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MaxPool {
    /// Shape `[channels, height, width]` of the input; no dimension is zero.
    pub input: [u32; 3],
    /// Side of the square window.
    pub kernel: u32,
    /// Step between windows, in both directions.
    pub stride: u32,
    /// Padding `[top, left, bottom, right]`, each below `kernel`.
    pub pad: [u32; 4],
}

/// Mirrors `Params` in `shaders/max_pool.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    input: [u32; 2],
    output: [u32; 2],
    kernel: u32,
    stride: u32,
    left: u32,
    top: u32,
}

impl MaxPool {
    /// Shape of the output: `floor((side + padding − kernel) / stride) + 1` along each axis.
    pub fn output(&self) -> [u32; 3] {
        let [c, h, w] = self.input;
        let [top, left, bottom, right] = self.pad;
        let side = |n: u32| n.checked_sub(self.kernel).map_or(0, |n| n / self.stride.max(1) + 1);
        [c, side(h + top + bottom), side(w + left + right)]
    }
}

impl Kernel for MaxPool {
    fn name(&self) -> &'static str {
        "max_pool"
    }

    fn bindings(&self) -> Vec<Binding> {
        let ([c, h, w], [oc, oh, ow]) = (self.input, self.output());
        vec![Binding::new(Bind::Feature, feature_len(c, h, w)), Binding::new(Bind::FeatureOut, feature_len(oc, oh, ow))]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let ([c, h, w], [_, oh, ow], [top, left, ..]) = (self.input, self.output(), self.pad);
        let params = Params { input: [w, h], output: [ow, oh], kernel: self.kernel, stride: self.stride, left, top };
        Dispatch {
            shader: ShaderKey::new("max_pool", tier),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [ow.div_ceil(16), oh.div_ceil(4), slices(c)],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [c, h, w] = self.input.map(|v| v as usize);
        let [_, oh, ow] = self.output().map(|v| v as usize);
        let [top, left, ..] = self.pad.map(|v| v as usize);
        let (kernel, stride) = (self.kernel as usize, self.stride as usize);
        // Window number `i` along an axis, clipped to the picture.
        let window = |i: usize, before: usize, side: usize| {
            (i * stride).saturating_sub(before).min(side - 1)..(i * stride + kernel).saturating_sub(before).min(side)
        };
        for slice in 0..c.div_ceil(4) {
            for (y, x) in (0..oh).flat_map(|y| (0..ow).map(move |x| (y, x))) {
                for lane in 0..4 {
                    let mut best = f32::NEG_INFINITY;
                    for row in window(y, top, h) {
                        for column in window(x, left, w) {
                            best = best.max(inputs[0][((slice * h + row) * w + column) * 4 + lane]);
                        }
                    }
                    outputs[0][((slice * oh + y) * ow + x) * 4 + lane] = best;
                }
            }
        }
    }
}
