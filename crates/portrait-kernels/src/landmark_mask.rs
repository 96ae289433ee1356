//! The landmark mask of a photo, one of the dense-motion network's static inputs.

use crate::grid::grid_point;

/// Largest of the Gaussian splats `exp(-|z - p|² / 2v)` of the points `fk`, at each pixel of a `size × size` grid, row by row.
/// Points in [-1, 1] (`align_corners`); values in 0..=1; 0 everywhere without points.
pub fn landmark_mask(fk: &[[f32; 2]], size: usize, variance: f32) -> Vec<f32> {
    // The nearest point has the largest splat.
    let nearest = |[x, y]: [f32; 2]| {
        let r2 = fk.iter().map(|p| (x - p[0]).powi(2) + (y - p[1]).powi(2)).fold(f32::INFINITY, f32::min);
        (r2 * (-0.5 / variance)).exp()
    };
    (0..size * size).map(|i| nearest(grid_point(i % size, i / size, size))).collect()
}
