//! What can go wrong between a photo and a picture.

use crate::avatar::FaceBox;
use crate::camera_frame::FrameLimit;
use crate::motion::{MAX_BYTES, Points};
use portrait_graph::{GraphError, WeightsError};
use portrait_models::PresetError;
use std::path::PathBuf;

/// Errors of engine, avatar and session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// No GPU, not even a software one.
    #[error("{0}")]
    NoAdapter(String),
    /// The adapter lacks what WebGPU guarantees.
    #[error("adapter `{adapter}` is below the limits the engine needs: {reason}; choose another one")]
    AdapterLimits {
        /// The adapter's name.
        adapter: String,
        /// Which limit.
        reason: String,
    },
    /// The adapter cannot run the precision asked for.
    #[error("adapter `{adapter}` has no native f16 in shaders; use f16_packed (same size, any device) or f32")]
    NoF16 {
        /// The adapter's name.
        adapter: String,
    },
    /// The adapter computes something else than it should, whichever way it is asked.
    #[error(
        "adapter `{adapter}` ({driver}) computes wrong pictures: {}; update its driver, or choose another adapter",
        shaders.iter().map(|shader| format!("`{shader}`")).collect::<Vec<_>>().join(", ")
    )]
    WrongResults {
        /// The adapter's name.
        adapter: String,
        /// Driver and version.
        driver: String,
        /// Shaders that failed the self-test.
        shaders: Vec<String>,
    },
    /// The driver refused or lost the device.
    #[error("the GPU device failed: {0}")]
    Device(String),
    /// A fault in this library, in the thread of a live session.
    #[error("a fault in the library: {0}; please report that")]
    Panicked(String),
    /// The weights do not fit.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A network could not be built.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A preset is unknown or inconsistent.
    #[error(transparent)]
    Preset(#[from] PresetError),
    /// The picture's size and data do not match, or a side is zero.
    #[error("a picture of {width} × {height} needs {expected} bytes of RGBA, got {found}")]
    PictureSize {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Bytes needed.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// The photo shows no face.
    #[error(
        "no face found in the photo; use one that shows a face from the front, not in profile, at least 64 pixels wide"
    )]
    NoFace,
    /// The photo shows several faces and none was chosen.
    #[error("{} faces found; choose one of them:\n{}", faces.len(), list_faces(faces))]
    SeveralFaces {
        /// All of them, the largest first.
        faces: Vec<FaceBox>,
    },
    /// Several avatars where a picture holds one.
    #[error("several faces are animated in the whole photo only; show that, or choose one face")]
    SeveralAvatars,
    /// The chosen face does not exist.
    #[error("there is no face {chosen}; the photo shows {}, numbered from 1 (the largest)", count(*found))]
    FaceIndex {
        /// What was asked for, from 1.
        chosen: usize,
        /// How many there are.
        found: usize,
    },
    /// A plane of a camera's frame does not hold what it should.
    #[error("a frame of {format}, {width} × {height}: plane {plane}: {reason}")]
    FramePlane {
        /// Its layout.
        format: String,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Which plane, from 0.
        plane: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A video frame larger than a texture or a buffer may be.
    #[error(
        "a driving frame of {width} × {height} is larger than this device allows ({} a side, {} pixels in all)",
        limit.side,
        limit.pixels
    )]
    FrameTooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// What is allowed.
        limit: FrameLimit,
    },
    /// A session for frames without pixels.
    #[error("driving frames of {width} × {height} have no pixels; give both sides")]
    FrameEmpty {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// Another photo than the one the avatar was made of.
    #[error("the avatar was made of a photo of {expected:?} pixels, this one has {found:?}; give the photo itself")]
    PhotoSize {
        /// `[width, height]` of the avatar's photo.
        expected: [u32; 2],
        /// `[width, height]` of the photo given.
        found: [u32; 2],
    },
    /// A side of pictures that is too short or too long.
    #[error("pictures of {side} × {side} pixels are not made; give a side from {least} to {limit}")]
    PictureSide {
        /// What was asked for.
        side: u32,
        /// The networks' side.
        least: u32,
        /// Largest side of a texture.
        limit: u32,
    },
    /// A photo larger than a texture may be.
    #[error("a photo of {width} × {height} is larger than this device shows ({limit} a side); scale it down first")]
    PhotoTooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Largest side.
        limit: u32,
    },
    /// A texture that pictures cannot be drawn into.
    #[error(
        "pictures cannot be drawn into a {format} texture; it needs a colour format and the usage RENDER_ATTACHMENT"
    )]
    Target {
        /// Its format.
        format: String,
    },
    /// A window that this adapter cannot draw on.
    #[error("adapter `{adapter}` cannot draw on the window: {reason}; choose another one")]
    Surface {
        /// The adapter's name.
        adapter: String,
        /// Why.
        reason: String,
    },
    /// A texture of another owner's that cannot be drawn into.
    #[error("adapter `{adapter}` cannot draw into the texture: {reason}")]
    ExternalTexture {
        /// The adapter's name.
        adapter: String,
        /// Why.
        reason: String,
    },
    /// An expression that is not known.
    #[error("no expression is called `{name}`; the names are ARKit's: {known}")]
    Expression {
        /// What was asked for.
        name: String,
        /// All there are.
        known: String,
    },
    /// A motion file cannot be read or written.
    #[error("the motion file `{file}` cannot be read or written: {source}", file = file.display())]
    MotionIo {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A motion file is foreign, damaged or made by another version.
    #[error("{origin} is not a usable motion: {reason}; record it again")]
    MotionFormat {
        /// File or label.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// A motion whose file nobody could read.
    #[error(
        "the motion is not saved as `{file}`: {reason}; it needs {} facial and {} neural keypoints in each pose, finite \
         numbers, times that grow by a microsecond at least, a face in one frame, and at most {} GiB",
        Points::FACIAL,
        Points::NEURAL,
        MAX_BYTES >> 30,
        file = file.display()
    )]
    MotionUnfit {
        /// The file that was to be written.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A frame's size differs from the session's.
    #[error("this session takes frames of {expected:?}, got {found:?}; open a new session for another size")]
    FrameSize {
        /// `[width, height]` of the session.
        expected: [u32; 2],
        /// `[width, height]` of the frame.
        found: [u32; 2],
    },
    /// More speech than may wait.
    #[error("no room for {samples} samples of speech: {most} may wait, a minute; push less, or later")]
    SpeechRoom {
        /// Samples pushed.
        samples: usize,
        /// Samples that may wait.
        most: usize,
    },
    /// A live session has failed earlier.
    #[error("the session has ended: {0}")]
    Ended(std::sync::Arc<EngineError>),
    /// No thread for a live session.
    #[error("no thread could be started: {0}")]
    Thread(std::io::Error),
    /// Points given by the host are not 108 facial and 50 neural ones, or not finite.
    #[error("{what}: expected {expected} finite values, got {found}")]
    Points {
        /// Which points.
        what: &'static str,
        /// Values needed.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// A point given by the host is out of reach.
    #[error(
        "{what}: point {index} is {found:?}; its coordinates go from -{reach} to {reach}, in [-1, 1] inside of the portrait crop",
        reach = Points::REACH
    )]
    PointReach {
        /// Which points.
        what: &'static str,
        /// Which of them, from 0.
        index: usize,
        /// Its coordinates.
        found: [f32; 2],
    },
    /// A driver's face of a number that no face has.
    #[error("the driver's faces are numbered from 1, the largest; there is no face 0")]
    DriverFace,
    /// An avatar file cannot be read or written.
    #[error("avatar {file}: {source}", file = file.display())]
    AvatarIo {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An avatar file is foreign, damaged or made by another version.
    #[error("{origin} is not a usable avatar: {reason}; prepare the photo again")]
    AvatarFormat {
        /// File or label.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// An avatar was made with other weights.
    #[error("the avatar was made with {found} and this engine runs {expected}; prepare the photo again, or run those")]
    AvatarWeights {
        /// The engine's preset and weights.
        expected: String,
        /// The avatar's.
        found: String,
    },
}

fn count(n: usize) -> String {
    if n == 1 { "1 face".to_owned() } else { format!("{n} faces") }
}

fn list_faces(faces: &[FaceBox]) -> String {
    let line = |(i, f): (usize, &FaceBox)| {
        let [x, y] = f.center;
        format!("  {}: centre at ({x:.0}, {y:.0}), {:.0} pixels wide", i + 1, f.side)
    };
    faces.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}
