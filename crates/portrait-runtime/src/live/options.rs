//! What a live session is told, and what it tells.

use crate::avatar::Avatar;
use crate::camera_frame::CameraFrame;
use crate::engine::Engine;
use crate::frame::Picture;
use crate::options::{FaceStatus, SessionOptions};
use crate::timing::GpuStages;
use std::sync::Arc;
use std::time::Duration;

/// A frame that is kept until it is uploaded; dropping it gives its memory back.
pub trait HeldFrame: Send {
    /// Its pixels.
    fn frame(&self) -> CameraFrame<'_>;
}

/// Engine and avatar: what a session is made of. Both may serve several sessions.
#[derive(Clone, Debug)]
pub struct Portrait {
    /// Device and networks.
    pub engine: Arc<Engine>,
    /// Who is animated.
    pub avatar: Arc<Avatar>,
}

/// How a live session runs.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// Options of the session. [`SessionOptions::frame`] is what is expected, and what the session is opened for at once; where a side of
    /// it is 0, the first frame or sound opens it. Frames of another size make the session anew.
    pub session: SessionOptions,
    /// Most pictures a second; of speech as many, or 30.
    pub rate: Option<f32>,
    /// What takes over when the device is critically hot: a smaller preset, say. Its engine is on the same device
    /// ([`Engine::with_gpu`]).
    pub cool: Option<Portrait>,
}

/// How much memory to give back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trim {
    /// Frames and pictures that wait. Sound that was pushed stays.
    Waiting,
    /// Also everything the session has on the device; the next picture makes it again.
    Session,
    /// Also the compiled pipelines of the engine.
    Pipelines,
}

/// A picture and what it was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LivePicture {
    /// The picture.
    pub picture: Picture,
    /// Time stamp of its frame; of a picture of speech, the moment it shows by the clock of [`crate::LiveSession::push_audio`].
    pub timestamp: Duration,
}

/// What a live session does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LiveStatus {
    /// Whether the session is open on the device: soon after the start, or from the first frame or sound on where a side of
    /// [`SessionOptions::frame`] is 0; after [`Trim::Session`] not before the next picture.
    pub open: bool,
    /// Whether it was told to pause.
    pub paused: bool,
    /// Whether it has ended by a failure, of which the next push tells.
    pub failed: bool,
    /// Whether there is a window to draw on.
    pub window: bool,
    /// Whether [`LiveOptions::cool`] has taken over.
    pub cooled: bool,
    /// Frames pushed.
    pub pushed: u64,
    /// Frames among them that were given back unused.
    pub dropped: u64,
    /// Pictures made.
    pub pictures: u64,
    /// From the push of the newest picture's frame until it was done; of a picture of speech, from when it was begun.
    pub latency: Duration,
    /// What half of the newest 240 latencies stayed below.
    pub latency_p50: Duration,
    /// What 95 % of them stayed below.
    pub latency_p95: Duration,
    /// Pictures a second in the last three seconds.
    pub rate: f64,
    /// GPU time of `latency`, where the device has timestamps.
    pub gpu_seconds: Option<f64>,
    /// What of that each stage took, where the device can take timestamps inside a pass.
    pub gpu_stages: Option<GpuStages>,
    /// The driver's face; `None` while speech drives.
    pub face: Option<FaceStatus>,
}
