//! Frames of cameras, and photos.

use crate::input::{Flag, bytes, sized};
use crate::status::{Failure, PortraitStatus};
use portrait_runtime::{
    CameraFrame, ColourSpace, FrameLimit, HeldFrame, Orientation, Picture, PixelFormat, Plane, Rotation,
};
use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How a frame's bytes are laid out; 8 bits a sample. Chroma has half the width and height, rounded up.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortraitFormat {
    /// One plane: red, green, blue, alpha.
    Rgba = 0,
    /// One plane: blue, green, red, alpha.
    Bgra = 1,
    /// Two planes: luma; blue and red chroma in turns.
    Nv12 = 2,
    /// Two planes: luma; red and blue chroma in turns.
    Nv21 = 3,
    /// Three planes: luma, blue chroma, red chroma.
    I420 = 4,
}

/// What luma and chroma mean; without meaning for RGBA and BGRA.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortraitColour {
    /// BT.601, all values used: what phones' cameras give.
    Bt601Full = 0,
    /// BT.601, luma 16 to 235.
    Bt601 = 1,
    /// BT.709, all values used.
    Bt709Full = 2,
    /// BT.709, luma 16 to 235.
    Bt709 = 3,
}

/// Gives borrowed memory back. Called once for every frame with a `release` that a call took, in any thread, before or after that call
/// returns. It must not throw.
pub type PortraitRelease = Option<unsafe extern "C" fn(user: *mut c_void)>;

/// A frame of a camera, or a photo. Nothing is converted by the CPU.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PortraitFrame {
    /// `sizeof(PortraitFrame)`.
    pub struct_size: u32,
    /// A `PortraitFormat`.
    pub format: u32,
    /// A `PortraitColour`.
    pub colour: u32,
    /// Width in pixels, as the camera holds it; up to 16384 and what the device allows: `PortraitEngineInfo.largest_side`, and 33 million
    /// pixels in all on most.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Degrees clockwise that make it upright: 0, 90, 180 or 270.
    pub rotation: u32,
    /// First byte of each plane that the format has.
    pub planes: [*const u8; 3],
    /// Bytes that may be read of each plane.
    pub lengths: [usize; 3],
    /// Bytes from one row to the next in each plane.
    pub strides: [usize; 3],
    /// When it was taken, in nanoseconds of any clock that does not run backwards.
    pub timestamp_ns: u64,
    /// Whether to mirror it left to right, once upright.
    pub mirror: Flag,
    /// Null: the frame is copied before the call returns. Otherwise it is borrowed until this is called.
    pub release: PortraitRelease,
    /// Handed to `release`.
    pub user: *mut c_void,
}

/// Planes and how to hold them, checked as far as numbers go.
struct Described {
    format: PixelFormat,
    colour: ColourSpace,
    orientation: Orientation,
}

fn described(frame: &PortraitFrame) -> Result<Described, Failure> {
    let bad = |what: String| Failure::new(PortraitStatus::Frame, what);
    let format = match frame.format {
        0 => PixelFormat::Rgba,
        1 => PixelFormat::Bgra,
        2 => PixelFormat::Nv12,
        3 => PixelFormat::Nv21,
        4 => PixelFormat::I420,
        other => return Err(bad(format!("`format` is {other}; it goes from 0 to 4"))),
    };
    let colour = match frame.colour {
        0 => ColourSpace::Bt601Full,
        1 => ColourSpace::Bt601,
        2 => ColourSpace::Bt709Full,
        3 => ColourSpace::Bt709,
        other => return Err(bad(format!("`colour` is {other}; it goes from 0 to 3"))),
    };
    let rotation = match frame.rotation {
        0 => Rotation::None,
        90 => Rotation::Quarter,
        180 => Rotation::Half,
        270 => Rotation::ThreeQuarters,
        other => return Err(bad(format!("`rotation` is {other}; it is 0, 90, 180 or 270"))),
    };
    Ok(Described { format, colour, orientation: Orientation { rotation, mirror: frame.mirror.is_set() } })
}

/// The frame as the engine takes it.
///
/// # Safety
/// The planes have as many bytes as the frame says, for as long as the result lives.
unsafe fn borrowed<'a>(frame: &PortraitFrame, described: &Described) -> Result<CameraFrame<'a>, Failure> {
    let used = match described.format {
        PixelFormat::Rgba | PixelFormat::Bgra => 1,
        PixelFormat::Nv12 | PixelFormat::Nv21 => 2,
        PixelFormat::I420 => 3,
    };
    let mut planes = [Plane::default(); 3];
    for (i, plane) in planes.iter_mut().enumerate().take(used) {
        // SAFETY: the host's promise.
        let bytes = unsafe { bytes(frame.planes[i], frame.lengths[i], "planes")? };
        *plane = Plane { bytes, stride: frame.strides[i] };
    }
    let Described { format, colour, .. } = *described;
    let frame = CameraFrame { format, colour, width: frame.width, height: frame.height, planes };
    frame.check()?;
    Ok(frame)
}

/// Memory of copied frames, used again.
#[derive(Clone, Default)]
pub(crate) struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

impl Pool {
    /// Frames that can wait at a time: one, and one that is being uploaded.
    const KEPT: usize = 2;

