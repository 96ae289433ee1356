//! Decoding of the face detector (BlazeFace short range): from its four heads to faces, and to the region of the one that is wanted.

use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len};
use bytemuck::{Pod, Zeroable};

/// Anchors of the 16-grid, two a cell; they come before the six a cell of the 8-grid.
const FINE: usize = 512;
/// All anchors.
const ANCHORS: usize = 896;
/// Faces that suppression keeps at most, the most certain first: bounds the work on any input. `MAX_FACES` in the shader.
const MAX_FACES: usize = 32;

/// Largest magnitude of a detector output that is looked at: the largest f16. `LARGEST` in the shader.
const LARGEST: f32 = 65504.0;

/// A face, in frame pixels (pixel 0 has its centre at 0.5).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DetectedFace {
    /// Certainty of the strongest anchor, over 0.5 and at most 1.
    pub score: f32,
    /// Centre of the box.
    pub center: [f32; 2],
    /// Width and height of the box, positive.
    pub size: [f32; 2],
    /// The person's right eye, left eye, nose tip, mouth centre, right ear, left ear.
    pub points: [[f32; 2]; 6],
}

impl DetectedFace {
    /// Area of the box in square pixels.
    pub fn area(&self) -> f32 {
        self.size[0] * self.size[1]
    }

    /// The face mesh's region `(cx, cy, side, angle)` for [`Crop`](crate::Crop): 1.5 times the larger side around the centre,
    /// turned so that the line between the eyes is level.
    pub fn roi(&self) -> [f32; 4] {
        let [a, b] = [self.points[0], self.points[1]];
        let side = self.size[0].max(self.size[1]) * 1.5;
        [self.center[0], self.center[1], side, (b[1] - a[1]).atan2(b[0] - a[0])]
    }
}

/// One anchor above the threshold, as fractions of the detector's input.
struct Candidate {
    logit: f32,
    score: f32,
    cell: [f32; 2],
    /// Centre, size and six points, relative to `cell` where they are positions.
    values: [f32; 16],
    taken: bool,
}

impl Candidate {
    fn center(&self) -> [f32; 2] {
        [self.values[0] + self.cell[0], self.values[1] + self.cell[1]]
    }
}

/// Reads one anchor; `None` below the threshold, for a box without area, or where a value is not finite or beyond all f16.
fn candidate(anchor: usize, reg16: &[f32], cls16: &[f32], reg8: &[f32], cls8: &[f32]) -> Option<Candidate> {
    let (boxes, scores, grid, anchors, i) =
        if anchor < FINE { (reg16, cls16, 16, 2, anchor) } else { (reg8, cls8, 8, 6, anchor - FINE) };
    let (cell, a) = (i / anchors, i % anchors);
    let value = |map: &[f32], channel: usize| map[(channel / 4 * grid * grid + cell) * 4 + channel % 4];
    let logit = value(scores, a);
    let values: [f32; 16] = std::array::from_fn(|j| value(boxes, a * 16 + j) / 128.0);
    let sound = logit <= LARGEST && values.iter().all(|v| v.abs() <= LARGEST / 128.0);
    (sound && logit > 0.0 && values[2].min(values[3]) > 0.0).then(|| Candidate {
        logit,
        score: 1.0 / (1.0 + (-logit.min(80.0)).exp()),
        cell: [cell % grid, cell / grid].map(|v| (v as f32 + 0.5) / grid as f32),
        values,
        taken: false,
    })
}

/// The faces that the detector sees, largest first, at most 32.
///
/// The arguments are the detector's heads in layout order: boxes `[32, 16, 16]` and logits `[2, 16, 16]` of the fine grid,
/// boxes `[96, 8, 8]` and logits `[6, 8, 8]` of the coarse one; value j of anchor a is channel `16 a + j`. The detector saw the
/// frame of `[width, height]` pixels centred in a black square: [`Crop`](crate::Crop) of `(w / 2, h / 2, max(w, h), 0)`.
///
/// Anchors with a positive logit (a score over 0.5) are taken by falling logit; each gathers all anchors whose centres lie within
/// half its larger side, and the face is their mean weighted by score. A value that is not finite, or beyond the
/// range of f16, disqualifies its anchor.
///
/// # Panics
/// When a map is shorter than its shape says.
pub fn decode_faces(reg16: &[f32], cls16: &[f32], reg8: &[f32], cls8: &[f32], frame: [u32; 2]) -> Vec<DetectedFace> {
    let mut list: Vec<Candidate> =
        (0..ANCHORS).filter_map(|anchor| candidate(anchor, reg16, cls16, reg8, cls8)).collect();
    let [w, h] = frame.map(|v| v as f32);
    let side = w.max(h);
    let mut faces = Vec::new();
    while faces.len() < MAX_FACES {
        // The first of equals, as in the shader.
        let mut seed: Option<&Candidate> = None;
        for c in list.iter().filter(|c| !c.taken) {
            if seed.is_none_or(|s| c.logit > s.logit) {
                seed = Some(c);
            }
        }
        let Some(seed) = seed else { break };
        let (score, middle, reach) = (seed.score, seed.center(), seed.values[2].max(seed.values[3]) * 0.5);
        let (mut weight, mut sum) = (0.0, [0.0f32; 16]);
        for c in &mut list {
            let at = c.center();
            if (at[0] - middle[0]).abs().max((at[1] - middle[1]).abs()) >= reach {
                continue;
            }
            c.taken = true;
            weight += c.score;
            for (j, sum) in sum.iter_mut().enumerate() {
                let origin = if j == 2 || j == 3 { 0.0 } else { c.cell[j % 2] };
                *sum += c.score * (c.values[j] + origin);
            }
        }
        let mean = sum.map(|v| v / weight);
        let place = |j: usize| [(mean[j] - 0.5) * side + 0.5 * w, (mean[j + 1] - 0.5) * side + 0.5 * h];
        faces.push(DetectedFace {
            score,
            center: place(0),
            size: [mean[2] * side, mean[3] * side],
            points: std::array::from_fn(|i| place(4 + 2 * i)),
        });
    }
    faces.sort_by(|a, b| b.area().total_cmp(&a.area()));
    faces
}

