//! Cameras: list them, open one, read its newest picture. Linux's V4L2 so far; elsewhere there are none.

mod decode;
#[cfg(target_os = "linux")]
mod v4l2;
#[cfg(target_os = "linux")]
mod virtual_camera;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::Picture;
#[cfg(target_os = "linux")]
pub use virtual_camera::VirtualCamera;

/// A virtual camera; this system has none that is written to here.
#[cfg(not(target_os = "linux"))]
pub enum VirtualCamera {}

#[cfg(not(target_os = "linux"))]
impl VirtualCamera {
    /// Always an error on this system.
    ///
    /// # Errors
    /// [`VirtualCameraError::System`].
    pub fn open(_path: impl AsRef<std::path::Path>, _size: [u32; 2]) -> Result<Self, VirtualCameraError> {
        Err(VirtualCameraError::System)
    }

    /// Never called: there is none.
    ///
    /// # Errors
    /// None.
    pub fn show(&mut self, _picture: &Picture) -> Result<(), VirtualCameraError> {
        match *self {}
    }
}

/// What can go wrong with a virtual camera.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VirtualCameraError {
    /// This system's virtual cameras are not written to.
    #[error("virtual cameras are written to on Linux only (v4l2loopback)")]
    System,
    /// There is no such device.
    #[error(
        "`{}` is not there; a virtual camera is made by `sudo modprobe v4l2loopback exclusive_caps=1` \
         (the package v4l2loopback-dkms)",
        path.display()
    )]
    Missing {
        /// The device.
        path: PathBuf,
    },
    /// It is something else.
    #[error(
        "`{}` takes no pictures; give the device of a virtual camera, which `sudo modprobe v4l2loopback exclusive_caps=1` makes",
        path.display()
    )]
    Kind {
        /// The device.
        path: PathBuf,
    },
    /// Another program writes to it.
    #[error("`{}` is in use by another program; close that, or make another virtual camera", path.display())]
    Busy {
        /// The device.
        path: PathBuf,
    },
    /// The system refuses in another way.
    #[error("`{}` cannot be written: {source}", path.display())]
    Io {
        /// The device.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A camera that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraInfo {
    /// What the system calls it: a path such as `/dev/video0`.
    pub id: String,
    /// What its maker calls it.
    pub name: String,
}

