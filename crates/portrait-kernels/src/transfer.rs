//! Motion transfer: from the driver's points to the points the photo is to have.

use crate::face::{
    EYES_AT, Face, INNER_LIPS, LIPS_AT, LOWER_LIDS_AT, OUTER_LIPS, Point, UPPER_LIDS_AT, dot, middle, minus,
};
use crate::head_fit::{HeadFit, head_fit};
use crate::one_euro::OneEuro;
use crate::{
    Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, convex_hull_area, pose_distance::pose_distance,
};
use bytemuck::{Pod, Zeroable, cast_slice, cast_slice_mut};

/// Coordinates of the 106 facial points.
const FACIAL: usize = 212;
/// Coordinates of the 50 neural points.
const NEURAL: usize = 100;
/// Coordinates of both irises.
const IRISES: usize = 4;
/// Coordinates filtered and transferred: facial, then neural, then the irises.
const COORDS: usize = FACIAL + NEURAL + IRISES;
/// Mixed keypoints that start from a facial point; the others start from the neural point of the same number.
const BASE_POINTS: usize = 40;
/// Smallest hull area that gives a scale.
const MIN_AREA: f32 = 1e-6;
/// Bounds of how much further than the face the photo's lids move, when its eyes are more or less open than the driver's.
const LID_GAIN: [f32; 2] = [0.5, 1.0 / REST_OPENING];
/// How wide the photo's eyes may open, of its own opening.
const MAX_LID_OPENING: f32 = 1.5;
/// Eyes less open than this share of the photo's make a worse neutral pose: a blink is none. Where there is no better one they are taken
/// for half shut.
const REST_OPENING: f32 = 0.5;
/// How much of it the upper lid does when an eye shuts.
const UPPER_LID: f32 = 0.85;
/// Points of the lips.
const LIPS: usize = 20;
/// Lips less apart than the first are shut, more than the second open; in sizes of the face. Shut ones are seen up to 0.016 apart.
const SHUT_LIPS: [f32; 2] = [0.02, 0.05];
/// How much of it the upper lip does when a mouth opens: the median of 53 clips is 0.13. The lower one does the rest.
const UPPER_LIP: f32 = 0.15;

/// Filters the driver's points, keeps the driver's neutral pose, and moves the photo's points as the driver's moved.
///
/// Inputs, all `f32`, points in [-1, 1]; a pose is 106 facial points, 50 neural points, right and left iris:
/// - `fk` `[108, 2]` of [`crate::RefinePoints`]; `nk01` `[50, 2]`, the keypoint network's sigmoid outputs: a point is `2v - 1`.
/// - `source` [`Transfer::SOURCE_LEN`]: the photo's pose, see [`Transfer::source`].
/// - `control` [`TransferControl::LEN`], written by the host each frame; `status` `[4]` of [`crate::Track`].
///
/// State [`Transfer::STATE_LEN`], all zero at first: filter `(started, 3 spare, value [316], rate [316], 4 spare)` at 0, neutral
/// `(valid, score, scale, 0, pose)` at [`Transfer::NEUTRAL_AT`].
///
/// Output [`Transfer::OUT_LEN`]: the pose at 0 (its first 156 points are the merger's input), at [`Transfer::BASE_AT`] the 50 base
/// points that the merger's result is added to, at [`Transfer::PINS_AT`] what [`Transfer::pins`] takes from the facial points.
///
/// Absolute: the driver's own filtered points. Relative: `source + strength · scale · (driver - neutral)` with `scale = sqrt(hull
/// area of the source's facial points / of the neutral's)`; the first frame is the neutral until another is taken. To this comes
/// what the head's turn makes of the photo's own shape, which is not the driver's: the linear part of the head's motion, applied
/// to how the photo differs from the neutral pose when both heads are held alike, in depth by what `relief` makes of that.
/// Without it the corner of a smile slides off the far cheek. Across the eye, lids move further by `eye_gain` and by how much
/// wider the photo's eye is open than the neutral's: an eye that closes closes the photo's, and one that is half shut in the
/// neutral pose, less than half as open as the photo's, half shuts it. A neutral pose's mouth counts as no wider open than the
/// photo's: who speaks all the time opens a shut mouth, and shuts it when he shuts his own. A photo whose mouth is wider open
/// adds less and less of that to the driver's, and so do the corners of a photo's smile to those of the driver's. Lids and lips do not
/// cross, and lids open at most half wider than the photo's.
/// Relative motion is taken apart: what the head does as a whole (`HeadFit`) is weighed by `head_gain`, all else by
/// `expression_gain`, at the lips also by `mouth_gain`.
///
/// In a frame without a face nothing is filtered or taken, and the output is made from the held state; before the first face it is
/// the source itself. A coordinate that is not finite keeps its last value.
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
    /// Take it if it is more like the photo's pose than the best so far: by [`pose_distance`], and by how far eyes are closed that
    /// are less than half as open as the photo's. To forget the best, [`Calibrate::Take`].
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
    /// Factor on the motion of the head as a whole, in relative mode.
    pub head_gain: f32,
    /// Factor on all other motion, in relative mode.
    pub expression_gain: f32,
    /// Further factor on the motion of the lids in relative mode; 1 closes the photo's eyes when the driver's close.
    pub eye_gain: f32,
    /// Further factor on the motion of the lips in relative mode.
    pub mouth_gain: f32,
}

