//! Correction of the flow at eyes, lips and irises, and what it carries along.

use crate::face::{Point, dot, minus};
use crate::grid::{bilinear, grid_point, picture_workgroups, pixel_position};
use crate::opening::{Axes, Opening};
use crate::{Bind, Binding, DeviceProfile, Dispatch, FindRims, Kernel, ShaderKey, Tier, Transfer, feature_len};
use bytemuck::{Pod, Zeroable, cast_slice, cast_slice_mut};

/// Places in [`Transfer::pins`].
const IRIS_PINS_AT: usize = 44;
/// Place in what [`FindRims`] finds, after points and boxes.
const IRISES_AT: usize = 4 * 59;
/// Pixels over which what lies beyond the picture fades.
const EDGE: f32 = 3.0;
/// From where to where clothes begin, below the mouth, in heights from the eyes to it.
const CHIN: [f32; 2] = [0.2, 0.6];
/// Middle of the inner rims of the lips, among the pins.
const INNER_LIPS: [usize; 2] = [36, 37];
/// Half of the line along the eye on which an iris is moved as it is, of the distance between the outer corners of the eyes: most of
/// an iris' radius, 0.065 of that in everybody.
const IRIS: f32 = 0.04;

/// The flow of [`crate::MotionCombine`] and its occlusion brought to the size of the picture (bilinear, `align_corners`), and the flow
/// corrected there so that it leads from the driver's lids, lips and irises to the source's. What networks and splines miss there is
/// an opening or a closing.
///
/// **Eyes and mouth** are openings between two edges, lids with their lashes or lips, each of two rims: curves through the points, so
/// they are met along their whole length. Inside, the flow runs straight from rim to rim; what is open by no more than a pixel is shut. Along
/// an edge the correction goes over from one rim's to the other's. Beyond the outer rims their motion goes over into the flow's own, over 2.2
/// times what they move on it, so that the skin there is stretched and never folded over. [`FindRims`] says what the flow misses on them.
///
/// **Irises** are lines along the eye, moved and not stretched: `flow(z) += e w(z) / (w(z) + softness)` with what the lids have left
/// there, `e = iris of the source - flow(iris of the driver)`, and `w(z) = exp(-d² / 2 sigma²)` at the distance `d` from the line;
/// within the lids, and less as the eye closes.
///
/// **What is carried along** by the flow is the hole that the person left in the background; elsewhere a head would drag the background
/// with it, and draw its outline where it was. What lies beyond the picture is not carried, for only its edge would be repeated; but
/// below the picture, and beside it from the mouth to the chin more and more, it is: clothes go on there.
///
/// Bindings: flow `[motion, motion, 4]` (x, y, occlusion, 0), rims `[61, 4]` of [`FindRims`], the driver's pins `[46, 2]` in [-1, 1] as
/// [`Transfer::pins`] lists them, background `[4, size, size]` (r, g, b, hole), corrected flow `[size, size, 4]` (x, y, occlusion, how
/// much is carried along, 0..=1); `f32` but for the background.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PinFlow {
    /// Side of the motion grid in pixels, at least 2.
    pub motion: u32,
    /// Side of the picture in pixels, at least 2.
    pub size: u32,
    /// Reach of an iris in [-1, 1] units, more than 0.
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
    pixel: f32,
    ratio: f32,
    unused: [u32; 2],
}

/// How much of what is shown at a height across the driver's face is clothes.
fn clothes(driver: &[Point], axes: &Axes, height: f32) -> f32 {
    let middle = |pins: [usize; 2]| pins.map(|i| axes.place(driver[i])[1]).iter().sum::<f32>() / 2.0;
    let (eyes, mouth) = (middle([0, 1]), middle(INNER_LIPS));
    (((height - mouth) / (mouth - eyes).max(1e-3) - CHIN[0]) / (CHIN[1] - CHIN[0])).clamp(0.0, 1.0)
}

impl PinFlow {
    fn params(&self) -> Params {
        let (sharpness, last) = (0.5 / (self.sigma * self.sigma), self.size as f32 - 1.0);
        let (pixel, ratio) = (2.0 / last, (self.motion - 1) as f32 / last);
        let (size, motion, softness) = (self.size, self.motion, self.softness);
        Params { size, motion, sharpness, softness, pixel, ratio, unused: [0; 2] }
    }
}

