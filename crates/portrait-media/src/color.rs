//! YCbCr 4:2:0 to RGBA and back, 8 bits (ITU-R BT.601 and BT.709, limited and full range).
//!
//! openh264's own conversion knows one matrix only; a phone's HD video is BT.709.

use crate::Picture;

/// The matrix: the luma weights of red and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matrix {
    Bt601,
    Bt709,
    Bt2020,
}

/// How YCbCr samples stand for colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ColorSpec {
    pub(crate) matrix: Matrix,
    pub(crate) full_range: bool,
}

impl ColorSpec {
    /// What an unmarked video of this height means: BT.601 up to 576 lines, BT.709 above; limited range.
    pub(crate) fn unmarked(height: u32) -> Self {
        let matrix = if height <= 576 { Matrix::Bt601 } else { Matrix::Bt709 };
        Self { matrix, full_range: false }
    }

    /// What a stream says: `matrix_coefficients` of ISO/IEC 23091-2 and the range flag, where present.
    pub(crate) fn marked(matrix: Option<u8>, full_range: Option<bool>, height: u32) -> Self {
        let unmarked = Self::unmarked(height);
        let matrix = match matrix {
            Some(1) => Matrix::Bt709,
            Some(4..=6) => Matrix::Bt601,
            Some(9 | 10) => Matrix::Bt2020,
            _ => unmarked.matrix,
        };
        Self { matrix, full_range: full_range.unwrap_or(false) }
    }

    fn weights(self) -> (f32, f32) {
        match self.matrix {
            Matrix::Bt601 => (0.299, 0.114),
            Matrix::Bt709 => (0.2126, 0.0722),
            Matrix::Bt2020 => (0.2627, 0.0593),
        }
    }

    /// Luma offset, luma span, chroma span.
    fn range(self) -> (f32, f32, f32) {
        if self.full_range { (0.0, 255.0, 255.0) } else { (16.0, 219.0, 224.0) }
    }
}

/// Three planes of 8-bit 4:2:0.
#[derive(Clone, Copy)]
pub(crate) struct Planes<'a> {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) y: &'a [u8],
    pub(crate) u: &'a [u8],
    pub(crate) v: &'a [u8],
    pub(crate) y_stride: usize,
    pub(crate) uv_stride: usize,
}

/// Fractional bits of the integer arithmetic.
const SHIFT: i32 = 14;

/// Decoded planes to RGBA; each chroma sample serves its 2×2 pixels. Missing samples read as black.
pub(crate) fn to_rgba(planes: &Planes<'_>, spec: ColorSpec) -> Picture {
    let (kr, kb) = spec.weights();
    let kg = 1.0 - kr - kb;
    let (y_offset, y_span, c_span) = spec.range();
    let fixed = |x: f32| (x * (1 << SHIFT) as f32).round() as i32;
    let luma = fixed(255.0 / y_span);
    let c = 255.0 / c_span;
    let r_v = fixed(2.0 * (1.0 - kr) * c);
    let b_u = fixed(2.0 * (1.0 - kb) * c);
    let g_v = fixed(-2.0 * (1.0 - kr) * kr / kg * c);
    let g_u = fixed(-2.0 * (1.0 - kb) * kb / kg * c);
    let y_offset = y_offset as i32;
    let half = 1 << (SHIFT - 1);
    let byte = |x: i32| (x >> SHIFT).clamp(0, 255) as u8;

    let mut rgba = vec![0u8; planes.width * planes.height * 4];
    let rows = rgba.chunks_exact_mut((planes.width * 4).max(1));
    for (row, out) in rows.enumerate() {
        let ys = planes.y.get(row * planes.y_stride..).unwrap_or_default();
        let us = planes.u.get(row / 2 * planes.uv_stride..).unwrap_or_default();
        let vs = planes.v.get(row / 2 * planes.uv_stride..).unwrap_or_default();
        let pairs = out.chunks_mut(8).zip(ys.chunks(2)).zip(us.iter().zip(vs));
        for ((pixels, ys), (&u, &v)) in pairs {
            let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
            let (red, green, blue) = (r_v * v + half, g_u * u + g_v * v + half, b_u * u + half);
            for (pixel, &y) in pixels.chunks_exact_mut(4).zip(ys) {
                let y = luma * (i32::from(y) - y_offset);
                pixel.copy_from_slice(&[byte(y + red), byte(y + green), byte(y + blue), 255]);
            }
        }
    }
    Picture { width: planes.width as u32, height: planes.height as u32, rgba }
}

/// Owned planes of even size, for the encoder.
pub(crate) struct Yuv420 {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) y: Vec<u8>,
    pub(crate) u: Vec<u8>,
    pub(crate) v: Vec<u8>,
}

