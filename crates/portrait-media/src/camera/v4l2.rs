//! Cameras of Linux.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use linuxvideo::format::{PixFormat, PixelFormat};
use linuxvideo::stream::ReadStream;
use linuxvideo::{BufType, CapabilityFlags, Device};

use super::decode::{Coding, decode};
use super::{CameraError, CameraInfo, Shot};

/// Between two looks at whether there is a picture.
const GLANCE: Duration = Duration::from_millis(2);
/// Up to here pixels come uncompressed, as USB 2 carries them at 30 pictures a second.
const PLAIN_PIXELS: u32 = 640 * 480;

/// Frames that a driver may have waiting.
const PILE: u32 = 8;

/// linuxvideo has no name for it.
const NV12: PixelFormat = PixelFormat::from_fourcc(*b"NV12");

/// Devices that capture video, by number.
pub(super) fn cameras() -> Result<Vec<CameraInfo>, CameraError> {
    let Ok(entries) = fs::read_dir("/dev") else { return Ok(Vec::new()) };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut numbers: Vec<u32> = names.filter_map(|name| name.strip_prefix("video")?.parse().ok()).collect();
    numbers.sort_unstable();
    Ok(numbers.into_iter().filter_map(|number| camera(format!("/dev/video{number}"))).collect())
}

fn camera(id: String) -> Option<CameraInfo> {
    match Device::open(&id) {
        Ok(device) => {
            let about = device.capabilities().ok()?;
            // A camera has further devices that send no video.
            let video = about.device_capabilities().contains(CapabilityFlags::VIDEO_CAPTURE);
            let sends = device.formats(BufType::VIDEO_CAPTURE).flatten().next().is_some();
            (video && sends).then(|| CameraInfo { name: about.card().to_owned(), id })
        }
        // Opening it says what to do.
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ResourceBusy) => {
            Some(CameraInfo { name: id.clone(), id })
        }
        Err(_) => None,
    }
}

/// A running camera.
pub(super) struct Stream {
    name: String,
    stream: ReadStream,
    coding: Coding,
    size: [u32; 2],
    stride: usize,
}

impl Stream {
    pub(super) fn open(info: &CameraInfo, [width, height]: [u32; 2]) -> Result<Self, CameraError> {
        let failed = |error| camera_error(&info.name, error);
        let device = Device::open(&info.id).map_err(failed)?;
        let formats = device.formats(BufType::VIDEO_CAPTURE).collect::<io::Result<Vec<_>>>().map_err(failed)?;
        let formats: Vec<PixelFormat> = formats.iter().map(|format| format.pixel_format()).collect();
        let Some((wanted, _)) = preferred(&formats, width * height) else {
            let found = formats.iter().map(|format| String::from_utf8_lossy(&format.as_fourcc()).into_owned());
            let found = found.collect::<Vec<_>>().join(", ");
            return Err(CameraError::Format { name: info.name.clone(), found });
        };
        let capture = device.video_capture(PixFormat::new(width, height, wanted)).map_err(failed)?;
        // The driver may have chosen another one after all.
        let format = capture.format();
        let (size, stride) = ([format.width(), format.height()], format.bytes_per_line() as usize);
        let Some(coding) = coding(format.pixel_format()) else {
            let found = String::from_utf8_lossy(&format.pixel_format().as_fourcc()).into_owned();
            return Err(CameraError::Format { name: info.name.clone(), found });
        };
        let stream = capture.into_stream().map_err(failed)?;
        Ok(Self { name: info.name.clone(), stream, coding, size, stride })
    }