    fn take(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give(&self, memory: Vec<u8>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < Self::KEPT {
            kept.push(memory);
        }
    }

    /// Frees the memory that waits.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Bytes of a row and number of rows of each plane of a format, in pixels of this size; chroma has half of them, rounded up.
fn rows(format: PixelFormat, width: u32, height: u32) -> [[usize; 2]; 3] {
    let [w, h] = [width, height].map(|v| v as usize);
    let [half_w, half_h] = [w.div_ceil(2), h.div_ceil(2)];
    match format {
        PixelFormat::Rgba | PixelFormat::Bgra => [[4 * w, h], [0; 2], [0; 2]],
        PixelFormat::Nv12 | PixelFormat::Nv21 => [[w, h], [2 * half_w, half_h], [0; 2]],
        PixelFormat::I420 => [[w, h], [half_w, half_h], [half_w, half_h]],
    }
}

/// A frame copied into memory of the pool; each plane with its rows as the host has them, and nothing behind the last.
struct Copied {
    memory: Vec<u8>,
    /// Of each plane, the end in `memory` and the stride.
    planes: [(usize, usize); 3],
    frame: CameraFrame<'static>,
    pool: Pool,
}

impl Copied {
    fn new(frame: CameraFrame<'_>, pool: &Pool) -> Self {
        let mut memory = pool.take();
        memory.clear();
        let CameraFrame { format, colour, width, height, .. } = frame;
        let mut used = rows(format, width, height).into_iter();
        let planes = frame.planes.map(|plane| {
            let [row, rows] = used.next().unwrap_or_default();
            // It was checked that the rows fit; the host may have told more than there is to read.
            let length = rows.checked_sub(1).map_or(0, |before| before * plane.stride + row);
            memory.extend_from_slice(&plane.bytes[..length]);
            (memory.len(), plane.stride)
        });
        let frame = CameraFrame { format, colour, width, height, planes: [Plane::default(); 3] };
        Self { memory, planes, frame, pool: pool.clone() }
    }
}

impl HeldFrame for Copied {
    fn frame(&self) -> CameraFrame<'_> {
        let mut start = 0;
        let planes = self.planes.map(|(end, stride)| {
            let bytes = &self.memory[start..end];
            start = end;
            Plane { bytes, stride }
        });
        CameraFrame { planes, ..self.frame }
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        self.pool.give(std::mem::take(&mut self.memory));
    }
}

/// Calls the host when dropped.
struct Loan {
    release: PortraitRelease,
    user: *mut c_void,
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: the host gave this function for this; it is called once.
            unsafe { release(self.user) };
        }
    }
}

/// A frame in the host's memory.
struct Lent {
    frame: CameraFrame<'static>,
    _loan: Loan,
}

// SAFETY: the host is told that the memory is read and given back in any thread.
unsafe impl Send for Lent {}

impl HeldFrame for Lent {
    fn frame(&self) -> CameraFrame<'_> {
        self.frame
    }
}

/// A frame as the engine keeps it.
pub(crate) struct Given {
    pub(crate) frame: Box<dyn HeldFrame>,
    pub(crate) orientation: Orientation,
    pub(crate) timestamp: Duration,
}

/// Reads a frame that is not larger than `limit`. Whatever comes of it, a loan that the call took is given back in the end.
///
/// # Safety
/// `frame` is null or points at a `PortraitFrame` with planes as it says; lent ones stay until they are given back.
pub(crate) unsafe fn given(frame: *const PortraitFrame, pool: &Pool, limit: FrameLimit) -> Result<Given, Failure> {
    // SAFETY: the host's promise.
    let frame = unsafe { sized(frame, "frame")? };
    let loan = Loan { release: frame.release, user: frame.user };
    let described = described(&frame)?;
    // Before memory is taken for it.
    limit.check([frame.width, frame.height])?;
    // SAFETY: the host's promise: until the loan is given back.
    let held: CameraFrame<'static> = unsafe { borrowed(&frame, &described)? };
    let kept: Box<dyn HeldFrame> = match loan.release {
        Some(_) => Box::new(Lent { frame: held, _loan: loan }),
        None => Box::new(Copied::new(held, pool)),
    };
    let timestamp = Duration::from_nanos(frame.timestamp_ns);
    Ok(Given { frame: kept, orientation: described.orientation, timestamp })
}

/// Reads a photo: RGBA or BGRA, upright; copied.
///
/// # Safety
/// As [`given`].
pub(crate) unsafe fn photo(frame: *const PortraitFrame) -> Result<Picture, Failure> {
    // SAFETY: the host's promise.
    let Given { frame, orientation, .. } = unsafe { given(frame, &Pool::default(), FrameLimit::NONE)? };
    let photo = frame.frame();
    let bad = |what: &str| Failure::new(PortraitStatus::Frame, what);
    if orientation != Orientation::default() {
        return Err(bad("a photo has to be upright and not mirrored"));
    }
    let order = match photo.format {
        PixelFormat::Rgba => [0, 1, 2, 3],
        PixelFormat::Bgra => [2, 1, 0, 3],
        _ => return Err(bad("a photo has to be RGBA or BGRA")),
    };
    let [Plane { bytes, stride }, ..] = photo.planes;
    let row = 4 * photo.width as usize;
    let rows = (0..photo.height as usize).flat_map(|y| bytes[y * stride..][..row].as_chunks::<4>().0);
    let rgba = rows.flat_map(|texel| order.map(|c| texel[c])).collect();
    Ok(Picture { width: photo.width, height: photo.height, rgba })
}