impl Default for TransferControl {
    /// Relative, filtered, at full strength, 30 frames a second.
    fn default() -> Self {
        Self {
            dt: 1.0 / 30.0,
            relative: true,
            calibrate: Calibrate::Keep,
            filter: Some(OneEuro::default()),
            strength: 1.0,
            head_gain: 1.0,
            expression_gain: 1.0,
            eye_gain: 1.0,
            mouth_gain: 1.0,
        }
    }
}

impl TransferControl {
    /// Length of the `control` binding.
    pub const LEN: usize = 12;

    /// Contents of the `control` binding: dt, relative, calibrate, min cutoff, beta, strength, filter on, gains of eyes, head,
    /// expression and mouth, 0.
    pub fn to_floats(self) -> [f32; Self::LEN] {
        let OneEuro { min_cutoff, beta } = self.filter.unwrap_or(OneEuro { min_cutoff: 0.0, beta: 0.0 });
        let flag = |on: bool| if on { 1.0 } else { 0.0 };
        let (relative, calibrate, filter) =
            (flag(self.relative), self.calibrate as u32 as f32, flag(self.filter.is_some()));
        let gains = [self.eye_gain, self.head_gain, self.expression_gain, self.mouth_gain];
        let [eye, head, expression, mouth] = gains;
        let strength = self.strength;
        [self.dt, relative, calibrate, min_cutoff, beta, strength, filter, eye, head, expression, mouth, 0.0]
    }

