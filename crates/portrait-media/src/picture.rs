//! Pixels in memory.

use image::imageops::{self, FilterType};
use image::{ImageBuffer, Rgba};

use crate::{MediaError, Result};

/// A picture in memory: RGBA8, row-major from the top left, tightly packed, sRGB-coded, straight alpha.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// `width · height · 4` bytes.
    pub rgba: Vec<u8>,
}

impl Picture {
    /// A picture from its pixels.
    ///
    /// # Errors
    /// [`MediaError::PixelCount`] where `rgba` does not hold `width · height · 4` bytes.
    pub fn new(width: u32, height: u32, rgba: Vec<u8>) -> Result<Self> {
        let picture = Self { width, height, rgba };
        picture.check()?;
        Ok(picture)
    }

    /// A picture whose pixel at `(x, y)` is `color(x, y)`.
    pub fn from_fn(width: u32, height: u32, mut color: impl FnMut(u32, u32) -> [u8; 4]) -> Self {
        let mut rgba = Vec::with_capacity(width as usize * height as usize * 4);
        for y in 0..height {
            for x in 0..width {
                rgba.extend_from_slice(&color(x, y));
            }
        }
        Self { width, height, rgba }
    }

    /// The pixel at `(x, y)`, or nothing outside the picture.
    #[must_use]
    pub fn pixel(&self, x: u32, y: u32) -> Option<[u8; 4]> {
        if x >= self.width || y >= self.height {
            return None;
        }
        let at = (y as usize * self.width as usize + x as usize) * 4;
        self.rgba.get(at..at + 4)?.try_into().ok()
    }

    /// Puts what is transparent over a colour.
    pub fn flatten(&mut self, behind: [u8; 3]) {
        for pixel in self.rgba.as_chunks_mut::<4>().0.iter_mut().filter(|pixel| pixel[3] < 255) {
            let alpha = u16::from(pixel[3]);
            for (v, behind) in pixel.iter_mut().zip(behind) {
                *v = ((u16::from(*v) * alpha + u16::from(behind) * (255 - alpha) + 127) / 255) as u8;
            }
            pixel[3] = 255;
        }
    }

    /// The fields are public, so what enters the crate is checked again.
    pub(crate) fn check(&self) -> Result<()> {
        let expected = (u64::from(self.width) * u64::from(self.height)).saturating_mul(4);
        let found = self.rgba.len() as u64;
        if expected == found {
            Ok(())
        } else {
            Err(MediaError::PixelCount { width: self.width, height: self.height, expected, found })
        }
    }

    /// At another size.
    pub(crate) fn scaled(&self, [width, height]: [u32; 2]) -> Self {
        // A picture with fewer bytes than it says is told of by whoever takes it.
        let Some(pixels) = ImageBuffer::<Rgba<u8>, _>::from_raw(self.width, self.height, &self.rgba[..]) else {
            return self.clone();
        };
        Self { width, height, rgba: imageops::resize(&pixels, width, height, FilterType::Triangle).into_raw() }
    }

    /// Turned clockwise by `quarters` · 90°.
    pub(crate) fn rotated(self, quarters: u8) -> Self {
        let (w, h) = (self.width, self.height);
        let turned = |nw: u32, nh: u32, from: &dyn Fn(u32, u32) -> (u32, u32)| {
            Self::from_fn(nw, nh, |x, y| {
                let (sx, sy) = from(x, y);
                self.pixel(sx, sy).unwrap_or_default()
            })
        };
        match quarters % 4 {
            1 => turned(h, w, &|x, y| (y, h - 1 - x)),
            2 => turned(w, h, &|x, y| (w - 1 - x, h - 1 - y)),
            3 => turned(h, w, &|x, y| (w - 1 - y, x)),
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_checked() {
        assert!(Picture::new(2, 2, vec![0; 16]).is_ok());
        let error = Picture::new(2, 2, vec![0; 15]).unwrap_err().to_string();
        assert!(error.contains("2×2") && error.contains("16") && error.contains("15"), "{error}");
        assert!(Picture::new(u32::MAX, u32::MAX, vec![]).is_err());
    }

    #[test]
    fn what_is_transparent_is_put_over_a_colour() {
        let flat = |rgba: [u8; 4]| {
            let mut picture = Picture::from_fn(1, 1, |_, _| rgba);
            picture.flatten([10, 20, 200]);
            picture.pixel(0, 0).unwrap()
        };
        assert_eq!(flat([1, 2, 3, 255]), [1, 2, 3, 255]);
        assert_eq!(flat([1, 2, 3, 0]), [10, 20, 200, 255]);
        assert_eq!(flat([255, 0, 100, 51]), [59, 16, 180, 255]);
    }

    #[test]
    fn quarter_turns_are_clockwise() {
        // a b c        d a
        // d e f  → 90° e b
        //              f c
        let picture = Picture::from_fn(3, 2, |x, y| [(y * 3 + x) as u8, 0, 0, 255]);
        let reds = |p: &Picture| p.rgba.chunks(4).map(|c| c[0]).collect::<Vec<_>>();
        let one = picture.clone().rotated(1);
        assert_eq!((one.width, one.height), (2, 3));
        assert_eq!(reds(&one), [3, 0, 4, 1, 5, 2]);
        assert_eq!(picture.clone().rotated(1).rotated(1), picture.clone().rotated(2));
        assert_eq!(picture.clone().rotated(3).rotated(1), picture);
    }
}
