//! Frames of cameras, and photos.

use crate::input::{Flag, bytes, copied, reserve, sized};
use crate::status::{Failure, PortraitStatus};
use portrait_runtime::{
    CameraFrame, ColourSpace, Frame, FrameLimit, HeldFrame, Orientation, Picture, PixelFormat, Plane, Rotation,
};
use std::borrow::Cow;
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
    /// When it was taken, in nanoseconds of any clock that does not run backwards. A frame whose time is not later than that of the one
    /// before counts as a thirtieth of a second later.
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

/// A frame copied into memory of the pool; each plane with its rows as the host has them, and nothing behind the last.
struct Copied {
    memory: Vec<u8>,
    /// Of each plane, the end in `memory` and the stride.
    planes: [(usize, usize); 3],
    frame: CameraFrame<'static>,
    pool: Pool,
}

impl Copied {
    fn new(frame: CameraFrame<'_>, pool: &Pool) -> Result<Self, Failure> {
        let mut memory = pool.take();
        memory.clear();
        let CameraFrame { format, colour, width, height, .. } = frame;
        let mut used = format.planes([width, height]).into_iter();
        let used = frame.planes.map(|plane| {
            let [row, rows] = used.next().unwrap_or_default();
            // It was checked that the rows fit; the host may have told more than there is to read.
            let length = rows.checked_sub(1).map_or(0, |before| before * plane.stride + row);
            (&plane.bytes[..length], plane.stride)
        });
        reserve(&mut memory, used.iter().map(|(bytes, _)| bytes.len()).sum(), PortraitStatus::Frame)?;
        let planes = used.map(|(bytes, stride)| {
            memory.extend_from_slice(bytes);
            (memory.len(), stride)
        });
        let frame = CameraFrame { format, colour, width, height, planes: [Plane::default(); 3] };
        Ok(Self { memory, planes, frame, pool: pool.clone() })
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

/// A frame in the host's memory, looked over.
struct Taken {
    frame: CameraFrame<'static>,
    orientation: Orientation,
    timestamp: Duration,
    loan: Loan,
}

/// Looks a frame over that is not larger than `limit`; nothing of its planes is read. Whatever comes of it, a loan that the call took is
/// given back in the end.
///
/// # Safety
/// `frame` is null or points at a `PortraitFrame` with planes as it says. Lent ones stay until they are given back, others until the call
/// returns: then nothing reads them any more.
unsafe fn taken(frame: *const PortraitFrame, limit: FrameLimit) -> Result<Taken, Failure> {
    // SAFETY: the host's promise.
    let frame = unsafe { sized(frame, "frame")? };
    let loan = Loan { release: frame.release, user: frame.user };
    let described = described(&frame)?;
    limit.check([frame.width, frame.height])?;
    // SAFETY: the host's promise, and the caller's.
    let held = unsafe { borrowed(&frame, &described)? };
    let timestamp = Duration::from_nanos(frame.timestamp_ns);
    Ok(Taken { frame: held, orientation: described.orientation, timestamp, loan })
}

/// A frame as the engine keeps it.
pub(crate) struct Given {
    pub(crate) frame: Box<dyn HeldFrame>,
    pub(crate) orientation: Orientation,
    pub(crate) timestamp: Duration,
}

/// Reads a frame that is not larger than `limit`.
///
/// # Safety
/// As [`taken`].
pub(crate) unsafe fn given(frame: *const PortraitFrame, pool: &Pool, limit: FrameLimit) -> Result<Given, Failure> {
    // SAFETY: the host's promise; what is not lent is copied.
    let Taken { frame, orientation, timestamp, loan } = unsafe { taken(frame, limit)? };
    let frame: Box<dyn HeldFrame> = match loan.release {
        Some(_) => Box::new(Lent { frame, _loan: loan }),
        None => Box::new(Copied::new(frame, pool)?),
    };
    Ok(Given { frame, orientation, timestamp })
}

/// A photo in RGBA without gaps.
pub(crate) struct Photo {
    width: u32,
    height: u32,
    /// The host's own bytes, where that is how they lie.
    rgba: Cow<'static, [u8]>,
    _loan: Loan,
}

impl Photo {
    /// Most pixels: 8192 × 8192, or 256 MiB.
    const MOST: u64 = 1 << 26;

    pub(crate) fn frame(&self) -> Frame<'_> {
        Frame { width: self.width, height: self.height, rgba: &self.rgba }
    }

    /// The photo in memory of its own.
    pub(crate) fn into_picture(self) -> Result<Picture, Failure> {
        let Self { width, height, rgba, _loan } = self;
        let rgba = match rgba {
            Cow::Borrowed(bytes) => copied(bytes, PortraitStatus::Frame)?,
            Cow::Owned(bytes) => bytes,
        };
        Ok(Picture { width, height, rgba })
    }
}

/// Looks a photo over: RGBA or BGRA, upright.
///
/// # Safety
/// As [`taken`]: a photo that is not lent is gone before the call returns.
pub(crate) unsafe fn photo(frame: *const PortraitFrame) -> Result<Photo, Failure> {
    // SAFETY: the host's promise, and the caller's.
    let Taken { frame, orientation, loan, .. } = unsafe { taken(frame, FrameLimit::NONE)? };
    let CameraFrame { format, width, height, planes: [Plane { bytes, stride }, ..], .. } = frame;
    let bad = |what: &str| Failure::new(PortraitStatus::Frame, what);
    if orientation != Orientation::default() {
        return Err(bad("a photo has to be upright and not mirrored"));
    }
    let order = match format {
        PixelFormat::Rgba => [0, 1, 2, 3],
        PixelFormat::Bgra => [2, 1, 0, 3],
        _ => return Err(bad("a photo has to be RGBA or BGRA")),
    };
    if u64::from(width) * u64::from(height) > Photo::MOST {
        let most = Photo::MOST;
        return Err(bad(&format!("a photo of {width} × {height} has more than {most} pixels; scale it down first")));
    }
    let row = 4 * width as usize;
    let length = row * height as usize;
    let rgba = if format == PixelFormat::Rgba && stride == row {
        Cow::Borrowed(&bytes[..length])
    } else {
        let mut rgba = Vec::new();
        reserve(&mut rgba, length, PortraitStatus::Frame)?;
        for y in 0..height as usize {
            let texels = bytes[y * stride..][..row].as_chunks::<4>().0;
            rgba.extend(texels.iter().flat_map(|texel| order.map(|c| texel[c])));
        }
        Cow::Owned(rgba)
    };
    Ok(Photo { width, height, rgba, _loan: loan })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr::null_mut;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A frame of odd sides in one memory, with planes apart from each other, rows with gaps, and more told than there is to use.
    fn frame_of(format: PortraitFormat, memory: &[u8]) -> PortraitFrame {
        let [w, h, half_w, half_h] = [7, 5, 4, 3];
        let sizes: &[[usize; 2]] = match format {
            PortraitFormat::Rgba | PortraitFormat::Bgra => &[[4 * w, h]],
            PortraitFormat::Nv12 | PortraitFormat::Nv21 => &[[w, h], [2 * half_w, half_h]],
            PortraitFormat::I420 => &[[w, h], [half_w, half_h], [half_w, half_h]],
        };
        let mut frame = PortraitFrame {
            struct_size: size_of::<PortraitFrame>() as u32,
            format: format as u32,
            colour: 0,
            width: w as u32,
            height: h as u32,
            rotation: 90,
            planes: [std::ptr::null(); 3],
            lengths: [0; 3],
            strides: [0; 3],
            timestamp_ns: 9,
            mirror: true.into(),
            release: None,
            user: null_mut(),
        };
        let mut first = 11;
        for (i, [row, rows]) in sizes.iter().enumerate() {
            let stride = row + 3 + 2 * i;
            // To the end of the last row and its gap.
            let length = stride * rows;
            frame.planes[i] = memory[first..][..length].as_ptr();
            (frame.lengths[i], frame.strides[i]) = (length, stride);
            first += length + 13;
        }
        frame
    }

    const FORMATS: [PortraitFormat; 5] =
        [PortraitFormat::Rgba, PortraitFormat::Bgra, PortraitFormat::Nv12, PortraitFormat::Nv21, PortraitFormat::I420];

    /// Every row of every plane, without gaps.
    fn rows_of(frame: CameraFrame<'_>) -> Vec<Vec<u8>> {
        let planes = frame.planes.into_iter().zip(frame.format.planes([frame.width, frame.height]));
        let row = |plane: Plane<'_>, y: usize, row: usize| plane.bytes[y * plane.stride..][..row].to_vec();
        planes.flat_map(|(plane, [width, count])| (0..count).map(move |y| row(plane, y, width))).collect()
    }

    #[test]
    fn a_copied_frame_is_the_frame() {
        let memory: Vec<u8> = (0..1024u32).map(|i| (i % 251) as u8).collect();
        let pool = Pool::default();
        // The second time in memory that another format has left.
        for format in FORMATS.into_iter().chain(FORMATS) {
            let frame = frame_of(format, &memory);
            // SAFETY: the planes lie in `memory`.
            let (there, copy) = unsafe { (taken(&frame, FrameLimit::NONE), given(&frame, &pool, FrameLimit::NONE)) };
            let (there, copy) = (there.expect("a frame").frame, copy.expect("a copy"));
            let here = copy.frame.frame();
            here.check().expect("as good as the frame");
            assert_eq!(rows_of(here), rows_of(there), "{format:?}");
            assert_ne!(here.planes[0].bytes.as_ptr(), there.planes[0].bytes.as_ptr(), "{format:?}");
            assert_eq!((here.format, here.width, here.height), (there.format, 7, 5), "{format:?}");
            assert!(copy.orientation == Orientation { rotation: Rotation::Quarter, mirror: true });
            assert_eq!(copy.timestamp, Duration::from_nanos(9));
            // A comparison that cannot fail would say nothing.
            let mut other = memory.clone();
            let last = frame.planes[0].addr() - memory.as_ptr().addr() + 4 * frame.strides[0] + 6;
            other[last] ^= 1;
            // SAFETY: the planes lie in `other`.
            let other = unsafe { taken(&frame_of(format, &other), FrameLimit::NONE) }.expect("a frame");
            assert_ne!(rows_of(here), rows_of(other.frame), "{format:?}");
        }
    }

    static BACK: AtomicU32 = AtomicU32::new(0);

    unsafe extern "C" fn count(_user: *mut c_void) {
        BACK.fetch_add(1, Ordering::Relaxed);
    }

    #[test]
    fn a_photo_is_read_where_it_is_and_copied_where_it_lies_otherwise() {
        let memory: Vec<u8> = (0..=255).collect();
        let upright = |format| {
            let frame = frame_of(format, &memory);
            PortraitFrame { rotation: 0, mirror: false.into(), release: Some(count), ..frame }
        };
        let plain = PortraitFrame { strides: [28, 0, 0], ..upright(PortraitFormat::Rgba) };
        // SAFETY: the planes lie in `memory`.
        let lent = unsafe { photo(&plain) }.expect("a photo");
        assert_eq!(lent.frame().rgba.as_ptr(), plain.planes[0]);
        lent.frame().check().expect("without gaps");
        assert_eq!(BACK.load(Ordering::Relaxed), 0, "still read");
        assert_eq!(lent.into_picture().expect("a copy").rgba, memory[11..][..28 * 5]);
        assert_eq!(BACK.load(Ordering::Relaxed), 1);
        for (format, order) in [(PortraitFormat::Rgba, [0, 1, 2, 3]), (PortraitFormat::Bgra, [2, 1, 0, 3])] {
            // SAFETY: as above.
            let made = unsafe { photo(&upright(format)) }.and_then(Photo::into_picture).expect("a photo");
            let texel = |x: usize, y: usize| order.map(|c| memory[11 + y * 31 + 4 * x + c]);
            let expected: Vec<u8> = (0..35).flat_map(|i| texel(i % 7, i / 7)).collect();
            assert_eq!(made.rgba, expected, "{format:?}");
        }
        assert_eq!(BACK.load(Ordering::Relaxed), 3);
    }
}