/// Which of several faces is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WantedFace {
    /// The one of this rank by size: 0 is the largest.
    Rank(u32),
    /// Of those whose centre is less than `reach` away from `place`, in frame pixels, the nearest.
    Near {
        /// A place in the frame.
        place: [f32; 2],
        /// Above 0.
        reach: f32,
    },
}

impl WantedFace {
    /// As [`DecodeFace`] reads it: x, y, reach, rank.
    pub fn to_floats(self) -> [f32; 4] {
        match self {
            Self::Rank(rank) => [0.0, 0.0, 0.0, rank as f32],
            Self::Near { place: [x, y], reach } => [x, y, reach, 0.0],
        }
    }

    /// The wanted face of a list that has the largest first.
    fn among([x, y, reach, rank]: [f32; 4], faces: &[DetectedFace]) -> Option<&DetectedFace> {
        if reach <= 0.0 {
            return faces.get(rank as usize);
        }
        let far = |face: &DetectedFace| {
            let [dx, dy] = [face.center[0] - x, face.center[1] - y];
            (dx * dx + dy * dy).sqrt()
        };
        faces.iter().filter(|face| far(face) < reach).min_by(|a, b| far(a).total_cmp(&far(b)))
    }
}

/// [`decode_faces`] on the GPU, for one face alone. Bindings: the four heads; `wanted`, four `f32` of [`WantedFace::to_floats`];
/// `roi`, four `f32`: the region `(cx, cy, side, angle)` of [`DetectedFace::roi`], left as it was when that face is not there;
/// `found`, four `f32`: `(score, 1, faces, 0)`, or `(0, 0, faces, 0)` when it is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DecodeFace {
    /// `[width, height]` of the frame that the detector saw letterboxed.
    pub frame: [u32; 2],
}

/// Mirrors `Params` in `shaders/decode_face.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    frame: [u32; 2],
    pad: [u32; 2],
}

impl Kernel for DecodeFace {
    fn name(&self) -> &'static str {
        "decode_face"
    }

    fn bindings(&self) -> Vec<Binding> {
        vec![
            Binding::new(Bind::Feature, feature_len(32, 16, 16)),
            Binding::new(Bind::Feature, feature_len(2, 16, 16)),
            Binding::new(Bind::Feature, feature_len(96, 8, 8)),
            Binding::new(Bind::Feature, feature_len(6, 8, 8)),
            Binding::new(Bind::Floats, 4),
            Binding::new(Bind::FloatsOut, 4),
            Binding::new(Bind::FloatsOut, 4),
        ]
    }

    /// One face, seen by one anchor in the middle; the largest is wanted.
    fn rehearse(&self, values: &mut [Vec<f32>]) {
        let [reg16, cls16, _, cls8, wanted, ..] = values else { panic!("decode_face has seven bindings") };
        for logit in cls16.iter_mut().chain(cls8) {
            *logit = -1.0 - logit.abs();
        }
        let cell = 8 * 16 + 8;
        cls16[cell * 4] = 2.0;
        let face = [1.0, -2.0, 40.0, 48.0, -10.0, -8.0, 10.0, -6.0, 0.0, 0.0, 0.0, 12.0, -18.0, 2.0, 18.0, 2.0];
        for (channel, value) in face.into_iter().enumerate() {
            reg16[(channel / 4 * 256 + cell) * 4 + channel % 4] = value;
        }
        wanted.copy_from_slice(&WantedFace::Rank(0).to_floats());
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let params = Params { frame: self.frame, pad: [0; 2] };
        Dispatch {
            shader: ShaderKey::new("decode_face", tier),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [1, 1, 1],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [reg16, cls16, reg8, cls8, wanted] = inputs else { panic!("decode_face has five inputs") };
        let [roi, found] = outputs else { panic!("decode_face has two outputs") };
        let faces = decode_faces(reg16, cls16, reg8, cls8, self.frame);
        let wanted = WantedFace::among([wanted[0], wanted[1], wanted[2], wanted[3]], &faces);
        found.copy_from_slice(&[0.0, 0.0, faces.len() as f32, 0.0]);
        if let Some(face) = wanted {
            roi.copy_from_slice(&face.roi());
            found[..2].copy_from_slice(&[face.score, 1.0]);
        }
    }
}
