//! Correction of the flow at the facial points.

use crate::grid::{bilinear, grid_point, picture_workgroups, pixel_position};
use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len};
use bytemuck::{Pod, Zeroable, cast_slice};

/// The flow of [`crate::MotionCombine`] corrected so that it leads from the driver's facial points to the source's:
/// `flow(z) += Σ w_j(z) e_j / (Σ w_j(z) + softness)` with `e_j = source_j - flow(driver_j)` and
/// `w_j = exp(-|z - driver_j|² / 2 sigma²)`. What networks and splines miss at lids and lips is an opening or a closing there.
///
/// Bindings, all `f32`: flow `[size, size, 4]` (x, y, occlusion, 0), points of the source and of the driver `[points, 2]` in
/// [-1, 1], corrected flow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PinFlow {
    /// Side of the motion grid in pixels.
    pub size: u32,
    /// Number of points, at most [`PinFlow::MAX_POINTS`].
    pub points: u32,
    /// Reach of a point in [-1, 1] units, more than 0.
    pub sigma: f32,
    /// Weight of "no correction", more than 0.
    pub softness: f32,
}

/// Mirrors `Params` in `shaders/pin_flow.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    size: u32,
    points: u32,
    sharpness: f32,
    softness: f32,
}

impl PinFlow {
    /// What the workgroup's memory holds.
    pub const MAX_POINTS: u32 = 128;

    fn sharpness(&self) -> f32 {
        0.5 / (self.sigma * self.sigma)
    }
}

impl Kernel for PinFlow {
    fn name(&self) -> &'static str {
        "pin_flow"
    }

    fn bindings(&self) -> Vec<Binding> {
        let flow = feature_len(4, self.size, self.size);
        let points = 2 * self.points as usize;
        vec![
            Binding::new(Bind::Floats, flow),
            Binding::new(Bind::Floats, points),
            Binding::new(Bind::Floats, points),
            Binding::new(Bind::FloatsOut, flow),
        ]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        assert!(self.points <= Self::MAX_POINTS, "pin_flow takes at most {} points", Self::MAX_POINTS);
        let (sharpness, softness) = (self.sharpness(), self.softness);
        let params = Params { size: self.size, points: self.points, sharpness, softness };
        Dispatch {
            shader: ShaderKey::new("pin_flow", tier),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: picture_workgroups(self.size, 1),
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [loose, source, driver] = inputs else { panic!("pin_flow needs flow, source and driver") };
        let size = self.size as usize;
        let points = cast_slice::<f32, [f32; 2]>(source).iter().zip(cast_slice::<f32, [f32; 2]>(driver));
        let pins: Vec<([f32; 2], [f32; 2])> = points
            .map(|(s, d)| {
                let there = bilinear(loose, size, pixel_position(*d, size));
                (*d, [s[0] - there[0], s[1] - there[1]])
            })
            .collect();
        for (pixel, (flow, loose)) in outputs[0].chunks_exact_mut(4).zip(loose.chunks_exact(4)).enumerate() {
            let z = grid_point(pixel % size, pixel / size, size);
            let (mut total, mut sum) = (self.softness, [0.0; 2]);
            for (at, miss) in &pins {
                let d = [z[0] - at[0], z[1] - at[1]];
                let weight = (-self.sharpness() * (d[0] * d[0] + d[1] * d[1])).exp();
                total += weight;
                sum = [sum[0] + weight * miss[0], sum[1] + weight * miss[1]];
            }
            flow.copy_from_slice(&[loose[0] + sum[0] / total, loose[1] + sum[1] / total, loose[2], loose[3]]);
        }
    }
}
