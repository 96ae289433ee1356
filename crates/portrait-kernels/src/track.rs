//! Face tracking between frames, on the device: from the mesh to the next region of interest and the facial points.

use crate::portrait_crop::{CROP_SCALE, CROP_UP, portrait_crop};
use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier};
use bytemuck::{Pod, Zeroable};

/// Points of the face mesh.
const POINTS: usize = 468;
/// Facial keypoints, a subset of them.
const FACIAL: usize = 106;
/// Outer eye corners in the mesh: the person's right (left in the picture) and left.
const EYES: [usize; 2] = [33, 263];

/// Turns the face mesh of a frame into facial keypoints and the region where the next frame's mesh is computed.
///
/// Inputs: `mesh` `[468, 3]` in pixels of the mesh crop; `flag` `[4]`, the face logit first; `indices` `[108]`, the mesh indices
/// of the 106 facial points as floats, padded. State, kept from frame to frame (frame pixels, pixel 0 spans 0..1):
/// - `roi` (cx, cy, side, angle): the region the mesh was computed on; replaced by the square of 1.5 times the longer side of the
///   box of all points, turned as the line between the outer eye corners (MediaPipe's rule).
/// - `crop` (cx, cy, side, 0): the portrait crop; a side ≤ 0 is not locked yet and is set from this frame by [`portrait_crop`].
/// - `status` (score, found 0 or 1, frames since last found, 0).
/// - `fk` `[106, 2]`: facial points in [-1, 1] of the crop.
///
/// Without a face (score under the threshold, or any number not finite) `roi`, `crop` and `fk` stay as they were.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Track {
    /// Width and height of the frame in pixels.
    pub frame: [u32; 2],
    /// Side of the mesh network's input in pixels: 192.
    pub mesh_size: u32,
    /// Side of the networks' picture in pixels: points at ±1 are the centres of its corner pixels.
    pub image: u32,
    /// Smallest score `sigmoid(flag)` of a face: 0.5.
    pub threshold: f32,
    /// Whether the crop is always the centre square of the frame.
    pub whole_frame: bool,
}

/// Mirrors `Params` in `shaders/track.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    frame: [f32; 2],
    mesh_size: f32,
    threshold: f32,
    crop_scale: f32,
    crop_up: f32,
    whole_frame: u32,
    image: f32,
}

/// Box (min, max) of `points`; `None` without extent or if a point is not finite.
fn bounding_box(points: &[[f32; 2]]) -> Option<([f32; 2], [f32; 2])> {
    if points.iter().flatten().any(|v| !v.is_finite()) {
        return None;
    }
    let fold = |axis: usize, start: f32, f: fn(f32, f32) -> f32| points.iter().map(|p| p[axis]).fold(start, f);
    let low = [0, 1].map(|axis| fold(axis, f32::INFINITY, f32::min));
    let high = [0, 1].map(|axis| fold(axis, f32::NEG_INFINITY, f32::max));
    (high[0] > low[0] || high[1] > low[1]).then_some((low, high))
}

impl Kernel for Track {
    fn name(&self) -> &'static str {
        "track"
    }

    fn bindings(&self) -> Vec<Binding> {
        vec![
            Binding::new(Bind::Floats, POINTS * 3),
            Binding::new(Bind::Floats, 4),
            Binding::new(Bind::Floats, FACIAL + 2),
            Binding::new(Bind::FloatsOut, 4),
            Binding::new(Bind::FloatsOut, 4),
            Binding::new(Bind::FloatsOut, 4),
            Binding::new(Bind::FloatsOut, FACIAL * 2),
        ]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let params = Params {
            frame: self.frame.map(|v| v as f32),
            mesh_size: self.mesh_size as f32,
            threshold: self.threshold,
            crop_scale: CROP_SCALE,
            crop_up: CROP_UP,
            whole_frame: u32::from(self.whole_frame),
            image: self.image as f32,
        };
        Dispatch {
            shader: ShaderKey::new("track", tier),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [1, 1, 1],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [mesh, flag, indices] = inputs else { panic!("track needs mesh, flag and indices") };
        let [roi, crop, status, fk] = outputs else { panic!("track keeps roi, crop, status and fk") };
        let (sin, cos) = roi[3].sin_cos();
        let points: Vec<[f32; 2]> = mesh
            .chunks_exact(3)
            .map(|p| {
                let [x, y] = [p[0], p[1]].map(|v| (v / self.mesh_size as f32 - 0.5) * roi[2]);
                [roi[0] + cos * x - sin * y, roi[1] + sin * x + cos * y]
            })
            .collect();
        let score = if flag[0].is_finite() { 1.0 / (1.0 + (-flag[0]).exp()) } else { 0.0 };
        let face = bounding_box(&points).filter(|_| flag[0].is_finite() && score >= self.threshold);
        let since = if face.is_some() { 0.0 } else { status[2] + 1.0 };
        status.copy_from_slice(&[score, if face.is_some() { 1.0 } else { 0.0 }, since, 0.0]);
        if self.whole_frame {
            let [w, h] = self.frame.map(|v| v as f32);
            crop.copy_from_slice(&[0.5 * w, 0.5 * h, w.min(h), 0.0]);
        }
        let Some((low, high)) = face else { return };
        if crop[2] <= 0.0 {
            let [cx, cy, side] = portrait_crop(low, high, self.frame);
            crop.copy_from_slice(&[cx, cy, side, 0.0]);
        }
        let side = (high[0] - low[0]).max(high[1] - low[1]);
        let [right, left] = EYES.map(|i| points[i]);
        let angle = (left[1] - right[1]).atan2(left[0] - right[0]);
        roi.copy_from_slice(&[0.5 * (low[0] + high[0]), 0.5 * (low[1] + high[1]), 1.5 * side, angle]);
        let n = self.image as f32;
        for (to, &i) in fk.chunks_exact_mut(2).zip(*indices) {
            for axis in 0..2 {
                let u = (points[i as usize][axis] - crop[axis]) / crop[2] + 0.5;
                to[axis] = (2.0 * n * u - 1.0) / (n - 1.0) - 1.0;
            }
        }
    }
}
