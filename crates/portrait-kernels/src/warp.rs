//! The one warp of the source picture, and the synthesis network's input made from it.

use crate::fold::folded;
use crate::grid::{cubic, grid_point, picture_workgroups, pixel_position};
use crate::mouth::{MOUTH, OpenMouth, opening};
use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, Transfer, feature_len};
use bytemuck::{Pod, Zeroable, cast_slice};

/// Warps the source and its person mask by the flow (MobilePortrait 3.3: one warp, at image level). Where the driver's lips are
/// further apart than the source's can be drawn, the inside of a mouth is shown that was never in the picture. Either way what lies
/// between the lips is given, and not to be painted over: a network that has seen few teeth paints grey.
///
/// Inputs: `flow` `[size, size, 4]` of [`crate::PinFlow`]; source `[4, size, size]` (r, g, b, person mask);
/// background `[4, size, size]`, whose fourth channel is not read: what the flow does not carry along is background; the source's mouth `[4, MOUTH]`; the driver's pins `[46, 2]` as [`Transfer::pins`] lists them. Outputs: the synthesis input, eight channels (rgb · occlusion, occlusion, background rgb, warped
/// mask) folded to `[8 · fold², size / fold, size / fold]` (channel order: [`crate::shuffled_channel`]), and `warped`
/// `[4, size, size]` = (rgb, how much of it is given, 0..=1), not multiplied by the occlusion. Sampling is by Catmull-Rom splines, held to
/// the four nearest neighbours, `align_corners`, clamped to the edge.
///
/// The mouth begins with a picture of ten layers of 16 × 32 pixels, one below the other: what lies between the inner lips, from the upper to
/// the lower and from the right to the left end, of a mouth that is 0.45 distances of the outer corners of the eyes wide and open by
/// 0.12, 0.21, 0.31, 0.47 and 0.7 of its width, then of one that is 0.62 wide. It shows where the source's lips are open less than 0.66
/// times as far as the driver's, in full up to 0.5 times. The
/// fourth channel is how much of a tooth it is, 0..=1: single teeth are drawn there. A last row is everywhere (how colourful the photo is, 0..=1,
/// 0, 0, the source's [`Self::opening`]).
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
    /// Side of a pixel in [-1, 1].
    pixel: f32,
    pad: [u32; 2],
}

impl Warp {
    /// `[height, width]` of a mouth.
    pub const MOUTH: [u32; 2] = [MOUTH[0] as u32, MOUTH[1] as u32];

    /// How open the inner lips are in the middle among pins, in widths of theirs.
    pub fn opening(pins: &[[f32; 2]]) -> f32 {
        opening(pins)
    }

    /// Points of a picture with pixels of this side at shares of the width of the inner lips among pins and of the gap between them, and
    /// what is given there to a mouth like this, of `layers` as the kernel takes them.
    pub fn given(layers: &[f32], pins: &[[f32; 2]], pixel: f32, shares: &[[f32; 2]]) -> Vec<([f32; 2], [f32; 3])> {
        let mouth = OpenMouth::new(layers, pins, pixel);
        let places = shares.iter().map(|&share| mouth.place(share));
        places.map(|at| (at, mouth.at(layers, at).0)).collect()
    }

    fn params(&self) -> Params {
        Params { size: self.size, pixel: 2.0 / (self.size.max(2) - 1) as f32, pad: [0; 2] }
    }
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
            Binding::new(Bind::Feature, picture(4)),
            Binding::new(Bind::Feature, feature_len(4, Self::MOUTH[0], Self::MOUTH[1])),
            Binding::new(Bind::Floats, 2 * Transfer::PINS),
            Binding::new(Bind::FeatureOut, picture(8)),
            Binding::new(Bind::FeatureOut, picture(4)),
        ]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        Dispatch {
            shader: ShaderKey::new("warp", tier).set("FOLD", self.fold),
            params: bytemuck::bytes_of(&self.params()).to_vec(),
            workgroups: picture_workgroups(self.size, 1),
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [flow, source, background, mouth, driver] = inputs else {
            panic!("warp needs flow, source, background, mouth and the driver's pins")
        };
        let [y, warped] = outputs else { panic!("warp writes the synthesis input and the warped source") };
        let [size, fold] = [self.size, self.fold].map(|v| v as usize);
        let open = OpenMouth::new(mouth, cast_slice(driver), self.params().pixel);
        let (first, second) = y.split_at_mut(size * size * 4);
        for pixel in 0..size * size {
            let [x, y, occlusion, carried] = flow.as_chunks().0[pixel];
            let moved = cubic(source, size, pixel_position([x, y], size));
            let back = &background[pixel * 4..][..3];
            let (inside, amount, given) = open.at(mouth, grid_point(pixel % size, pixel / size, size));
            let seen = occlusion.max(given);
            let mix = |a: f32, b: f32, t: f32| a * (1.0 - t) + b * t;
            let [r, g, b] = [0, 1, 2].map(|c| mix(mix(back[c], moved[c], carried), inside[c], amount));
            warped[pixel * 4..][..4].copy_from_slice(&[r, g, b, given]);
            let to = 4 * folded(pixel % size, pixel / size, size, fold);
            first[to..][..4].copy_from_slice(&[r * seen, g * seen, b * seen, seen]);
            second[to..][..4].copy_from_slice(&[back[0], back[1], back[2], moved[3] * carried]);
        }
    }
}
