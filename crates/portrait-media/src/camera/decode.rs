//! What cameras send, as pictures.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only Linux' cameras send, and are sent, all of this"))]

use std::borrow::Cow;
use std::io::Cursor;
use std::sync::OnceLock;

use image::ImageFormat;

use crate::Picture;
use crate::color::{ColorSpec, Matrix, Planes, to_rgba};

/// What the USB video class says of YUY2 and NV12.
const USB_VIDEO: ColorSpec = ColorSpec { matrix: Matrix::Bt601, full_range: false };

/// How pixels are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// Two pixels in `Y U Y V`.
    Yuyv,
    /// A plane of luma, then one of chroma in pairs `U V`, of half its rows.
    Nv12,
    /// A JPEG for each picture; it says its size itself.
    Jpeg,
    /// Three bytes a pixel.
    Rgb,
}

impl Coding {
    /// Bytes of a row (of luma, where it is apart) without a gap behind it; none where rows are not to be told apart.
    pub(super) fn row(self, width: u32) -> usize {
        let width = width as usize;
        match self {
            Self::Yuyv => 4 * width.div_ceil(2),
            Self::Nv12 => 2 * width.div_ceil(2),
            Self::Rgb => 3 * width,
            Self::Jpeg => 0,
        }
    }
}

/// The distance of rows in a buffer of which only the length is known: rows of Apple's video start at multiples of 64 bytes or have no
/// gaps, and a buffer may end with less than 64 bytes a row that mean nothing.
#[cfg(any(test, target_os = "macos"))]
pub(super) fn aligned_stride(coding: Coding, bytes: usize, [width, height]: [u32; 2]) -> usize {
    const ALIGNMENT: usize = 64;
    let most = bytes / (height as usize).max(1);
    coding.row(width).max(most / ALIGNMENT * ALIGNMENT)
}

/// A picture from a camera's bytes; `None` where they are damaged or too few.
pub(super) fn decode(coding: Coding, bytes: &[u8], [width, height]: [u32; 2], stride: usize) -> Option<Picture> {
    let (w, h, row) = (width as usize, height as usize, coding.row(width));
    let rows = |bytes| <[u8]>::chunks(bytes, stride.max(1)).map(|bytes| bytes.get(..row));
    match coding {
        Coding::Jpeg => {
            let image = image::load_from_memory_with_format(&with_tables(bytes)?, ImageFormat::Jpeg).ok()?.into_rgba8();
            Some(Picture { width: image.width(), height: image.height(), rgba: image.into_raw() })
        }
        Coding::Rgb => {
            let rgba = |row: &[u8]| row.as_chunks::<3>().0.iter().flat_map(|&[r, g, b]| [r, g, b, 255]).collect();
            let rgba: Vec<Vec<u8>> = rows(bytes).take(h).map(|row| row.map(rgba)).collect::<Option<_>>()?;
            (rgba.len() == h).then(|| Picture { width, height, rgba: rgba.concat() })
        }
        Coding::Yuyv => {
            let (mut y, mut u, mut v) = (Vec::new(), Vec::new(), Vec::new());
            for (i, row) in rows(bytes).take(h).enumerate() {
                let row = row?.as_chunks::<4>().0;
                y.extend(row.iter().flat_map(|&[a, _, b, _]| [a, b]));
                // One chroma row serves two of luma, as everywhere here.
                if i % 2 == 0 {
                    u.extend(row.iter().map(|p| p[1]));
                    v.extend(row.iter().map(|p| p[3]));
                }
            }
            (y.len() == row / 2 * h).then(|| {
                let (y_stride, uv_stride) = (row / 2, row / 4);
                to_rgba(&Planes { width: w, height: h, y: &y, u: &u, v: &v, y_stride, uv_stride }, USB_VIDEO)
            })
        }
        Coding::Nv12 => {
            let (y, chroma) = bytes.split_at_checked(stride.checked_mul(h)?).filter(|_| stride >= row)?;
            let (mut u, mut v) = (Vec::new(), Vec::new());
            for row in rows(chroma).take(h.div_ceil(2)) {
                let row = row?.as_chunks::<2>().0;
                u.extend(row.iter().map(|p| p[0]));
                v.extend(row.iter().map(|p| p[1]));
            }
            (u.len() == row / 2 * h.div_ceil(2)).then(|| {
                let (y_stride, uv_stride) = (stride, row / 2);
                to_rgba(&Planes { width: w, height: h, y, u: &u, v: &v, y_stride, uv_stride }, USB_VIDEO)
            })
        }
    }
}

