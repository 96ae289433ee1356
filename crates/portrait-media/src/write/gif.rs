//! GIF, a palette per frame.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use gif::{Encoder, EncodingError, Frame, Repeat};

use super::Sink;
use crate::output::TempFile;
use crate::{MediaError, Picture, Result};

/// Effort of the palette search, 1 (best) to 30: at 10 a 512² frame takes some 10 ms.
const SPEED: i32 = 10;

pub(super) struct GifSink {
    path: PathBuf,
    temp: TempFile,
    encoder: Encoder<BufWriter<File>>,
    /// Waits for the next one, which says how long it is shown.
    pending: Option<(Frame<'static>, u64)>,
    frame_seconds: f64,
}

impl GifSink {
    pub(super) fn create(path: &Path, width: u32, height: u32, fps: f64) -> Result<Self> {
        let (Ok(w), Ok(h)) = (u16::try_from(width), u16::try_from(height)) else {
            let reason = "a GIF is at most 65535 pixels a side; scale down";
            return Err(MediaError::OutputSize { path: path.to_owned(), width, height, reason });
        };
        let temp = TempFile::beside(path)?;
        let file = temp.file().try_clone().map_err(|e| MediaError::write(path, e))?;
        let fail = |e| failure(path, e);
        let mut encoder = Encoder::new(BufWriter::new(file), w, h, &[]).map_err(fail)?;
        encoder.set_repeat(Repeat::Infinite).map_err(fail)?;
        Ok(Self { path: path.to_owned(), temp, encoder, pending: None, frame_seconds: 1.0 / fps })
    }

    /// Writes the waiting frame, shown until a time in hundredths of a second.
    fn flush_pending(&mut self, until: u64) -> Result<()> {
        if let Some((mut frame, since)) = self.pending.take() {
            frame.delay = u16::try_from(until.saturating_sub(since)).unwrap_or(u16::MAX);
            self.encoder.write_frame(&frame).map_err(|e| failure(&self.path, e))?;
        }
        Ok(())
    }
}

fn failure(path: &Path, error: EncodingError) -> MediaError {
    match error {
        EncodingError::Io(e) => MediaError::write(path, e),
        other => MediaError::encode(path, other),
    }
}

fn hundredths(seconds: f64) -> u64 {
    (seconds * 100.0).round().max(0.0) as u64
}

impl Sink for GifSink {
    fn push(&mut self, picture: &Picture, seconds: f64) -> Result<()> {
        // Browsers show anything below 0.02 s for 0.1 s, so faster videos keep their pace by dropping.
        let now = hundredths(seconds);
        if self.pending.as_ref().is_some_and(|(_, since)| now < since + 2) {
            return Ok(());
        }
        self.flush_pending(now)?;
        let (width, height) = (picture.width as u16, picture.height as u16);
        let opaque: Vec<u8> = picture.rgba.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
        self.pending = Some((Frame::from_rgb_speed(width, height, &opaque, SPEED), now));
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let since = self.pending.as_ref().map_or(0, |(_, since)| *since);
        self.flush_pending(since + hundredths(self.frame_seconds).max(2))?;
        let path = self.path;
        let mut out = self.encoder.into_inner().map_err(|e| failure(&path, e))?;
        out.flush().map_err(|e| MediaError::write(&path, e))?;
        self.temp.publish()
    }
}
