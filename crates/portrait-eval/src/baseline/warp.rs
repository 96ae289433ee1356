//! The photo read through a flow, as the engine reads it, and nothing painted.

use portrait_kernels::{Kernel, Transfer, Warp, feature_len};
use portrait_media::Picture;

/// `photo` (square) read through a backward flow of its size, `(x, y, _, _)` in [-1, 1]: the CPU twin of the engine's own warp.
pub(crate) fn warped(photo: &Picture, flow: &[[f32; 4]]) -> Picture {
    let size = photo.width;
    let source: Vec<f32> = photo.rgba.iter().map(|&v| f32::from(v) / 255.0).collect();
    let mut input = vec![0.0; 2 * source.len()];
    let mut out = vec![0.0; source.len()];
    // What the synthesis network would see is not used, and its background may be anything.
    let background = source.as_slice();
    let warp = Warp { size, fold: 1 };
    // Everything is carried along: what the engine keeps in its place is not the warp's doing.
    let flow: Vec<[f32; 4]> = flow.iter().map(|&[x, y, occlusion, _]| [x, y, occlusion, 1.0]).collect();
    // Without pins there is no mouth to be given.
    let ([rows, columns], pins) = (Warp::MOUTH, [0.0; 2 * Transfer::PINS]);
    let mouth = vec![0.0; feature_len(4, rows, columns)];
    warp.cpu(&[flow.as_flattened(), &source, background, &mouth, &pins], &mut [&mut input, &mut out]);
    let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0).round() as u8;
    let rgba = out.as_chunks::<4>().0.iter().flat_map(|&[r, g, b, _]| [byte(r), byte(g), byte(b), 255]).collect();
    Picture { width: size, height: size, rgba }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(side: usize, at: impl Fn([f32; 2]) -> [f32; 2]) -> Vec<[f32; 4]> {
        let unit = |i: usize| 2.0 * i as f32 / (side - 1) as f32 - 1.0;
        (0..side * side).map(|p| at([unit(p % side), unit(p / side)])).map(|[x, y]| [x, y, 1.0, 0.0]).collect()
    }

    #[test]
    fn identity_keeps_the_photo_and_a_mirror_mirrors_it() {
        let photo = Picture::from_fn(65, 65, |x, y| [3 * x as u8, 2 * y as u8, 7, 255]);
        assert_eq!(warped(&photo, &flow(65, |p| p)), photo);
        let mirrored = Picture::from_fn(65, 65, |x, y| photo.pixel(64 - x, y).unwrap());
        assert_eq!(warped(&photo, &flow(65, |[x, y]| [-x, y])), mirrored);
    }
}
