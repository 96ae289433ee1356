//! What drives: a clip, a recorded motion, or speech.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use portrait_media::{AudioTrack, MediaError, Picture, VideoReader, is_sound};
use portrait_runtime::{EngineError, Expression, Idle, LOOK_AHEAD, LOOK_EVERY, Lips, Points, RecordedMotion, Session};

use crate::source::head;
use crate::voice::{FPS, Voice};

/// Time steps outside of this are taken for errors of the file, in seconds.
const STEPS: std::ops::RangeInclusive<f32> = 0.001..=1.0;

/// Size of the pictures that show a recorded motion.
const SKETCH: u32 = 256;

/// A clip, a recorded motion or speech that also knows how much time passes between its moments.
pub(crate) struct Driver {
    frames: Frames,
    path: PathBuf,
    last: Option<Duration>,
}

enum Frames {
    Clip(VideoReader),
    Motion { motion: RecordedMotion, next: usize, lost: u64 },
    Voice(Box<Voice>),
}

/// One moment of a driver.
pub(crate) struct Moment {
    pub(crate) drive: Drive,
    pub(crate) timestamp: Duration,
    /// Seconds since the moment before.
    pub(crate) step: f32,
}

/// What moves the photo.
pub(crate) enum Drive {
    Picture(Picture),
    Points(Points),
    /// What the photo's own face does.
    Expression(Box<Expression>),
}

impl Drive {
    /// Animates the photo by it.
    pub(crate) fn animate(&self, session: &mut Session, step: f32) -> Result<(), EngineError> {
        match self {
            Self::Picture(picture) => session.animate(pixels(picture), step),
            Self::Points(points) => session.animate_keypoints(points, step),
            Self::Expression(expression) => session.animate_expression(expression, step),
        }
    }

    /// Looks at it for a neutral pose.
    fn observe(&self, session: &mut Session, step: f32) -> Result<(), EngineError> {
        match self {
            Self::Picture(picture) => session.observe(pixels(picture), step),
            Self::Points(points) => session.observe_keypoints(points, step),
            // It is the photo's own: nothing is more like it than the photo.
            Self::Expression(_) => Ok(()),
        }
    }

    /// What it looks like: the picture, or a drawing of the points or the lips.
    pub(crate) fn into_picture(self) -> Picture {
        match self {
            Self::Picture(picture) => picture,
            Self::Points(points) => sketch(&points),
            Self::Expression(expression) => sketch_lips(expression.lips),
        }
    }
}

impl Driver {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let frames = if is_motion(path) {
            Frames::Motion { motion: RecordedMotion::load(path)?, next: 0, lost: 0 }
        } else if is_sound(path) {
            Frames::Voice(Box::new(Voice::open(path)?))
        } else {
            Frames::Clip(VideoReader::open(path)?)
        };
        Ok(Self { frames, path: path.to_owned(), last: None })
    }

    /// Width and height of the frames.
    pub(crate) fn size(&self) -> [u32; 2] {
        match &self.frames {
            Frames::Clip(reader) => [reader.info().width, reader.info().height],
            Frames::Motion { .. } | Frames::Voice(_) => [SKETCH; 2],
        }
    }

    /// Mean moments a second.
    pub(crate) fn fps(&self) -> f64 {
        match &self.frames {
            Frames::Clip(reader) => reader.info().fps,
            Frames::Voice(_) => FPS,
            Frames::Motion { motion, .. } => {
                let first = motion.frames.first().map_or(Duration::ZERO, |frame| frame.time);
                let last = motion.frames.last().map_or(Duration::ZERO, |frame| frame.time);
                match (last - first).as_secs_f64() {
                    seconds if seconds > 0.0 => ((motion.frames.len() - 1) as f64 / seconds).clamp(1.0, 240.0),
                    _ => 25.0,
                }
            }
        }
    }

    /// Whether this is a recorded motion, of one face and without pictures.
    pub(crate) fn is_motion(&self) -> bool {
        matches!(self.frames, Frames::Motion { .. })
    }

    /// How a face that speaks moves head and eyes.
    pub(crate) fn move_as(&mut self, idle: Idle) {
        if let Frames::Voice(voice) = &mut self.frames {
            voice.idle = idle;
        }
    }

    /// Whether this is speech, without a face.
    pub(crate) fn is_voice(&self) -> bool {
        matches!(self.frames, Frames::Voice(_))
    }

    /// How many moments will come, where that is known.
    pub(crate) fn len(&self) -> Option<u64> {
        match &self.frames {
            Frames::Clip(reader) => reader.info().frames,
            Frames::Motion { motion, .. } => Some(motion.frames.len() as u64),
            Frames::Voice(voice) => voice.len(),
        }
    }

    /// What is heard with it, if anything.
    ///
    /// # Errors
    /// A sound that cannot be decoded.
    pub(crate) fn audio(&self) -> Result<Option<AudioTrack>, MediaError> {
        let sounds = match &self.frames {
            Frames::Clip(reader) => reader.info().has_audio,
            Frames::Motion { .. } => false,
            Frames::Voice(_) => true,
        };
        sounds.then(|| AudioTrack::of_sound(&self.path)).transpose()
    }

    /// Moments given so far that show no face, of a motion; a clip's are counted by the session.
    pub(crate) fn lost(&self) -> u64 {
        match &self.frames {
            Frames::Clip(_) | Frames::Voice(_) => 0,
            Frames::Motion { lost, .. } => *lost,
        }
    }

    /// The pose that motion is measured from, where the recording says so.
    pub(crate) fn neutral(&self) -> Option<&Points> {
        match &self.frames {
            Frames::Clip(_) | Frames::Voice(_) => None,
            Frames::Motion { motion, .. } => motion.neutral.as_ref(),
        }
    }

    /// The next moment. A time that does not grow is moved on by a frame; where a recording has no face, its last one is held.
    pub(crate) fn next(&mut self) -> Result<Option<Moment>> {
        let mean = Duration::from_secs_f64(1.0 / self.fps());
        let (drive, timestamp) = match &mut self.frames {
            Frames::Clip(reader) => match reader.next_frame()? {
                Some(frame) => (Drive::Picture(frame.picture), frame.timestamp),
                None => return Ok(None),
            },
            Frames::Voice(voice) => match voice.next()? {
                Some((expression, timestamp)) => (Drive::Expression(Box::new(expression)), timestamp),
                None => return Ok(None),
            },
            Frames::Motion { motion, next, lost } => {
                let Some(frame) = motion.frames.get(*next) else { return Ok(None) };
                *lost += u64::from(frame.points.is_none());
                let before = motion.frames[..=*next].iter().rev().find_map(|frame| frame.points.as_ref());
                let after = || motion.frames[*next..].iter().find_map(|frame| frame.points.as_ref());
                let Some(points) = before.or_else(after) else { return Ok(None) };
                *next += 1;
                (Drive::Points(points.clone()), frame.time)
            }
        };
        let timestamp = grown(self.last, timestamp, mean);
        let step = self.last.map_or(mean, |last| timestamp - last);
        self.last = Some(timestamp);
        Ok(Some(Moment { drive, timestamp, step: step.as_secs_f32().clamp(*STEPS.start(), *STEPS.end()) }))
    }
}