    pub(super) fn next_frame(&mut self, patience: Duration) -> Result<Option<Shot>, CameraError> {
        let (start, name) = (Instant::now(), &self.name);
        let failed = |error| camera_error(name, error);
        while self.stream.will_block().map_err(failed)? {
            if start.elapsed() > patience {
                return Ok(None);
            }
            std::thread::sleep(GLANCE);
        }
        let (coding, size, stride) = (self.coding, self.size, self.stride);
        let (mut bytes, mut arrived) = (None, Instant::now());
        // The oldest comes first. Those that piled up meanwhile are passed over, but not without end.
        for _ in 0..PILE {
            // The buffer goes back to the driver before a JPEG is decoded.
            let next = self.stream.dequeue(|bytes| Ok((!bytes.is_error()).then(|| bytes.to_vec()))).map_err(failed)?;
            (bytes, arrived) = (next.or(bytes), Instant::now());
            if self.stream.will_block().map_err(failed)? {
                break;
            }
        }
        let picture = bytes.and_then(|bytes| decode(coding, &bytes, size, stride));
        Ok(picture.map(|picture| Shot { picture, arrived }))
    }
}

fn coding(format: PixelFormat) -> Option<Coding> {
    match format {
        PixelFormat::YUYV => Some(Coding::Yuyv),
        NV12 => Some(Coding::Nv12),
        PixelFormat::MJPG | PixelFormat::JPEG => Some(Coding::Jpeg),
        PixelFormat::RGB3 => Some(Coding::Rgb),
        _ => None,
    }
}

/// The format to ask for: small pictures uncompressed, large ones as JPEG, what there is otherwise.
fn preferred(formats: &[PixelFormat], pixels: u32) -> Option<(PixelFormat, Coding)> {
    let rank = |coding: Coding| match coding {
        Coding::Jpeg => u32::from(pixels <= PLAIN_PIXELS),
        Coding::Yuyv | Coding::Nv12 | Coding::Rgb => u32::from(pixels > PLAIN_PIXELS),
    };
    let known = formats.iter().filter_map(|&format| Some((format, coding(format)?)));
    known.min_by_key(|(_, coding)| rank(*coding))
}

/// What an error of the system means for a camera.
fn camera_error(name: &str, source: io::Error) -> CameraError {
    // ENODEV, ENXIO.
    const GONE: [i32; 2] = [19, 6];
    let name = name.to_owned();
    match source.kind() {
        io::ErrorKind::ResourceBusy => CameraError::Busy { name },
        io::ErrorKind::PermissionDenied => CameraError::Denied { name },
        io::ErrorKind::NotFound => CameraError::Gone { name },
        _ if source.raw_os_error().is_some_and(|code| GONE.contains(&code)) => CameraError::Gone { name },
        _ => CameraError::Io { name, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_chosen_by_size() {
        let all = [PixelFormat::ABGR32, PixelFormat::MJPG, PixelFormat::YUYV];
        let name = |formats: &[PixelFormat], pixels| preferred(formats, pixels).map(|(format, _)| format.as_fourcc());
        assert_eq!(name(&all, 640 * 480), Some(*b"YUYV"));
        assert_eq!(name(&all, 1280 * 720), Some(*b"MJPG"));
        assert_eq!(name(&all[1..2], 64), Some(*b"MJPG"));
        assert_eq!(name(&all[..1], 64), None);
        assert_eq!(name(&[NV12], 64), Some(*b"NV12"));
    }

    #[test]
    fn errors_say_what_to_do() {
        let text = |code| camera_error("cam", io::Error::from_raw_os_error(code)).to_string();
        for (code, word) in [(16, "in use by another program"), (13, "group `video`"), (19, "plug it in"), (2, "gone")]
        {
            assert!(text(code).contains(word), "{}", text(code));
        }
        assert!(text(5).contains("cannot be read"), "{}", text(5));
    }

    #[test]
    fn what_is_no_camera_is_refused() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let open = |id: &str| Stream::open(&CameraInfo { id: id.to_owned(), name: "it".to_owned() }, [640, 480]);
        let error = open(&file.path().to_string_lossy()).err().expect("a file is no camera");
        assert!(matches!(error, CameraError::Io { .. }), "{error}");
        let error = open("/dev/video-that-is-not-there").err().expect("there is none");
        assert!(matches!(error, CameraError::Gone { .. }), "{error}");
        println!("{} cameras here", cameras().expect("a list").len());
    }
}
