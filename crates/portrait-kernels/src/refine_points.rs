//! What the refiner found, put into the facial points.

use crate::face::{EYES_AT, LIPS_AT, Region};
use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier};
use bytemuck::{cast_slice, cast_slice_mut};

/// Facial points of the mesh.
const MESH: usize = 106;
/// Points of an eye in the mesh; the iris follows them.
const EYE: usize = 12;
const LIPS: usize = 20;
/// Points of the mesh that are refined.
const KNOWN: usize = 2 * EYE + LIPS;

/// Replaces the eye and lip points of the face mesh by the refiner's, and adds the centres of the right and the left iris as
/// points 106 and 107. What the refiner says is what its convolutions saw plus a linear map of the mesh's own points.
///
/// Bindings, all `f32`: points of the mesh `[106, 2]`; what was seen, [`RefinePoints::FOUND`]: right eye and its iris, left eye and
/// its iris, lips, in sides of the crops of [`crate::RefineCrops`]; the map, [`RefinePoints::MAP_LEN`], by rows in that order, its
/// columns the same without irises; output `[108, 2]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RefinePoints;

impl RefinePoints {
    /// Coordinates that the refiner finds.
    pub const FOUND: usize = 2 * (2 * (EYE + 1) + LIPS);
    /// Facial points with the irises.
    pub const POINTS: usize = MESH + 2;
    /// Length of the map.
    pub const MAP_LEN: usize = Self::FOUND * 2 * KNOWN;
}

impl Kernel for RefinePoints {
    fn name(&self) -> &'static str {
        "refine_points"
    }

    fn bindings(&self) -> Vec<Binding> {
        vec![
            Binding::new(Bind::Floats, 2 * MESH),
            Binding::new(Bind::Floats, Self::FOUND),
            Binding::new(Bind::Floats, Self::MAP_LEN),
            Binding::new(Bind::FloatsOut, 2 * Self::POINTS),
        ]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        Dispatch { shader: ShaderKey::new("refine_points", tier), params: vec![0; 16], workgroups: [1, 1, 1] }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [raw, seen, map] = inputs else {
            panic!("refine_points needs the mesh's points, what was seen, and the map")
        };
        let raw: &[[f32; 2]] = cast_slice(raw);
        let regions = Region::all(raw);
        let eye = |eye: usize| (0..EYE).map(move |i| (eye, EYES_AT + 2 * i + eye));
        let known = eye(0).chain(eye(1)).chain((0..LIPS).map(|i| (2, LIPS_AT + i)));
        let q: Vec<f32> = known.flat_map(|(which, point)| regions[which].into(raw[point])).collect();
        let row = |row: &[f32]| row.iter().zip(&q).map(|(m, q)| m * q).sum::<f32>();
        let found: Vec<f32> = seen.iter().zip(map.chunks(2 * KNOWN)).map(|(s, m)| s + row(m)).collect();
        let found: &[[f32; 2]] = cast_slice(&found);
        let y: &mut [[f32; 2]] = cast_slice_mut(outputs[0]);
        y[..MESH].copy_from_slice(raw);
        for (eye, points) in found[..2 * (EYE + 1)].chunks(EYE + 1).enumerate() {
            for (i, &q) in points.iter().enumerate() {
                let to = if i < EYE { EYES_AT + 2 * i + eye } else { MESH + eye };
                y[to] = regions[eye].at(q);
            }
        }
        for (to, &q) in y[LIPS_AT..LIPS_AT + LIPS].iter_mut().zip(&found[2 * (EYE + 1)..]) {
            *to = regions[2].at(q);
        }
    }
}
