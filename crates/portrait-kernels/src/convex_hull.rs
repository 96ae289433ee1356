//! Area of the convex hull of a set of points.

/// Area of the convex hull of `points` by Jarvis' march; 0 for fewer than three points and for points on one line. Units are the
/// points' squared. The shader `transfer` computes the same thing.
pub fn convex_hull_area(points: &[[f32; 2]]) -> f32 {
    let from = |a: [f32; 2], b: [f32; 2]| [b[0] - a[0], b[1] - a[1]];
    let cross = |a: [f32; 2], b: [f32; 2]| a[0] * b[1] - a[1] * b[0];
    let dot = |a: [f32; 2], b: [f32; 2]| a[0] * b[0] + a[1] * b[1];
    // The leftmost point, the lower one of two, is a corner.
    let Some(&start) = points.iter().min_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1]))) else {
        return 0.0;
    };
    let (mut corner, mut second, mut twice) = (start, start, 0.0);
    for step in 0..points.len() {
        // The next corner has every other point on one side; of several in line, the farthest.
        let mut next = corner;
        for &point in points {
            let (edge, other) = (from(corner, next), from(corner, point));
            let side = cross(edge, other);
            if side < 0.0 || (side == 0.0 && dot(other, other) > dot(edge, edge)) {
                next = point;
            }
        }
        if step == 0 {
            second = next;
        } else if next == start || next == second {
            break; // back at the start, or past it where rounding hid it
        }
        twice += cross(from(start, corner), from(start, next));
        corner = next;
    }
    0.5 * twice
}
