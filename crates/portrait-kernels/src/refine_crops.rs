//! What the refiner sees: both eyes and the mouth, cut out by the points of the face mesh.

use crate::face::Region;
use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len};
use bytemuck::{Pod, Zeroable, cast_slice};

/// Cuts three upright crops of 48 × 48 pixels out of a frame: right eye, left eye mirrored, mouth. Squares of 2 × 2 pixels are
/// folded into lanes, as PyTorch's `pixel_unshuffle(2)` folds them into channels.
///
/// Bindings: the frame (texture), the portrait crop `(cx, cy, side, 0)` in frame pixels, the mesh's 106 facial points in [-1, 1] of
/// it (both `f32`), the crops `[36, 24, 24]` (feature tensor; slice = crop · 3 + colour).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RefineCrops {
    /// `[width, height]` of the frame, not zero.
    pub frame: [u32; 2],
    /// Side of the portrait crop in pixels as the networks see it; fixes what [-1, 1] means.
    pub image: u32,
}

/// Mirrors `Params` in `shaders/refine_crops.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    frame: [u32; 2],
    scale: f32,
    pad: u32,
}

impl RefineCrops {
    /// Side of a crop in pixels.
    pub const SIDE: u32 = 48;
    /// Shape of the output.
    pub const OUTPUT: [u32; 3] = [36, Self::SIDE / 2, Self::SIDE / 2];

    /// Sides of the portrait crop per unit of a point.
    fn scale(&self) -> f32 {
        (self.image - 1) as f32 / (2 * self.image) as f32
    }

    /// `bilinear` in the shader.
    fn bilinear(&self, frame: &[f32], at: [f32; 2]) -> [f32; 3] {
        let [w, h] = self.frame.map(|v| v as f32);
        let (x, y) = (at[0].max(-1.0).min(w), at[1].max(-1.0).min(h));
        let (tx, ty) = (x - x.floor(), y - y.floor());
        let [i, j] = [x.floor() as i32, y.floor() as i32];
        let texel = |i: i32, j: i32| {
            let [i, j] = [i.clamp(0, w as i32 - 1), j.clamp(0, h as i32 - 1)];
            let at = (j * w as i32 + i) as usize * 4;
            [frame[at], frame[at + 1], frame[at + 2]]
        };
        let mix = |a: [f32; 3], b: [f32; 3], t: f32| [0, 1, 2].map(|k| a[k] * (1.0 - t) + b[k] * t);
        mix(mix(texel(i, j), texel(i + 1, j), tx), mix(texel(i, j + 1), texel(i + 1, j + 1), tx), ty)
    }
}

impl Kernel for RefineCrops {
    fn name(&self) -> &'static str {
        "refine_crops"
    }

    fn bindings(&self) -> Vec<Binding> {
        let ([w, h], [c, m, n]) = (self.frame, Self::OUTPUT);
        vec![
            Binding::new(Bind::Texture, 4 * w as usize * h as usize),
            Binding::new(Bind::Floats, 4),
            Binding::new(Bind::Floats, 212),
            Binding::new(Bind::FeatureOut, feature_len(c, m, n)),
        ]
    }

    /// A crop of the whole frame, and points spread over it.
    fn rehearse(&self, values: &mut [Vec<f32>]) {
        let [width, height] = self.frame.map(|side| side as f32);
        values[1].copy_from_slice(&[0.5 * width, 0.5 * height, width.min(height), 0.0]);
        for (i, v) in values[2].iter_mut().enumerate() {
            *v = 0.4 * (1.7 * i as f32).sin();
        }
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let params = Params { frame: self.frame, scale: self.scale(), pad: 0 };
        let [_, m, n] = Self::OUTPUT;
        Dispatch {
            shader: ShaderKey::new("refine_crops", tier),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [n.div_ceil(8), m.div_ceil(4), 3],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [frame, crop, raw] = inputs else { panic!("refine_crops needs frame, crop and points") };
        let scale = crop[2] * self.scale();
        let half = (Self::SIDE / 2) as usize;
        for (which, region) in Region::all(cast_slice(raw)).iter().enumerate() {
            let [x, y] = [region.x, region.y].map(|side| side.map(|v| v * (scale / Self::SIDE as f32)));
            let taps = x[0].hypot(x[1]).ceil().clamp(1.0, 4.0) as usize;
            let origin: [f32; 2] = std::array::from_fn(|c| crop[c] + region.centre[c] * scale - 0.5);
            for (row, column) in (0..2 * half).flat_map(|row| (0..2 * half).map(move |column| (row, column))) {
                let mut sum = [0.0; 3];
                for (j, i) in (0..taps).flat_map(|j| (0..taps).map(move |i| (j, i))) {
                    let place =
                        |pixel: usize, tap: usize| pixel as f32 - half as f32 + (tap as f32 + 0.5) / taps as f32;
                    let q = [place(column, i), place(row, j)];
                    let sample = self.bilinear(frame, [0, 1].map(|c| origin[c] + q[0] * x[c] + q[1] * y[c]));
                    sum = [0, 1, 2].map(|k| sum[k] + sample[k]);
                }
                let (block, lane) = (row / 2 * half + column / 2, row % 2 * 2 + column % 2);
                for (colour, v) in sum.iter().enumerate() {
                    let slice = 3 * which + colour;
                    outputs[0][(slice * half * half + block) * 4 + lane] = v / (taps * taps) as f32;
                }
            }
        }
    }
}