/// A picture of even width as [`Coding::Yuyv`], in rows of so many bytes: what [`decode`] reads.
pub(super) fn encode_yuyv(picture: &Picture, stride: usize) -> Vec<u8> {
    let width = picture.width as usize;
    // BT.601 of limited range, the mean of two pixels' chroma.
    let luma = |[r, g, b]: [f32; 3]| (16.0 + 0.257 * r + 0.504 * g + 0.098 * b).round() as u8;
    let mut bytes = vec![0; stride * picture.height as usize];
    for (row, out) in picture.rgba.chunks_exact(4 * width).zip(bytes.chunks_exact_mut(stride)) {
        for (pair, out) in row.as_chunks::<8>().0.iter().zip(out.as_chunks_mut::<4>().0) {
            let [a, b] = [0, 4].map(|at| [pair[at], pair[at + 1], pair[at + 2]].map(f32::from));
            let [r, g, blue] = [0, 1, 2].map(|c| 0.5 * (a[c] + b[c]));
            let u = (128.0 - 0.148 * r - 0.291 * g + 0.439 * blue).round() as u8;
            let v = (128.0 + 0.439 * r - 0.368 * g - 0.071 * blue).round() as u8;
            *out = [luma(a), u, luma(b), v];
        }
    }
    bytes
}

/// Marker of Huffman tables.
const DHT: u8 = 0xc4;
/// Marker of the start of the samples.
const SOS: u8 = 0xda;

/// The segments of a JPEG up to its samples: marker, where it starts and where it ends; `None` if it is cut off.
fn segments(jpeg: &[u8]) -> Option<Vec<(u8, usize, usize)>> {
    let (mut list, mut at) = (Vec::new(), 2);
    loop {
        let &[0xff, marker, high, low] = jpeg.get(at..at + 4)? else { return None };
        let end = at + 2 + usize::from(u16::from_be_bytes([high, low]));
        list.push((marker, at, end));
        if marker == SOS {
            return Some(list);
        }
        at = end;
    }
}

/// The JPEG with the standard's Huffman tables where it has none: motion JPEG leaves them out.
fn with_tables(jpeg: &[u8]) -> Option<Cow<'_, [u8]>> {
    let list = segments(jpeg)?;
    let &(_, samples, _) = list.last()?;
    if list.iter().any(|&(marker, ..)| marker == DHT) {
        return Some(Cow::Borrowed(jpeg));
    }
    Some(Cow::Owned([&jpeg[..samples], standard_tables(), &jpeg[samples..]].concat()))
}

