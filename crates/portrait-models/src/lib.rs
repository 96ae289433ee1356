//! The networks, each a function that adds its layers to a graph. Sizes come from `weights/presets/*.toml`, names from
//! `weights/README.md` and `weights/TOPOLOGY.md`.

mod blazeface;
mod dense_motion;
mod face_mesh;
mod facial;
mod merger;
mod neural_keypoints;
mod preset;
mod refiner;
mod selfie;
mod synthesis;
mod unet;

pub use blazeface::{DETECTOR_SIZE, Detection, blazeface};
pub use dense_motion::{dense_motion, dense_motion_bias};
pub use face_mesh::{FaceMesh, MESH_POINTS, MESH_SIZE, face_mesh};
pub use facial::{FacialPoints, facial_points};
pub use merger::merger;
pub use neural_keypoints::neural_keypoints;
pub use preset::{Preset, PresetError};
pub use refiner::refiner;
pub use selfie::{SELFIE_SIZE, selfie_segmentation};
pub use synthesis::{synthesis, synthesis_bottleneck, view_bias};

/// Weights that are part of every build: MediaPipe's (Apache-2.0, `weights/MEDIAPIPE.md`), together 1.6 MB, and the refiner's.
pub mod bundled {
    /// The face detector.
    pub const BLAZEFACE: &[u8] = include_bytes!("../../../weights/blazeface.safetensors");
    /// The 468-point face mesh.
    pub const FACE_MESH: &[u8] = include_bytes!("../../../weights/face_mesh.safetensors");
    /// The refiner of eyes and lips.
    pub const REFINER: &[u8] = include_bytes!("../../../weights/refiner.safetensors");
    /// Mean shape of the facial points and what expressions move.
    pub const EXPRESSIONS: &[u8] = include_bytes!("../../../weights/expressions.safetensors");
    /// What shows in a mouth that opens.
    pub const MOUTH: &[u8] = include_bytes!("../../../weights/mouth.safetensors");
    /// What speech does to a mouth.
    pub const SPEECH: &[u8] = include_bytes!("../../../weights/speech.safetensors");
    /// The person mask.
    pub const SELFIE_SEGMENTATION: &[u8] = include_bytes!("../../../weights/selfie_segmentation.safetensors");
}
