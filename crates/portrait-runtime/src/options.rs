//! What a session can be told, and what it tells.

use crate::avatar::FaceChoice;
use crate::framing::Framing;
use crate::timing::GpuStages;
use portrait_kernels::OneEuro;
use std::time::Duration;

/// How much of a driver that can be read twice is worth looking at for the neutral pose, by [`crate::Session::observe`], before the
/// first picture.
pub const LOOK_AHEAD: Duration = Duration::from_secs(4);
/// How far apart the moments are that are looked at.
pub const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How the driver's motion reaches the photo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The photo moves as the driver moves away from its own neutral pose: keeps the photo's proportions.
    #[default]
    Relative,
    /// The photo takes the driver's points as they are.
    Absolute,
}

/// How the driver's motion is taken over. May change between frames: [`crate::Session::set_motion`]. Factors go from 0 to 10; one that is
/// beyond counts as the nearest of these, and one that is no number as 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MotionOptions {
    /// How motion is transferred.
    pub mode: Mode,
    /// Smoothing of the driver's points; a parameter out of its range counts as [`OneEuro::sound`] says.
    pub filter: Option<OneEuro>,
    /// Factor on relative motion; 1 is the driver's own.
    pub strength: f32,
    /// Factor on what the head does as a whole, in relative mode.
    pub head_gain: f32,
    /// Factor on everything else that the face does, in relative mode.
    pub expression_gain: f32,
    /// Further factor on the motion of the lids in relative mode; at 1 an eye that closes closes the photo's.
    pub eye_gain: f32,
    /// Further factor on the motion of the lips in relative mode.
    pub mouth_gain: f32,
}

impl Default for MotionOptions {
    /// Relative, smoothed, at full strength.
    fn default() -> Self {
        Self {
            mode: Mode::Relative,
            filter: Some(OneEuro::default()),
            strength: 1.0,
            head_gain: 1.0,
            expression_gain: 1.0,
            eye_gain: 1.0,
            mouth_gain: 1.0,
        }
    }
}

impl MotionOptions {
    /// The same within the ranges: the picture and the filter's state stay finite.
    pub(crate) fn sound(&self) -> Self {
        let factor = |v: f32| if v.is_nan() { 1.0 } else { v.clamp(0.0, 10.0) };
        Self {
            mode: self.mode,
            filter: self.filter.map(OneEuro::sound),
            strength: factor(self.strength),
            head_gain: factor(self.head_gain),
            expression_gain: factor(self.expression_gain),
            eye_gain: factor(self.eye_gain),
            mouth_gain: factor(self.mouth_gain),
        }
    }
}

/// Options of a session.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// Width and height of the driving frames, upright.
    pub frame: [u32; 2],
    /// How motion is taken over.
    pub motion: MotionOptions,
    /// What the pictures show.
    pub framing: Framing,
    /// Side of the pictures in pixels where they show the square ([`Framing::Crop`], [`Framing::Cutout`]): from the networks' own, which
    /// `None` stands for and which costs nothing, to the largest texture. The photo's detail follows the motion, up to 1024 pixels;
    /// what the networks paint anew has no more detail than they have.
    pub side: Option<u32>,
    /// Which of several faces in the driver's frames is followed; by place in frame pixels. `Only` is the largest, as frames come and go;
    /// numbers begin at 1. See [`crate::Session::follow`].
    pub driver_face: FaceChoice,
    /// Takes the centre square of each frame as the driver's portrait, instead of a crop around the face.
    pub whole_frame: bool,
    /// For how many seconds with a face in sight [`crate::Session::animate`] looks for a frame in the photo's pose to measure motion
    /// from, unless [`crate::Session::observe`] has found one. At less than ten frames a second it looks at ten for each second.
    pub calibration: f32,
    /// Whether pictures are copied to the host for [`crate::Session::take_picture`].
    pub read_back: bool,
    /// Whether the driver's points are kept for [`crate::Session::take_motion`].
    pub record: bool,
}

impl SessionOptions {
    /// The defaults for frames of this size.
    pub fn new(width: u32, height: u32) -> Self {
        Self {
            frame: [width, height],
            motion: MotionOptions::default(),
            framing: Framing::Crop,
            side: None,
            driver_face: FaceChoice::Largest,
            whole_frame: false,
            calibration: 1.0,
            read_back: true,
            record: false,
        }
    }
}

/// What is known of the driver's face: of the newest frame whose result has arrived, one or more behind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FaceStatus {
    /// Certainty that the tracked region holds a face, 0..=1.
    pub score: f32,
    /// Whether it does.
    pub found: bool,
    /// Frames since it last did.
    pub lost_frames: u32,
    /// Where it is looked for next: centre, side and angle (radians, clockwise) of a square around the face, in frame pixels.
    pub region: [f32; 4],
    /// Frames whose result has arrived so far.
    pub frames: u64,
    /// Frames without a face among them.
    pub frames_without_face: u64,
    /// Faces that the newest search saw; while one is tracked nobody else is looked for.
    pub faces: u32,
    /// How often a face was taken up: the first one, one that was chosen, one that came after nobody was seen for two seconds. Since
    /// it may be somebody else's, relative motion is measured anew each time but the first.
    pub taken_up: u32,
}

/// Size and work of a session.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct SessionStats {
    /// How many are animated.
    pub avatars: usize,
    /// Dispatches of a video-driven frame while the face is tracked.
    pub dispatches: usize,
    /// Dispatches more when the face is searched for.
    pub search_dispatches: usize,
    /// Dispatches of a keypoint-driven frame.
    pub keypoint_dispatches: usize,
    /// Multiply-accumulates of a video-driven frame, as the literature counts them.
    pub macs: u64,
    /// Bytes of the arena that all programs share.
    pub arena_bytes: usize,
    /// What the same tensors would take without reuse.
    pub bytes_without_reuse: usize,
    /// Bytes of weights on the device.
    pub weight_bytes: usize,
    /// Bytes uploaded for each video-driven frame.
    pub upload_bytes: usize,
    /// GPU time of the last finished frame in seconds, where the device has timestamps.
    pub gpu_seconds: Option<f64>,
    /// Its stages, where the device has timestamps inside of passes.
    pub gpu_stages: Option<GpuStages>,
}

/// What moves the photo in one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Motion {
    /// The 106 facial keypoints the photo is to take, in [-1, 1]: the driver's after filter and transfer.
    pub facial: Vec<[f32; 2]>,
    /// `image × image` of the preset, rows from the top: where the photo is read (x, y in [-1, 1]), how far what is read there
    /// is to be trusted (0..=1), and nothing.
    pub flow: Vec<[f32; 4]>,
}