/// The tables of ITU-T T.81, annex K, as the encoder at hand writes them.
fn standard_tables() -> &'static [u8] {
    static TABLES: OnceLock<Vec<u8>> = OnceLock::new();
    TABLES.get_or_init(|| {
        let mut jpeg = Vec::new();
        let written = image::RgbImage::new(8, 8).write_to(&mut Cursor::new(&mut jpeg), ImageFormat::Jpeg);
        let list = written.ok().and_then(|()| segments(&jpeg)).unwrap_or_default();
        let tables = list.iter().filter(|&&(marker, ..)| marker == DHT);
        tables.flat_map(|&(_, start, end)| &jpeg[start..end]).copied().collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yuyv_and_rgb_become_pictures() {
        // Red, then grey, in BT.601; rows longer than the picture.
        let row = [81, 90, 81, 240, 126, 128, 126, 128, 9, 9];
        let picture = decode(Coding::Yuyv, &row.repeat(2), [4, 2], 10).expect("a picture");
        assert_eq!((picture.width, picture.height), (4, 2));
        let near = |x, y, want: [u8; 3]| {
            let found = picture.pixel(x, y).expect("inside");
            assert!(found.iter().zip(want).all(|(a, b)| a.abs_diff(b) <= 3), "{found:?}");
        };
        near(0, 0, [255, 0, 0]);
        near(1, 1, [255, 0, 0]);
        near(3, 1, [128, 128, 128]);
        let rgb = decode(Coding::Rgb, &[1, 2, 3, 4, 5, 6, 0, 7, 8, 9, 10, 11, 12, 0], [2, 2], 7).expect("a picture");
        assert_eq!(rgb.rgba, [1, 2, 3, 255, 4, 5, 6, 255, 7, 8, 9, 255, 10, 11, 12, 255]);
        assert_eq!(decode(Coding::Yuyv, &row, [4, 2], 10), None, "half a picture");
        assert_eq!(decode(Coding::Rgb, &[0; 11], [2, 2], 6), None, "a byte is missing");
    }

    #[test]
    fn nv12_becomes_a_picture() {
        // Red beside grey, 3 × 3, so that chroma has a row and a column of its own at the ends; gaps behind rows.
        let luma = [81, 81, 126, 9, 9].repeat(3);
        let chroma = [90, 240, 128, 128, 9, 90, 240, 128, 128];
        let bytes = [&luma[..], &chroma].concat();
        let picture = decode(Coding::Nv12, &bytes, [3, 3], 5).expect("a picture");
        for y in 0..3 {
            for (x, want) in [(0, [255, 0, 0]), (1, [255, 0, 0]), (2, [128, 128, 128])] {
                let found = picture.pixel(x, y).expect("inside");
                assert!(found.iter().zip(want).all(|(a, b)| a.abs_diff(b) <= 3), "({x}, {y}): {found:?}");
            }
        }
        assert_eq!(decode(Coding::Nv12, &bytes[..bytes.len() - 1], [3, 3], 5), None, "a byte is missing");
        assert_eq!(decode(Coding::Nv12, &luma, [3, 3], 5), None, "no chroma");
        assert_eq!(decode(Coding::Nv12, &bytes, [3, 3], 3), None, "rows that overlap");
        assert_eq!(decode(Coding::Nv12, &bytes, [3, 3], usize::MAX), None);
    }

    #[test]
    fn rows_are_found_by_the_length_of_a_buffer() {
        let stride = |bytes, size| aligned_stride(Coding::Yuyv, bytes, size);
        assert_eq!(stride(1280 * 480, [640, 480]), 1280);
        assert_eq!(stride((1280 * 480_usize).next_multiple_of(16384), [640, 480]), 1280, "whole pages");
        assert_eq!(stride(3104 * 1552, [1552, 1552]), 3104, "no gaps");
        assert_eq!(stride(3136 * 1552, [1552, 1552]), 3136, "gaps");
        assert_eq!(stride((3136 * 1552_usize).next_multiple_of(16384), [1552, 1552]), 3136);
        assert_eq!([stride(7, [640, 480]), stride(7, [4, 0])], [1280, 8], "too few: nothing is decoded");
    }

    #[test]
    fn jpeg_without_huffman_tables_is_read() {
        let mut jpeg = Vec::new();
        let grey = image::RgbImage::from_pixel(16, 16, image::Rgb([90, 90, 90]));
        grey.write_to(&mut Cursor::new(&mut jpeg), ImageFormat::Jpeg).expect("encoded");
        let mut bare = jpeg[..2].to_vec();
        let list = segments(&jpeg).expect("whole");
        list.iter().filter(|s| s.0 != DHT).for_each(|&(_, start, end)| bare.extend_from_slice(&jpeg[start..end]));
        bare.extend_from_slice(&jpeg[list[list.len() - 1].2..]);
        assert_eq!(bare.len() + 432, jpeg.len(), "four tables of the standard's lengths were there");
        assert!(image::load_from_memory_with_format(&bare, ImageFormat::Jpeg).is_err(), "they are needed");
        let picture = decode(Coding::Jpeg, &bare, [0, 0], 0).expect("a picture");
        assert_eq!((picture.width, picture.height), (16, 16));
        assert!(picture.pixel(5, 5).expect("inside")[0].abs_diff(90) < 3);
        assert_eq!(decode(Coding::Jpeg, &bare[..60], [0, 0], 0), None, "a damaged picture");
    }
}
