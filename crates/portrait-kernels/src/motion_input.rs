//! Input of the dense-motion network: the source warped by every transform, and keypoint heat maps.

use crate::grid::{bilinear, grid_point, picture_workgroups, pixel_position};
use crate::tps_solve::{ROWS, transform};
use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len};
use bytemuck::{Pod, Zeroable};

/// Builds the per-frame part of the dense-motion network's input (MobilePortrait 3.2, TPSMM 3.2), without the source's
/// person and landmark masks, which are the same in every frame of a photo.
///
/// Inputs: source picture `[3, size, size]` in 0..=1; `tps` `[groups, 8, 2]` of [`crate::TpsSolve`]; driving and source
/// keypoints `[keypoints, 2]` in [-1, 1]. Output: [`MotionInput::channels`] channels. Slice `t ≤ groups` is (r, g, b of the
/// source seen through transform `t`, heat of keypoint `t`), transform 0 being the identity; the remaining heats follow, four
/// a slice, and lanes past the last keypoint are zero. Heat is `exp(-|z - kp_d|² / 2v) - exp(-|z - kp_s|² / 2v)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MotionInput {
    /// Side of the motion grid and of the source picture, in pixels.
    pub size: u32,
    /// Number of transforms K besides the identity.
    pub groups: u32,
    /// Number of keypoints, at least `5 · groups`.
    pub keypoints: u32,
    /// Variance of the heat maps; 0.01 in the trained networks.
    pub variance: f32,
}

/// Mirrors `Params` in `shaders/motion_input.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    size: u32,
    groups: u32,
    keypoints: u32,
    falloff: f32,
}

impl MotionInput {
    /// Slices of the output.
    const fn slices(&self) -> u32 {
        let warped = self.groups + 1;
        warped + self.keypoints.saturating_sub(warped).div_ceil(4)
    }

    /// Channels of the output, unused lanes of the last slice included: 84 for 10 groups and 50 keypoints.
    pub const fn channels(&self) -> u32 {
        self.slices() * 4
    }

    /// Which channel of the reference's order stands at channel `position` of the output; `None` for an unused lane and past
    /// the end. The reference's order is: warped (transform-major, r g b), heats, one constant zero, person mask, landmark
    /// mask. The last three have no place here: the masks are static per photo.
    pub const fn channel(&self, position: u32) -> Option<u32> {
        let (slice, lane, warped) = (position / 4, position % 4, self.groups + 1);
        if slice < warped && lane < 3 {
            return Some(slice * 3 + lane);
        }
        let heat = if slice < warped { slice } else { warped + position - warped * 4 };
        if heat < self.keypoints { Some(warped * 3 + heat) } else { None }
    }

    fn heat(&self, kp_d: &[f32], kp_s: &[f32], i: usize, z: [f32; 2]) -> f32 {
        if i >= self.keypoints as usize {
            return 0.0;
        }
        let splat = |kp: &[f32]| {
            let d = [z[0] - kp[i * 2], z[1] - kp[i * 2 + 1]];
            ((d[0] * d[0] + d[1] * d[1]) * (-0.5 / self.variance)).exp()
        };
        splat(kp_d) - splat(kp_s)
    }
}

impl Kernel for MotionInput {
    fn name(&self) -> &'static str {
        "motion_input"
    }

    fn bindings(&self) -> Vec<Binding> {
        vec![
            Binding::new(Bind::Feature, feature_len(3, self.size, self.size)),
            Binding::new(Bind::Floats, self.groups as usize * ROWS * 2),
            Binding::new(Bind::Floats, self.keypoints as usize * 2),
            Binding::new(Bind::Floats, self.keypoints as usize * 2),
            Binding::new(Bind::FeatureOut, feature_len(self.channels(), self.size, self.size)),
        ]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let params =
            Params { size: self.size, groups: self.groups, keypoints: self.keypoints, falloff: -0.5 / self.variance };
        Dispatch {
            shader: ShaderKey::new("motion_input", tier),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: picture_workgroups(self.size, self.slices()),
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [source, tps, kp_d, kp_s] = inputs else { panic!("motion_input needs source, tps, kp_d and kp_s") };
        let (size, groups) = (self.size as usize, self.groups as usize);
        for (i, v) in outputs[0].chunks_exact_mut(4).enumerate() {
            let (slice, z) = (i / (size * size), grid_point(i % size, i / size % size, size));
            let heat = |i: usize| self.heat(kp_d, kp_s, i, z);
            if slice <= groups {
                let at = if slice == 0 { z } else { transform(tps, kp_d, slice - 1, z) };
                let [r, g, b, _] = bilinear(source, size, pixel_position(at, size));
                v.copy_from_slice(&[r, g, b, heat(slice)]);
            } else {
                let first = slice * 4 - (groups + 1) * 3;
                v.copy_from_slice(&std::array::from_fn::<f32, 4, _>(|lane| heat(first + lane)));
            }
        }
    }
}
