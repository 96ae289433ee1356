//! A camera that other programs see: pictures into a v4l2loopback device of Linux.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use image::imageops::{self, FilterType};
use linuxvideo::format::{PixFormat, PixelFormat};
use linuxvideo::{CapabilityFlags, Device, VideoOutputDevice};

use super::VirtualCameraError as Error;
use super::decode::encode_yuyv;
use crate::Picture;

/// A virtual camera that shows what is written to it.
pub struct VirtualCamera {
    path: PathBuf,
    device: VideoOutputDevice,
    size: [u32; 2],
    /// Bytes of a row, and of a frame.
    stride: usize,
    bytes: usize,
}

impl VirtualCamera {
    /// Opens a device for pictures of about this size, as `YUYV`.
    ///
    /// # Errors
    /// A device that is not there, in use, forbidden, or no virtual camera.
    pub fn open(path: impl AsRef<Path>, [width, height]: [u32; 2]) -> Result<Self, Error> {
        let path = path.as_ref();
        let failed = |source| Error::of(path, source);
        let device = Device::open(path).map_err(failed)?;
        let about = device.capabilities().map_err(failed)?;
        let wanted = CapabilityFlags::VIDEO_OUTPUT | CapabilityFlags::READWRITE;
        if !about.device_capabilities().contains(wanted) {
            return Err(Error::Kind { path: path.to_owned() });
        }
        let format = PixFormat::new(width & !1, height, PixelFormat::YUYV);
        let device = device.video_output(format).map_err(failed)?;
        // The driver may have chosen another one after all.
        let format = device.format();
        if format.pixel_format() != PixelFormat::YUYV || format.width() < 2 || format.height() < 1 {
            return Err(Error::Kind { path: path.to_owned() });
        }
        let size = [format.width() & !1, format.height()];
        let stride = (format.bytes_per_line() as usize).max(2 * size[0] as usize);
        let bytes = (format.size_image() as usize).max(stride * size[1] as usize);
        Ok(Self { path: path.to_owned(), device, size, stride, bytes })
    }

    /// Shows a picture, all of it, with black beside or above it.
    ///
    /// # Errors
    /// When the device fails.
    pub fn show(&mut self, picture: &Picture) -> Result<(), Error> {
        let mut frame = encode_yuyv(&fitted(picture, self.size), self.stride);
        frame.resize(self.bytes, 0);
        self.device.write_all(&frame).map_err(|source| Error::of(&self.path, source))
    }
}

/// The picture in the middle of a black one of this size, as large as it fits. What is transparent is black.
fn fitted(picture: &Picture, [width, height]: [u32; 2]) -> Picture {
    let scale = (f64::from(width) / f64::from(picture.width)).min(f64::from(height) / f64::from(picture.height));
    let inner = [picture.width, picture.height].map(|side| ((f64::from(side) * scale).round() as u32).max(1));
    let inner = [inner[0].min(width), inner[1].min(height)];
    let [left, top] = [(width - inner[0]) / 2, (height - inner[1]) / 2];
    let scaled = image::RgbaImage::from_raw(picture.width, picture.height, picture.rgba.clone())
        .map(|image| imageops::resize(&image, inner[0], inner[1], FilterType::Triangle));
    let pixel = |x: u32, y: u32| scaled.as_ref().and_then(|image| image.get_pixel_checked(x, y)).map(|pixel| pixel.0);
    Picture::from_fn(width, height, |x, y| {
        let inside = x.checked_sub(left).zip(y.checked_sub(top)).and_then(|(x, y)| pixel(x, y));
        let [r, g, b, a] = inside.unwrap_or([0, 0, 0, 255]);
        let over_black = |v: u8| (u16::from(v) * u16::from(a) / 255) as u8;
        [over_black(r), over_black(g), over_black(b), 255]
    })
}

impl Error {
    /// What an error of the system means for a device.
    fn of(path: &Path, source: io::Error) -> Self {
        /// ENOTTY: no video device at all.
        const NO_VIDEO: Option<i32> = Some(25);
        let path = path.to_owned();
        match source.kind() {
            _ if source.raw_os_error() == NO_VIDEO => Self::Kind { path },
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::ResourceBusy => Self::Busy { path },
            _ => Self::Io { path, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::decode::{Coding, decode};
    use super::*;

    #[test]
    fn pictures_are_fitted_and_come_back_from_their_bytes() {
        let picture = Picture::from_fn(30, 10, |x, _| if x < 15 { [220, 40, 30, 255] } else { [20, 60, 200, 255] });
        let fit = fitted(&picture, [64, 48]);
        assert_eq!((fit.width, fit.height), (64, 48));
        assert_eq!([fit.pixel(3, 3), fit.pixel(60, 44)], [Some([0, 0, 0, 255]); 2], "bars above and below");
        assert_eq!([fit.pixel(10, 24), fit.pixel(50, 24)], [Some([220, 40, 30, 255]), Some([20, 60, 200, 255])]);
        let clear = fitted(&Picture::from_fn(4, 4, |_, _| [200, 100, 50, 0]), [8, 8]);
        assert_eq!(clear.pixel(4, 4), Some([0, 0, 0, 255]));
        // Rows longer than the picture, as a driver may ask for.
        let bytes = encode_yuyv(&fit, 140);
        assert_eq!(bytes.len(), 140 * 48);
        let back = decode(Coding::Yuyv, &bytes, [64, 48], 140).expect("a picture");
        for (x, y) in [(3, 3), (10, 24), (20, 20), (50, 24), (60, 28)] {
            let (a, b) = (fit.pixel(x, y).expect("inside"), back.pixel(x, y).expect("inside"));
            assert!((0..3).all(|c| a[c].abs_diff(b[c]) <= 6), "({x}, {y}): {a:?}, then {b:?}");
        }
    }

    #[test]
    fn what_is_no_virtual_camera_is_refused() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let refused = |path: &Path| VirtualCamera::open(path, [640, 480]).err().expect("refused").to_string();
        for path in [file.path(), Path::new("/dev/null")] {
            let error = refused(path);
            assert!(error.contains("takes no pictures") && error.contains("v4l2loopback"), "{error}");
        }
        let error = refused(Path::new("/dev/video-that-is-not-there"));
        assert!(error.contains("is not there") && error.contains("modprobe"), "{error}");
        let text = |code| Error::of(Path::new("/dev/video9"), io::Error::from_raw_os_error(code)).to_string();
        assert!(text(2).contains("`sudo modprobe v4l2loopback video_nr=9 exclusive_caps=1`"), "{}", text(2));
        assert!(text(16).contains("in use"), "{}", text(16));
        assert!(text(5).contains("cannot be written"), "{}", text(5));
    }
}
