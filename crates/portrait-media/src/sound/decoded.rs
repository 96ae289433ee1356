//! Sound as a file holds it: at its own rate, with its own channels.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{container, ffmpeg, mp4};
use crate::sniff::{self, Kind};
use crate::{MediaError, Result};

/// What a source gives.
pub(super) enum Step {
    /// Samples, or for now none.
    Sound,
    /// The end.
    End,
    /// The end of the file where there should be more.
    Cut,
}

/// A source of samples in order of time.
pub(super) trait Source: Send {
    /// Fills an empty vector with interleaved samples, nominally from -1 to 1, of whole frames: one sample of each channel.
    fn next(&mut self, out: &mut Vec<f32>) -> Result<Step>;
}

/// What a source needs to be read.
pub(super) struct Opened {
    pub(super) source: Box<dyn Source>,
    /// Frames per second.
    pub(super) rate: u32,
    pub(super) channels: usize,
    /// How many frames will come, where the file says so.
    pub(super) frames: Option<u64>,
    /// Whether that is exact, so that fewer mean that the file is cut even where its end does not show it.
    pub(super) exact: bool,
}

/// Sound as a file holds it: at its own rate, with its own channels.
pub(crate) struct Decoded {
    path: PathBuf,
    opened: Opened,
    samples: Vec<f32>,
    /// Whether `samples` has not been given yet.
    waiting: bool,
    given: u64,
    ended: bool,
}

/// Rates that sound is recorded at, in Hz, and some more on both sides.
const RATES: std::ops::RangeInclusive<u32> = 1000..=400_000;
/// The most channels that a file may have.
pub(super) const MAX_CHANNELS: usize = 64;

impl Decoded {
    /// Opens the sound of a file and decodes its first samples.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let (file, kind) = sniff::open(path, "sound")?;
        let opened = match kind {
            Kind::Sound(name) => container::open(file, path, name)?,
            Kind::Mp4 | Kind::M4a => mp4::open(file, path)?,
            Kind::OtherSound(_) | Kind::Matroska | Kind::Avi | Kind::OtherVideo(_) | Kind::Unknown => {
                ffmpeg::open(path, kind.describe())?
            }
            Kind::Png | Kind::Jpeg | Kind::WebP | Kind::Gif | Kind::Heif | Kind::Other(_) | Kind::Text => {
                let found = kind.describe().to_owned();
                return Err(MediaError::NotASound { path: path.to_owned(), found });
            }
        };
        if !RATES.contains(&opened.rate) || !(1..=MAX_CHANNELS).contains(&opened.channels) {
            let reason = format!("it claims {} samples per second and {} channels", opened.rate, opened.channels);
            return Err(MediaError::damaged_sound(path, reason));
        }
        let (path, samples) = (path.to_owned(), Vec::new());
        let mut decoded = Self { path, opened, samples, waiting: false, given: 0, ended: false };
        match decoded.fill() {
            Ok(true) => decoded.waiting = true,
            Ok(false) => return Err(MediaError::NoSound { path: decoded.path }),
            Err(MediaError::TruncatedSound { path, .. }) => {
                return Err(MediaError::damaged_sound(&path, "it ends before its first sample: it was cut off"));
            }
            Err(error) => return Err(error),
        }
        Ok(decoded)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Samples of each channel per second.
    pub(crate) fn rate(&self) -> u32 {
        self.opened.rate
    }

    pub(crate) fn channels(&self) -> usize {
        self.opened.channels
    }

    /// How long it is, where the file says so.
    pub(crate) fn duration(&self) -> Option<Duration> {
        self.opened.frames.map(|frames| self.time(frames))
    }

    /// How many samples each channel will have, where the file says so.
    pub(crate) fn frames(&self) -> Option<u64> {
        self.opened.frames
    }

    fn time(&self, frames: u64) -> Duration {
        Duration::from_secs_f64(frames as f64 / f64::from(self.opened.rate))
    }

    /// The next samples, interleaved and from -1 to 1; nothing after the last. An error comes once, after what there was before it.
    pub(crate) fn next(&mut self) -> Result<Option<&[f32]>> {
        let more = std::mem::take(&mut self.waiting) || self.fill()?;
        Ok(more.then_some(&self.samples))
    }

    fn fill(&mut self) -> Result<bool> {
        self.samples.clear();
        while !self.ended && self.samples.is_empty() {
            // Whatever is not said to go on has ended.
            self.ended = true;
            match self.opened.source.next(&mut self.samples)? {
                Step::Sound => self.ended = false,
                step => self.check_end(matches!(step, Step::Cut))?,
            }
        }
        self.given += (self.samples.len() / self.opened.channels) as u64;
        // Floating-point files may hold anything.
        let heard = |sample: f32| if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
        self.samples.iter_mut().for_each(|sample| *sample = heard(*sample));
        Ok(!self.samples.is_empty())
    }

    /// An error where the file ends early. A tenth of a second is no loss to tell of: counts are a packet off here and there.
    fn check_end(&self, cut: bool) -> Result<()> {
        let slack = u64::from(self.opened.rate / 10);
        let expected = self.opened.frames.filter(|_| self.opened.exact || cut);
        let missing = expected.filter(|expected| *expected > self.given + slack);
        if missing.is_none() && !cut {
            return Ok(());
        }
        let (found, expected) = (self.time(self.given), missing.map(|frames| self.time(frames)));
        Err(MediaError::TruncatedSound { path: self.path.clone(), found, expected })
    }
}

/// The mean of the channels.
pub(crate) fn downmix(interleaved: &[f32], channels: usize) -> impl Iterator<Item = f32> {
    interleaved.chunks_exact(channels).map(move |frame| frame.iter().sum::<f32>() / channels as f32)
}
