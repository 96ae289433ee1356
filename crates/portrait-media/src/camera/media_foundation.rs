//! Cameras of Windows: Media Foundation, by nokhwa's bindings. Nobody has run this yet.
//!
//! nokhwa's own `Camera` looks at the first two codings of a camera only. So this uses what it is made of.
//!
//! Faults of the bindings 0.4.6, by their source: a frame leaks an empty sample object; modes of broken rates (30000/1001) are not
//! listed; a stream that ends without an error is read on for ever, so its thread never ends.

use std::time::Duration;

use nokhwa_bindings_windows::wmf::{MediaFoundationDevice, query_media_foundation_descriptors};
use nokhwa_core::error::NokhwaError;
use nokhwa_core::types::{CameraFormat, CameraIndex, FrameFormat, Resolution};

use super::capture::{Capture, Frame, Mode, Source};
use super::decode::Coding;
use super::hresult;
use super::{CameraError, CameraInfo, Shot};

/// The cameras that the system knows, by their symbolic link.
pub(super) fn cameras() -> Result<Vec<CameraInfo>, CameraError> {
    let found = query_media_foundation_descriptors().map_err(|error| failed("Media Foundation", &error))?;
    Ok(found.into_iter().map(|camera| CameraInfo { id: camera.misc(), name: camera.human_name() }).collect())
}

/// A running camera.
pub(super) struct Stream(Capture);

impl Stream {
    pub(super) fn open(info: &CameraInfo, size: [u32; 2]) -> Result<Self, CameraError> {
        let about = info.clone();
        Capture::start(&info.name, move || Reader::open(&about, size)).map(Self)
    }

    pub(super) fn next_frame(&mut self, patience: Duration) -> Result<Option<Shot>, CameraError> {
        self.0.next_frame(patience)
    }
}

/// One camera. All stays in one thread.
struct Reader {
    name: String,
    device: MediaFoundationDevice,
    coding: Coding,
    size: [u32; 2],
}

impl Reader {
    fn open(info: &CameraInfo, wanted: [u32; 2]) -> Result<Self, CameraError> {
        let failed = |error| failed(&info.name, &error);
        if !cameras()?.contains(info) {
            return Err(CameraError::Gone { name: info.name.clone() });
        }
        let mut device = MediaFoundationDevice::new(CameraIndex::String(info.id.clone())).map_err(failed)?;
        let formats = device.compatible_format_list().map_err(failed)?;
        let modes: Vec<Mode> = formats.iter().filter_map(mode).collect();
        let Some(mode) = Mode::nearest(&modes, wanted) else {
            // The bindings list only what they know.
            let mut found: Vec<String> = formats.iter().map(|format| format.format().to_string()).collect();
            found.dedup();
            let found = if found.is_empty() { "nothing that is known".to_owned() } else { found.join(", ") };
            return Err(CameraError::Format { name: info.name.clone(), found });
        };
        let [width, height] = mode.size;
        let format = CameraFormat::new(Resolution::new(width, height), sent_as(mode.coding), mode.rate);
        device.set_format(format).map_err(failed)?;
        device.start_stream().map_err(failed)?;
        Ok(Self { name: info.name.clone(), device, coding: mode.coding, size: mode.size })
    }
}

impl Source for Reader {
    fn next(&mut self) -> Result<Option<Frame>, CameraError> {
        let (bytes, _) = self.device.raw_bytes().map_err(|error| failed(&self.name, &error))?;
        // Contiguous buffers have no gaps.
        let stride = self.coding.row(self.size[0]);
        Ok(Some(Frame { coding: self.coding, size: self.size, stride, bytes: bytes.into_owned() }))
    }
}

fn mode(format: &CameraFormat) -> Option<Mode> {
    let coding = match format.format() {
        FrameFormat::YUYV => Coding::Yuyv,
        FrameFormat::NV12 => Coding::Nv12,
        FrameFormat::MJPEG => Coding::Jpeg,
        // Which row of RGB comes first, the bindings do not tell.
        FrameFormat::GRAY | FrameFormat::RAWRGB | FrameFormat::RAWBGR => return None,
    };
    Some(Mode { coding, size: [format.width(), format.height()], rate: format.frame_rate() })
}

fn sent_as(coding: Coding) -> FrameFormat {
    match coding {
        Coding::Yuyv => FrameFormat::YUYV,
        Coding::Nv12 => FrameFormat::NV12,
        Coding::Jpeg => FrameFormat::MJPEG,
        Coding::Rgb => FrameFormat::RAWRGB,
    }
}

fn failed(name: &str, error: &NokhwaError) -> CameraError {
    hresult::camera_error(name, &error.to_string())
}
