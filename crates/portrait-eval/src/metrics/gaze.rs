//! Gaze: where the iris is between the corners of its eye.

/// Corners on the picture's left and right, upper and lower lid, iris: of the right eye and of the left.
const EYES: [[usize; 5]; 2] = [[33, 133, 159, 145, 468], [362, 263, 386, 374, 469]];
/// Opening of the lids, of the eye's width, below which an iris cannot be seen.
const OPEN: f32 = 0.15;

/// How far the irises of two meshes (468 points and two irises) are apart, each seen from its own eye, in percent of the eye's
/// width: mean of the eyes that are open in both; `None` where none is.
pub(crate) fn gaze_error(a: &[[f32; 3]], b: &[[f32; 3]]) -> Option<f64> {
    let errors: Vec<f64> = EYES
        .iter()
        .filter_map(|eye| {
            let (a, b) = (iris(a, eye)?, iris(b, eye)?);
            Some(f64::from(100.0 * (a[0] - b[0]).hypot(a[1] - b[1])))
        })
        .collect();
    (!errors.is_empty()).then(|| errors.iter().sum::<f64>() / errors.len() as f64)
}

/// The iris from the middle of its eye, along the line of the corners and across it, in eye widths; `None` in a closed eye.
fn iris(mesh: &[[f32; 3]], eye: &[usize; 5]) -> Option<[f32; 2]> {
    let [left, right, upper, lower, iris] = eye.map(|i| mesh.get(i).map(|p| [p[0], p[1]]));
    let (left, right, upper, lower, iris) = (left?, right?, upper?, lower?, iris?);
    let along = [right[0] - left[0], right[1] - left[1]];
    let width = along[0].hypot(along[1]).max(1e-6);
    if (upper[0] - lower[0]).hypot(upper[1] - lower[1]) < OPEN * width {
        return None;
    }
    let from = [0, 1].map(|c| iris[c] - 0.5 * (left[c] + right[c]));
    let square = width * width;
    Some([(from[0] * along[0] + from[1] * along[1]) / square, (from[1] * along[0] - from[0] * along[1]) / square])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eyes 20 wide and `open` high, the irises `look` right of their middles.
    fn mesh(open: f32, look: f32) -> Vec<[f32; 3]> {
        let mut mesh = vec![[0.0; 3]; 470];
        for ([left, right, upper, lower, iris], x) in EYES.into_iter().zip([50.0, 90.0]) {
            (mesh[left], mesh[right]) = ([x - 10.0, 60.0, 0.0], [x + 10.0, 60.0, 0.0]);
            (mesh[upper], mesh[lower]) = ([x, 60.0 - open / 2.0, 0.0], [x, 60.0 + open / 2.0, 0.0]);
            mesh[iris] = [x + look, 60.0, 0.0];
        }
        mesh
    }

    #[test]
    fn a_glance_counts_and_a_turned_or_closed_eye_does_not() {
        let ahead = mesh(8.0, 0.0);
        assert!((gaze_error(&mesh(6.0, 3.0), &ahead).unwrap() - 15.0).abs() < 1e-4);
        let (sin, cos) = 0.4f32.sin_cos();
        let turned: Vec<_> = mesh(8.0, 3.0)
            .iter()
            .map(|p| [2.0 * (cos * p[0] - sin * p[1]), 2.0 * (sin * p[0] + cos * p[1]), 0.0])
            .collect();
        assert!(gaze_error(&turned, &mesh(8.0, 3.0)).unwrap() < 1e-3);
        assert_eq!(gaze_error(&mesh(2.0, 3.0), &ahead), None);
        assert_eq!(gaze_error(&ahead[..468], &ahead), None);
    }
}
