//! What Media Foundation's errors mean for a camera. nokhwa hands them on as text, in the user's language, with the code at its end.

use std::io;

use super::CameraError;

/// The privacy settings forbid it.
const DENIED: [&str; 1] = ["0x80070005"]; // E_ACCESSDENIED
/// Another program has it.
const BUSY: [&str; 5] = [
    "0x80070020", // ERROR_SHARING_VIOLATION
    "0x800700AA", // ERROR_BUSY
    "0xC00D3704", // MF_E_HW_MFT_FAILED_START_STREAMING
    "0xC00D3EA3", // MF_E_VIDEO_RECORDING_DEVICE_PREEMPTED
    "0xC00D4E24", // MF_E_VIDEO_DEVICE_LOCKED
];
/// It was unplugged.
const GONE: [&str; 4] = [
    "0x80070002", // ERROR_FILE_NOT_FOUND
    "0x8007048F", // ERROR_DEVICE_NOT_CONNECTED
    "0xC00D3EA2", // MF_E_VIDEO_RECORDING_DEVICE_INVALIDATED
    "0xC00DABE0", // MF_E_NO_CAPTURE_DEVICES_AVAILABLE
];

pub(super) fn camera_error(name: &str, text: &str) -> CameraError {
    let is = |codes: &[&str]| codes.iter().any(|code| text.contains(code));
    let name = name.to_owned();
    match () {
        () if is(&DENIED) => CameraError::Denied { name },
        () if is(&BUSY) => CameraError::Busy { name },
        () if is(&GONE) => CameraError::Gone { name },
        () => CameraError::Io { name, source: io::Error::other(text.to_owned()) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_say_what_is_wrong() {
        let error = |text| camera_error("cam", text);
        assert!(matches!(
            error("Could not open device 0: Zugriff verweigert (0x80070005)"),
            CameraError::Denied { .. }
        ));
        assert!(matches!(error("Could not capture frame: 0xC00D3EA3"), CameraError::Busy { .. }));
        assert!(matches!(error("Could not capture frame: gone (0xC00D3EA2)"), CameraError::Gone { .. }));
        let other = error("Could not capture frame: Unspecified error (0x80004005)");
        assert!(matches!(other, CameraError::Io { .. }));
        assert!(other.to_string().contains("Unspecified error"), "{other}");
    }
}
