//! The one warp of the source picture, and the synthesis network's input made from it.

use crate::fold::folded;
use crate::grid::{bilinear, picture_workgroups, pixel_position};
use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len};
use bytemuck::{Pod, Zeroable};

/// Warps the source and its person mask by the flow (MobilePortrait 3.3: one warp, at image level).
///
/// Inputs: `flow` `[size, size, 4]` of [`crate::PinFlow`]; source `[4, size, size]` (r, g, b, person mask);
/// background `[3, size, size]`. Outputs: the synthesis input, eight channels (rgb · occlusion, occlusion, background rgb, warped
/// mask) folded to `[8 · fold², size / fold, size / fold]` (channel order: [`crate::shuffled_channel`]), and `warped` `[4, size, size]` = (rgb, mask), not multiplied by the occlusion. Sampling is bilinear,
/// `align_corners`, clamped to the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Warp {
    /// Side of the picture in pixels.
    pub size: u32,
    /// Side of the square of pixels that is one pixel of the synthesis input; divides `size`.
    pub fold: u32,
}

/// Mirrors `Params` in `shaders/warp.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    size: u32,
    pad: [u32; 3],
}

impl Kernel for Warp {
    fn name(&self) -> &'static str {
        "warp"
    }

    fn bindings(&self) -> Vec<Binding> {
        let picture = |channels| feature_len(channels, self.size, self.size);
        vec![
            Binding::new(Bind::Floats, picture(4)),
            Binding::new(Bind::Feature, picture(4)),
            Binding::new(Bind::Feature, picture(3)),
            Binding::new(Bind::FeatureOut, picture(8)),
            Binding::new(Bind::FeatureOut, picture(4)),
        ]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let params = Params { size: self.size, pad: [0; 3] };
        Dispatch {
            shader: ShaderKey::new("warp", tier).set("FOLD", self.fold),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: picture_workgroups(self.size, 1),
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [flow, source, background] = inputs else { panic!("warp needs flow, source and background") };
        let [y, warped] = outputs else { panic!("warp writes the synthesis input and the warped source") };
        let [size, fold] = [self.size, self.fold].map(|v| v as usize);
        let (first, second) = y.split_at_mut(size * size * 4);
        for pixel in 0..size * size {
            let [x, y, occlusion, _] = flow.as_chunks().0[pixel];
            let v @ [r, g, b, mask] = bilinear(source, size, pixel_position([x, y], size));
            warped[pixel * 4..][..4].copy_from_slice(&v);
            let back = &background[pixel * 4..][..3];
            let to = 4 * folded(pixel % size, pixel / size, size, fold);
            first[to..][..4].copy_from_slice(&[r * occlusion, g * occlusion, b * occlusion, occlusion]);
            second[to..][..4].copy_from_slice(&[back[0], back[1], back[2], mask]);
        }
    }
}
