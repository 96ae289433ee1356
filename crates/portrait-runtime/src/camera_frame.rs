//! Frames as cameras give them: their bytes go to the GPU as they are, and become a picture there.

use crate::error::EngineError;
use crate::frame::Frame;
use crate::orient::Orientation;
use portrait_kernels::FrameLayout;

/// How a frame's bytes are laid out. Luma and chroma are of 8 bits; chroma has half the width and height, rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// One plane: red, green, blue, alpha; alpha is not looked at.
    Rgba,
    /// One plane: blue, green, red, alpha.
    Bgra,
    /// Two planes: luma; blue and red chroma in turns.
    Nv12,
    /// Two planes: luma; red and blue chroma in turns.
    Nv21,
    /// Three planes: luma, blue chroma, red chroma.
    I420,
}

impl PixelFormat {
    /// Bytes of a row and number of rows of each plane of a frame of `[width, height]`, without gaps; zero where there is no such plane.
    pub fn planes(self, [width, height]: [u32; 2]) -> [[usize; 2]; 3] {
        let [w, h] = [width, height].map(|v| v as usize);
        let [cw, ch] = [w.div_ceil(2), h.div_ceil(2)];
        match self {
            Self::Rgba | Self::Bgra => [[4 * w, h], [0; 2], [0; 2]],
            Self::Nv12 | Self::Nv21 => [[w, h], [2 * cw, ch], [0; 2]],
            Self::I420 => [[w, h], [cw, ch], [cw, ch]],
        }
    }

    /// First byte, row, step and halving of each sample in planes without gaps that follow each other.
    fn samples(self, size: [u32; 2]) -> [[u32; 4]; 3] {
        let planes = self.planes(size).map(|plane| plane.map(|v| v as u32));
        let [[row, rows], [chroma, chroma_rows], _] = planes;
        let (second, third) = (row * rows, row * rows + chroma * chroma_rows);
        let packed = |first: u32| [first, row, 4, 0];
        let luma = [0, row, 1, 0];
        let turns = |first: u32| [second + first, chroma, 2, 1];
        match self {
            Self::Rgba => [packed(0), packed(1), packed(2)],
            Self::Bgra => [packed(2), packed(1), packed(0)],
            Self::Nv12 => [luma, turns(0), turns(1)],
            Self::Nv21 => [luma, turns(1), turns(0)],
            Self::I420 => [luma, [second, chroma, 1, 1], [third, chroma, 1, 1]],
        }
    }
}

/// What luma and chroma mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ColourSpace {
    /// BT.601, all values used: JPEG's, and what Android's and Apple's cameras give.
    #[default]
    Bt601Full,
    /// BT.601, luma 16 to 235: small videos.
    Bt601,
    /// BT.709, all values used.
    Bt709Full,
    /// BT.709, luma 16 to 235: videos of 720 lines and more.
    Bt709,
}

impl ColourSpace {
    /// Rows for red, green and blue of luma, blue chroma and red chroma in 0..=1, and 1.
    fn matrix(self) -> [[f32; 4]; 3] {
        let (kr, kb) = match self {
            Self::Bt601Full | Self::Bt601 => (0.299, 0.114),
            Self::Bt709Full | Self::Bt709 => (0.2126, 0.0722),
        };
        let (offset, span, chroma) = match self {
            Self::Bt601Full | Self::Bt709Full => (0.0, 255.0, 255.0),
            Self::Bt601 | Self::Bt709 => (16.0, 219.0, 224.0),
        };
        let kg = 1.0 - kr - kb;
        let rows: [[f32; 2]; 3] = [
            [0.0, 2.0 * (1.0 - kr)],
            [-2.0 * kb * (1.0 - kb) / kg, -2.0 * kr * (1.0 - kr) / kg],
            [2.0 * (1.0 - kb), 0.0],
        ];
        rows.map(|[blue, red]| {
            let (y, blue, red) = (255.0 / span, blue * 255.0 / chroma, red * 255.0 / chroma);
            [y, blue, red, -(y * offset + (blue + red) * 128.0) / 255.0]
        })
    }
}

/// Largest side of a frame in pixels: bytes are counted in 32 bits.
const LONGEST: u32 = 1 << 14;

/// How large a frame may be on a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameLimit {
    /// Largest side in pixels: a texture's, and no more than the 16384 that [`CameraFrame::check`] allows.
    pub side: u32,
    /// Most pixels: RGBA in the buffer that the bytes of any layout are uploaded to.
    pub pixels: u64,
}

