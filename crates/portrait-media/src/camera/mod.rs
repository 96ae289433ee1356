//! Cameras: list them, open one, read its newest picture. V4L2 on Linux, AVFoundation on macOS, Media Foundation on Windows.

#[cfg(any(test, target_os = "macos", windows))]
mod capture;
mod decode;
#[cfg(any(test, windows))]
mod hresult;
#[cfg_attr(target_os = "linux", path = "v4l2.rs")]
#[cfg_attr(target_os = "macos", path = "avfoundation.rs")]
#[cfg_attr(windows, path = "media_foundation.rs")]
#[cfg_attr(not(any(target_os = "linux", target_os = "macos", windows)), path = "none.rs")]
mod system;
#[cfg_attr(not(target_os = "linux"), path = "no_virtual_camera.rs")]
mod virtual_camera;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::Picture;
pub use virtual_camera::VirtualCamera;

/// The command that makes a virtual camera; of this name, where it is one that it can have.
fn loopback(path: &Path) -> String {
    let number = path.to_str().and_then(|path| path.strip_prefix("/dev/video")?.parse::<u8>().ok());
    let number = number.map(|number| format!(" video_nr={number}")).unwrap_or_default();
    format!("sudo modprobe v4l2loopback{number} exclusive_caps=1")
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
        "`{}` is not there; a virtual camera is made by `{}` (the package v4l2loopback-dkms)",
        path.display(),
        loopback(path)
    )]
    Missing {
        /// The device.
        path: PathBuf,
    },
    /// It is something else.
    #[error(
        "`{}` takes no pictures; give the device of a virtual camera, which `{}` makes",
        path.display(),
        loopback(Path::new(""))
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
    /// What the system calls it: on Linux a path such as `/dev/video0`.
    pub id: String,
    /// What its maker calls it.
    pub name: String,
}

/// A camera's picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shot {
    /// What it shows.
    pub picture: Picture,
    /// When the system handed it over, before it was decoded.
    pub arrived: Instant,
}

/// What can go wrong with a camera, in words a user can act on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CameraError {
    /// There is none.
    #[error("no camera was found; plug one in")]
    None,
    /// This system's cameras are not read.
    #[error("cameras are read on Linux, macOS and Windows only")]
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
    #[error("`{name}` may not be opened; {PERMISSION}")]
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
    #[error("`{name}` sends {found}; only YUYV, NV12, MJPEG and RGB are read")]
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

/// How a user may open a camera who may not.
const PERMISSION: &str = if cfg!(target_os = "macos") {
    "allow it in System Settings, Privacy & Security, Camera (of a program in a terminal, to the terminal)"
} else if cfg!(windows) {
    "allow it in Settings, Privacy & security, Camera, with desktop apps"
} else {
    "on most systems the group `video` may: `sudo usermod -aG video $USER`, then log in anew"
};

/// The cameras there are; none where the system does not say.
pub fn cameras() -> Vec<CameraInfo> {
    system::cameras().unwrap_or_default()
}

/// The camera of this number (from 0), id, or part of a name; the first for `None`.
///
/// # Errors
/// When there is none, or none like that, or the system does not say.
pub fn find_camera(wanted: Option<&str>) -> Result<CameraInfo, CameraError> {
    choose(system::cameras()?, wanted)
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
pub struct Camera(system::Stream);

impl Camera {
    /// Opens a camera at the size it has that is nearest to this one. On macOS the user is asked for permission, and waited for a few
    /// seconds: opening it again later finds the answer. An app there needs `NSCameraUsageDescription` in its `Info.plist`.
    ///
    /// # Errors
    /// When it is in use, gone, may not be opened, or sends nothing that is read here.
    pub fn open(info: &CameraInfo, size: [u32; 2]) -> Result<Self, CameraError> {
        system::Stream::open(info, size).map(Self)
    }

    /// The newest picture not taken yet; `None` if none came in this time, or it came damaged.
    ///
    /// # Errors
    /// When the camera is gone or fails.
    pub fn next_frame(&mut self, patience: Duration) -> Result<Option<Shot>, CameraError> {
        self.0.next_frame(patience)
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
}
