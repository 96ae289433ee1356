//! MP4 with H.264.

use std::path::{Path, PathBuf};

use super::Sink;
use crate::h264::{H264Encoder, MAX_LONG_SIDE, MAX_SHORT_SIDE, MIN_SIDE};
use crate::mp4::{AudioSource, AudioTrack, Avc, Muxer, Timebase};
use crate::{MediaError, Picture, Result};

pub(super) struct Mp4Sink {
    path: PathBuf,
    /// Width and height of the pictures that come, and of what is written.
    given: [u32; 2],
    size: [u32; 2],
    encoder: H264Encoder,
    muxer: Muxer,
    timebase: Timebase,
    last: Option<u64>,
}

impl Mp4Sink {
    pub(super) fn create(path: &Path, width: u32, height: u32, fps: f64) -> Result<Self> {
        let size @ [w, h] = fitting(width, height);
        if w.min(h) < MIN_SIDE {
            let reason = "MP4 is encoded from 16 pixels a side and up to 3840×2160; scale it, or write PNG frames";
            return Err(MediaError::OutputSize { path: path.to_owned(), width, height, reason });
        }
        let encoder = H264Encoder::new(w, h, fps).map_err(|e| MediaError::encode(path, e))?;
        let timebase = Timebase::of(fps);
        let muxer = Muxer::create(path, timebase)?;
        Ok(Self { path: path.to_owned(), given: [width, height], size, encoder, muxer, timebase, last: None })
    }
}

/// The size of the same shape that is encoded: a smaller one where this is too large.
fn fitting(width: u32, height: u32) -> [u32; 2] {
    let (long, short) = (f64::from(width.max(height)), f64::from(width.min(height)));
    let scale = (f64::from(MAX_LONG_SIDE) / long).min(f64::from(MAX_SHORT_SIDE) / short).min(1.0);
    [width, height].map(|side| (f64::from(side) * scale).round() as u32)
}

impl Sink for Mp4Sink {
    fn push(&mut self, picture: &Picture, seconds: f64) -> Result<()> {
        // Two times that round to one tick still are two frames.
        let earliest = self.last.map_or(0, |last| last + 1);
        let pts = self.timebase.ticks(seconds).max(earliest);
        self.last = Some(pts);
        let scaled = self.scaled().map(|size| picture.scaled(size));
        let encoded = self.encoder.encode(scaled.as_ref().unwrap_or(picture));
        let (sample, sync) = encoded.map_err(|e| MediaError::encode(&self.path, e))?;
        self.muxer.push_video(sample, pts, sync)
    }

    fn scaled(&self) -> Option<[u32; 2]> {
        Some(self.size).filter(|size| *size != self.given)
    }

    fn has_audio(&self) -> bool {
        true
    }

    fn set_audio(&mut self, audio: AudioTrack) -> Result<()> {
        self.muxer.set_audio(AudioSource::open(audio)?);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let (sps, pps) = self.encoder.parameter_sets();
        let (width, height) = self.encoder.coded_size();
        let color = self.encoder.color();
        self.muxer.finish(&Avc { width: width as u16, height: height as u16, sps, pps, color })
    }
}
