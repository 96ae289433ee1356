//! Sound that is not decoded here, streamed through [`crate::ffmpeg`].

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::decoded::{Opened, Source, Step};
use crate::ffmpeg::{Probe, Running, value};
use crate::{MediaError, Result};

/// Bytes that are read at a time.
const PIECE: usize = 1 << 15;

struct FfmpegSound {
    path: PathBuf,
    /// Interleaved 32-bit floats, little end first.
    samples: Running,
    /// Bytes of a sample of each channel.
    frame: usize,
    bytes: Vec<u8>,
}

/// Opens through `ffmpeg`. `found` says what could not be decoded without it.
pub(super) fn open(path: &Path, found: &str) -> Result<Opened> {
    let missing = |_| MediaError::UnsupportedSound { path: path.to_owned(), found: found.to_owned() };
    let probe = Probe::of(path, "stream=codec_type,sample_rate,channels,duration:format=duration").map_err(missing)?;
    let number = |key| value(probe.stream("audio")?, key)?.parse::<u32>().ok().filter(|number| *number > 0);
    let (Some(rate), Some(channels)) = (number("sample_rate"), number("channels")) else {
        return Err(match probe.complaint {
            Some(reason) => MediaError::Ffmpeg { path: path.to_owned(), reason },
            None => MediaError::NoSound { path: path.to_owned() },
        });
    };
    let seconds = probe.stream("audio").and_then(|stream| probe.seconds(stream));
    // Gaps are silence, and in a video so is the time before the sound.
    let filter = if probe.stream("video").is_some() { "aresample=async=1:first_pts=0" } else { "aresample=async=1" };
    let arguments = ["-map", "0:a:0", "-vn", "-sn", "-dn", "-f", "f32le", "-af", filter, "-ar"];
    let told = [&rate.to_string(), "-ac", &channels.to_string()];
    let source = FfmpegSound {
        path: path.to_owned(),
        samples: Running::start(path, &[&arguments[..], &told].concat()).map_err(missing)?,
        frame: channels as usize * size_of::<f32>(),
        bytes: Vec::new(),
    };
    let frames = seconds.map(|seconds| (seconds * f64::from(rate)).round() as u64);
    Ok(Opened { source: Box::new(source), rate, channels: channels as usize, frames, exact: false })
}

impl Source for FfmpegSound {
    fn next(&mut self, out: &mut Vec<f32>) -> Result<Step> {
        let kept = self.bytes.len();
        self.bytes.resize(kept + PIECE, 0);
        let read = match self.samples.output.read(&mut self.bytes[kept..]) {
            Err(e) if e.kind() == ErrorKind::Interrupted => 0,
            Err(e) => return Err(MediaError::read(&self.path, e)),
            Ok(0) => {
                let ending = self.samples.ending();
                return match ending.failure {
                    _ if ending.cut => Ok(Step::Cut),
                    Some(reason) => Err(MediaError::Ffmpeg { path: self.path.clone(), reason }),
                    None => Ok(Step::End),
                };
            }
            Ok(read) => read,
        };
        self.bytes.truncate(kept + read);
        let whole = self.bytes.len() / self.frame * self.frame;
        let (samples, _) = self.bytes[..whole].as_chunks();
        out.extend(samples.iter().map(|sample| f32::from_le_bytes(*sample)));
        self.bytes.drain(..whole);
        Ok(Step::Sound)
    }
}
