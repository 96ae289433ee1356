//! The poses of the pseudo views.

/// Turn (yaw) and nod (pitch) of each view in degrees. The paper samples views from the driver, which a live driver does not
/// have; stored poses are known before it starts (spec, section 6.5).
const POSES: [[f32; 2]; 4] = [[-18.0, 0.0], [18.0, 0.0], [0.0, -12.0], [0.0, 12.0]];

/// The facial keypoints (x, y, depth in [-1, 1] units) of a head turned to each of the first `count` poses, seen from afar.
pub(crate) fn view_poses(facial: &[[f32; 3]], count: u32) -> Vec<Vec<[f32; 2]>> {
    let n = facial.len() as f32;
    let centre: [f32; 3] = std::array::from_fn(|c| facial.iter().map(|p| p[c]).sum::<f32>() / n);
    let turned = |[yaw, pitch]: [f32; 2]| {
        let rotation = glam::Mat3::from_rotation_y(yaw.to_radians()) * glam::Mat3::from_rotation_x(pitch.to_radians());
        let place = |p: &[f32; 3]| {
            let q = rotation * (glam::Vec3::from(*p) - glam::Vec3::from(centre));
            [q.x + centre[0], q.y + centre[1]]
        };
        facial.iter().map(place).collect()
    };
    POSES.into_iter().cycle().take(count as usize).map(turned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_keep_the_centre_and_move_the_nose_by_its_depth() {
        let face = [[-0.5, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.0, -0.3], [0.0, 0.0, 0.3]];
        let views = view_poses(&face, 4);
        assert_eq!(views.len(), 4);
        for view in &views {
            let mean: f32 = view.iter().flatten().sum::<f32>() / 8.0;
            assert!(mean.abs() < 1e-6);
        }
        assert!(views[0][2][0] > 0.05 && views[1][2][0] < -0.05, "{:?} {:?}", views[0][2], views[1][2]);
        assert!((views[0][2][0] + views[1][2][0]).abs() < 1e-6);
    }
}
