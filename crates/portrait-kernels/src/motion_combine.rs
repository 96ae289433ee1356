//! From the dense-motion head to one backward flow and an occlusion map.

use crate::grid::{grid_point, picture_workgroups};
use crate::tps_solve::{POINTS, ROWS, transform};
use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len};
use bytemuck::{Pod, Zeroable};

/// `flow(z) = Σ softmax_k T_k(z) + residual`, `T_0` the identity, and `sigmoid(occlusion)` (MobilePortrait 3.2).
///
/// Inputs: `head` `[groups + 4, size, size]`: `groups + 1` contribution logits, occlusion logit, residual x, residual y;
/// `tps` `[groups, 8, 2]` and the driving keypoints `[groups · 5, 2]` it was solved for. Output `flow` `[size, size, 4]`: x and y
/// in [-1, 1] (where to read in the source), occlusion in 0..=1, 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MotionCombine {
    /// Side of the motion grid in pixels.
    pub size: u32,
    /// Number of transforms K besides the identity.
    pub groups: u32,
}

/// Mirrors `Params` in `shaders/motion_combine.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    size: u32,
    groups: u32,
    pad: [u32; 2],
}

impl Kernel for MotionCombine {
    fn name(&self) -> &'static str {
        "motion_combine"
    }

    fn bindings(&self) -> Vec<Binding> {
        let k = self.groups as usize;
        vec![
            Binding::new(Bind::Feature, feature_len(self.groups + 4, self.size, self.size)),
            Binding::new(Bind::Floats, k * ROWS * 2),
            Binding::new(Bind::Floats, k * POINTS * 2),
            Binding::new(Bind::FloatsOut, feature_len(4, self.size, self.size)),
        ]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let params = Params { size: self.size, groups: self.groups, pad: [0; 2] };
        Dispatch {
            shader: ShaderKey::new("motion_combine", tier),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: picture_workgroups(self.size, 1),
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [head, tps, kp_d] = inputs else { panic!("motion_combine needs head, tps and kp_d") };
        let (size, groups) = (self.size as usize, self.groups as usize);
        for (pixel, flow) in outputs[0].chunks_exact_mut(4).enumerate() {
            let channel = |c: usize| head[(c / 4 * size * size + pixel) * 4 + c % 4];
            let z = grid_point(pixel % size, pixel / size, size);
            let top = (0..=groups).map(channel).fold(f32::NEG_INFINITY, f32::max);
            let (mut total, mut sum) = (0.0, [0.0; 2]);
            for k in 0..=groups {
                let weight = (channel(k) - top).exp();
                let at = if k == 0 { z } else { transform(tps, kp_d, k - 1, z) };
                total += weight;
                sum = [sum[0] + weight * at[0], sum[1] + weight * at[1]];
            }
            let occlusion = 1.0 / (1.0 + (-channel(groups + 1)).exp());
            let residual = [channel(groups + 2), channel(groups + 3)];
            flow.copy_from_slice(&[sum[0] / total + residual[0], sum[1] / total + residual[1], occlusion, 0.0]);
        }
    }
}
