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
    /// The points around the eyes, as indices into the 106: outer corners, inner corners, upper lids, lower lids; of the right
    /// and the left eye in turn. The kernels rely on where they are, 44 to 67.
    pub eyes: Vec<u32>,
    /// The lip points, as indices into the 106; the kernels rely on where they are, 83 to 102.
    pub lips: Vec<u32>,
    /// The 40 points that mixed keypoints 0..40 start from, as indices into the 106.
    pub base40: Vec<u32>,
}

impl FacialPoints {
    /// Points that only the head as a whole moves, as indices into the 106: forehead, temples, eye corners, bridge of the nose.
    pub const STIFF: [u32; 14] = [0, 2, 3, 4, 5, 44, 45, 46, 47, 68, 69, 70, 71, 72];
}

/// The table of `weights/presets/fk106.json`.
pub fn facial_points() -> &'static FacialPoints {
    static POINTS: LazyLock<FacialPoints> = LazyLock::new(|| {
        serde_json::from_str(include_str!("../../../weights/presets/fk106.json"))
            .expect("fk106.json is part of the build")
    });
    &POINTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eyes_and_lips_are_where_the_kernels_expect_them() {
        let points = facial_points();
        assert_eq!(points.eyes, (44..68).collect::<Vec<_>>());
        assert_eq!(points.lips, (83..103).collect::<Vec<_>>());
        let mesh = |i: usize| points.indices[i];
        // Corners of the right and the left eye; a pair of lids; middle of the lips and their ends; inner lips.
        assert_eq!([44, 45, 46, 47].map(mesh), [33, 263, 133, 362]);
        assert_eq!([52, 62, 53, 63].map(mesh), [159, 145, 386, 374]);
        assert_eq!([83, 84, 85, 86].map(mesh), [0, 17, 61, 291]);
        assert_eq!([95, 96, 99, 101, 100, 102].map(mesh), [13, 14, 81, 178, 311, 402]);
    }
}