/// Whether a file is a recorded motion, by its content, or else by its name.
pub(crate) fn is_motion(path: &Path) -> bool {
    let named = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("motion"));
    named || RecordedMotion::is_motion(&head(path))
}

/// The pixels of a frame, as the engine takes them.
pub(crate) fn pixels(picture: &Picture) -> portrait_runtime::Frame<'_> {
    portrait_runtime::Frame { width: picture.width, height: picture.height, rgba: &picture.rgba }
}

/// Facial points as dots on black.
fn sketch(points: &Points) -> Picture {
    let mut picture = Picture::from_fn(SKETCH, SKETCH, |_, _| [16, 16, 20, 255]);
    let side = SKETCH as i32;
    for point in &points.facial {
        let [x, y] = point.map(|v| ((v + 1.0) * 0.5 * side as f32) as i32);
        for (x, y) in [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)] {
            if (0..side).contains(&x) && (0..side).contains(&y) {
                let at = 4 * (y * side + x) as usize;
                picture.rgba[at..at + 3].copy_from_slice(&[230, 230, 220]);
            }
        }
    }
    picture
}

/// Lips as they part, on black.
fn sketch_lips(lips: Lips) -> Picture {
    let side = SKETCH as f32;
    // Half of a mouth of usual width (0.57) and of its opening, and a line where it is shut.
    let [across, down] = [0.57 + lips.wide, 0.04 + lips.open * (1.0 - lips.shut)].map(|size| 0.5 * size * side);
    Picture::from_fn(SKETCH, SKETCH, |x, y| {
        let [x, y] = [x, y].map(|v| v as f32 + 0.5 - 0.5 * side);
        let inside = (x / across).powi(2) + (y / down).powi(2) < 1.0;
        if inside { [230, 230, 220, 255] } else { [16, 16, 20, 255] }
    })
}

/// When a frame is shown: after the last one, whatever the file says.
fn grown(last: Option<Duration>, time: Duration, mean: Duration) -> Duration {
    last.filter(|&last| time <= last).map_or(time, |last| last + mean)
}

/// What was looked at of a driver before the first frame is made.
pub(crate) struct Look {
    /// Moments that were shown to the session.
    pub(crate) moments: u64,
    /// How much of the driver they are taken from.
    pub(crate) time: Duration,
}

/// Shows a session the first [`LOOK_AHEAD`] of a driver, a moment every [`LOOK_EVERY`]: the one that is most like the photo is what motion
/// is measured from, unless a recording brings its own. Speech is measured from the photo.
pub(crate) fn look_ahead(session: &mut Session, path: &Path, stop: impl Fn() -> bool) -> Result<Look> {
    let mut driver = Driver::open(path)?;
    let mut look = Look { moments: 0, time: Duration::ZERO };
    if let Some(neutral) = driver.neutral() {
        session.set_neutral(neutral)?;
        return Ok(look);
    }
    if driver.is_voice() {
        return Ok(look);
    }
    let (mut first, mut step) = (None, 0.0);
    while !stop() {
        let moment = match driver.next() {
            Ok(Some(moment)) => moment,
            Ok(None) => break,
            // Who animates the clip meets the error again, after the frames before it.
            Err(_) if look.moments > 0 => break,
            Err(error) => return Err(error),
        };
        let since = moment.timestamp - *first.get_or_insert(moment.timestamp);
        if since >= LOOK_AHEAD {
            break;
        }
        (look.time, step) = (since + Duration::from_secs_f32(moment.step), step + moment.step);
        if since < LOOK_EVERY * look.moments as u32 {
            continue;
        }
        moment.drive.observe(session, step)?;
        // Uploads of frames that wait for the device would pile up.
        session.finish()?;
        (look.moments, step) = (look.moments + 1, 0.0);
    }
    Ok(look)
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
