//! Distances of landmarks: the 106 facial keypoints among the 468 points of the engine's face mesh.

use portrait_runtime::facial_points;

/// The middle of upper and lower inner lip.
const LIPS: [usize; 2] = [13, 14];
/// The middle of upper and lower lid, of both eyes.
const LIDS: [[usize; 2]; 2] = [[159, 145], [386, 374]];

/// Mean distances of two meshes in their pixels: of all facial keypoints (AKD), of those around the eyes, of those of the lips.
pub(crate) fn distances(a: &[[f32; 3]], b: &[[f32; 3]]) -> [f64; 3] {
    let facial = facial_points();
    let all: Vec<f64> = facial.indices.iter().map(|&i| distance(a[i as usize], b[i as usize])).collect();
    let mean = |of: &[u32]| of.iter().map(|&i| all[i as usize]).sum::<f64>() / of.len() as f64;
    [all.iter().sum::<f64>() / all.len() as f64, mean(&facial.eyes), mean(&facial.lips)]
}

/// How much the openings of two meshes differ, in their pixels: lids (mean of both eyes), mouth.
pub(crate) fn opening_errors(a: &[[f32; 3]], b: &[[f32; 3]]) -> [f64; 2] {
    let lids = |mesh: &[[f32; 3]]| LIDS.iter().map(|[u, l]| distance(mesh[*u], mesh[*l])).sum::<f64>() / 2.0;
    let mouth = |mesh: &[[f32; 3]]| distance(mesh[LIPS[0]], mesh[LIPS[1]]);
    [(lids(a) - lids(b)).abs(), (mouth(a) - mouth(b)).abs()]
}

fn distance(a: [f32; 3], b: [f32; 3]) -> f64 {
    f64::from((a[0] - b[0]).hypot(a[1] - b[1]))
}

/// A mesh moved and scaled so that mean and root mean square spread of its facial keypoints are those of another: what remains
/// is proportions, turn and expression.
pub(crate) fn aligned(points: &[[f32; 3]], like: &[[f32; 3]]) -> Vec<[f32; 3]> {
    let ((from, before), (to, after)) = (spread(points), spread(like));
    let scale = after / before;
    let place = |p: &[f32; 3]| [to[0] + (p[0] - from[0]) * scale, to[1] + (p[1] - from[1]) * scale, p[2] * scale];
    points.iter().map(place).collect()
}

/// Mean and root mean square distance from it, of the facial keypoints.
fn spread(points: &[[f32; 3]]) -> ([f32; 2], f32) {
    let facial: Vec<_> = facial_points().indices.iter().map(|&i| points[i as usize]).collect();
    let n = facial.len() as f32;
    let mean = [0, 1].map(|c| facial.iter().map(|p| p[c]).sum::<f32>() / n);
    let square = facial.iter().map(|p| (p[0] - mean[0]).powi(2) + (p[1] - mean[1]).powi(2)).sum::<f32>();
    (mean, (square / n).sqrt().max(1e-6))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mesh() -> Vec<[f32; 3]> {
        (0..468u16).map(f32::from).map(|i| [i.sin() * 40.0, i.cos() * 60.0, i]).collect()
    }

    #[test]
    fn moved_points_are_as_far_as_they_moved() {
        let a = mesh();
        let b: Vec<_> = a.iter().map(|p| [p[0] + 3.0, p[1] - 4.0, p[2] + 9.0]).collect();
        assert!(distances(&a, &b).iter().all(|d| (d - 5.0).abs() < 1e-4));
        assert!(opening_errors(&a, &b).iter().all(|e| e.abs() < 1e-4));
        let mut lid = a.clone();
        // Only the right upper lid: one of 106 points, one of 24 around the eyes, half of the lid opening.
        let below = lid[LIDS[0][1]];
        let before = f64::from((lid[LIDS[0][0]][0] - below[0]).hypot(lid[LIDS[0][0]][1] - below[1]));
        lid[LIDS[0][0]] = [below[0], below[1], 0.0];
        let [all, eyes, lips] = distances(&a, &lid);
        assert!((all * 106.0 - before).abs() < 1e-4 && (eyes * 24.0 - before).abs() < 1e-4 && lips == 0.0);
        let [lids, mouth] = opening_errors(&a, &lid);
        assert!((lids - before / 2.0).abs() < 1e-4 && mouth == 0.0, "{lids} {mouth}");
    }

    #[test]
    fn place_and_size_are_removed_and_shape_remains() {
        let like = mesh();
        let mut moved: Vec<_> = like.iter().map(|p| [p[0] * 3.0 + 7.0, p[1] * 3.0 - 100.0, p[2] * 3.0]).collect();
        assert!(distances(&aligned(&moved, &like), &like)[0] < 1e-3);
        moved.iter_mut().for_each(|p| p[0] *= 1.5);
        assert!(distances(&aligned(&moved, &like), &like)[0] > 1.0, "a wider face stays wider");
    }
}
