//! Correction of the flow at eyes, lips and irises.

use crate::face::{Point, dot, minus};
use crate::grid::{bilinear, grid_point, picture_workgroups, pixel_position};
use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, Transfer, feature_len};
use bytemuck::{Pod, Zeroable, cast_slice};

/// Places in [`Transfer::pins`].
const UPPER_LIDS_AT: usize = 4;
const LOWER_LIDS_AT: usize = 14;
const LIDS: usize = 10;
const INNER_LIPS: [[usize; 2]; 3] = [[36, 37], [40, 42], [41, 43]];
const IRISES_AT: usize = 44;
/// Opening of an eye, in `sigma`, from which its iris counts in full.
const OPEN: f32 = 2.5;
/// Half of the line along the eye on which an iris is moved as it is, of the distance between the outer corners of the eyes: most of
/// an iris' radius, 0.065 of that in everybody.
const IRIS: f32 = 0.04;
/// Distance, in `sigma`, from which on the shader leaves a pin out.
const REACH: f32 = 6.0;

/// The flow of [`crate::MotionCombine`] and its occlusion brought to the size of the picture (bilinear, `align_corners`), and the flow
/// corrected there so that it leads from the driver's pins to the source's: `flow(z) += Σ w_j(z) e_j / (Σ w_j(z) + softness)` with `e_j = source_j - flow(driver_j)` and
/// `w_j = exp(-|z - driver_j|² / 2 sigma²)`. What networks and splines miss at lids and lips is an opening or a closing there.
///
/// Opposite points of lids and inner lips act on their own side of the middle between them only, with a ramp of half a pixel: where
/// they meet, the flow shows skin on both sides, not the average of both, which is the open eye. Irises fade as their eye closes.
/// `|z - driver_j|` of an iris is the distance to a line along the eye, so that the iris is moved and not stretched.
/// The shader leaves out what is further away than `6 sigma`: weights below a ten-millionth.
///
/// Bindings, all `f32`: flow `[motion, motion, 4]` (x, y, occlusion, 0), pins of the source and of the driver `[46, 2]` in [-1, 1] as
/// [`Transfer::pins`] lists them, corrected flow `[size, size, 4]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PinFlow {
    /// Side of the motion grid in pixels, at least 2.
    pub motion: u32,
    /// Side of the picture in pixels, at least 2.
    pub size: u32,
    /// Reach of a pin in [-1, 1] units, more than 0.
    pub sigma: f32,
    /// Weight of "no correction", more than 0.
    pub softness: f32,
}

/// Mirrors `Params` in `shaders/pin_flow.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    size: u32,
    motion: u32,
    sharpness: f32,
    softness: f32,
    steepness: f32,
    open: f32,
    reach: f32,
    ratio: f32,
}

impl PinFlow {
    fn params(&self) -> Params {
        let sharpness = 0.5 / (self.sigma * self.sigma);
        let steepness = self.size as f32 - 1.0;
        let (softness, open, reach) = (self.softness, OPEN * self.sigma, REACH * self.sigma);
        let ratio = (self.motion - 1) as f32 / steepness;
        Params { size: self.size, motion: self.motion, sharpness, softness, steepness, open, reach, ratio }
    }
}

/// Of each pin: its weight in the middle between it and the opposite point, how steeply that grows with height, and where the middle
/// is. A point without an opposite has the same weight everywhere.
fn sides(driver: &[Point], across: Point, params: &Params) -> Vec<[f32; 3]> {
    let mut sides = vec![[1.0, 0.0, 0.0]; driver.len()];
    for [upper, lower] in (0..LIDS).map(|i| [UPPER_LIDS_AT + i, LOWER_LIDS_AT + i]).chain(INNER_LIPS) {
        let middle = 0.5 * (dot(driver[upper], across) + dot(driver[lower], across));
        sides[upper] = [0.5, -params.steepness, middle];
        sides[lower] = [0.5, params.steepness, middle];
    }
    for eye in 0..2 {
        let pairs = (eye..LIDS).step_by(2).map(|i| minus(driver[LOWER_LIDS_AT + i], driver[UPPER_LIDS_AT + i]));
        let opening: f32 = pairs.map(|d| dot(d, across)).sum();
        sides[IRISES_AT + eye][0] = (opening / (0.5 * LIDS as f32 * params.open)).clamp(0.0, 1.0);
    }
    sides
}

impl Kernel for PinFlow {
    fn name(&self) -> &'static str {
        "pin_flow"
    }

    fn bindings(&self) -> Vec<Binding> {
        let (flow, pins) = (feature_len(4, self.size, self.size), 2 * Transfer::PINS);
        vec![
            Binding::new(Bind::Floats, feature_len(4, self.motion, self.motion)),
            Binding::new(Bind::Floats, pins),
            Binding::new(Bind::Floats, pins),
            Binding::new(Bind::FloatsOut, flow),
        ]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        Dispatch {
            shader: ShaderKey::new("pin_flow", tier),
            params: bytemuck::bytes_of(&self.params()).to_vec(),
            workgroups: picture_workgroups(self.size, 1),
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [loose, source, driver] = inputs else { panic!("pin_flow needs flow, source and driver") };
        let (params, size, motion) = (self.params(), self.size as usize, self.motion as usize);
        let (source, driver): (&[Point], &[Point]) = (cast_slice(source), cast_slice(driver));
        let along = minus(driver[1], driver[0]);
        let length = dot(along, along).sqrt().max(1e-6);
        let (along, across) = ([along[0] / length, along[1] / length], [-along[1] / length, along[0] / length]);
        let sides = sides(driver, across, &params);
        let misses: Vec<Point> = source
            .iter()
            .zip(driver)
            .map(|(s, d)| {
                let there = bilinear(loose, motion, pixel_position(*d, motion));
                minus(*s, [there[0], there[1]])
            })
            .collect();
        for (pixel, flow) in outputs[0].chunks_exact_mut(4).enumerate() {
            let (x, y) = (pixel % size, pixel / size);
            let loose = bilinear(loose, motion, [x, y].map(|v| v as f32 * params.ratio));
            let z = grid_point(x, y, size);
            let height = dot(z, across);
            let (mut total, mut sum) = (self.softness, [0.0; 2]);
            for (j, ((at, miss), [base, steepness, middle])) in driver.iter().zip(&misses).zip(&sides).enumerate() {
                let half = if j < IRISES_AT { 0.0 } else { IRIS * length };
                let d = minus(z, *at);
                let d = [(dot(d, along).abs() - half).max(0.0), dot(d, across)];
                let side = (base + steepness * (height - middle)).clamp(0.0, 1.0);
                let weight = (-params.sharpness * dot(d, d)).exp() * side;
                total += weight;
                sum = [sum[0] + weight * miss[0], sum[1] + weight * miss[1]];
            }
            flow.copy_from_slice(&[loose[0] + sum[0] / total, loose[1] + sum[1] / total, loose[2], loose[3]]);
        }
    }
}
