//! A copy: the bandwidth that other kernels are held to in benches.

use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier};
use bytemuck::{Pod, Zeroable};

/// `y = x`. Bindings: x, y.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CeilingCopy {
    /// Length in vec4, at most 2²⁴ - 1.
    pub length: u32,
}

/// Mirrors `Params` in `shaders/ceiling_copy.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    length: u32,
    row: u32,
    pad: [u32; 2],
}

impl Kernel for CeilingCopy {
    fn name(&self) -> &'static str {
        "ceiling_copy"
    }

    fn bindings(&self) -> Vec<Binding> {
        let len = 4 * self.length as usize;
        vec![Binding::new(Bind::Feature, len), Binding::new(Bind::FeatureOut, len)]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        // Rows of 256 workgroups, so that no dimension passes 65 535.
        let row = 256 * 256;
        let params = Params { length: self.length, row, pad: [0; 2] };
        Dispatch {
            shader: ShaderKey::new("ceiling_copy", tier),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [self.length.min(row).div_ceil(256), self.length.div_ceil(row), 1],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        outputs[0].copy_from_slice(inputs[0]);
    }
}
