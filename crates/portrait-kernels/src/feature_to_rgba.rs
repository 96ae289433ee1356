//! A feature tensor as a picture.

use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len};
use bytemuck::{Pod, Zeroable};

/// Feature tensor in, `rgba8unorm` texture out: channels 0, 1, 2 as r, g, b, clamped to 0..1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FeatureToRgba {
    /// `[width, height]`.
    pub size: [u32; 2],
    /// Channels of the input, at least 3; the fifth and later are not looked at.
    pub channels: u32,
    /// Whether channel 3 is the alpha; otherwise the alpha is 1.
    pub alpha: bool,
}

/// Mirrors `Params` in `shaders/feature_to_rgba.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    size: [u32; 2],
    alpha: u32,
    pad: u32,
}

impl Kernel for FeatureToRgba {
    fn name(&self) -> &'static str {
        "feature_to_rgba"
    }

    fn bindings(&self) -> Vec<Binding> {
        let [w, h] = self.size;
        vec![
            Binding::new(Bind::Feature, feature_len(self.channels, h, w)),
            Binding::new(Bind::TextureOut, feature_len(4, h, w)),
        ]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let params = Params { size: self.size, alpha: self.alpha.into(), pad: 0 };
        Dispatch {
            shader: ShaderKey::new("feature_to_rgba", tier),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [self.size[0].div_ceil(16), self.size[1].div_ceil(4), 1],
        }
    }

    /// The values before rounding to 8 bits.
    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        for (i, (y, &x)) in outputs[0].iter_mut().zip(inputs[0]).enumerate() {
            *y = if i % 4 == 3 && !self.alpha { 1.0 } else { x.clamp(0.0, 1.0) };
        }
    }
}
