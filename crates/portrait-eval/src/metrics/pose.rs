//! Head pose from the mesh's 3-D points: the rotation that carries one mesh onto another (orthogonal Procrustes with free place
//! and size, in Horn's closed form with quaternions, JOSA A 1987), over points that expressions hardly move. No mean face is
//! needed, since it is always one mesh against another; between two people the rotation absorbs part of how they differ.

/// Forehead, temples, bridge and tip of the nose, nostrils, cheekbones, outer and inner corners of the eyes.
pub(super) const RIGID: [usize; 26] = [
    10, 338, 109, 297, 67, 127, 356, 162, 389, 234, 454, 168, 6, 197, 195, 5, 4, 129, 358, 33, 263, 133, 362, 50, 280,
    9,
];

/// A rotation in picture axes: x right, y down, z away from the camera.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rotation([[f64; 3]; 3]);

impl Rotation {
    /// Angle of the rotation in degrees, 0..=180.
    pub(crate) fn angle(&self) -> f64 {
        let m = self.0;
        ((m[0][0] + m[1][1] + m[2][2] - 1.0) / 2.0).clamp(-1.0, 1.0).acos().to_degrees()
    }

    /// Turn to the side in degrees; positive: the face turns towards the picture's right.
    pub(crate) fn yaw(&self) -> f64 {
        // Where the face's forward axis, -z, goes.
        (-self.0[0][2]).atan2(self.0[2][2]).to_degrees()
    }

    /// Nod in degrees; positive: the face looks down.
    pub(crate) fn pitch(&self) -> f64 {
        (-self.0[1][2]).clamp(-1.0, 1.0).asin().to_degrees()
    }
}

/// The rotation that carries the head of mesh `from` onto that of mesh `to`.
pub(crate) fn rotation(from: &[[f32; 3]], to: &[[f32; 3]]) -> Rotation {
    let centred = |mesh: &[[f32; 3]]| {
        let points = RIGID.map(|i| mesh[i].map(f64::from));
        let mean = [0, 1, 2].map(|c| points.iter().map(|p| p[c]).sum::<f64>() / points.len() as f64);
        points.map(|p| [0, 1, 2].map(|c| p[c] - mean[c]))
    };
    let (a, b) = (centred(from), centred(to));
    let s = |i: usize, j: usize| a.iter().zip(&b).map(|(p, q)| p[i] * q[j]).sum::<f64>();
    let [[xx, xy, xz], [yx, yy, yz], [zx, zy, zz]] = [0, 1, 2].map(|i| [0, 1, 2].map(|j| s(i, j)));
    let [w, x, y, z] = principal([
        [xx + yy + zz, yz - zy, zx - xz, xy - yx],
        [yz - zy, xx - yy - zz, xy + yx, zx + xz],
        [zx - xz, xy + yx, yy - xx - zz, yz + zy],
        [xy - yx, zx + xz, yz + zy, zz - xx - yy],
    ]);
    Rotation([
        [w * w + x * x - y * y - z * z, 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
        [2.0 * (x * y + w * z), w * w - x * x + y * y - z * z, 2.0 * (y * z - w * x)],
        [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), w * w - x * x - y * y + z * z],
    ])
}

/// Unit eigenvector of the largest eigenvalue of a symmetric matrix, by Jacobi rotations.
fn principal(mut m: [[f64; 4]; 4]) -> [f64; 4] {
    let mut vectors: [[f64; 4]; 4] = std::array::from_fn(|i| std::array::from_fn(|j| f64::from(u8::from(i == j))));
    for _ in 0..12 {
        for (p, q) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
            if m[p][q].abs() < 1e-300 {
                continue;
            }
            let theta = 0.5 * (2.0 * m[p][q]).atan2(m[q][q] - m[p][p]);
            let (sin, cos) = theta.sin_cos();
            for row in &mut m {
                (row[p], row[q]) = (cos * row[p] - sin * row[q], sin * row[p] + cos * row[q]);
            }
            let (upper, lower) = m.split_at_mut(q);
            for (a, b) in upper[p].iter_mut().zip(&mut lower[0]) {
                (*a, *b) = (cos * *a - sin * *b, sin * *a + cos * *b);
            }
            for row in &mut vectors {
                (row[p], row[q]) = (cos * row[p] - sin * row[q], sin * row[p] + cos * row[q]);
            }
        }
    }
    let best = (0..4).max_by(|&a, &b| m[a][a].total_cmp(&m[b][b])).unwrap_or(0);
    vectors.map(|row| row[best])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turned by `yaw`, then nodded by `pitch`, in degrees, after the signs of [`Rotation::yaw`] and [`Rotation::pitch`].
    fn turned(mesh: &[[f32; 3]], yaw: f32, pitch: f32) -> Vec<[f32; 3]> {
        let ((sy, cy), (sp, cp)) = (yaw.to_radians().sin_cos(), pitch.to_radians().sin_cos());
        let place = |&[x, y, z]: &[f32; 3]| {
            let [x, y, z] = [x, cp * y - sp * z, sp * y + cp * z];
            [cy * x - sy * z, y, sy * x + cy * z]
        };
        mesh.iter().map(place).map(|p| p.map(|v| 1.7 * v + 30.0)).collect()
    }

    #[test]
    fn a_turn_is_found_whatever_place_and_size() {
        let mesh: Vec<[f32; 3]> = (0..468u16)
            .map(f32::from)
            .map(|i| [i.sin() * 40.0, (1.3 * i).cos() * 60.0, (2.1 * i).sin() * 30.0])
            .collect();
        for (yaw, pitch) in [(0.0, 0.0), (20.0, 0.0), (-35.0, 0.0), (0.0, 15.0), (25.0, -10.0), (170.0, 0.0)] {
            let found = rotation(&mesh, &turned(&mesh, yaw, pitch));
            assert!((found.yaw() - f64::from(yaw)).abs() < 1e-3, "{yaw} {pitch}: {found:?} {}", found.yaw());
            assert!((found.pitch() - f64::from(pitch)).abs() < 1e-3, "{yaw} {pitch}: {}", found.pitch());
            if pitch == 0.0 {
                assert!((found.angle() - f64::from(yaw.abs())).abs() < 1e-3, "{yaw}: {}", found.angle());
            }
        }
    }

    #[test]
    fn a_face_that_looks_right_has_its_nose_right() {
        let mut mesh = vec![[0.0, 0.0, 0.0]; 468];
        for (n, i) in RIGID.into_iter().enumerate() {
            let angle = n as f32;
            mesh[i] = [50.0 * angle.sin(), 70.0 * angle.cos(), 20.0 * (0.7 * angle).sin()];
        }
        mesh[4] = [0.0, 0.0, -60.0];
        let right = turned(&mesh, 20.0, 0.0);
        assert!(right[4][0] > right[10][0].min(right[234][0]) && right[4][0] - 30.0 > 0.0, "{:?}", right[4]);
        let down = turned(&mesh, 0.0, 20.0);
        assert!(down[4][1] - 30.0 > 0.0, "{:?}", down[4]);
    }
}
