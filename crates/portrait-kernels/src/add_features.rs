//! Addition of two feature tensors, where no convolution can take it in.

use crate::{Activation, Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len, slices};
use bytemuck::{Pod, Zeroable};

/// `y = act(a + b)`. Bindings: a, b, y.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddFeatures {
    /// Shape `[channels, height, width]` of both inputs and the output.
    pub input: [u32; 3],
    /// Applied last. Not [`Activation::Prelu`]: there are no slopes.
    pub act: Activation,
}

/// Mirrors `Params` in `shaders/add_features.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    pixels: u32,
    channels: u32,
    pad: [u32; 2],
}

impl Kernel for AddFeatures {
    fn name(&self) -> &'static str {
        "add_features"
    }

    fn bindings(&self) -> Vec<Binding> {
        let [c, h, w] = self.input;
        let input = Binding::new(Bind::Feature, feature_len(c, h, w));
        vec![input, input, Binding::new(Bind::FeatureOut, input.len)]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let [channels, h, w] = self.input;
        let params = Params { pixels: h * w, channels, pad: [0; 2] };
        Dispatch {
            shader: ShaderKey::new("add_features", tier).set("ACT", self.act as u32),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [(h * w).div_ceil(64), slices(channels), 1],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [c, h, w] = self.input.map(|v| v as usize);
        for (i, y) in outputs[0].iter_mut().enumerate() {
            let channel = i / (4 * h * w) * 4 + i % 4;
            *y = if channel < c { self.act.apply(inputs[0][i] + inputs[1][i], 0.0) } else { 0.0 };
        }
    }
}