/// What can go wrong with a camera, in words a user can act on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CameraError {
    /// There is none.
    #[error("no camera was found; plug one in")]
    None,
    /// This system's cameras are not read.
    #[error("cameras are read on Linux only so far")]
    System,
    /// None of this name or number.
    #[error("no camera is called `{wanted}`; there are {known}")]
    Unknown {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: String,
    },
    /// Another program has it.
    #[error("`{name}` is in use by another program; close that, or choose another camera")]
    Busy {
        /// The camera.
        name: String,
    },
    /// The user may not open it.
    #[error(
        "`{name}` may not be opened; on most systems the group `video` may: `sudo usermod -aG video $USER`, then log in anew"
    )]
    Denied {
        /// The camera.
        name: String,
    },
    /// It is no longer there.
    #[error("`{name}` is gone; plug it in again")]
    Gone {
        /// The camera.
        name: String,
    },
    /// It sends nothing that is read here.
    #[error("`{name}` sends {found}; only YUYV, MJPEG and RGB are read")]
    Format {
        /// The camera.
        name: String,
        /// Its formats.
        found: String,
    },
    /// The system refuses in another way.
    #[error("`{name}` cannot be read: {source}")]
    Io {
        /// The camera.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}

impl CameraError {
    /// What an error of the system means for a camera.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "no camera, no error of one"))]
    fn of(name: &str, source: io::Error) -> Self {
        // Linux: ENODEV, ENXIO.
        const GONE: [i32; 2] = [19, 6];
        let name = name.to_owned();
        match source.kind() {
            io::ErrorKind::ResourceBusy => Self::Busy { name },
            io::ErrorKind::PermissionDenied => Self::Denied { name },
            io::ErrorKind::NotFound => Self::Gone { name },
            _ if source.raw_os_error().is_some_and(|code| GONE.contains(&code)) => Self::Gone { name },
            _ => Self::Io { name, source },
        }
    }
}

/// The cameras there are.
pub fn cameras() -> Vec<CameraInfo> {
    #[cfg(target_os = "linux")]
    let found = v4l2::cameras();
    #[cfg(not(target_os = "linux"))]
    let found = Vec::new();
    found
}

/// The camera of this number (from 0), id, or part of a name; the first for `None`.
///
/// # Errors
/// When there is none, or none like that.
pub fn find_camera(wanted: Option<&str>) -> Result<CameraInfo, CameraError> {
    if !cfg!(target_os = "linux") {
        return Err(CameraError::System);
    }
    choose(cameras(), wanted)
}

fn choose(mut found: Vec<CameraInfo>, wanted: Option<&str>) -> Result<CameraInfo, CameraError> {
    if found.is_empty() {
        return Err(CameraError::None);
    }
    let Some(wanted) = wanted else { return Ok(found.swap_remove(0)) };
    let named = |camera: &CameraInfo| camera.name.to_lowercase().contains(&wanted.to_lowercase());
    let at = match wanted.parse::<usize>() {
        Ok(number) => Some(number).filter(|&number| number < found.len()),
        Err(_) => found.iter().position(|camera| camera.id == wanted).or_else(|| found.iter().position(named)),
    };
    match at {
        Some(at) => Ok(found.swap_remove(at)),
        None => {
            let known = found.iter().enumerate().map(|(i, camera)| format!("{i}: {} ({})", camera.name, camera.id));
            Err(CameraError::Unknown { wanted: wanted.to_owned(), known: known.collect::<Vec<_>>().join(", ") })
        }
    }
}

/// A camera that sends pictures.
pub struct Camera {
    #[cfg(target_os = "linux")]
    inner: v4l2::Stream,
}

impl Camera {
    /// Opens a camera at the size it has that is nearest to this one.
    ///
    /// # Errors
    /// When it is in use, gone, may not be opened, or sends nothing that is read here.
    pub fn open(info: &CameraInfo, size: [u32; 2]) -> Result<Self, CameraError> {
        #[cfg(target_os = "linux")]
        let opened = v4l2::Stream::open(info, size).map(|inner| Self { inner });
        #[cfg(not(target_os = "linux"))]
        let opened = {
            let _ = (info, size);
            Err(CameraError::System)
        };
        opened
    }

    /// The next picture; `None` if none came in this time, or it came damaged.
    ///
    /// # Errors
    /// When the camera is gone or fails.
    pub fn next_frame(&mut self, patience: Duration) -> Result<Option<Picture>, CameraError> {
        #[cfg(target_os = "linux")]
        let frame = self.inner.next_frame(patience);
        #[cfg(not(target_os = "linux"))]
        let frame = {
            let _ = patience;
            Err(CameraError::System)
        };
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Vec<CameraInfo> {
        let camera = |id: &str, name: &str| CameraInfo { id: id.to_owned(), name: name.to_owned() };
        vec![camera("/dev/video0", "Integrated Camera"), camera("/dev/video2", "USB Webcam HD")]
    }

    #[test]
    fn cameras_are_chosen_by_number_id_and_name() {
        let name = |wanted| choose(two(), wanted).map(|camera| camera.id).map_err(|error| error.to_string());
        let [first, second] = ["/dev/video0", "/dev/video2"].map(|id| Ok(id.to_owned()));
        assert_eq!([name(None), name(Some("0")), name(Some("integrated"))], [first.clone(), first.clone(), first]);
        assert_eq!([name(Some("1")), name(Some("/dev/video2"))], [second.clone(), second]);
        let error = name(Some("2")).expect_err("there is no third");
        assert!(error.contains("`2`") && error.contains("1: USB Webcam HD (/dev/video2)"), "{error}");
        assert!(matches!(choose(Vec::new(), None), Err(CameraError::None)));
    }

    #[test]
    fn errors_say_what_to_do() {
        let text = |code| CameraError::of("cam", io::Error::from_raw_os_error(code)).to_string();
        for (code, word) in [(16, "in use by another program"), (13, "group `video`"), (19, "plug it in"), (2, "gone")]
        {
            assert!(text(code).contains(word), "{}", text(code));
        }
        assert!(text(5).contains("cannot be read"), "{}", text(5));
    }
}
