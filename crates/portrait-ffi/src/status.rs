//! What a call returns, and the text to it.

use portrait_runtime::EngineError;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};

/// What became of a call. Everything from `PORTRAIT_STATUS_INVALID_ARGUMENT` on is an error, with a text in `portrait_last_error`.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortraitStatus {
    /// Done.
    Ok = 0,
    /// Not yet; call again later.
    Pending = 1,
    /// A pointer is null, a number out of range, a text not UTF-8.
    InvalidArgument = 2,
    /// A handle that was never given out, or one of another kind of object.
    InvalidHandle = 3,
    /// The object was released.
    Released = 4,
    /// No usable GPU or driver, or one that computes wrong pictures.
    NoAdapter = 5,
    /// Weights that are damaged or do not fit.
    Weights = 6,
    /// No face in the photo.
    NoFace = 7,
    /// Several faces in the photo, and none was chosen.
    SeveralFaces = 8,
    /// An avatar that is damaged or made with other weights.
    Avatar = 9,
    /// A frame whose size, planes or strides do not fit.
    Frame = 10,
    /// The GPU failed or is gone. Release everything and open a new engine.
    Device = 11,
    /// A window that nothing can be shown on.
    Surface = 12,
    /// A file cannot be read or written.
    Io = 13,
    /// Not possible on this platform.
    Unsupported = 14,
    /// The memory given is too small; the fields say how much is needed.
    BufferTooSmall = 15,
    /// A fault in the library. The app goes on; please report the text.
    Internal = 16,
}

/// Why a call failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) status: PortraitStatus,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(status: PortraitStatus, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    pub(crate) fn argument(text: impl Into<String>) -> Self {
        Self::new(PortraitStatus::InvalidArgument, text)
    }
}

fn status_of(error: &EngineError) -> PortraitStatus {
    use EngineError as E;
    match error {
        E::NoAdapter(_) | E::AdapterLimits { .. } | E::NoF16 { .. } | E::WrongResults { .. } => {
            PortraitStatus::NoAdapter
        }
        E::Weights(_) | E::Graph(_) => PortraitStatus::Weights,
        E::NoFace => PortraitStatus::NoFace,
        E::SeveralFaces { .. } => PortraitStatus::SeveralFaces,
        E::AvatarFormat { .. } | E::AvatarWeights { .. } => PortraitStatus::Avatar,
        E::PictureSize { .. }
        | E::FramePlane { .. }
        | E::FrameTooLarge { .. }
        | E::FrameEmpty { .. }
        | E::FrameSize { .. } => PortraitStatus::Frame,
        E::AvatarIo { .. } | E::MotionIo { .. } => PortraitStatus::Io,
        E::Target { .. } | E::Surface { .. } => PortraitStatus::Surface,
        E::Preset(_)
        | E::FaceIndex { .. }
        | E::PhotoSize { .. }
        | E::PhotoTooLarge { .. }
        | E::PictureSide { .. }
        | E::SeveralAvatars
        | E::Points { .. }
        | E::PointReach { .. }
        | E::SpeechRoom { .. }
        | E::DriverFace
        | E::Expression { .. }
        | E::MotionFormat { .. }
        | E::MotionUnfit { .. } => PortraitStatus::InvalidArgument,
        E::ExternalTexture { .. } => PortraitStatus::Unsupported,
        E::Ended(why) => status_of(why),
        E::Device(_) => PortraitStatus::Device,
        E::Thread(_) | E::Panicked(_) => PortraitStatus::Internal,
        // The engine may know more errors than this crate, which a test finds out: nothing says that the device is at fault.
        _ => PortraitStatus::Internal,
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::new(status_of(&error), error.to_string())
    }
}

thread_local! {
    static LAST_ERROR: RefCell<CString> = RefCell::default();
}

/// Keeps the text of a failed call for this thread.
pub(crate) fn note(failure: &Failure) {
    let text = CString::new(failure.text.replace('\0', " ")).unwrap_or_default();
    // A thread that is ending has no place for it any more.
    let _ = LAST_ERROR.try_with(|last| *last.borrow_mut() = text);
}

/// Fails as a call of the library does: for bindings that refuse what they cannot hand on.
pub fn refuse(status: PortraitStatus, text: impl Into<String>) -> PortraitStatus {
    note(&Failure::new(status, text));
    status
}

/// The text of this thread's last failed call, in UTF-8; empty if none failed yet. Never null; valid until this thread's next call of
/// the library. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn portrait_last_error() -> *const c_char {
    LAST_ERROR.try_with(|last| last.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}

/// The name of a status, like "no face"; "unknown status" for other numbers. Never null, valid forever. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn portrait_status_name(status: u32) -> *const c_char {
    const NAMES: [&CStr; 17] = [
        c"ok",
        c"pending",
        c"invalid argument",
        c"invalid handle",
        c"released",
        c"no adapter",
        c"weights",
        c"no face",
        c"several faces",
        c"avatar",
        c"frame",
        c"device",
        c"surface",
        c"file",
        c"unsupported",
        c"buffer too small",
        c"internal error",
    ];
    NAMES.get(status as usize).map_or(c"unknown status".as_ptr(), |name| name.as_ptr())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The compiler does not say so: errors of the engine may become more.
    #[test]
    fn every_error_of_the_engine_has_a_status() {
        let declared = include_str!("../../portrait-runtime/src/error.rs");
        let variants = declared.split_once("pub enum EngineError {").and_then(|(_, rest)| rest.split_once("\n}"));
        let names = variants.expect("the declaration").0.lines().filter_map(|line| {
            let name = line.strip_prefix("    ")?.split(['(', ' ', ',']).next()?;
            name.starts_with(|c: char| c.is_ascii_uppercase()).then_some(name)
        });
        let names: Vec<&str> = names.collect();
        assert!(names.len() > 25 && names.contains(&"PictureSide"), "{names:?}");
        let (here, _) = include_str!("status.rs").split_once("mod tests").expect("this module");
        for name in names {
            let named = [" ", "(", ",", "\n"].map(|next| format!("E::{name}{next}"));
            assert!(named.iter().any(|text| here.contains(text.as_str())), "`status_of` does not know `{name}`");
        }
    }

    #[test]
    fn what_the_host_did_wrong_is_not_the_device_s_fault() {
        let ended = EngineError::Ended(std::sync::Arc::new(EngineError::SeveralAvatars));
        for (error, status) in [
            (EngineError::PictureSide { side: 1, least: 256, limit: 8192 }, PortraitStatus::InvalidArgument),
            (ended, PortraitStatus::InvalidArgument),
            (EngineError::Thread(std::io::ErrorKind::OutOfMemory.into()), PortraitStatus::Internal),
            (EngineError::Panicked("at 7".to_owned()), PortraitStatus::Internal),
            (EngineError::Device("gone".to_owned()), PortraitStatus::Device),
        ] {
            assert_eq!(Failure::from(error).status, status);
        }
    }
}
