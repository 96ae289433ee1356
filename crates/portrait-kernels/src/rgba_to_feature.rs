//! A picture as a feature tensor.

use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len};
use bytemuck::{Pod, Zeroable};

/// Texture in, feature tensor of the channels r, g, b, a out, unchanged in 0..1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RgbaToFeature {
    /// `[width, height]`.
    pub size: [u32; 2],
}

/// Mirrors `Params` in `shaders/rgba_to_feature.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    size: [u32; 2],
    pad: [u32; 2],
}

impl RgbaToFeature {
    /// Shape of the output: four channels.
    pub fn output(&self) -> [u32; 3] {
        [4, self.size[1], self.size[0]]
    }
}

impl Kernel for RgbaToFeature {
    fn name(&self) -> &'static str {
        "rgba_to_feature"
    }

    fn bindings(&self) -> Vec<Binding> {
        let len = feature_len(4, self.size[1], self.size[0]);
        vec![Binding::new(Bind::Texture, len), Binding::new(Bind::FeatureOut, len)]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let params = Params { size: self.size, pad: [0; 2] };
        Dispatch {
            shader: ShaderKey::new("rgba_to_feature", tier),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [self.size[0].div_ceil(16), self.size[1].div_ceil(4), 1],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        outputs[0].copy_from_slice(inputs[0]);
    }
}
