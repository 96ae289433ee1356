//! Sound in: one reader over three sources.

mod container;
mod decoded;
mod decoder;
mod ffmpeg;
mod mp4;
mod resample;

use std::path::Path;
use std::time::Duration;

pub(crate) use decoded::{Decoded, downmix};
use resample::Resampler;

use crate::{MediaError, Result};

/// Reads the sound of a file as speech recognisers want it: one channel, [`Self::RATE`] samples per second.
///
/// WAV, FLAC, MP3, Ogg Vorbis and Ogg FLAC, and AAC and FLAC in MP4, M4A and MOV are decoded here; everything else, Opus
/// above all, is streamed through `ffmpeg` where that is on the `PATH`. The first sample is the start of what the file
/// plays: what encoders put before it is cut off where the file says how much that is, and sound that a video's edit list
/// lets begin later is preceded by silence. The file is read piece by piece.
pub struct SoundReader {
    sound: Decoded,
    resampler: Resampler,
    /// What went wrong, to be told after the samples before it.
    trouble: Option<MediaError>,
    ended: bool,
}

impl std::fmt::Debug for SoundReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("SoundReader");
        out.field("path", &self.sound.path()).field("duration", &self.duration()).finish_non_exhaustive()
    }
}

impl SoundReader {
    /// Samples per second of what is read, in Hz.
    pub const RATE: u32 = 16_000;

    /// Opens a sound file, or the sound of a video, and decodes its first samples.
    ///
    /// # Errors
    /// [`MediaError::Open`], [`MediaError::IsDirectory`], [`MediaError::Empty`], [`MediaError::NotASound`] for text,
    /// photos and the like, [`MediaError::NoSound`], [`MediaError::UnsupportedSound`] where `ffmpeg` would be needed,
    /// [`MediaError::DamagedSound`], [`MediaError::Ffmpeg`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let sound = Decoded::open(path.as_ref())?;
        let resampler = Resampler::new(sound.rate(), Self::RATE);
        let resampler = resampler.map_err(|e| MediaError::damaged_sound(sound.path(), e.to_string()))?;
        Ok(Self { sound, resampler, trouble: None, ended: false })
    }

    /// How long the sound is, where the file says so; an estimate for an MP3 that does not count its frames.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        self.sound.duration()
    }

    /// The next samples, from -1 to 1 and never none, or nothing after the last. Chunks are of different lengths, mostly
    /// of less than a second.
    ///
    /// A file that ends early, or is damaged half-way, gives the sound before that place, then the error once, then
    /// nothing, as [`crate::VideoReader::next_frame`] does.
    ///
    /// # Errors
    /// [`MediaError::TruncatedSound`], [`MediaError::DamagedSound`], [`MediaError::Read`], [`MediaError::Ffmpeg`].
    pub fn next_chunk(&mut self) -> Result<Option<Vec<f32>>> {
        let mut chunk = Vec::new();
        while chunk.is_empty() && !self.ended {
            let channels = self.sound.channels();
            let resampled = match self.sound.next() {
                Ok(Some(samples)) => self.resampler.push(downmix(samples, channels), &mut chunk),
                end => {
                    (self.ended, self.trouble) = (true, end.err());
                    self.resampler.finish(&mut chunk)
                }
            };
            resampled.map_err(|e| MediaError::damaged_sound(self.sound.path(), e.to_string()))?;
        }
        if chunk.is_empty() {
            return self.trouble.take().map_or(Ok(None), Err);
        }
        // Between two samples of full scale a sound may go beyond it.
        chunk.iter_mut().for_each(|sample| *sample = sample.clamp(-1.0, 1.0));
        Ok(Some(chunk))
    }
}
