//! Average pooling: area means.

use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len, slices};
use bytemuck::{Pod, Zeroable};

/// Mean of each window, without padding. With `kernel == stride` it reduces a picture by area means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AvgPool {
    /// Shape `[channels, height, width]` of the input; no side is below `kernel`.
    pub input: [u32; 3],
    /// Side of the square window.
    pub kernel: u32,
    /// Step between windows, in both directions.
    pub stride: u32,
}

/// Mirrors `Params` in `shaders/avg_pool.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    input: [u32; 2],
    output: [u32; 2],
    kernel: u32,
    stride: u32,
    weight: f32,
    pad: u32,
}

impl AvgPool {
    /// Shape of the output: `floor((side − kernel) / stride) + 1` along each axis; what no window covers is left out.
    pub fn output(&self) -> [u32; 3] {
        let [c, h, w] = self.input;
        let side = |n: u32| n.checked_sub(self.kernel).map_or(0, |n| n / self.stride.max(1) + 1);
        [c, side(h), side(w)]
    }

    /// What one value of a window counts.
    fn weight(&self) -> f32 {
        1.0 / (self.kernel * self.kernel) as f32
    }
}

impl Kernel for AvgPool {
    fn name(&self) -> &'static str {
        "avg_pool"
    }

    fn bindings(&self) -> Vec<Binding> {
        let ([c, h, w], [oc, oh, ow]) = (self.input, self.output());
        vec![Binding::new(Bind::Feature, feature_len(c, h, w)), Binding::new(Bind::FeatureOut, feature_len(oc, oh, ow))]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let ([c, h, w], [_, oh, ow]) = (self.input, self.output());
        let (kernel, stride, weight) = (self.kernel, self.stride, self.weight());
        let params = Params { input: [w, h], output: [ow, oh], kernel, stride, weight, pad: 0 };
        Dispatch {
            shader: ShaderKey::new("avg_pool", tier),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [ow.div_ceil(16), oh.div_ceil(4), slices(c)],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [c, h, w] = self.input.map(|v| v as usize);
        let [_, oh, ow] = self.output().map(|v| v as usize);
        let (kernel, stride) = (self.kernel as usize, self.stride as usize);
        for slice in 0..c.div_ceil(4) {
            for (y, x) in (0..oh).flat_map(|y| (0..ow).map(move |x| (y, x))) {
                for lane in 0..4 {
                    let mut sum = 0.0;
                    for row in y * stride..y * stride + kernel {
                        for column in x * stride..x * stride + kernel {
                            sum += inputs[0][((slice * h + row) * w + column) * 4 + lane];
                        }
                    }
                    outputs[0][((slice * oh + y) * ow + x) * 4 + lane] = sum * self.weight();
                }
            }
        }
    }
}
