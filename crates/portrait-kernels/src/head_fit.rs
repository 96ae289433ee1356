//! What a stiff head does among the motions of a face: the linear map of the photo's points and their depth that fits best.

use crate::face::Point;

/// Motion of a point is linear in its place, its depth, and 1.
type Row = [f64; 4];

/// The map: for both coordinates, factors of x, y, depth and 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadFit([[f32; 4]; 2]);

impl HeadFit {
    /// The map that takes `photo` nearest to `moved`, from the rows of [`head_fit`].
    pub(crate) fn of(fit: &[[f32; 4]], photo: &[Point], moved: &[Point]) -> Self {
        let mut map = [[0.0; 4]; 2];
        for ((fit, from), to) in fit.iter().zip(photo).zip(moved) {
            for (c, line) in map.iter_mut().enumerate() {
                line.iter_mut().zip(fit).for_each(|(cell, f)| *cell += f * (to[c] - from[c]));
            }
        }
        Self(map)
    }

    /// How much further the head takes a point that is elsewhere by this much, and deeper by this much.
    pub(crate) fn turned(&self, [dx, dy]: Point, deeper: f32) -> Point {
        self.0.map(|[x, y, z, _]| x * dx + y * dy + z * deeper)
    }

    /// How far the head takes a point of the photo.
    pub(crate) fn moved(&self, point: Point, depth: f32) -> Point {
        self.0.map(|[x, y, z, shift]| x * point[0] + y * point[1] + z * depth + shift)
    }
}

/// `(Σ r rᵀ + ridge)⁻¹ rᵢ` for each of the `stiff` points, zero for the others: one row for each point of `photo`.
pub(crate) fn head_fit(photo: &[Point], depth: &[f32], stiff: &[u32]) -> Vec<[f32; 4]> {
    let row = |i: u32| -> Row { [photo[i as usize][0], photo[i as usize][1], depth[i as usize], 1.0].map(f64::from) };
    let mut gram = [[0.0; 4]; 4];
    for r in stiff.iter().map(|&i| row(i)) {
        for (line, a) in gram.iter_mut().zip(r) {
            line.iter_mut().zip(r).for_each(|(cell, b)| *cell += a * b);
        }
    }
    // Faces without depth, or seen from the side, leave a direction open.
    let ridge = 1e-4 * (gram[0][0] + gram[1][1]) + 1e-9;
    (0..4).for_each(|k| gram[k][k] += ridge);
    let mut out = vec![[0.0; 4]; photo.len()];
    stiff.iter().for_each(|&i| out[i as usize] = solve(gram, row(i)).map(|v| v as f32));
    out
}

/// Gaussian elimination of a positive definite system.
fn solve(mut a: [Row; 4], mut b: Row) -> Row {
    for k in 0..4 {
        for i in k + 1..4 {
            let (factor, pivot) = (a[i][k] / a[k][k], a[k]);
            a[i].iter_mut().zip(pivot).for_each(|(cell, p)| *cell -= factor * p);
            b[i] -= factor * b[k];
        }
    }
    for k in (0..4).rev() {
        let known: f64 = (k + 1..4).map(|j| a[k][j] * b[j]).sum();
        b[k] = (b[k] - known) / a[k][k];
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_the_heads_and_a_twitch_is_not() {
        let photo: Vec<Point> = (0..20).map(|i| [(i % 5) as f32 * 0.2 - 0.4, (i / 5) as f32 * 0.2 - 0.3]).collect();
        let depth: Vec<f32> = photo.iter().map(|[x, y]| 0.5 * (x * x + y * y)).collect();
        let stiff: Vec<u32> = (0..15).collect();
        let fit = head_fit(&photo, &depth, &stiff);
        let turn = |i: usize| [photo[i][0] * 0.95 + 0.3 * depth[i] + 0.1, photo[i][1] * 0.95 - 0.05];
        let mut moved: Vec<Point> = (0..20).map(turn).collect();
        // A point that is not stiff does what it wants.
        moved[17][1] += 0.4;
        let head = HeadFit::of(&fit, &photo, &moved);
        for i in 0..20 {
            let [x, y] = head.moved(photo[i], depth[i]);
            let far = (photo[i][0] + x - turn(i)[0]).abs().max((photo[i][1] + y - turn(i)[1]).abs());
            assert!(far < 2e-3, "point {i}: {far}");
        }
    }
}
