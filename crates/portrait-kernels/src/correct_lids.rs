//! Correction of the eye points of the face mesh, which moves its lids only 0.58 as far as eyes do, and gain on their motion.

use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, Transfer, TransferControl};
use bytemuck::{Pod, Zeroable};

/// Facial keypoints.
const FACIAL: usize = 106;
/// Those of them around the eyes.
const EYES: usize = 24;
/// Coordinates of the eye points.
const COORDS: usize = 2 * EYES;

/// Moves the eye points by a linear function of themselves, in the frame of the outer eye corners, so that it holds for any
/// place, size and turn (`weights/TOPOLOGY.md`, "lids"). Then moves them `eye_gain - 1` times further from where
/// [`Transfer`]'s neutral pose has them, if there is one: the networks leave lids half open (`weights/portrait_s.md`).
///
/// Bindings, all `f32`: `raw` `[106, 2]`, `map` [`CorrectLids::MAP_LEN`] (see [`CorrectLids::pack`]), `state` and `control` of
/// [`Transfer`], output `[106, 2]`.
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

    /// The line from the right to the left outer corner, and the eye points in the frame that it spans.
    fn local(&self, points: &[f32]) -> ([f32; 2], [f32; COORDS]) {
        let at = |i: u32| [points[2 * i as usize], points[2 * i as usize + 1]];
        let [r, l] = self.corners.map(at);
        let (m, u) = ([0.5 * (r[0] + l[0]), 0.5 * (r[1] + l[1])], [l[0] - r[0], l[1] - r[1]]);
        let n = u[0] * u[0] + u[1] * u[1];
        let scale = if n > 1e-12 { 1.0 / n } else { 0.0 };
        let mut q = [0.0; COORDS];
        for (to, &i) in q.as_chunks_mut::<2>().0.iter_mut().zip(&self.eyes) {
            let p = [at(i)[0] - m[0], at(i)[1] - m[1]];
            *to = [(p[0] * u[0] + p[1] * u[1]) * scale, (p[1] * u[0] - p[0] * u[1]) * scale];
        }
        (u, q)
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
            Binding::new(Bind::Floats, Transfer::STATE_LEN),
            Binding::new(Bind::Floats, TransferControl::LEN),
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
        let [raw, map, state, control] = inputs else { panic!("correct_lids needs points, map, state and control") };
        let neutral = &state[Transfer::NEUTRAL_AT..];
        let gain = if neutral[0] > 0.5 { control[7] - 1.0 } else { 0.0 };
        let (u, q) = self.local(raw);
        let (_, rest) = self.local(&neutral[4..]);
        let (weight, bias) = map.split_at(COORDS * COORDS);
        let moved: [f32; COORDS] = std::array::from_fn(|o| {
            let row = &weight[o * COORDS..][..COORDS];
            let d = bias[o] + row.iter().zip(&q).map(|(w, q)| w * q).sum::<f32>();
            d + gain * (q[o] + d - rest[o])
        });
        outputs[0].copy_from_slice(raw);
        for (d, &i) in moved.as_chunks::<2>().0.iter().zip(&self.eyes) {
            outputs[0][2 * i as usize] += d[0] * u[0] - d[1] * u[1];
            outputs[0][2 * i as usize + 1] += d[0] * u[1] + d[1] * u[0];
        }
    }
}
