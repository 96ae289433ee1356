//! Channel-wise scaling: the last step of squeeze-and-excitation.

use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len, slices};
use bytemuck::{Pod, Zeroable};

/// `y = x · s[channel]`. Bindings: x, the `f32` vector s of `feature_len(channels, 1, 1)` values, y.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScaleChannels {
    /// Shape `[channels, height, width]` of input and output.
    pub input: [u32; 3],
}

/// Mirrors `Params` in `shaders/scale_channels.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    pixels: u32,
    channels: u32,
    pad: [u32; 2],
}

impl Kernel for ScaleChannels {
    fn name(&self) -> &'static str {
        "scale_channels"
    }

    fn bindings(&self) -> Vec<Binding> {
        let [c, h, w] = self.input;
        let len = feature_len(c, h, w);
        let factors = Binding::new(Bind::Floats, feature_len(c, 1, 1));
        vec![Binding::new(Bind::Feature, len), factors, Binding::new(Bind::FeatureOut, len)]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let [channels, h, w] = self.input;
        let params = Params { pixels: h * w, channels, pad: [0; 2] };
        Dispatch {
            shader: ShaderKey::new("scale_channels", tier),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [(h * w).div_ceil(64), slices(channels), 1],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [c, h, w] = self.input.map(|v| v as usize);
        for (i, y) in outputs[0].iter_mut().enumerate() {
            let channel = i / (4 * h * w) * 4 + i % 4;
            *y = if channel < c { inputs[0][i] * inputs[1][channel] } else { 0.0 };
        }
    }
}
