//! Parts of the picture that are measured by themselves.

/// The ring of the inner lips in the face mesh.
const INNER_LIPS: [usize; 20] =
    [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95];
/// Smallest mouth, in pixels of a 256-pixel picture, whose inside is measured.
const MOUTH: f64 = 40.0;
/// Smallest uncovered region that is measured, likewise.
const UNCOVERED: f64 = 100.0;

/// The pixels inside the lips of a mesh (in pixels of a square picture of this side); `None` where the mouth is all but closed.
pub(crate) fn mouth(mesh: &[[f32; 3]], side: usize) -> Option<Vec<bool>> {
    let ring = INNER_LIPS.map(|i| [mesh[i][0], mesh[i][1]]);
    let inside: Vec<bool> =
        (0..side * side).map(|p| within(&ring, [(p % side) as f32 + 0.5, (p / side) as f32 + 0.5])).collect();
    large_enough(inside, side, MOUTH)
}

/// The background that the photo did not show: person in the photo's mask, clearly none in the driver's (one byte a pixel).
/// Means something where photo and driver share their camera and do not move it. `None` where that is next to nothing.
pub(crate) fn uncovered(photo: &[u8], driver: &[u8], side: usize) -> Option<Vec<bool>> {
    let inside = photo.iter().zip(driver).map(|(&p, &d)| p >= 128 && d < 40).collect();
    large_enough(inside, side, UNCOVERED)
}

fn large_enough(inside: Vec<bool>, side: usize, least: f64) -> Option<Vec<bool>> {
    let pixels = inside.iter().filter(|&&i| i).count() as f64;
    let unit = 256.0 / side as f64;
    (pixels * unit * unit >= least).then_some(inside)
}

/// Even-odd rule.
fn within(ring: &[[f32; 2]], [x, y]: [f32; 2]) -> bool {
    let edges = ring.iter().zip(ring.iter().cycle().skip(1));
    edges.filter(|([ax, ay], [bx, by])| (ay > &y) != (by > &y) && x < (bx - ax) * (y - ay) / (by - ay) + ax).count() % 2
        == 1
}

/// A mask widened by a square of `2 · radius + 1` pixels.
pub(super) fn dilated(mask: &[bool], side: usize, radius: usize) -> Vec<bool> {
    let window = |i: usize| i.saturating_sub(radius)..(i + radius + 1).min(side);
    let rows: Vec<bool> = (0..side * side).map(|p| window(p % side).any(|x| mask[p / side * side + x])).collect();
    (0..side * side).map(|p| window(p / side).any(|y| rows[y * side + p % side])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_mouth_has_an_inside() {
        let ring = |height: f32| {
            let mut mesh = vec![[0.0; 3]; 468];
            for (n, i) in INNER_LIPS.into_iter().enumerate() {
                let angle = n as f32 / 20.0 * std::f32::consts::TAU;
                mesh[i] = [100.0 + 20.0 * angle.cos(), 150.0 + height * angle.sin(), 0.0];
            }
            mesh
        };
        let open = mouth(&ring(10.0), 256).unwrap();
        let area = open.iter().filter(|&&i| i).count() as f32;
        // An ellipse, less what a polygon of 20 corners lacks, in whole pixels.
        assert!((area / (std::f32::consts::PI * 200.0) - 0.99).abs() < 0.02, "{area}");
        assert!(open[150 * 256 + 100] && !open[165 * 256 + 100] && !open[150 * 256 + 125]);
        assert_eq!(mouth(&ring(0.3), 256), None);
    }

    #[test]
    fn uncovered_is_where_the_person_was() {
        let person =
            |from: usize| (0..64 * 64).map(move |p| if (from..from + 20).contains(&(p % 64)) { 255 } else { 0 });
        let (photo, driver): (Vec<u8>, Vec<u8>) = (person(10).collect(), person(15).collect());
        let inside = uncovered(&photo, &driver, 64).unwrap();
        assert!((0..64 * 64).all(|p| inside[p] == (10..15).contains(&(p % 64))));
        assert_eq!(uncovered(&photo, &photo, 64), None);
    }

    #[test]
    fn dilation_is_square() {
        let mut mask = vec![false; 81];
        mask[4 * 9 + 4] = true;
        let wide = dilated(&mask, 9, 2);
        assert_eq!(wide.iter().filter(|&&m| m).count(), 25);
        assert!(wide[2 * 9 + 2] && !wide[9 + 4]);
    }
}
