//! Correction of the eye points of the face mesh, which moves its lids only 0.58 as far as eyes do.

use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier};
use bytemuck::{Pod, Zeroable};

/// Facial keypoints.
const FACIAL: usize = 106;
/// Those of them around the eyes.
const EYES: usize = 24;
/// Coordinates of the eye points.
const COORDS: usize = 2 * EYES;

/// Moves the eye points by a linear function of themselves, in the frame of the outer eye corners, so that it holds for any
/// place, size and turn (`weights/TOPOLOGY.md`, "lids").
///
/// Bindings, all `f32`: `raw` `[106, 2]`, `map` [`CorrectLids::MAP_LEN`] (see [`CorrectLids::pack`]), output `[106, 2]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CorrectLids {
    /// Which of the 106 points lie around the eyes, in the order of the map.
    pub eyes: [u32; EYES],
    /// The outer eye corners among the 106: the person's right, then left.
    pub corners: [u32; 2],
}

/// Mirrors `Params` in `shaders/correct_lids.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    eyes: [[u32; 4]; EYES / 4],
    corners: [u32; 2],
    pad: [u32; 2],
}

impl CorrectLids {
    /// Length of the `map` binding.
    pub const MAP_LEN: usize = COORDS * COORDS + COORDS;

    /// Contents of the `map` binding: `weight` `[48, 48]` by rows, then `bias` `[48]`; x before y.
    pub fn pack(weight: &[f32], bias: &[f32]) -> Vec<f32> {
        [weight, bias].concat()
    }

    /// Axes of the eyes' frame: middle, across, and the inverse of the squared distance of the corners.
    fn frame(&self, raw: &[f32]) -> ([f32; 2], [f32; 2], f32) {
        let at = |i: u32| [raw[2 * i as usize], raw[2 * i as usize + 1]];
        let [r, l] = self.corners.map(at);
        let u = [l[0] - r[0], l[1] - r[1]];
        let n = u[0] * u[0] + u[1] * u[1];
        ([0.5 * (r[0] + l[0]), 0.5 * (r[1] + l[1])], u, if n > 1e-12 { 1.0 / n } else { 0.0 })
    }
}

impl Kernel for CorrectLids {
    fn name(&self) -> &'static str {
        "correct_lids"
    }

    fn bindings(&self) -> Vec<Binding> {
        vec![
            Binding::new(Bind::Floats, 2 * FACIAL),
            Binding::new(Bind::Floats, Self::MAP_LEN),
            Binding::new(Bind::FloatsOut, 2 * FACIAL),
        ]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let eyes = std::array::from_fn(|i| std::array::from_fn(|j| self.eyes[4 * i + j]));
        let params = Params { eyes, corners: self.corners, pad: [0; 2] };
        Dispatch {
            shader: ShaderKey::new("correct_lids", tier),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [1, 1, 1],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [raw, map] = inputs else { panic!("correct_lids needs points and map") };
        let (m, u, scale) = self.frame(raw);
        let q: Vec<f32> = self
            .eyes
            .iter()
            .flat_map(|&i| {
                let p = [raw[2 * i as usize] - m[0], raw[2 * i as usize + 1] - m[1]];
                [(p[0] * u[0] + p[1] * u[1]) * scale, (p[1] * u[0] - p[0] * u[1]) * scale]
            })
            .collect();
        let (weight, bias) = map.split_at(COORDS * COORDS);
        let row = |o: usize| bias[o] + weight[o * COORDS..][..COORDS].iter().zip(&q).map(|(w, q)| w * q).sum::<f32>();
        outputs[0].copy_from_slice(raw);
        for (e, &i) in self.eyes.iter().enumerate() {
            let (dx, dy) = (row(2 * e), row(2 * e + 1));
            outputs[0][2 * i as usize] += dx * u[0] - dy * u[1];
            outputs[0][2 * i as usize + 1] += dx * u[1] + dy * u[0];
        }
    }
}
