//! The last step of a frame: blends what was warped with what was painted.

use crate::fold::folded;
use crate::grid::picture_workgroups;
use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len};
use bytemuck::{Pod, Zeroable};

/// `m · warped + (1 - m) · sigmoid(rgb)` with `m = max(sigmoid(blend), given)`, alpha 1: what is given is not painted over.
///
/// Inputs: `head`, four channels (r, g, b, blend logits) folded to `[4 · fold², size / fold, size / fold]` (channel order:
/// [`crate::shuffled_channel`]); `warped` `[4, size, size]` (r, g, b, given). Output: texture `size × size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Compose {
    /// Side of the picture in pixels.
    pub size: u32,
    /// Side of the square of pixels that is one pixel of the head; divides `size`.
    pub fold: u32,
}

/// Mirrors `Params` in `shaders/compose.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    size: u32,
    pad: [u32; 3],
}

impl Kernel for Compose {
    fn name(&self) -> &'static str {
        "compose"
    }

    fn bindings(&self) -> Vec<Binding> {
        let len = feature_len(4, self.size, self.size);
        [Bind::Feature, Bind::Feature, Bind::TextureOut].map(|kind| Binding::new(kind, len)).to_vec()
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        Dispatch {
            shader: ShaderKey::new("compose", tier).set("FOLD", self.fold),
            params: bytemuck::bytes_of(&Params { size: self.size, pad: [0; 3] }).to_vec(),
            workgroups: picture_workgroups(self.size, 1),
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [size, fold] = [self.size, self.fold].map(|v| v as usize);
        for (pixel, (warped, out)) in inputs[1].chunks_exact(4).zip(outputs[0].chunks_exact_mut(4)).enumerate() {
            let head = &inputs[0][4 * folded(pixel % size, pixel / size, size, fold)..][..4];
            let h: [f32; 4] = std::array::from_fn(|lane| 1.0 / (1.0 + (-head[lane]).exp()));
            let m = h[3].max(warped[3]);
            for lane in 0..3 {
                out[lane] = h[lane] * (1.0 - m) + warped[lane] * m;
            }
            out[3] = 1.0;
        }
    }
}
