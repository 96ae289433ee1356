//! The driving clip.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use portrait_media::{AudioTrack, Frame, VideoInfo, VideoReader};
use portrait_runtime::Session;

/// How much of a clip is looked at before the first frame is made.
const LOOK_AHEAD: Duration = Duration::from_secs(1);

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

    /// The next frame and the seconds since the one before. A time that does not grow is moved on by a frame.
    pub(crate) fn next(&mut self) -> Result<Option<(Frame, f32)>> {
        let Some(mut frame) = self.reader.next_frame()? else { return Ok(None) };
        let mean = Duration::from_secs_f64(1.0 / self.reader.info().fps);
        frame.timestamp = grown(self.last, frame.timestamp, mean);
        let step = self.last.map_or(mean, |last| frame.timestamp - last);
        self.last = Some(frame.timestamp);
        Ok(Some((frame, step.as_secs_f32().clamp(*STEPS.start(), *STEPS.end()))))
    }
}

/// The pixels of a frame, as the engine takes them.
pub(crate) fn pixels(picture: &portrait_media::Picture) -> portrait_runtime::Frame<'_> {
    portrait_runtime::Frame { width: picture.width, height: picture.height, rgba: &picture.rgba }
}

/// When a frame is shown: after the last one, whatever the file says.
fn grown(last: Option<Duration>, time: Duration, mean: Duration) -> Duration {
    last.filter(|&last| time <= last).map_or(time, |last| last + mean)
}

/// Shows a session the first second of a clip, from its first frame on: the moment that is most like the photo is what
/// motion is measured from. How many frames that were.
pub(crate) fn look_ahead(session: &mut Session, path: &Path, stop: impl Fn() -> bool) -> Result<u64> {
    let mut driver = Driver::open(path)?;
    let (mut first, mut seen) = (None, 0);
    while !stop() {
        let (frame, step) = match driver.next() {
            Ok(Some(next)) => next,
            Ok(None) => break,
            // Who animates the clip meets the error again, after the frames before it.
            Err(_) if seen > 0 => break,
            Err(error) => return Err(error),
        };
        if frame.timestamp - *first.get_or_insert(frame.timestamp) >= LOOK_AHEAD {
            break;
        }
        session.observe(pixels(&frame.picture), step)?;
        // Uploads of frames that wait for the device would pile up.
        session.finish()?;
        seen += 1;
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_grow() {
        let ms = Duration::from_millis;
        let mut last = None;
        let times = [80, 80, 60, 240, 240].map(|time| {
            let time = grown(last, ms(time), ms(40));
            last = Some(time);
            time
        });
        assert_eq!(times, [80, 120, 160, 240, 280].map(ms));
    }
}