impl FrameLimit {
    /// No limit: photos have their own.
    pub const NONE: Self = Self { side: u32::MAX, pixels: u64::MAX };

    pub(crate) fn of(device: &wgpu::Device) -> Self {
        let limits = device.limits();
        let bytes = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        Self { side: limits.max_texture_dimension_2d.min(LONGEST), pixels: bytes / 4 }
    }

    /// Checks a frame's size.
    ///
    /// # Errors
    /// [`EngineError::FrameTooLarge`].
    pub fn check(self, [width, height]: [u32; 2]) -> Result<(), EngineError> {
        let pixels = u64::from(width) * u64::from(height);
        if width.max(height) > self.side || pixels > self.pixels {
            return Err(EngineError::FrameTooLarge { width, height, limit: self });
        }
        Ok(())
    }
}

/// A borrowed plane of a frame.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plane<'a> {
    /// Rows from the top; the last may end where its pixels do.
    pub bytes: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
}

/// A borrowed frame of a camera.
#[derive(Clone, Copy, Debug)]
pub struct CameraFrame<'a> {
    /// Layout of its bytes.
    pub format: PixelFormat,
    /// What luma and chroma mean; without meaning for RGBA and BGRA.
    pub colour: ColourSpace,
    /// Width in pixels, as the camera holds it: 1 to 16384, and what the device allows ([`FrameLimit`]).
    pub width: u32,
    /// Height in pixels, likewise.
    pub height: u32,
    /// As many as the format has; the others are not looked at.
    pub planes: [Plane<'a>; 3],
}

impl<'a> From<Frame<'a>> for CameraFrame<'a> {
    fn from(Frame { width, height, rgba }: Frame<'a>) -> Self {
        let planes = [Plane { bytes: rgba, stride: 4 * width as usize }, Plane::default(), Plane::default()];
        Self { format: PixelFormat::Rgba, colour: ColourSpace::default(), width, height, planes }
    }
}

impl<'a> CameraFrame<'a> {
    /// Checks that each plane holds what it should.
    ///
    /// # Errors
    /// When a side is zero or above 16384, or a plane is too short or its rows overlap.
    pub fn check(&self) -> Result<(), EngineError> {
        let Self { format, width, height, .. } = *self;
        let fail = |plane: usize, reason: String| {
            Err(EngineError::FramePlane { format: format!("{format:?}").to_uppercase(), width, height, plane, reason })
        };
        if width == 0 || height == 0 || width > LONGEST || height > LONGEST {
            return fail(0, format!("sides go from 1 to {LONGEST}"));
        }
        for (i, (plane, [row, rows])) in self.planes.iter().zip(format.planes([width, height])).enumerate() {
            if rows > 0 && plane.stride < row {
                return fail(i, format!("a row takes {row} bytes, its stride is {}", plane.stride));
            }
            let needed = rows.checked_sub(1).map_or(Some(0), |n| n.checked_mul(plane.stride)?.checked_add(row));
            if needed.is_none_or(|needed| plane.bytes.len() < needed) {
                let found = plane.bytes.len();
                return fail(i, format!("{rows} rows of stride {} do not fit in {found} bytes", plane.stride));
            }
        }
        Ok(())
    }

    /// The rows of all planes, one after the other.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &'a [u8]> {
        let planes = self.planes.into_iter().zip(self.format.planes([self.width, self.height]));
        planes.flat_map(|(plane, [row, rows])| (0..rows).map(move |y| &plane.bytes[y * plane.stride..][..row]))
    }

    /// Bytes of all rows.
    pub(crate) fn packed_len(&self) -> usize {
        self.format.planes([self.width, self.height]).iter().map(|[row, rows]| row * rows).sum()
    }

    /// What the GPU needs to make an upright picture of the packed bytes.
    pub(crate) fn layout(&self, orientation: Orientation) -> FrameLayout {
        let size = [self.width, self.height];
        let [column, row] = orientation.places(size);
        let colour = match self.format {
            PixelFormat::Rgba | PixelFormat::Bgra => [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]],
            _ => self.colour.matrix(),
        };
        FrameLayout { column, row, planes: self.format.samples(size), colour }
    }

    /// The frame as RGBA without gaps, if it is that already and upright.
    pub(crate) fn plain(&self, orientation: Orientation) -> Option<&'a [u8]> {
        let [Plane { bytes, stride }, ..] = self.planes;
        let row = 4 * self.width as usize;
        let is = self.format == PixelFormat::Rgba && stride == row && orientation == Orientation::default();
        is.then(|| &bytes[..row * self.height as usize])
    }
}
