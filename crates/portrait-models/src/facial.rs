//! The 106 facial keypoints as indices of the 468-point mesh.

use serde::Deserialize;
use std::sync::LazyLock;

/// Which mesh points are the facial keypoints, and which of those the mixed keypoints start from.
#[derive(Clone, Debug, Deserialize)]
pub struct FacialPoints {
    /// Mesh index of each of the 106 points.
    pub indices: Vec<u32>,
    /// The point's mirror image, as an index into the 106.
    pub mirror: Vec<u32>,
    /// The points around the eyes, as indices into the 106.
    pub eyes: Vec<u32>,
    /// The points of the lips, as indices into the 106.
    pub lips: Vec<u32>,
    /// The 40 points that mixed keypoints 0..40 start from, as indices into the 106.
    pub base40: Vec<u32>,
}

/// The table of `weights/presets/fk106.json`.
pub fn facial_points() -> &'static FacialPoints {
    static POINTS: LazyLock<FacialPoints> = LazyLock::new(|| {
        serde_json::from_str(include_str!("../../../weights/presets/fk106.json"))
            .expect("fk106.json is part of the build")
    });
    &POINTS
}