impl Yuv420 {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let chroma = width / 2 * (height / 2);
        Self { width, height, y: vec![0; width * height], u: vec![0; chroma], v: vec![0; chroma] }
    }

    /// Fills the planes from a picture, limited or full range; alpha is ignored. Where the picture is
    /// one pixel narrower or lower than the planes, its last column or row is repeated.
    pub(crate) fn fill(&mut self, picture: &Picture, spec: ColorSpec) {
        let (kr, kb) = spec.weights();
        let kg = 1.0 - kr - kb;
        let (y_offset, y_span, c_span) = spec.range();
        let (ys, cs) = (y_span / 255.0, c_span / 255.0);
        let (last_x, last_y) = (picture.width.max(1) as usize - 1, picture.height.max(1) as usize - 1);
        let stride = picture.width as usize;
        let rgb = |x: usize, y: usize| {
            let at = (y.min(last_y) * stride + x.min(last_x)) * 4;
            match picture.rgba.get(at..at + 3) {
                Some(p) => [f32::from(p[0]), f32::from(p[1]), f32::from(p[2])],
                None => [0.0; 3],
            }
        };
        for cy in 0..self.height / 2 {
            for cx in 0..self.width / 2 {
                let mut sum = [0.0f32; 3];
                for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                    let (x, y) = (cx * 2 + dx, cy * 2 + dy);
                    let [r, g, b] = rgb(x, y);
                    self.y[y * self.width + x] = (y_offset + ys * (kr * r + kg * g + kb * b) + 0.5) as u8;
                    sum = [sum[0] + r, sum[1] + g, sum[2] + b];
                }
                let [r, g, b] = sum.map(|s| s * 0.25);
                let luma = kr * r + kg * g + kb * b;
                let at = cy * (self.width / 2) + cx;
                self.u[at] = (128.0 + cs * (b - luma) / (2.0 * (1.0 - kb)) + 0.5) as u8;
                self.v[at] = (128.0 + cs * (r - luma) / (2.0 * (1.0 - kr)) + 0.5) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: [ColorSpec; 4] = [
        ColorSpec { matrix: Matrix::Bt601, full_range: false },
        ColorSpec { matrix: Matrix::Bt709, full_range: false },
        ColorSpec { matrix: Matrix::Bt709, full_range: true },
        ColorSpec { matrix: Matrix::Bt2020, full_range: false },
    ];

    fn one(spec: ColorSpec, y: u8, u: u8, v: u8) -> [u8; 4] {
        let planes = Planes { width: 1, height: 1, y: &[y], u: &[u], v: &[v], y_stride: 1, uv_stride: 1 };
        to_rgba(&planes, spec).pixel(0, 0).unwrap()
    }

    #[test]
    fn known_colours() {
        // Primaries of BT.601 and BT.709 in limited range, from the standards' 75 % and 100 % bars.
        let [bt601, bt709, full, _] = SPECS;
        assert_eq!(one(bt601, 235, 128, 128), [255, 255, 255, 255]);
        assert_eq!(one(bt601, 16, 128, 128), [0, 0, 0, 255]);
        assert_eq!(one(full, 255, 128, 128), [255, 255, 255, 255]);
        let near = |a: [u8; 4], b: [u8; 3]| a.iter().zip(b).all(|(&x, y)| x.abs_diff(y) <= 2);
        assert!(near(one(bt601, 81, 90, 240), [255, 0, 0]), "{:?}", one(bt601, 81, 90, 240));
        assert!(near(one(bt709, 63, 102, 240), [255, 0, 0]), "{:?}", one(bt709, 63, 102, 240));
        // The two matrices really differ.
        assert!(!near(one(bt601, 63, 102, 240), [255, 0, 0]));
    }

    #[test]
    fn there_and_back() {
        for spec in SPECS {
            for color in [[200, 30, 40, 255], [10, 250, 90, 255], [0, 0, 255, 255], [128; 4]] {
                let picture = Picture::from_fn(3, 3, |_, _| color);
                let mut yuv = Yuv420::new(4, 4);
                yuv.fill(&picture, spec);
                let planes = Planes { width: 3, height: 3, y: &yuv.y, u: &yuv.u, v: &yuv.v, y_stride: 4, uv_stride: 2 };
                let back = to_rgba(&planes, spec);
                for y in 0..3 {
                    let found = back.pixel(2, y).unwrap();
                    let worst = (0..3).map(|i| found[i].abs_diff(color[i])).max().unwrap();
                    assert!(worst <= 3, "{spec:?} {color:?} became {found:?}");
                }
            }
        }
    }

    #[test]
    fn what_the_stream_says_wins() {
        assert_eq!(ColorSpec::marked(None, None, 256).matrix, Matrix::Bt601);
        assert_eq!(ColorSpec::marked(Some(2), None, 1080).matrix, Matrix::Bt709);
        assert_eq!(ColorSpec::marked(Some(1), Some(true), 256), SPECS[2]);
        assert_eq!(ColorSpec::marked(Some(6), Some(false), 1080), SPECS[0]);
    }

    #[test]
    fn short_planes_do_not_panic() {
        let planes = Planes { width: 9, height: 9, y: &[1; 20], u: &[], v: &[3], y_stride: 9, uv_stride: 5 };
        assert_eq!(to_rgba(&planes, SPECS[0]).rgba.len(), 9 * 9 * 4);
    }
}
