//! The picture of several moments: source | driver | result, one row each.

use image::imageops::{self, FilterType};
use image::{Rgba, RgbaImage};
use portrait_media::Picture;

/// Side of a tile in pixels.
const TILE: u32 = 256;
/// Pixels between tiles.
const GAP: u32 = 4;
/// Rows of the finished picture.
const ROWS: usize = 4;
/// Moments held at once; half are dropped when there are more.
const KEPT: usize = 4 * ROWS;

struct Moment {
    driver: RgbaImage,
    result: RgbaImage,
}

/// Collects moments from a clip of any length in bounded memory.
pub(crate) struct Compare {
    source: RgbaImage,
    moments: Vec<Moment>,
    stride: u64,
    seen: u64,
}

impl Compare {
    /// A picture for this source.
    pub(crate) fn new(source: &Picture) -> Self {
        Self { source: tile(source), moments: Vec::new(), stride: 1, seen: 0 }
    }

    /// Whether a frame may be among the moments: its driver is to be kept for [`Self::push`].
    pub(crate) fn may_show(&self, frame: u64) -> bool {
        frame.is_multiple_of(self.stride)
    }

    /// Takes the next result, and its driver where that was kept.
    pub(crate) fn push(&mut self, driver: Option<&Picture>, result: &Picture) {
        if self.may_show(self.seen) && self.moments.len() == KEPT {
            let mut index = 0;
            self.moments.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.stride *= 2;
        }
        if let Some(driver) = driver.filter(|_| self.may_show(self.seen)) {
            self.moments.push(Moment { driver: tile(driver), result: whole(result) });
        }
        self.seen += 1;
    }

    /// The finished picture.
    pub(crate) fn picture(&self) -> Option<Picture> {
        let rows = ROWS.min(self.moments.len()) as u32;
        if rows == 0 {
            return None;
        }
        let (width, height) = (3 * TILE + 2 * GAP, rows * TILE + (rows - 1) * GAP);
        let mut sheet = RgbaImage::from_pixel(width, height, Rgba([255; 4]));
        let last = self.moments.len() - 1;
        for row in 0..rows {
            // Evenly spaced; the first moment is often the neutral one, so it is shown only when there are few.
            let at = (row as usize + 1) * last / rows as usize;
            let moment = &self.moments[at];
            let y = i64::from(row * (TILE + GAP));
            for (column, image) in [&self.source, &moment.driver, &moment.result].into_iter().enumerate() {
                imageops::overlay(&mut sheet, image, column as i64 * i64::from(TILE + GAP), y);
            }
        }
        Some(Picture { width, height, rgba: sheet.into_raw() })
    }
}

/// The largest square in the middle of a picture, as a tile.
fn tile(picture: &Picture) -> RgbaImage {
    let side = picture.width.min(picture.height);
    let (x, y) = ((picture.width - side) / 2, (picture.height - side) / 2);
    resized(imageops::crop_imm(&view(picture), x, y, side, side).to_image(), TILE, TILE)
}

/// All of a picture in the middle of a tile: a result may be a whole photo, with faces anywhere.
fn whole(picture: &Picture) -> RgbaImage {
    let longer = picture.width.max(picture.height);
    let scaled = |side: u32| (side * TILE).div_ceil(longer);
    let part = resized(view(picture), scaled(picture.width), scaled(picture.height));
    let mut tile = RgbaImage::from_pixel(TILE, TILE, Rgba([255; 4]));
    let [x, y] = [part.width(), part.height()].map(|side| i64::from((TILE - side) / 2));
    imageops::replace(&mut tile, &part, x, y);
    tile
}

fn view(picture: &Picture) -> RgbaImage {
    RgbaImage::from_raw(picture.width, picture.height, picture.rgba.clone()).unwrap_or_default()
}

fn resized(part: RgbaImage, width: u32, height: u32) -> RgbaImage {
    match part.width() {
        same if same == width => part,
        small if small < width => imageops::resize(&part, width, height, FilterType::CatmullRom),
        _ => imageops::resize(&part, width, height, FilterType::Triangle),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_moments_are_spread() {
        let grey = |v: u8| Picture::from_fn(8, 8, |_, _| [v, v, v, 255]);
        for frames in [1u32, 3, 16, 17, 250] {
            let mut compare = Compare::new(&grey(0));
            for i in 0..frames {
                let picture = grey((i * 255 / frames) as u8);
                let shown = compare.may_show(i.into());
                compare.push(shown.then_some(&picture), &picture);
                assert!(compare.moments.len() <= KEPT);
            }
            let sheet = compare.picture().unwrap();
            let middle = |row: u32| sheet.pixel(2 * (TILE + GAP) + 9, row * (TILE + GAP) + 9).unwrap()[0];
            let rows = (sheet.height + GAP) / (TILE + GAP);
            assert_eq!(rows, frames.min(ROWS as u32));
            assert!((1..rows).all(|row| middle(row) >= middle(row - 1)));
            assert!(frames < 16 || middle(rows - 1) > 200, "the end of the clip is shown");
        }
        assert!(Compare::new(&grey(0)).picture().is_none());
    }

    #[test]
    fn tiles_of_any_shape() {
        for (width, height) in [(1, 1), (5, 3), (3, 5), (256, 256), (300, 700)] {
            let picture = Picture::from_fn(width, height, |x, y| [x as u8, y as u8, 0, 255]);
            assert_eq!(tile(&picture).dimensions(), (TILE, TILE));
            assert_eq!(whole(&picture).dimensions(), (TILE, TILE));
        }
    }

    #[test]
    fn a_wide_result_is_shown_whole() {
        let picture = Picture::from_fn(512, 256, |x, _| if x < 256 { [255, 0, 0, 255] } else { [0, 0, 255, 255] });
        let tile = whole(&picture);
        let at = |x, y| tile.get_pixel(x, y).0;
        assert_eq!((at(1, 128), at(254, 128)), ([255, 0, 0, 255], [0, 0, 255, 255]));
        assert_eq!((at(128, 60), at(128, 195)), ([255; 4], [255; 4]), "white above and below");
    }
}
