//! Contact sheets: moments of a clip, each a row of source, driver, the engine's result, its warp alone and the landmark warp,
//! with eyes and mouth magnified below.

use std::rc::Rc;

use image::imageops::{self, FilterType};
use image::{Rgba, RgbaImage};
use portrait_media::Picture;

use crate::judge::Seen;
use crate::moment::OfMethods;

/// Width of a column, and height of a picture, of a strip of eyes, of a mouth, in pixels.
const TILE: u32 = 256;
const EYES: u32 = 96;
const MOUTH: u32 = 160;
/// Pixels between tiles.
const GAP: u32 = 4;
/// Most moments of a sheet.
const MOMENTS: usize = 8;
/// Mesh points whose box is magnified: brows and eyes, lips.
const EYE_POINTS: [usize; 10] = [33, 263, 70, 300, 105, 334, 145, 374, 133, 362];
const MOUTH_POINTS: [usize; 6] = [61, 291, 0, 17, 13, 14];

/// The moments of one clip that are shown.
pub(crate) struct Sheet {
    /// Numbers of the moments to show, of those measured.
    wanted: Vec<usize>,
    rows: Vec<RgbaImage>,
}

impl Sheet {
    /// A sheet of a clip of which this many moments are measured.
    pub(crate) fn new(measured: usize) -> Self {
        let mut wanted: Vec<usize> = (1..=MOMENTS).map(|i| (i * measured / MOMENTS).saturating_sub(1)).collect();
        wanted.dedup();
        Self { wanted, rows: Vec::new() }
    }

    /// Takes the `number`th moment. Of what was made, the parts that are magnified are those around the landmarks of `place`: the
    /// same in all, so that what moved can be seen.
    pub(crate) fn push(&mut self, number: usize, source: &Seen, seen: &OfMethods<Rc<Seen>>, place: &Seen) {
        if !self.wanted.contains(&number) {
            return;
        }
        let [engine, warp, tps, _, driver] = seen;
        let columns = [(source, source), (driver, &**driver), (engine, place), (warp, place), (tps, place)];
        let (width, height) = (columns.len() as u32 * (TILE + GAP) - GAP, TILE + EYES + MOUTH + 2 * GAP);
        let mut row = RgbaImage::from_pixel(width, height, Rgba([255; 4]));
        for (column, (shown, place)) in columns.into_iter().enumerate() {
            let x = i64::from(column as u32 * (TILE + GAP));
            let mesh = place.mesh.as_deref();
            let Some(picture) = buffer(&shown.picture) else { continue };
            let tiles = [
                (None, TILE, 0),
                (mesh.map(|m| around(m, &EYE_POINTS, EYES)), EYES, TILE + GAP),
                (mesh.map(|m| around(m, &MOUTH_POINTS, MOUTH)), MOUTH, TILE + EYES + 2 * GAP),
            ];
            for (part, tall, y) in tiles {
                let tile = match part {
                    Some(part) => cut(&picture, part, tall),
                    None if tall == TILE => imageops::resize(&picture, TILE, TILE, FilterType::CatmullRom),
                    None => continue,
                };
                imageops::overlay(&mut row, &tile, x, i64::from(y));
            }
        }
        self.rows.push(row);
    }

    /// The finished sheet; `None` without a moment.
    pub(crate) fn picture(&self) -> Option<Picture> {
        let (width, height) = self.rows.first()?.dimensions();
        let tall = self.rows.len() as u32 * (height + 3 * GAP) - 3 * GAP;
        let mut sheet = RgbaImage::from_pixel(width, tall, Rgba([255; 4]));
        for (row, y) in self.rows.iter().zip((0..).step_by((height + 3 * GAP) as usize)) {
            imageops::overlay(&mut sheet, row, 0, y);
        }
        Some(Picture { width, height: tall, rgba: sheet.into_raw() })
    }
}

fn buffer(picture: &Picture) -> Option<RgbaImage> {
    RgbaImage::from_raw(picture.width, picture.height, picture.rgba.clone())
}

/// Centre and width of the part of a picture around these points that fills a tile of this height.
fn around(mesh: &[[f32; 3]], points: &[usize], tall: u32) -> [f32; 3] {
    let range = |c: usize| {
        let values = || points.iter().map(|&i| mesh[i][c]);
        (values().fold(f32::MAX, f32::min), values().fold(f32::MIN, f32::max))
    };
    let ((left, right), (top, bottom)) = (range(0), range(1));
    let shape = TILE as f32 / tall as f32;
    let width = (1.3 * (right - left)).max(1.3 * (bottom - top) * shape);
    [0.5 * (left + right), 0.5 * (top + bottom), width]
}

fn cut(picture: &RgbaImage, [x, y, width]: [f32; 3], tall: u32) -> RgbaImage {
    let height = width * tall as f32 / TILE as f32;
    let whole = |v: f32, limit: u32| (v.round().max(0.0) as u32).min(limit.saturating_sub(1));
    let (left, top) = (whole(x - 0.5 * width, picture.width()), whole(y - 0.5 * height, picture.height()));
    let (w, h) = ((width as u32).clamp(1, picture.width() - left), (height as u32).clamp(1, picture.height() - top));
    let part = imageops::crop_imm(picture, left, top, w, h).to_image();
    imageops::resize(&part, TILE, tall, FilterType::CatmullRom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_moments_are_shown_with_and_without_a_face() {
        let seen = |mesh: bool| {
            Rc::new(Seen {
                picture: Picture::from_fn(64, 64, |x, y| [x as u8, y as u8, 0, 255]),
                mesh: mesh.then(|| (0..468u16).map(|i| [f32::from(i % 64), f32::from(i / 8), 0.0]).collect()),
                features: None,
                face: None,
            })
        };
        for (measured, rows) in [(1, 1), (3, 3), (19, 8)] {
            let mut sheet = Sheet::new(measured);
            assert!(sheet.picture().is_none());
            for number in 0..measured {
                let all = std::array::from_fn(|i| seen(i != number % 5));
                sheet.push(number, &seen(true), &all, &all[4]);
            }
            let height = TILE + EYES + MOUTH + 2 * GAP;
            assert_eq!(sheet.picture().unwrap().height, rows * (height + 3 * GAP) - 3 * GAP, "{measured}");
        }
    }
}
