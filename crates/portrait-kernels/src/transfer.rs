//! Motion transfer: from the driver's points to the points the photo is to have.

use crate::one_euro::OneEuro;
use crate::{
    Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, convex_hull_area, pose_distance::pose_distance,
};
use bytemuck::{Pod, Zeroable, cast_slice};

/// Coordinates of the 106 facial points.
const FACIAL: usize = 212;
/// Coordinates of the 50 neural points.
const NEURAL: usize = 100;
/// Coordinates filtered and transferred: facial, then neural.
const COORDS: usize = FACIAL + NEURAL;
/// Mixed keypoints that start from a facial point; the others start from the neural point of the same number.
const BASE_POINTS: usize = 40;
/// Smallest hull area that gives a scale.
const MIN_AREA: f32 = 1e-6;

/// Filters the driver's points, keeps the driver's neutral pose, and moves the photo's points as the driver's moved.
///
/// Inputs, all `f32`, points in [-1, 1]:
/// - `fk` `[106, 2]` of [`crate::Track`]; `nk01` `[50, 2]`, the keypoint network's sigmoid outputs: a point is `2v - 1`.
/// - `source` [`Transfer::SOURCE_LEN`]: the photo's points, see [`Transfer::source`].
/// - `control` [`TransferControl::LEN`], written by the host each frame; `status` `[4]` of [`crate::Track`].
///
/// State [`Transfer::STATE_LEN`], all zero at first: filter `(started, 3 spare, value [312], rate [312], 4 spare)` at 0, neutral
/// `(valid, score, scale, 0, point [312])` at [`Transfer::NEUTRAL_AT`].
///
/// Output [`Transfer::OUT_LEN`]: the merger's input (106 facial points, 50 neural points) at 0, and at [`Transfer::BASE_AT`] (a
/// multiple of 256 bytes) the 50 base points that the merger's result is added to.
///
/// Absolute: the driver's own filtered points. Relative: `source + strength · scale · (driver - neutral)` with
/// `scale = sqrt(hull area of the source's facial points / of the neutral's)`; the first frame is the neutral until another is
/// taken. In a frame without a face nothing is filtered or taken, and the output is made from the held state; before the first
/// face it is the source itself. A neural coordinate that is not finite keeps its last value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transfer {
    /// Which of the 106 facial points each of the first 40 mixed keypoints starts from.
    pub base: [u32; BASE_POINTS],
}

/// What [`Transfer`] may do with this frame's pose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Calibrate {
    /// Keep the neutral pose.
    #[default]
    Keep = 0,
    /// Take this frame as the neutral pose.
    Take = 1,
    /// Take it if it is more like the photo's pose than the best so far ([`pose_distance`]). To forget the best, [`Calibrate::Take`].
    TakeIfBetter = 2,
}

/// Values of one frame for [`Transfer`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TransferControl {
    /// Seconds since the frame before.
    pub dt: f32,
    /// Whether to move the photo's points as the driver moves, rather than to the driver's points.
    pub relative: bool,
    /// What to do with the neutral pose.
    pub calibrate: Calibrate,
    /// Smoothing, or none.
    pub filter: Option<OneEuro>,
    /// Factor on relative motion; 1 is the driver's own.
    pub strength: f32,
    /// Factor on the motion of the driver's lids away from its neutral pose, for [`crate::CorrectLids`]; 1 is the driver's own.
    pub eye_gain: f32,
}

impl Default for TransferControl {
    /// Relative, filtered, at full strength, 30 frames a second.
    fn default() -> Self {
        let filter = Some(OneEuro::default());
        Self { dt: 1.0 / 30.0, relative: true, calibrate: Calibrate::Keep, filter, strength: 1.0, eye_gain: 1.0 }
    }
}

impl TransferControl {
    /// Length of the `control` binding.
    pub const LEN: usize = 8;

    /// Contents of the `control` binding: dt, relative, calibrate, min cutoff, beta, strength, filter on, eye gain.
    pub fn to_floats(self) -> [f32; Self::LEN] {
        let OneEuro { min_cutoff, beta } = self.filter.unwrap_or(OneEuro { min_cutoff: 0.0, beta: 0.0 });
        let flag = |on: bool| if on { 1.0 } else { 0.0 };
        let (calibrate, filter) = (self.calibrate as u32 as f32, flag(self.filter.is_some()));
        [self.dt, flag(self.relative), calibrate, min_cutoff, beta, self.strength, filter, self.eye_gain]
    }

    /// The inverse of [`TransferControl::to_floats`].
    pub fn from_floats(v: [f32; Self::LEN]) -> Self {
        let calibrate = match v[2] {
            c if c > 1.5 => Calibrate::TakeIfBetter,
            c if c > 0.5 => Calibrate::Take,
            _ => Calibrate::Keep,
        };
        let filter = (v[6] > 0.5).then_some(OneEuro { min_cutoff: v[3], beta: v[4] });
        Self { dt: v[0], relative: v[1] > 0.5, calibrate, filter, strength: v[5], eye_gain: v[7] }
    }
}

