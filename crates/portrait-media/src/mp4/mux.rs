//! An MP4 file with one H.264 track and, where wanted, one track of sound; index first ("fast start").
//!
//! Coded frames go to a scratch file as they come; the index, whose size is known only at the end, is
//! written before them when the file is closed. Memory holds a few bytes per frame.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::audio_source::AudioSource;
use super::mux_boxes::{self, Avc, TrackOut};
use crate::output::{TempFile, scratch_file};
use crate::{MediaError, Result};

/// Ticks per second and ticks per frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timebase {
    pub(crate) timescale: u32,
    pub(crate) delta: u32,
}

impl Timebase {
    /// Exact for whole rates, for the NTSC rates (29.97 means 30000/1001) and for any fraction with a
    /// denominator up to 1001; to a millionth of a second otherwise.
    pub(crate) fn of(fps: f64) -> Self {
        let whole = fps.round();
        if (fps - whole).abs() < 1e-6 && whole >= 1.0 {
            return Self { timescale: whole as u32 * 1000, delta: 1000 };
        }
        let ntsc = (fps * 1.001).round();
        if (fps - ntsc / 1.001).abs() < 0.001 && matches!(ntsc as u32, 24 | 30 | 48 | 60 | 120) {
            return Self { timescale: ntsc as u32 * 1000, delta: 1001 };
        }
        for q in 2..=1001u32 {
            let p = (fps * f64::from(q)).round();
            if p >= 1.0 && (fps - p / f64::from(q)).abs() < 1e-9 * fps {
                // Fine enough ticks for time stamps of frames that do not keep the rate.
                let scale = (10_000.0 / p).ceil().max(1.0) as u32;
                return Self { timescale: p as u32 * scale, delta: q * scale };
            }
        }
        Self { timescale: 1_000_000, delta: (1e6 / fps).round().max(1.0) as u32 }
    }

    pub(crate) fn ticks(self, seconds: f64) -> u64 {
        (seconds * f64::from(self.timescale)).round().max(0.0) as u64
    }
}

/// Writes one MP4 file.
pub(crate) struct Muxer {
    path: PathBuf,
    temp: TempFile,
    payload: BufWriter<File>,
    position: u64,
    timebase: Timebase,
    video: TrackOut,
    last_pts: Option<u64>,
    audio: Option<AudioSource>,
    last_was_video: bool,
}

impl Muxer {
    pub(crate) fn create(path: &Path, timebase: Timebase) -> Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            temp: TempFile::beside(path)?,
            payload: BufWriter::new(scratch_file(path)?),
            position: 0,
            timebase,
            video: TrackOut::default(),
            last_pts: None,
            audio: None,
            last_was_video: false,
        })
    }

    pub(crate) fn set_audio(&mut self, audio: AudioSource) {
        self.audio = Some(audio);
    }

    /// Appends a coded frame (4-byte lengths before each NAL unit), shown at a tick later than the
    /// frame before it.
    pub(crate) fn push_video(&mut self, data: &[u8], pts: u64, sync: bool) -> Result<()> {
        self.push_audio_until(pts as f64 / f64::from(self.timebase.timescale))?;
        if let Some(last) = self.last_pts {
            self.video.end_sample(pts.saturating_sub(last).min(u64::from(u32::MAX)) as u32);
        }
        self.last_pts = Some(pts);
        self.video.begin_sample(self.position, data.len() as u32, sync, !self.last_was_video);
        self.last_was_video = true;
        self.append(data)
    }

    fn append(&mut self, data: &[u8]) -> Result<()> {
        self.payload.write_all(data).map_err(|e| MediaError::write(&self.path, e))?;
        self.position += data.len() as u64;
        Ok(())
    }

    /// Appends the packets of sound that start before a time.
    fn push_audio_until(&mut self, seconds: f64) -> Result<()> {
        let Some(mut audio) = self.audio.take() else { return Ok(()) };
        while audio.next_time().is_some_and(|time| time < seconds) {
            let Some((packet, duration)) = audio.next()? else { break };
            audio.out.begin_sample(
                self.position,
                packet.len() as u32,
                true,
                self.last_was_video || audio.out.is_empty(),
            );
            audio.out.end_sample(duration);
            self.last_was_video = false;
            self.append(&packet)?;
        }
        self.audio = Some(audio);
        Ok(())
    }

    /// Closes the file and gives it its name.
    pub(crate) fn finish(mut self, avc: &Avc<'_>) -> Result<()> {
        self.video.end_sample(self.timebase.delta);
        let seconds = self.video.duration() as f64 / f64::from(self.timebase.timescale);
        self.push_audio_until(seconds)?;

        let audio = self.audio.as_ref().filter(|a| !a.out.is_empty()).map(|a| {
            let (timescale, stsd, edit) = a.playing(seconds, |seconds| self.timebase.ticks(seconds));
            (&a.out, timescale, stsd, edit)
        });
        let head = mux_boxes::head(self.position, self.timebase.timescale, &self.video, avc, audio);

        let path = &self.path;
        let fail = |e| MediaError::write(path, e);
        let mut payload = self.payload.into_inner().map_err(|e| fail(e.into_error()))?;
        payload.rewind().map_err(fail)?;
        let mut payload = payload.take(self.position);
        let mut out = self.temp.file();
        out.write_all(&head).map_err(fail)?;
        let copied = std::io::copy(&mut payload, &mut out).map_err(fail)?;
        if copied != self.position {
            return Err(fail(std::io::ErrorKind::UnexpectedEof.into()));
        }
        self.temp.publish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_rates_are_exact() {
        let rate = |fps: f64| {
            let t = Timebase::of(fps);
            (t.timescale, t.delta)
        };
        assert_eq!(rate(25.0), (25_000, 1000));
        assert_eq!(rate(30.0), (30_000, 1000));
        assert_eq!(rate(29.97), (30_000, 1001));
        assert_eq!(rate(30_000.0 / 1001.0), (30_000, 1001));
        assert_eq!(rate(23.976), (24_000, 1001));
        let (scale, delta) = rate(1199.0 / 50.0);
        assert_eq!(u64::from(scale) * 50, u64::from(delta) * 1199);
        assert_eq!(rate(12.5), (10_000, 800));
        let (scale, delta) = rate(std::f64::consts::PI * 8.0);
        assert!((f64::from(scale) / f64::from(delta) - std::f64::consts::PI * 8.0).abs() < 1e-3);
        let (scale, delta) = rate(0.001);
        assert!((f64::from(scale) / f64::from(delta) - 0.001).abs() < 1e-6);
    }
}
