//! A system whose cameras are not read.

use std::time::Duration;

use super::{CameraError, CameraInfo, Shot};

pub(super) fn cameras() -> Result<Vec<CameraInfo>, CameraError> {
    Err(CameraError::System)
}

/// There is none.
pub(super) enum Stream {}

impl Stream {
    pub(super) fn open(_info: &CameraInfo, _size: [u32; 2]) -> Result<Self, CameraError> {
        Err(CameraError::System)
    }

    pub(super) fn next_frame(&mut self, _patience: Duration) -> Result<Option<Shot>, CameraError> {
        match *self {}
    }
}
