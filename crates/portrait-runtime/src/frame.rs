//! Pictures in host memory.

use crate::error::EngineError;

/// A borrowed picture: RGBA, 8 bits a channel, rows from the top without gaps.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// `4 · width · height` bytes.
    pub rgba: &'a [u8],
}

impl Frame<'_> {
    /// Checks that size and data match.
    ///
    /// # Errors
    /// When they do not, or a side is zero.
    pub fn check(&self) -> Result<(), EngineError> {
        let (width, height, found) = (self.width, self.height, self.rgba.len());
        let expected = 4 * width as usize * height as usize;
        if expected == 0 || found != expected {
            return Err(EngineError::PictureSize { width, height, expected, found });
        }
        Ok(())
    }
}

/// An owned picture: RGBA, 8 bits a channel, rows from the top without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// `4 · width · height` bytes.
    pub rgba: Vec<u8>,
}

impl Picture {
    /// Borrows the picture.
    pub fn frame(&self) -> Frame<'_> {
        Frame { width: self.width, height: self.height, rgba: &self.rgba }
    }
}
