//! A system that has no virtual camera which is written to here.

use std::path::Path;

use super::VirtualCameraError;
use crate::Picture;

/// A virtual camera; this system has none that is written to here.
pub enum VirtualCamera {}

impl VirtualCamera {
    /// Always an error on this system.
    ///
    /// # Errors
    /// [`VirtualCameraError::System`].
    pub fn open(_path: impl AsRef<Path>, _size: [u32; 2]) -> Result<Self, VirtualCameraError> {
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
