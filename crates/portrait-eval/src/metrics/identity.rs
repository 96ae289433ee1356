//! Identity: how far two faces are apart to a network that was never taught faces.
//!
//! Both faces are cut out alike: the second is moved, scaled and turned in the picture's plane until the points that expressions
//! hardly move lie on the first's. AlexNet's features of the cut-outs are averaged over the picture, which leaves what there is
//! and takes away where, and compared by their cosine. It is no face recogniser: light, turn and sharpness count too, so the
//! number means something only beside that of the same person in another frame and of another person, which the report has.

use portrait_media::Picture;

use super::Features;
use super::pose::RIGID;

/// Side of the cut-out in pixels.
const SIDE: u32 = 256;
/// Side of the square that is cut out, of the larger side of the face's box.
const MARGIN: f32 = 1.1;

/// The face of `mesh` in `picture` (both in its pixels), cut out where the face of `like` is in its own picture.
pub(crate) fn aligned_face(picture: &Picture, mesh: &[[f32; 3]], like: &[[f32; 3]]) -> Picture {
    let range = |c: usize| like.iter().fold((f32::MAX, f32::MIN), |(low, high), p| (low.min(p[c]), high.max(p[c])));
    let ((left, right), (top, bottom)) = (range(0), range(1));
    let side = MARGIN * (right - left).max(bottom - top);
    let corner = [0.5 * (left + right - side), 0.5 * (top + bottom - side)];
    let [a, b, x, y] = similarity(like, mesh);
    Picture::from_fn(SIDE, SIDE, |u, v| {
        let at = |pixel: u32, from: f32| from + (pixel as f32 + 0.5) * side / SIDE as f32;
        let (px, py) = (at(u, corner[0]), at(v, corner[1]));
        bilinear(picture, a * px - b * py + x, b * px + a * py + y)
    })
}

/// `1 - cos` of the mean features of two faces: 0 for equal ones.
pub(crate) fn identity_distance(a: &Features, b: &Features) -> f64 {
    let (a, b) = (a.mean(), b.mean());
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    1.0 - dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt().max(1e-12)
}

/// The plane similarity `(a x - b y + c, b x + a y + d)` that carries the rigid points of one mesh onto another's, least squares.
fn similarity(from: &[[f32; 3]], to: &[[f32; 3]]) -> [f32; 4] {
    let mean = |mesh: &[[f32; 3]], c: usize| RIGID.iter().map(|&i| mesh[i][c]).sum::<f32>() / RIGID.len() as f32;
    let [fx, fy, tx, ty] = [mean(from, 0), mean(from, 1), mean(to, 0), mean(to, 1)];
    let (mut a, mut b, mut square) = (0.0, 0.0, 0.0);
    for &i in &RIGID {
        let (p, q) = ([from[i][0] - fx, from[i][1] - fy], [to[i][0] - tx, to[i][1] - ty]);
        a += p[0] * q[0] + p[1] * q[1];
        b += p[0] * q[1] - p[1] * q[0];
        square += p[0] * p[0] + p[1] * p[1];
    }
    let (a, b) = (a / square.max(1e-6), b / square.max(1e-6));
    [a, b, tx - a * fx + b * fy, ty - b * fx - a * fy]
}

/// The colour at a place in pixels, the first one's centre at 0.5; beyond the edge the edge's.
fn bilinear(picture: &Picture, x: f32, y: f32) -> [u8; 4] {
    let place = |v: f32, n: u32| {
        let v = (v - 0.5).clamp(0.0, (n - 1) as f32);
        (v as u32, (v as u32 + 1).min(n - 1), v.fract())
    };
    let ((x0, x1, fx), (y0, y1, fy)) = (place(x, picture.width), place(y, picture.height));
    let at = |x, y| picture.pixel(x, y).unwrap_or_default();
    let corners = [at(x0, y0), at(x1, y0), at(x0, y1), at(x1, y1)];
    std::array::from_fn(|c| {
        let [a, b, d, e] = corners.map(|corner| f32::from(corner[c]));
        let (top, bottom) = (a + (b - a) * fx, d + (e - d) * fx);
        (top + (bottom - top) * fy).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turned_and_moved_face_is_put_back() {
        let mesh: Vec<[f32; 3]> =
            (0..468u16).map(f32::from).map(|i| [60.0 + i.sin() * 20.0, 64.0 + (1.3 * i).cos() * 25.0, 0.0]).collect();
        // A smooth picture, and the same turned by 0.3 and moved.
        let colour = |x: f32, y: f32| [(x * 0.1).sin() * 90.0 + 120.0, (y * 0.07).cos() * 90.0 + 120.0, 50.0, 255.0];
        let (sin, cos) = 0.3f32.sin_cos();
        let forth = |x: f32, y: f32| [0.9 * (cos * x - sin * y) + 30.0, 0.9 * (sin * x + cos * y) - 5.0];
        let back = |x: f32, y: f32| {
            let (x, y) = ((x - 30.0) / 0.9, (y + 5.0) / 0.9);
            [cos * x + sin * y, cos * y - sin * x]
        };
        let centre = |x: u32, y: u32| (x as f32 + 0.5, y as f32 + 0.5);
        let photo = Picture::from_fn(128, 128, |x, y| colour(centre(x, y).0, centre(x, y).1).map(|v| v as u8));
        let made = Picture::from_fn(128, 128, |x, y| {
            let [x, y] = back(centre(x, y).0, centre(x, y).1);
            colour(x, y).map(|v| v as u8)
        });
        let moved: Vec<[f32; 3]> = mesh.iter().map(|p| forth(p[0], p[1])).map(|[x, y]| [x, y, 0.0]).collect();
        let (a, b) = (aligned_face(&photo, &mesh, &mesh), aligned_face(&made, &moved, &mesh));
        let worst = a.rgba.iter().zip(&b.rgba).map(|(p, q)| p.abs_diff(*q)).max().unwrap();
        assert!(worst <= 3, "{worst}");
        assert!(a.rgba.iter().zip(&aligned_face(&made, &mesh, &mesh).rgba).any(|(p, q)| p.abs_diff(*q) > 40));
    }
}
