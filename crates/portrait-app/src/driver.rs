//! The driving clip.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use portrait_media::{AudioTrack, Frame, VideoInfo, VideoReader};

/// Time steps outside of this are taken for errors of the file, in seconds.
const STEPS: std::ops::RangeInclusive<f32> = 0.001..=1.0;

/// A clip that also knows how much time passes between its frames.
pub(crate) struct Driver {
    reader: VideoReader,
    last: Option<Duration>,
}

impl Driver {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Ok(Self { reader: VideoReader::open(path)?, last: None })
    }

    pub(crate) fn info(&self) -> &VideoInfo {
        self.reader.info()
    }

    pub(crate) fn audio(&self) -> Option<AudioTrack> {
        self.reader.audio()
    }

    /// The next frame and the seconds since the one before.
    pub(crate) fn next(&mut self) -> Result<Option<(Frame, f32)>> {
        let Some(frame) = self.reader.next_frame()? else { return Ok(None) };
        let mean = 1.0 / self.reader.info().fps as f32;
        let step = self.last.map_or(mean, |last| frame.timestamp.saturating_sub(last).as_secs_f32());
        self.last = Some(frame.timestamp);
        Ok(Some((frame, step.clamp(*STEPS.start(), *STEPS.end()))))
    }
}

/// The pixels of a frame, as the engine takes them.
pub(crate) fn pixels(picture: &portrait_media::Picture) -> portrait_runtime::Frame<'_> {
    portrait_runtime::Frame { width: picture.width, height: picture.height, rgba: &picture.rgba }
}
