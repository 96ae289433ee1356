//! Cameras of macOS: AVFoundation, by nokhwa's bindings. Nobody has run this yet.
//!
//! nokhwa's own `Camera` asks AVFoundation for some formats that it refuses, lists none of a camera's, and waits without end for one
//! that is unplugged. So this uses what it is made of.

use std::ffi::CString;
use std::mem::ManuallyDrop;
use std::panic;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use flume::{Receiver, RecvTimeoutError, Sender};
use nokhwa_bindings_macos::{
    AVAuthorizationStatus, AVCaptureDevice, AVCaptureDeviceFormat, AVCaptureDeviceInput, AVCaptureSession,
    AVCaptureVideoCallback, AVCaptureVideoDataOutput, current_authorization_status, query_avfoundation,
    request_permission_with_callback,
};
use nokhwa_core::error::NokhwaError;
use nokhwa_core::types::{CameraFormat, FrameFormat, Resolution};

use super::capture::{Capture, Frame, Mode, Source};
use super::decode::{Coding, aligned_stride};
use super::{CameraError, CameraInfo, Shot};

/// How long the user is waited for, who is asked whether this program may see. Opening again later asks anew.
const ANSWER: Duration = Duration::from_secs(3);
/// A camera that is silent for so long is asked whether it is still there. Its last frames come within that time.
const SILENCE: Duration = Duration::from_millis(250);

/// The cameras that the system knows, by their unique id.
pub(super) fn cameras() -> Result<Vec<CameraInfo>, CameraError> {
    // The bindings turn an exception of the system into a panic.
    let found = panic::catch_unwind(query_avfoundation).unwrap_or_else(|_| Ok(Vec::new()));
    let found = found.map_err(|error| failed("AVFoundation", &error))?;
    Ok(found.into_iter().map(|camera| CameraInfo { id: camera.misc(), name: camera.human_name() }).collect())
}

/// A running camera.
pub(super) struct Stream(Capture);

impl Stream {
    pub(super) fn open(info: &CameraInfo, size: [u32; 2]) -> Result<Self, CameraError> {
        let about = info.clone();
        Capture::start(&info.name, move || Session::open(&about, size)).map(Self)
    }

    pub(super) fn next_frame(&mut self, patience: Duration) -> Result<Option<Shot>, CameraError> {
        self.0.next_frame(patience)
    }
}

/// What the system's callback is given: bytes, a format that says nothing, and when it was captured.
type Sample = (Vec<u8>, FrameFormat, Option<Duration>);

/// A session of one camera. All stays in one thread.
struct Session {
    info: CameraInfo,
    size: [u32; 2],
    session: AVCaptureSession,
    input: AVCaptureDeviceInput,
    output: AVCaptureVideoDataOutput,
    /// The callback knows nothing but the sender's address, and might come once more after the session was stopped: neither end of the
    /// channel is ever freed.
    _sender: ManuallyDrop<Arc<Sender<Sample>>>,
    samples: ManuallyDrop<Receiver<Sample>>,
}

impl Session {
    fn open(info: &CameraInfo, wanted: [u32; 2]) -> Result<Self, CameraError> {
        let name = || info.name.clone();
        let failed = |error| failed(&info.name, &error);
        if !permitted() {
            return Err(CameraError::Denied { name: name() });
        }
        // The one reason for an error is that it is not there.
        let mut device = AVCaptureDevice::from_id(&info.id, None).map_err(|_| CameraError::Gone { name: name() })?;
        if device.already_in_use() {
            return Err(CameraError::Busy { name: name() });
        }
        // One format that the bindings do not know hides all others.
        let formats = device.supported_formats_raw().map_err(|error| match error {
            NokhwaError::StructureError { error, .. } => CameraError::Format { name: name(), found: error },
            error => failed(error),
        })?;
        let Some(mode) = Mode::nearest(&modes(&formats), wanted) else {
            return Err(CameraError::Format { name: name(), found: "nothing".to_owned() });
        };
        let [width, height] = mode.size;
        // Its own format is left to the system: what arrives is converted to the output's.
        let format = CameraFormat::new(Resolution::new(width, height), FrameFormat::YUYV, mode.rate);

        let (sender, samples) = flume::unbounded();
        let sender = Arc::new(sender);
        let input = AVCaptureDeviceInput::new(&device).map_err(failed)?;
        let session = AVCaptureSession::new();
        session.begin_configuration();
        session.add_input(&input).map_err(failed)?;
        // Adding the input chose a format by itself.
        device.set_all(format).map_err(failed)?;
        let callback = AVCaptureVideoCallback::new(&CString::default(), &sender).map_err(failed)?;
        let output = AVCaptureVideoDataOutput::new();
        output.add_delegate(&callback).map_err(failed)?;
        output.set_frame_format(FrameFormat::YUYV).map_err(failed)?;
        session.add_output(&output).map_err(failed)?;
        session.commit_configuration();
        // From here on whatever fails stops the session.
        let mut running = Self {
            info: info.clone(),
            size: mode.size,
            session,
            input,
            output,
            _sender: ManuallyDrop::new(sender),
            samples: ManuallyDrop::new(samples),
        };
        running.session.start().map_err(failed)?;
        // The system may have chosen another one after all.
        let size = device.active_format().map_err(failed)?.resolution();
        running.size = [size.width(), size.height()];
        Ok(running)
    }
}

impl Source for Session {
    fn next(&mut self) -> Result<Option<Frame>, CameraError> {
        match self.samples.recv_timeout(SILENCE) {
            Ok((bytes, ..)) => {
                let stride = aligned_stride(Coding::Yuyv, bytes.len(), self.size);
                Ok(Some(Frame { coding: Coding::Yuyv, size: self.size, stride, bytes }))
            }
            // An unplugged camera only falls silent.
            Err(RecvTimeoutError::Timeout) if AVCaptureDevice::from_id(&self.info.id, None).is_ok() => Ok(None),
            Err(_) => Err(CameraError::Gone { name: self.info.name.clone() }),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.session.stop();
        self.session.remove_output(&self.output);
        self.session.remove_input(&self.input);
        while self.samples.recv_timeout(SILENCE).is_ok() {}
    }
}

/// Whether this program may see; the user is asked who was not yet.
fn permitted() -> bool {
    match current_authorization_status() {
        AVAuthorizationStatus::Authorized => true,
        AVAuthorizationStatus::NotDetermined => {
            let (tell, told) = mpsc::channel();
            request_permission_with_callback(move |granted| {
                // An answer that nobody waits for any more is kept by the system.
                let _ = tell.send(granted);
            });
            told.recv_timeout(ANSWER).unwrap_or(false)
        }
        AVAuthorizationStatus::Restricted | AVAuthorizationStatus::Denied => false,
    }
}

/// What can be chosen. `set_all` takes the last format of a size whatever it is, and a rate must be the fastest of one of its ranges.
fn modes(formats: &[AVCaptureDeviceFormat]) -> Vec<Mode> {
    let mut modes: Vec<Mode> = Vec::new();
    for format in formats {
        let size = [format.resolution.width, format.resolution.height].map(i32::unsigned_abs);
        let rate = format.fps_list.iter().copied().fold(0.0, f64::max) as u32;
        modes.retain(|mode| mode.size != size);
        if rate > 0 {
            modes.push(Mode { coding: Coding::Yuyv, size, rate });
        }
    }
    modes
}

fn failed(name: &str, error: &NokhwaError) -> CameraError {
    CameraError::Io { name: name.to_owned(), source: std::io::Error::other(error.to_string()) }
}
