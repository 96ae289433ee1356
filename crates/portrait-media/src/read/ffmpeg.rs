//! Videos that are not decoded here, streamed through [`crate::ffmpeg`].

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Opened, Source, VideoInfo, check_size};
use crate::ffmpeg::{Probe, Running, value};
use crate::mp4::AudioTrack;
use crate::{MediaError, Picture, Result};

struct FfmpegSource {
    path: PathBuf,
    /// RGBA pictures, each with a small header of its own (PAM): sizes need no guessing.
    frames: Running,
    first: Option<Picture>,
    fps: f64,
    given: u64,
    /// Frames that the file announces.
    expected: Option<u64>,
}

/// Opens through `ffmpeg`. `found` says what could not be decoded without it.
pub(super) fn open(path: &Path, found: &str, audio: Option<AudioTrack>) -> Result<Opened> {
    let missing = |_| MediaError::UnsupportedVideo { path: path.to_owned(), found: found.to_owned() };
    let entries = "stream=codec_type,codec_name,avg_frame_rate,r_frame_rate,duration:format=duration";
    let probe = Probe::of(path, entries).map_err(missing)?;
    let has_sound = probe.stream("audio").is_some();
    let Some((video, codec)) = probe.stream("video").and_then(|video| Some((video, value(video, "codec_name")?)))
    else {
        return Err(match probe.complaint {
            Some(reason) => MediaError::Ffmpeg { path: path.to_owned(), reason },
            None => MediaError::NoFrames { path: path.to_owned(), hint: if has_sound { ", only sound" } else { "" } },
        });
    };
    let mut rates = ["avg_frame_rate", "r_frame_rate"].into_iter().filter_map(|key| ratio(value(video, key)?));
    let fps = rates.find(|fps| (0.1..=1000.0).contains(fps)).unwrap_or(25.0);
    let seconds = probe.seconds(video);
    let frames = seconds.map(|s| (s * fps).round() as u64);

    let rate = format!("fps={fps}");
    let arguments =
        ["-map", "0:v:0", "-an", "-sn", "-dn", "-vf", &rate, "-f", "image2pipe", "-c:v", "pam", "-pix_fmt", "rgba"];
    let mut source = FfmpegSource {
        path: path.to_owned(),
        frames: Running::start(path, &arguments).map_err(missing)?,
        first: None,
        fps,
        given: 0,
        expected: frames,
    };
    let first = source.read_picture()?;
    let Some(first) = first else {
        let ending = source.frames.ending();
        return Err(match ending.failure.or(ending.complaint) {
            Some(reason) => MediaError::Ffmpeg { path: path.to_owned(), reason },
            None => MediaError::NoFrames { path: path.to_owned(), hint: "" },
        });
    };
    let info = VideoInfo {
        width: first.width,
        height: first.height,
        frames,
        fps,
        duration: seconds.and_then(|s| Duration::try_from_secs_f64(s).ok()),
        has_audio: audio.is_some() || has_sound,
        codec: codec.to_owned(),
    };
    source.first = Some(first);
    Ok(Opened { source: Box::new(source), info, audio })
}

impl FfmpegSource {
    /// One PAM picture: `P7`, header lines, `ENDHDR`, pixels.
    fn read_picture(&mut self) -> Result<Option<Picture>> {
        let broken = |what: &str| MediaError::Ffmpeg { path: self.path.clone(), reason: what.to_owned() };
        let (mut width, mut height) = (0u32, 0u32);
        for number in 0.. {
            let mut line = Vec::new();
            let read = self.frames.output.by_ref().take(256).read_until(b'\n', &mut line);
            let read = read.map_err(|e| MediaError::read(&self.path, e))?;
            if read == 0 && number == 0 {
                return Ok(None);
            }
            let line = String::from_utf8_lossy(&line);
            match line.trim_end().split_once(' ') {
                Some(("WIDTH", value)) => width = value.parse().unwrap_or(0),
                Some(("HEIGHT", value)) => height = value.parse().unwrap_or(0),
                None if line.starts_with("ENDHDR") => break,
                _ if read == 0 || number > 16 => return Err(broken("its picture stream is cut or not understood")),
                _ => {}
            }
        }
        check_size(&self.path, width, height)?;
        let mut rgba = vec![0; width as usize * height as usize * 4];
        match self.frames.output.read_exact(&mut rgba) {
            Ok(()) => Ok(Some(Picture { width, height, rgba })),
            Err(_) => Err(broken("its picture stream ends in the middle of a frame")),
        }
    }
}

impl Source for FfmpegSource {
    fn next(&mut self) -> Result<Option<(Picture, f64)>> {
        let picture = match self.first.take() {
            Some(first) => Some(first),
            None => self.read_picture()?,
        };
        let Some(picture) = picture else {
            let (ending, path, found) = (self.frames.ending(), self.path.clone(), self.given);
            return match ending.failure {
                _ if ending.cut => {
                    let expected = self.expected.filter(|expected| *expected > found);
                    Err(MediaError::TruncatedVideo { path, found, expected })
                }
                Some(reason) => Err(MediaError::Ffmpeg { path, reason }),
                None => Ok(None),
            };
        };
        let seconds = self.given as f64 / self.fps;
        self.given += 1;
        Ok(Some((picture, seconds)))
    }
}

/// `30000/1001` as a number.
fn ratio(text: &str) -> Option<f64> {
    let (p, q) = text.split_once('/')?;
    let (p, q): (f64, f64) = (p.parse().ok()?, q.parse().ok()?);
    (p > 0.0 && q > 0.0).then_some(p / q)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_read() {
        assert_eq!(ratio("25/1"), Some(25.0));
        assert_eq!(ratio("0/0"), None);
    }
}
