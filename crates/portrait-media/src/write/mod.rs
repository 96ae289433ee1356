//! Videos out: one writer over three formats.

mod frames;
mod gif;
mod mp4;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::mp4::AudioTrack;
use crate::output::check_target;
use crate::{MediaError, Picture, Result};

/// What a format must do.
trait Sink: Send {
    /// Takes a picture of the right size, shown at a time in seconds that grows.
    fn push(&mut self, picture: &Picture, seconds: f64) -> Result<()>;
    /// Width and height of what it writes, where they are not those of the pictures.
    fn scaled(&self) -> Option<[u32; 2]> {
        None
    }
    /// Whether the format has sound.
    fn has_audio(&self) -> bool {
        false
    }
    /// Sound to go with it; a format without sound ignores it.
    fn set_audio(&mut self, _audio: AudioTrack) -> Result<()> {
        Ok(())
    }
    /// Completes the output and gives it its name.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Writes a video frame by frame. The format is chosen by the name:
///
/// | name | format |
/// |---|---|
/// | `….mp4`, `….m4v`, `….mov` | MP4: H.264 (High profile, 4:2:0), index first, plays everywhere |
/// | `….gif` | GIF, 256 colours a frame, endless loop; times are rounded to 1/100 s without drift |
/// | `name_%05d.png` | one PNG per frame, numbered from 0 |
/// | `name/`, or a name without extension | a directory of `frame_%05d.png` |
///
/// Nothing appears under the final name before [`Self::finish`]; a writer that is dropped leaves
/// nothing behind. After an interrupted run `finish` closes a playable file with the frames so far.
pub struct VideoWriter {
    path: PathBuf,
    sink: Box<dyn Sink>,
    width: u32,
    height: u32,
    fps: f64,
    frames: u64,
    last_seconds: f64,
    failed: bool,
}

impl std::fmt::Debug for VideoWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("VideoWriter");
        out.field("path", &self.path).field("width", &self.width).field("height", &self.height);
        out.field("fps", &self.fps).field("frames", &self.frames).finish_non_exhaustive()
    }
}

impl VideoWriter {
    /// Starts a video of `width` × `height` pixels at `fps` frames per second.
    ///
    /// 25, 30, 29.97 and other common rates are kept exactly. MP4 takes 16 pixels a side and more; larger pictures
    /// are scaled down to 3840 × 2160 (either way up), see [`Self::size`], and an odd width or height grows by one
    /// column or row that repeats the last.
    ///
    /// # Errors
    /// [`MediaError::UnknownOutput`], [`MediaError::MissingParent`], [`MediaError::InTheWay`],
    /// [`MediaError::OutputSize`], [`MediaError::FrameRate`], [`MediaError::Write`] where the directory
    /// cannot be written to.
    pub fn create(path: impl AsRef<Path>, width: u32, height: u32, fps: f64) -> Result<Self> {
        let path = path.as_ref();
        if !(fps > 0.0 && fps <= 1000.0) {
            return Err(MediaError::FrameRate { path: path.to_owned(), fps });
        }
        if width == 0 || height == 0 {
            let reason = "a frame needs at least one pixel";
            return Err(MediaError::OutputSize { path: path.to_owned(), width, height, reason });
        }
        let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        let sink: Box<dyn Sink> = match (frames::Plan::of(path), extension.as_deref()) {
            (Some(plan), _) => Box::new(frames::FrameSink::create(path, plan)?),
            (None, Some("mp4" | "m4v" | "mov")) => {
                check_target(path)?;
                Box::new(mp4::Mp4Sink::create(path, width, height, fps)?)
            }
            (None, Some("gif")) => {
                check_target(path)?;
                Box::new(gif::GifSink::create(path, width, height, fps)?)
            }
            _ => return Err(MediaError::UnknownOutput { path: path.to_owned() }),
        };
        let path = path.to_owned();
        Ok(Self { path, sink, width, height, fps, frames: 0, last_seconds: 0.0, failed: false })
    }

    /// Puts this sound into the video, up to the end of its last frame. GIF and PNG have no sound and
    /// ignore it. Call it before the first frame.
    ///
    /// # Errors
    /// [`MediaError::Open`] where the file of the sound is gone, and of sound to be encoded as [`crate::SoundReader::open`].
    pub fn set_audio(&mut self, audio: AudioTrack) -> Result<()> {
        self.sink.set_audio(audio)
    }

    /// Appends a frame, one frame time after the last. Alpha is kept in PNG and ignored elsewhere.
    ///
    /// # Errors
    /// [`MediaError::FrameSize`], [`MediaError::PixelCount`], [`MediaError::Write`],
    /// [`MediaError::Encode`].
    pub fn push(&mut self, picture: &Picture) -> Result<()> {
        let seconds = if self.frames == 0 { 0.0 } else { self.last_seconds + 1.0 / self.fps };
        self.push_seconds(picture, seconds)
    }

    /// Appends a frame that is shown at a time from the start of the video, for drivers that do not keep
    /// their rate. The first frame is shown from the start whatever its time; each frame is shown until
    /// the next.
    ///
    /// # Errors
    /// As [`Self::push`], and [`MediaError::FrameTime`] where the time is not later than the last one.
    pub fn push_at(&mut self, picture: &Picture, timestamp: Duration) -> Result<()> {
        self.push_seconds(picture, if self.frames == 0 { 0.0 } else { timestamp.as_secs_f64() })
    }

    fn push_seconds(&mut self, picture: &Picture, seconds: f64) -> Result<()> {
        picture.check()?;
        if (picture.width, picture.height) != (self.width, self.height) {
            return Err(MediaError::FrameSize {
                path: self.path.clone(),
                expected_width: self.width,
                expected_height: self.height,
                width: picture.width,
                height: picture.height,
            });
        }
        if self.frames > 0 && seconds <= self.last_seconds {
            return Err(MediaError::FrameTime { path: self.path.clone(), index: self.frames, seconds });
        }
        self.sink.push(picture, seconds).inspect_err(|_| self.failed = true)?;
        self.last_seconds = seconds;
        self.frames += 1;
        Ok(())
    }

    /// Width and height of the frames as they are written: smaller than those that are pushed where the format has no such
    /// large ones.
    #[must_use]
    pub fn size(&self) -> [u32; 2] {
        self.sink.scaled().unwrap_or([self.width, self.height])
    }

    /// Whether the format has sound, see [`Self::set_audio`].
    #[must_use]
    pub fn takes_audio(&self) -> bool {
        self.sink.has_audio()
    }

    /// Frames pushed so far.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// The output.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Completes the video and gives it its name, replacing an older file in one step.
    ///
    /// # Errors
    /// [`MediaError::NothingToWrite`] where no frame was pushed, [`MediaError::Encode`] where pushing one
    /// failed, [`MediaError::Write`]. Nothing is left behind in any case.
    pub fn finish(self) -> Result<()> {
        if self.frames == 0 {
            return Err(MediaError::NothingToWrite { path: self.path });
        }
        if self.failed {
            return Err(MediaError::encode(&self.path, "an earlier frame could not be written"));
        }
        self.sink.finish()
    }
}
