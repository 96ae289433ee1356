//! MP4 with H.264.

use std::path::{Path, PathBuf};

use super::Sink;
use crate::h264::{H264Encoder, MAX_LONG_SIDE, MAX_SHORT_SIDE, MIN_SIDE};
use crate::mp4::{AudioSource, AudioTrack, Avc, Muxer, Timebase};
use crate::{MediaError, Picture, Result};

pub(super) struct Mp4Sink {
    path: PathBuf,
    encoder: H264Encoder,
    muxer: Muxer,
    timebase: Timebase,
    last: Option<u64>,
}

impl Mp4Sink {
    pub(super) fn create(path: &Path, width: u32, height: u32, fps: f64) -> Result<Self> {
        let size = |reason| MediaError::OutputSize { path: path.to_owned(), width, height, reason };
        if width.max(height) > MAX_LONG_SIDE || width.min(height) > MAX_SHORT_SIDE {
            return Err(size("MP4 is encoded up to 3840×2160; scale down, or write PNG frames"));
        }
        if width.min(height) < MIN_SIDE {
            return Err(size("MP4 is encoded from 16 pixels a side; scale up, or write PNG frames"));
        }
        let encoder = H264Encoder::new(width, height, fps).map_err(|e| MediaError::encode(path, e))?;
        let timebase = Timebase::of(fps);
        let muxer = Muxer::create(path, timebase)?;
        Ok(Self { path: path.to_owned(), encoder, muxer, timebase, last: None })
    }
}

impl Sink for Mp4Sink {
    fn push(&mut self, picture: &Picture, seconds: f64) -> Result<()> {
        // Two times that round to one tick still are two frames.
        let earliest = self.last.map_or(0, |last| last + 1);
        let pts = self.timebase.ticks(seconds).max(earliest);
        self.last = Some(pts);
        let encoded = self.encoder.encode(picture);
        let (sample, sync) = encoded.map_err(|e| MediaError::encode(&self.path, e))?;
        self.muxer.push_video(sample, pts, sync)
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
