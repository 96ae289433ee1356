//! The landmark warp: one thin-plate spline (Bookstein 1989) through all facial keypoints, the picture's border held.

/// Corners and middles of the sides of the picture, which stay where they are.
const BORDER: [[f64; 2]; 8] =
    [[-1.0, -1.0], [-1.0, 0.0], [-1.0, 1.0], [0.0, -1.0], [0.0, 1.0], [1.0, -1.0], [1.0, 0.0], [1.0, 1.0]];
/// Added to the diagonal of the radial part.
const REGULARISER: f64 = 1e-4;

/// Backward flow `side × side` of `(x, y, 1, 0)` that reads at each of the `driver`'s points what the photo has at `source`'s, all
/// in [-1, 1]; the form of the engine's flow.
pub(crate) fn thin_plate_flow(driver: &[[f32; 2]], source: &[[f32; 2]], side: usize) -> Vec<[f32; 4]> {
    assert_eq!(driver.len(), source.len(), "the same points twice");
    let with_border =
        |points: &[[f32; 2]]| -> Vec<[f64; 2]> { points.iter().map(|p| p.map(f64::from)).chain(BORDER).collect() };
    let (from, to) = (with_border(driver), with_border(source));
    let n = from.len();
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(n + 3);
    for (i, p) in from.iter().enumerate() {
        let mut row: Vec<f64> = from.iter().map(|q| radial(p, q)).collect();
        row[i] += REGULARISER;
        row.extend([p[0], p[1], 1.0, to[i][0], to[i][1]]);
        rows.push(row);
    }
    for affine in [|p: &[f64; 2]| p[0], |p: &[f64; 2]| p[1], |_: &[f64; 2]| 1.0] {
        let mut row: Vec<f64> = from.iter().map(affine).collect();
        row.extend([0.0; 5]);
        rows.push(row);
    }
    let weights = solve(rows);
    let unit = |i: usize| 2.0 * i as f64 / (side - 1) as f64 - 1.0;
    let place = |pixel: usize| {
        let at = [unit(pixel % side), unit(pixel / side)];
        let basis = from.iter().map(|p| radial(&at, p)).chain([at[0], at[1], 1.0]);
        let sum = basis.zip(&weights).fold([0.0; 2], |sum, (b, w)| [sum[0] + b * w[0], sum[1] + b * w[1]]);
        [sum[0] as f32, sum[1] as f32, 1.0, 0.0]
    };
    (0..side * side).map(place).collect()
}

/// r² ln(r² + 1e-9).
fn radial(a: &[f64; 2], b: &[f64; 2]) -> f64 {
    let squared = (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
    squared * (squared + 1e-9).ln()
}

/// Solves `n` rows of `n` coefficients and two right-hand sides by elimination with row pivots.
fn solve(mut rows: Vec<Vec<f64>>) -> Vec<[f64; 2]> {
    let n = rows.len();
    for column in 0..n {
        let pivot =
            (column..n).max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs())).unwrap_or(column);
        rows.swap(column, pivot);
        let head = rows[column].clone();
        for row in rows.iter_mut().skip(column + 1) {
            let factor = row[column] / head[column];
            row[column..].iter_mut().zip(&head[column..]).for_each(|(v, h)| *v -= factor * h);
        }
    }
    let mut solution = vec![[0.0; 2]; n];
    for i in (0..n).rev() {
        solution[i] = [0, 1].map(|side| {
            let known: f64 = (i + 1..n).map(|j| rows[i][j] * solution[j][side]).sum();
            (rows[i][n + side] - known) / rows[i][i]
        });
    }
    solution
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_that_stay_move_nothing_and_points_that_move_are_read_where_they_were() {
        let source: Vec<[f32; 2]> =
            (0..106u16).map(f32::from).map(|i| [0.5 * (i * 0.7).sin(), 0.6 * (i * 1.9).cos()]).collect();
        let side = 33;
        let unit = |i: usize| 2.0 * i as f32 / 32.0 - 1.0;
        for (p, v) in thin_plate_flow(&source, &source, side).iter().enumerate() {
            assert!((v[0] - unit(p % side)).abs() < 1e-4 && (v[1] - unit(p / side)).abs() < 1e-4, "{p}: {v:?}");
        }
        // The middle pixel is where the driver's first point is; the photo has it elsewhere.
        let mut moved = source.clone();
        let mut driver = source.clone();
        (moved[0], driver[0]) = ([0.06, -0.04], [0.0, 0.0]);
        let there = thin_plate_flow(&driver, &moved, side)[16 * side + 16];
        assert!((there[0] - 0.06).abs() < 5e-3 && (there[1] + 0.04).abs() < 5e-3, "{there:?}");
    }
}
