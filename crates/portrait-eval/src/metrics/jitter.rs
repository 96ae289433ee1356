//! Keypoint jitter: how much landmarks tremble from frame to frame.

use portrait_runtime::facial_points;

/// Mean length of the second difference `p[t-1] - 2 p[t] + p[t+1]` of the facial keypoints over consecutive frames, in their
/// pixels: steady motion counts nothing. `None` with fewer than three frames.
pub(crate) fn jitter(frames: &[Vec<[f32; 3]>]) -> Option<f64> {
    let indices = &facial_points().indices;
    let mut lengths = Vec::new();
    for window in frames.windows(3) {
        for &i in indices {
            let [a, b, c] = [0, 1, 2].map(|t: usize| window[t][i as usize]);
            let [x, y] = [0, 1].map(|axis| a[axis] - 2.0 * b[axis] + c[axis]);
            lengths.push(f64::from(x.hypot(y)));
        }
    }
    (!lengths.is_empty()).then(|| lengths.iter().sum::<f64>() / lengths.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_motion_is_still_and_a_shake_is_not() {
        let at = |x: f32| vec![[x, 2.0 * x, 0.0]; 468];
        assert_eq!(jitter(&[at(1.0), at(2.0)]), None);
        assert!(jitter(&[at(1.0), at(2.0), at(3.0), at(4.0)]).unwrap() < 1e-6);
        let shaken = jitter(&[vec![[0.0, 0.0, 0.0]; 468], vec![[3.0, 4.0, 0.0]; 468], vec![[0.0, 0.0, 0.0]; 468]]);
        assert!((shaken.unwrap() - 10.0).abs() < 1e-6, "{shaken:?}");
    }
}