impl Kernel for PinFlow {
    fn name(&self) -> &'static str {
        "pin_flow"
    }

    fn bindings(&self) -> Vec<Binding> {
        let (flow, pins) = (feature_len(4, self.size, self.size), 2 * Transfer::PINS);
        vec![
            Binding::new(Bind::Floats, feature_len(4, self.motion, self.motion)),
            Binding::new(Bind::Floats, FindRims::LEN as usize),
            Binding::new(Bind::Floats, pins),
            Binding::new(Bind::Feature, flow),
            Binding::new(Bind::FloatsOut, flow),
        ]
    }

    /// A face with open eyes and an open mouth, whose rims run from corner to corner.
    fn rehearse(&self, values: &mut [Vec<f32>]) {
        let [_, found, driver, ..] = values else { panic!("pin_flow has five bindings") };
        let pins: &mut [Point] = cast_slice_mut(driver);
        let places = [(0, [-0.4, 0.0]), (1, [0.4, 0.0]), (36, [0.0, 0.3]), (37, [0.0, 0.4])];
        let irises = [(IRIS_PINS_AT, [-0.1, -0.15]), (IRIS_PINS_AT + 1, [0.1, -0.15])];
        places.into_iter().chain(irises).for_each(|(pin, place)| pins[pin] = place);
        let axes = Axes::of(pins);
        let (points, rest) = found.split_at_mut(4 * FindRims::POINTS);
        let heights = [-0.2, -0.1, -0.2, -0.1, 0.2, 0.3, 0.4, 0.5];
        for (i, point) in points.chunks_exact_mut(4).enumerate() {
            let miss = [2, 3].map(|c| 0.1 * point[c]);
            point.copy_from_slice(&[0.1 * (i % 7) as f32 - 0.3, heights[i / 7], miss[0], miss[1]]);
        }
        let boxes = FindRims::boxes(cast_slice(points), &axes);
        rest[..12].copy_from_slice(boxes.as_flattened());
        rest[12..].iter_mut().for_each(|v| *v = v.abs().min(1.0));
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        Dispatch {
            shader: ShaderKey::new("pin_flow", tier),
            params: bytemuck::bytes_of(&self.params()).to_vec(),
            workgroups: picture_workgroups(self.size, 1),
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [loose, found, driver, background] = inputs else {
            panic!("pin_flow needs flow, rims, driver and background")
        };
        let (params, size, motion) = (self.params(), self.size as usize, self.motion as usize);
        let driver: &[Point] = cast_slice(driver);
        let axes = Axes::of(driver);
        let loose_at = |z: Point| {
            let there = bilinear(loose, motion, pixel_position(z, motion));
            [there[0], there[1]]
        };
        let carried = |to: Point, height: f32| {
            let beyond = ((to[0].abs().max(-to[1]) - 1.0) / (EDGE * params.pixel)).clamp(0.0, 1.0);
            let hole = bilinear(background, size, pixel_position(to, size))[3];
            hole * (1.0 - beyond * (1.0 - clothes(driver, &axes, height)))
        };
        let openings = Opening::all(cast_slice(found), axes, params.pixel);
        let irises: &[[f32; 4]] = cast_slice(&found[IRISES_AT..]);
        for (pixel, flow) in outputs[0].chunks_exact_mut(4).enumerate() {
            let (x, y) = (pixel % size, pixel / size);
            let loose = bilinear(loose, motion, [x, y].map(|v| v as f32 * params.ratio));
            let z = grid_point(x, y, size);
            let mut moved = [0.0; 2];
            for (i, opening) in openings.iter().enumerate() {
                let (correction, inside) = opening.at(z, loose_at);
                moved = [0, 1].map(|c| moved[c] + correction[c]);
                // The mouth, the last of them, has none.
                let Some([x, y, counts, _]) = irises.get(i) else { continue };
                let d = axes.place(minus(z, driver[IRIS_PINS_AT + i]));
                let away = [(d[0].abs() - IRIS * axes.size).max(0.0), d[1]];
                let weight = (-params.sharpness * dot(away, away)).exp();
                let near = counts * inside * weight / (weight + self.softness);
                moved = [moved[0] + near * x, moved[1] + near * y];
            }
            let to = [0, 1].map(|c| loose[c] + moved[c]);
            flow.copy_from_slice(&[to[0], to[1], loose[2], carried(to, axes.place(z)[1])]);
        }
    }
}