    /// The inverse of [`TransferControl::to_floats`].
    pub fn from_floats(v: [f32; Self::LEN]) -> Self {
        let calibrate = match v[2] {
            c if c > 1.5 => Calibrate::TakeIfBetter,
            c if c > 0.5 => Calibrate::Take,
            _ => Calibrate::Keep,
        };
        Self {
            dt: v[0],
            relative: v[1] > 0.5,
            calibrate,
            filter: (v[6] > 0.5).then_some(OneEuro { min_cutoff: v[3], beta: v[4] }),
            strength: v[5],
            eye_gain: v[7],
            head_gain: v[8],
            expression_gain: v[9],
            mouth_gain: v[10],
        }
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
    pub const SOURCE_LEN: usize = Self::RELIEF_AT + FACIAL * FACIAL / 2;
    /// Where the depth of each point starts in the source.
    const DEPTH_AT: usize = COORDS + 4;
    /// Where the rows of `head_fit` start in the source, after two spare values.
    const FIT_AT: usize = Self::DEPTH_AT + COORDS / 2 + 2;
    /// Where `relief` starts in the source.
    const RELIEF_AT: usize = Self::FIT_AT + 4 * FACIAL / 2;
    /// Length of the state binding.
    pub const STATE_LEN: usize = Self::NEUTRAL_AT + 4 + COORDS;
    /// Where the neutral pose starts in the state.
    pub const NEUTRAL_AT: usize = 8 + 2 * COORDS;
    /// Length of the output binding.
    pub const OUT_LEN: usize = Self::PINS_AT + 2 * Self::PINS;
    /// Where the base points start in the output: on a boundary of 256 bytes, so that they can be bound alone.
    pub const BASE_AT: usize = 320;
    /// Where the pins start in the output, on such a boundary too.
    pub const PINS_AT: usize = 448;
    /// Points that pin the flow ([`crate::PinFlow`]): eyes, lips and irises. The contour slides along the silhouette as the head
    /// turns: pinning it bends the jaw.
    pub const PINS: usize = 46;

    /// The pins among 108 facial points, in their order in the output.
    pub fn pins(facial: &[[f32; 2]]) -> Vec<[f32; 2]> {
        [&facial[EYES_AT..EYES_AT + 24], &facial[LIPS_AT..LIPS_AT + 20], &facial[FACIAL / 2..]].concat()
    }

    /// Contents of the `source` binding: the pose of `fk` `[108, 2]` and `nk` `[50, 2]` (in [-1, 1]); square root of the hull area of
    /// the first 106 points, 0, 0, 0; `depth` of the pose's 158 points in the same unit, 0, 0; the rows `[106, 4]` of `head_fit` for
    /// the facial points numbered by `stiff`; and `relief` `[212, 106]`, the linear map from how the 106 facial points of two faces
    /// differ to how much deeper each point of the first lies.
    ///
    /// # Panics
    /// When a length differs.
    pub fn source(fk: &[f32], nk: &[f32], depth: &[f32], stiff: &[u32], relief: &[f32]) -> Vec<f32> {
        let lengths = (fk.len(), nk.len(), depth.len(), relief.len());
        let wanted = (FACIAL + IRISES, NEURAL, COORDS / 2, FACIAL * FACIAL / 2);
        assert_eq!(lengths, wanted, "108 facial and 50 neural points, depth of all, a map to depth");
        let (mesh, irises) = fk.split_at(FACIAL);
        let size = convex_hull_area(cast_slice(mesh)).sqrt();
        let fit = head_fit(cast_slice(mesh), depth, stiff);
        [mesh, nk, irises, &[size, 0.0, 0.0, 0.0], depth, &[0.0; 2], fit.as_flattened(), relief].concat()
    }
}

/// How open both eyes are, in units of the face.
fn openness(pose: &[Point]) -> f32 {
    (opening(pose, 0) + opening(pose, 1)) / Face::of(pose).size
}

/// How unlike the photo's pose a driver's is as a neutral one.
fn unfitness(driver: &[f32], photo: &[f32]) -> f32 {
    let [driver, photo]: [&[Point]; 2] = [&driver[..FACIAL], &photo[..FACIAL]].map(cast_slice);
    let closed = REST_OPENING * openness(photo) - openness(driver);
    pose_distance(driver, photo) + closed.max(0.0)
}

/// How far a point of the lips goes along with the corner of the mouth on its side: about as far as it lies from the middle.
fn corner_share(lip: usize) -> f32 {
    match lip {
        2 | 3 | 14 | 15 => 1.0,
        4 | 5 | 8 | 9 => 0.7,
        6 | 7 | 10 | 11 => 0.3,
        16..LIPS => 0.5,
        _ => 0.0,
    }
}

/// What of `own`, how the photo's corner of the mouth differs from the neutral pose's, is taken back where the driver has moved that corner
/// by `moved`: nothing at rest, and more the further he goes the same way. A photo that smiles and a driver who does would make a smile
/// wider than both.
fn taken_back(own: Point, moved: Point) -> Point {
    let same = dot(moved, own).max(0.0) / dot(own, own).max(1e-12);
    own.map(|v| v * (1.0 / (1.0 + same * same) - 1.0))
}

/// Adds what the head's motion makes of the photo's own shape, `neutral` being the driver's in the photo's size, and weighs head,
/// expression and mouth in how far the points are from the photo's. Of smiles that would add up, some is [`taken_back`].
fn weigh(control: &TransferControl, source: &[f32], neutral: &[Point], pose: &mut [f32]) {
    let (points, rest) = source.split_at(COORDS);
    let (depth, rest) = rest[4..].split_at(Transfer::FIT_AT - Transfer::DEPTH_AT);
    let (fit, relief) = rest.split_at(Transfer::RELIEF_AT - Transfer::FIT_AT);
    let points: &[Point] = cast_slice(points);
    let pose: &mut [Point] = cast_slice_mut(pose);
    let fit = fit.as_chunks().0;
    let (head, held) = (HeadFit::of(fit, points, pose), HeadFit::of(fit, neutral, points));
    let unlike: Vec<Point> =
        (0..COORDS / 2).map(|i| minus(minus(points[i], neutral[i]), held.moved(points[i], depth[i]))).collect();
    let mut deeper = vec![0.0; COORDS / 2];
    for (row, by) in relief.chunks_exact(FACIAL / 2).zip(unlike.as_flattened()) {
        deeper.iter_mut().zip(row).for_each(|(z, factor)| *z += factor * by);
    }
    let is_neural = |i: usize| (FACIAL / 2..(FACIAL + NEURAL) / 2).contains(&i);
    let mut smile = [[0.0; 2]; 2];
    for (i, (to, &from)) in pose.iter_mut().zip(points).enumerate() {
        let moved = head.moved(from, depth[i] + deeper[i]);
        let own = if is_neural(i) { [0.0; 2] } else { head.turned(unlike[i], deeper[i]) };
        let lips = (LIPS_AT..LIPS_AT + LIPS).contains(&i);
        let gain = control.expression_gain * if lips { control.mouth_gain } else { 1.0 };
        let expression = [0, 1].map(|c| to[c] + own[c] - from[c] - moved[c]);
        for c in 0..2 {
            to[c] += own[c];
            to[c] += (control.head_gain - 1.0) * moved[c] + (gain - 1.0) * expression[c];
        }
        if let Some(side) = i.checked_sub(LIPS_AT + 2).filter(|side| *side < 2) {
            let shape = [0, 1].map(|c| unlike[i][c] + own[c]);
            smile[side] = taken_back(shape, expression.map(|v| gain * v));
        }
    }
    for (lip, to) in pose[LIPS_AT..LIPS_AT + LIPS].iter_mut().enumerate() {
        (0..2).for_each(|c| to[c] += corner_share(lip) * smile[lip % 2][c]);
    }
}

/// How far apart the lids of one eye (0: right, 1: left) are: sum over five pairs.
fn opening(pose: &[Point], eye: usize) -> f32 {
    let axis = Face::of(pose).across();
    let pairs = (eye..10).step_by(2).map(|i| minus(pose[LOWER_LIDS_AT + i], pose[UPPER_LIDS_AT + i]));
    pairs.map(|d| dot(d, axis)).sum()
}

/// `lid_motion` in the shader: how much further the driver's lid point `i` moves the photo's, for `strength · scale` = 1.
fn lid_motion(photo: &[Point], neutral: &[Point], driver: &[Point], i: usize, scale: f32, eye_gain: f32) -> Point {
    let (n, d, eye) = (Face::of(neutral), Face::of(driver), i % 2);
    let ratio = opening(photo, eye) / (scale * opening(neutral, eye)).max(1e-6);
    let gain = eye_gain * ratio.clamp(LID_GAIN[0], LID_GAIN[1]);
    let height =
        |pose: &[Point], axis: Point| dot(minus(pose[i], middle(pose[EYES_AT + eye], pose[EYES_AT + 2 + eye])), axis);
    let moved = height(driver, d.across()) - height(neutral, n.across()) * (d.size / n.size);
    d.across().map(|v| (gain - 1.0) * moved * v)
}

/// How far apart an upper and a lower point are, across the face.
fn gap(pose: &[Point], [upper, lower]: [usize; 2], axis: Point) -> f32 {
    dot(minus(pose[lower], pose[upper]), axis)
}

/// How much wider open than the photo's the mouth of a neutral pose in the photo's size is, between two of its points; less than nothing
/// where the photo's is wider. Of a driver's mouth that is shut nothing, whatever the tracker sees of it.
fn wider(photo: &[Point], neutral: &[Point], pair: [usize; 2]) -> f32 {
    let face = Face::of(neutral);
    let rest = gap(photo, pair, Face::of(photo).across()).max(0.0);
    let own = gap(neutral, pair, face.across());
    let open = ((own / face.size - SHUT_LIPS[0]) / (SHUT_LIPS[1] - SHUT_LIPS[0])).clamp(0.0, 1.0);
    open * (own - rest).max(0.0) + (own.max(0.0) - rest).min(0.0)
}

/// How much of how far the photo's lips are apart at rest is left while they are `gap` apart: all of it at rest, and less and less the
/// further they open, since two open mouths do not add up.
fn kept(rest: f32, gap: f32) -> f32 {
    let further = (gap - rest).max(0.0) / rest.max(1e-6);
    1.0 / (1.0 + further * further)
}

/// How much of the photo's own opening an eye (0: right, 1: left) lacks, since it is half shut in a neutral pose in the photo's size.
fn half_shut(photo: &[Point], neutral: &[Point], eye: usize) -> f32 {
    let least = REST_OPENING * opening(photo, eye);
    ((least - opening(neutral, eye)) / least.max(1e-6)).clamp(0.0, 1.0)
}

/// Keeps lower lids and lips from crossing upper ones, but for what the photo has already, and lids no wider open than
/// [`MAX_LID_OPENING`] times the photo's: a neutral pose taken in a blink would tear the eyes open. Eyes that are [`half_shut`] in it are
/// brought there first, weighed by `lid_gain`. Lips are moved as a whole, first by how much [`wider`] the neutral pose's are, weighed by
/// `lip_gain`: a driver who closes a mouth that the photo has shut already would press them to a line. Where the photo's are wider, what
/// is not [`kept`] of that goes.
fn part(pose: &mut [Point], photo: &[Point], neutral: &[Point], [lid_gain, lip_gain]: [f32; 2]) {
    let axis = Face::of(pose).across();
    let apart = |pose: &[Point], pair| (gap(photo, pair, axis), gap(pose, pair, axis));
    for i in 0..10 {
        let pair = [UPPER_LIDS_AT + i, LOWER_LIDS_AT + i];
        let (rest, gap) = apart(pose, pair);
        let further = -lid_gain * half_shut(photo, neutral, i % 2) * rest.max(0.0);
        let push = 0.5 * ((gap + further).max(rest.min(0.0)).min(rest.max(MAX_LID_OPENING * rest)) - gap - further);
        move_apart(pose, pair, axis, push + UPPER_LID * further, push + (1.0 - UPPER_LID) * further);
    }
    for (inner, outer) in INNER_LIPS.into_iter().zip(OUTER_LIPS) {
        let (rest, gap) = apart(pose, inner);
        let wider = wider(photo, neutral, inner);
        let further = if wider < 0.0 { wider * (1.0 - kept(rest, gap)) } else { lip_gain * wider };
        let push = 0.5 * ((gap + further).max(rest.min(0.0)) - gap - further);
        let (up, down) = (push + UPPER_LIP * further, push + (1.0 - UPPER_LIP) * further);
        for &(pair, share) in [(inner, 1.0)].iter().chain(outer) {
            move_apart(pose, pair, axis, share * up, share * down);
        }
    }
}

/// Moves an upper point `up` and a lower one `down`, across the face.
fn move_apart(pose: &mut [Point], [upper, lower]: [usize; 2], axis: Point, up: f32, down: f32) {
    for c in 0..2 {
        pose[upper][c] -= up * axis[c];
        pose[lower][c] += down * axis[c];
    }
}

/// Takes a pose as the neutral one: `(valid, score, scale, 0, pose)`.
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
        let inputs = [FACIAL + IRISES, NEURAL, Self::SOURCE_LEN, TransferControl::LEN, 4];
        let mut list = inputs.map(|len| Binding::new(Bind::Floats, len)).to_vec();
        list.extend([Self::STATE_LEN, Self::OUT_LEN].map(|len| Binding::new(Bind::FloatsOut, len)));
        list
    }

    /// A face, filtered, moving relative to a neutral pose.
    fn rehearse(&self, values: &mut [Vec<f32>]) {
        let [_, _, _, control, status, state, _] = values else { panic!("transfer has seven bindings") };
        control.copy_from_slice(&TransferControl::default().to_floats());
        status.copy_from_slice(&[0.9, 1.0, 0.0, 0.0]);
        state[0] = 1.0;
        state[Self::NEUTRAL_AT..Self::NEUTRAL_AT + 4].copy_from_slice(&[1.0, 0.0, 1.0, 0.0]);
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
            let (mesh, irises) = fk.split_at(FACIAL);
            let reading = mesh.iter().copied().chain(nk01.iter().map(|v| 2.0 * v - 1.0)).chain(irises.iter().copied());
            for ((x, value), rate) in reading.zip(&mut *value).zip(rate) {
                let x = if x.is_finite() { x } else { *value };
                match control.filter.filter(|_| started) {
                    Some(one_euro) => one_euro.step(x, control.dt, value, rate),
                    None => (*value, *rate) = (x, 0.0),
                }
            }
            let score = unfitness(value, source);
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
        let (out, rest_of_y) = y.split_at_mut(COORDS);
        if control.relative && neutral[0] > 0.5 {
            let sized: Vec<f32> = neutral[4..].iter().map(|v| neutral[2] * v).collect();
            weigh(&control, source, cast_slice(&sized), out);
            let out: &mut [Point] = cast_slice_mut(out);
            let lids = control.expression_gain * control.strength * neutral[2];
            let [photo, rest, driver]: [&[Point]; 3] = [&source[..COORDS], &neutral[4..], pose].map(cast_slice);
            for (i, point) in out.iter_mut().enumerate().skip(UPPER_LIDS_AT).take(20) {
                let further = lid_motion(photo, rest, driver, i, neutral[2], control.eye_gain);
                point.iter_mut().zip(further).for_each(|(v, f)| *v += lids * f);
            }
            let gains =
                [control.eye_gain, control.mouth_gain].map(|gain| control.expression_gain * control.strength * gain);
            part(out, photo, cast_slice(&sized), gains);
        }
        if found {
            filter[0] = 1.0;
        }
        rest_of_y.fill(0.0);
        let (base, pins) = rest_of_y[Self::BASE_AT - COORDS..].split_at_mut(Self::PINS_AT - Self::BASE_AT);
        for (i, to) in base[..NEURAL].chunks_exact_mut(2).enumerate() {
            let from = self.base.get(i).map_or(FACIAL + i * 2, |&point| point as usize * 2);
            to.copy_from_slice(&out[from..from + 2]);
        }
        let facial = [&out[..FACIAL], &out[FACIAL + NEURAL..]].concat();
        pins.copy_from_slice(Self::pins(cast_slice(&facial)).as_flattened());
    }
}