/// Mirrors `Params` in `shaders/transfer.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    base: [[u32; 4]; BASE_POINTS / 4],
}

impl Transfer {
    /// Length of the `source` binding.
    pub const SOURCE_LEN: usize = COORDS + 4;
    /// Length of the state binding.
    pub const STATE_LEN: usize = Self::NEUTRAL_AT + 4 + COORDS;
    /// Where the neutral pose starts in the state.
    pub const NEUTRAL_AT: usize = 8 + 2 * COORDS;
    /// Length of the output binding.
    pub const OUT_LEN: usize = Self::BASE_AT + NEURAL;
    /// Where the base points start in the output: on a boundary of 256 bytes, so that they can be bound alone.
    pub const BASE_AT: usize = 320;

    /// Contents of the `source` binding: `fk` `[106, 2]`, `nk` `[50, 2]` (in [-1, 1]), square root of `fk`'s hull area, 0, 0, 0.
    ///
    /// # Panics
    /// When a length differs.
    pub fn source(fk: &[f32], nk: &[f32]) -> Vec<f32> {
        assert_eq!((fk.len(), nk.len()), (FACIAL, NEURAL), "106 facial and 50 neural points");
        let size = convex_hull_area(cast_slice(fk)).sqrt();
        [fk, nk, &[size, 0.0, 0.0, 0.0]].concat()
    }
}

/// Takes `pose` `[312]` as the neutral pose: `(valid, score, scale, 0, point [312])`.
fn take(neutral: &mut [f32], pose: &[f32], score: f32, source: &[f32]) {
    let area = convex_hull_area(cast_slice(&pose[..FACIAL]));
    let scale = if area > MIN_AREA { source[COORDS] / area.sqrt() } else { 1.0 };
    neutral[..4].copy_from_slice(&[1.0, score, scale, 0.0]);
    neutral[4..].copy_from_slice(pose);
}

impl Kernel for Transfer {
    fn name(&self) -> &'static str {
        "transfer"
    }

    fn bindings(&self) -> Vec<Binding> {
        let inputs = [FACIAL, NEURAL, Self::SOURCE_LEN, TransferControl::LEN, 4];
        let mut list = inputs.map(|len| Binding::new(Bind::Floats, len)).to_vec();
        list.extend([Self::STATE_LEN, Self::OUT_LEN].map(|len| Binding::new(Bind::FloatsOut, len)));
        list
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let params = Params { base: std::array::from_fn(|i| std::array::from_fn(|lane| self.base[i * 4 + lane])) };
        Dispatch {
            shader: ShaderKey::new("transfer", tier),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [1, 1, 1],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [fk, nk01, source, control, status] = inputs else {
            panic!("transfer needs fk, nk01, source, control and status")
        };
        let [state, y] = outputs else { panic!("transfer keeps a state and writes one output") };
        let control = TransferControl::from_floats(std::array::from_fn(|i| control[i]));
        let (filter, neutral) = state.split_at_mut(Self::NEUTRAL_AT);
        let (started, found) = (filter[0] > 0.5, status[1] > 0.5);
        let (value, rate) = filter[4..4 + 2 * COORDS].split_at_mut(COORDS);
        if found {
            if !started {
                value.copy_from_slice(&source[..COORDS]);
            }
            let reading = fk.iter().copied().chain(nk01.iter().map(|v| 2.0 * v - 1.0));
            for ((x, value), rate) in reading.zip(&mut *value).zip(rate) {
                let x = if x.is_finite() { x } else { *value };
                match control.filter.filter(|_| started) {
                    Some(one_euro) => one_euro.step(x, control.dt, value, rate),
                    None => (*value, *rate) = (x, 0.0),
                }
            }
            let score = pose_distance(cast_slice(&value[..FACIAL]), cast_slice(&source[..FACIAL]));
            let valid = neutral[0] > 0.5;
            let wanted = match control.calibrate {
                Calibrate::Keep => false,
                Calibrate::Take => true,
                Calibrate::TakeIfBetter => !valid || score < neutral[1],
            };
            if wanted || (control.relative && !valid) {
                take(neutral, value, score, source);
            }
        }
        let pose = if found || started { &*value } else { &source[..COORDS] };
        for i in 0..COORDS {
            y[i] = match (control.relative, neutral[0] > 0.5) {
                (true, true) => source[i] + control.strength * neutral[2] * (pose[i] - neutral[4 + i]),
                (true, false) => source[i],
                (false, _) => pose[i],
            };
        }
        if found {
            filter[0] = 1.0;
        }
        y[COORDS..Self::BASE_AT].fill(0.0);
        let (points, base) = y.split_at_mut(Self::BASE_AT);
        for (i, to) in base.chunks_exact_mut(2).enumerate() {
            let from = self.base.get(i).map_or(FACIAL + i * 2, |&point| point as usize * 2);
            to.copy_from_slice(&points[from..from + 2]);
        }
    }
}
