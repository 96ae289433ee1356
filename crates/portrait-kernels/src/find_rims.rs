//! What a flow misses at lids, lips and irises.

use crate::face::{Point, minus};
use crate::grid::{bilinear, pixel_position};
use crate::opening::{Axes, Node, Opening, eye_opening, lids, lips, reach};
use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, Transfer, feature_len};
use bytemuck::{Pod, Zeroable, cast_slice, cast_slice_mut};

/// Places in [`Transfer::pins`].
const IRIS_PINS_AT: usize = 44;
/// Opening of an eye, in `sigma`, from which its iris counts in full.
const OPEN: f32 = 2.5;

/// What a flow that [`crate::PinFlow`] is to correct misses along the driver's lids and lips and at its irises, to lead there to the source's. Lids
/// that close are closed a little further than they are seen to be; of an iris it is what the lids have left to do.
///
/// Bindings: flow `[motion, motion, 4]` (x, y, occlusion, 0) of [`crate::MotionCombine`]; pins of the source and of the driver `[46, 2]` in
/// [-1, 1] as [`Transfer::pins`] lists them; rims `[61, 4]`. These are seven points from corner to corner for each of the right and the left eye's upper
/// and lower lid and the lips' four rims from top to bottom (along its opening and across the face, what is missed in x and y); what eyes
/// and mouth reach along and across (least and most of each); and what is missed at the irises with how much of it counts, 0..=1; `f32`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FindRims {
    /// Side of the motion grid in pixels, at least 2.
    pub motion: u32,
    /// Side of the picture in pixels, at least 2.
    pub size: u32,
    /// Reach of an iris in [-1, 1] units, more than 0.
    pub sigma: f32,
}

/// Mirrors `Params` in `shaders/find_rims.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    motion: u32,
    pixel: f32,
    open: f32,
    unused: u32,
}

impl FindRims {
    /// How many numbers it finds.
    pub const LEN: u32 = 4 * 61;
    /// Points of lids and lips, each of four numbers.
    pub(crate) const POINTS: usize = 56;

    /// What eyes and mouth with these points reach.
    pub(crate) fn boxes(points: &[Node], axes: &Axes) -> [[f32; 4]; 3] {
        [0..14, 14..28, 28..Self::POINTS].map(|opening| reach(&points[opening], axes))
    }

    fn params(&self) -> Params {
        Params { motion: self.motion, pixel: 2.0 / (self.size as f32 - 1.0), open: OPEN * self.sigma, unused: 0 }
    }
}

impl Kernel for FindRims {
    fn name(&self) -> &'static str {
        "find_rims"
    }

    fn bindings(&self) -> Vec<Binding> {
        let pins = 2 * Transfer::PINS;
        vec![
            Binding::new(Bind::Floats, feature_len(4, self.motion, self.motion)),
            Binding::new(Bind::Floats, pins),
            Binding::new(Bind::Floats, pins),
            Binding::new(Bind::FloatsOut, Self::LEN as usize),
        ]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        Dispatch {
            shader: ShaderKey::new("find_rims", tier),
            params: bytemuck::bytes_of(&self.params()).to_vec(),
            workgroups: [1, 1, 1],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [loose, source, driver] = inputs else { panic!("find_rims needs flow, source and driver") };
        let (params, motion) = (self.params(), self.motion as usize);
        let (source, driver): (&[Point], &[Point]) = (cast_slice(source), cast_slice(driver));
        let axes = Axes::of(driver);
        let loose_at = |z: Point| {
            let there = bilinear(loose, motion, pixel_position(z, motion));
            [there[0], there[1]]
        };
        let missed = |source: Point, driver: Point| minus(source, loose_at(driver));
        let (points, rest) = outputs[0].split_at_mut(4 * Self::POINTS);
        let points: &mut [Node] = cast_slice_mut(points);
        let (eyes, mouth) = points.split_at_mut(Self::POINTS / 2);
        for (eye, points) in eyes.chunks_exact_mut(14).enumerate() {
            points.copy_from_slice(lids(eye, source, driver, missed).as_flattened());
        }
        mouth.copy_from_slice(lips(source, driver, missed).as_flattened());
        let (boxes, irises) = rest.split_at_mut(12);
        boxes.copy_from_slice(Self::boxes(points, &axes).as_flattened());
        let openings = Opening::all(points, axes, params.pixel);
        for (eye, found) in irises.chunks_exact_mut(4).enumerate() {
            let i = IRIS_PINS_AT + eye;
            let left = minus(missed(source[i], driver[i]), openings[eye].at(driver[i], loose_at).0);
            let counts = (eye_opening(driver, &axes, eye) / params.open).clamp(0.0, 1.0);
            found.copy_from_slice(&[left[0], left[1], counts, 0.0]);
        }
    }
}
