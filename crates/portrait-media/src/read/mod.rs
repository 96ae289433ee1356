//! Videos in: one reader over three sources.

mod ffmpeg;
mod gif;
mod mp4;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::mp4::AudioTrack;
use crate::sniff::{self, Kind};
use crate::{MediaError, Picture, Result};

/// The longest side of a video frame that is read, in pixels.
pub const MAX_VIDEO_SIDE: u32 = 8192;

/// What is known of a video before its first frame is decoded.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VideoInfo {
    /// Width of the frames as they are returned, upright, in pixels.
    pub width: u32,
    /// Height of the frames as they are returned, upright, in pixels.
    pub height: u32,
    /// How many frames will come, where the file says so.
    pub frames: Option<u64>,
    /// Mean frames per second.
    pub fps: f64,
    /// How long the video is, where the file says so.
    pub duration: Option<Duration>,
    /// Whether the file has sound; [`VideoReader::audio`] says whether it can be copied.
    pub has_audio: bool,
    /// The name of the codec: `h264`, `gif`, or what `ffprobe` calls it.
    pub codec: String,
}

/// One frame of a video.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Frame {
    /// The pixels, upright.
    pub picture: Picture,
    /// When it is shown, from the start of the video.
    pub timestamp: Duration,
    /// Its number, from 0.
    pub index: u64,
}

/// A source of pictures in order of presentation.
trait Source: Send {
    /// The next picture and when it is shown, in seconds.
    fn next(&mut self) -> Result<Option<(Picture, f64)>>;
}

/// Reads a video frame by frame.
///
/// MP4 and MOV with 8-bit 4:2:0 progressive H.264, and animated GIF, are decoded here; everything else
/// is streamed through `ffmpeg` where that is on the `PATH`. Frames come in order of presentation,
/// turned upright, cut to what the file's edit list shows. Only the frames that the codec itself needs
/// are held in memory, and the file is read piece by piece.
pub struct VideoReader {
    path: PathBuf,
    source: Box<dyn Source>,
    info: VideoInfo,
    audio: Option<AudioTrack>,
    next_index: u64,
    ended: bool,
}

impl std::fmt::Debug for VideoReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VideoReader").field("path", &self.path).field("info", &self.info).finish_non_exhaustive()
    }
}

/// What a source needs to be a reader.
struct Opened {
    source: Box<dyn Source>,
    info: VideoInfo,
    audio: Option<AudioTrack>,
}

impl VideoReader {
    /// Opens a video and reads its index.
    ///
    /// # Errors
    /// [`MediaError::Open`], [`MediaError::IsDirectory`], [`MediaError::Empty`], [`MediaError::NotAVideo`]
    /// for text, photos, sound files and the like, [`MediaError::UnsupportedVideo`] where `ffmpeg` would be needed,
    /// [`MediaError::DamagedVideo`] for one whose index is missing or broken, [`MediaError::NoFrames`],
    /// [`MediaError::VideoTooLarge`], [`MediaError::Ffmpeg`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (file, kind) = sniff::open(path, "video")?;
        let opened = match kind {
            Kind::Mp4 | Kind::M4a => mp4::open(file, path)?,
            Kind::Gif => gif::open(file, path)?,
            Kind::Matroska | Kind::Avi | Kind::OtherVideo(_) | Kind::Unknown => {
                ffmpeg::open(path, kind.describe(), None)?
            }
            Kind::Png
            | Kind::Jpeg
            | Kind::WebP
            | Kind::Heif
            | Kind::Sound(_)
            | Kind::OtherSound(_)
            | Kind::Other(_)
            | Kind::Text => {
                let found = kind.describe().to_owned();
                return Err(MediaError::NotAVideo { path: path.to_owned(), found });
            }
        };
        let (width, height) = (opened.info.width, opened.info.height);
        check_size(path, width, height)?;
        Ok(Self {
            path: path.to_owned(),
            source: opened.source,
            info: opened.info,
            audio: opened.audio,
            next_index: 0,
            ended: false,
        })
    }

    /// What is known of the video.
    #[must_use]
    pub fn info(&self) -> &VideoInfo {
        &self.info
    }

    /// The sound, where it is AAC in an MP4 or MOV and so can be copied into another MP4.
    #[must_use]
    pub fn audio(&self) -> Option<AudioTrack> {
        self.audio.clone()
    }

    /// The next frame, or nothing after the last.
    ///
    /// A file that ends early, or is damaged half-way, gives the frames before that place, then the
    /// error once, then nothing: who wants what there is keeps the frames and reports the error.
    ///
    /// # Errors
    /// [`MediaError::TruncatedVideo`], [`MediaError::DamagedVideo`], [`MediaError::Read`],
    /// [`MediaError::Ffmpeg`].
    pub fn next_frame(&mut self) -> Result<Option<Frame>> {
        if self.ended {
            return Ok(None);
        }
        match self.source.next() {
            Ok(Some((picture, seconds))) => {
                let index = self.next_index;
                self.next_index += 1;
                let timestamp = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default();
                Ok(Some(Frame { picture, timestamp, index }))
            }
            Ok(None) => {
                self.ended = true;
                Ok(None)
            }
            Err(error) => {
                self.ended = true;
                Err(error)
            }
        }
    }
}

fn check_size(path: &Path, width: u32, height: u32) -> Result<()> {
    if width == 0 || height == 0 {
        return Err(MediaError::damaged(path, "its frames have no size"));
    }
    if width.max(height) > MAX_VIDEO_SIDE {
        let (path, max_side) = (path.to_owned(), MAX_VIDEO_SIDE);
        return Err(MediaError::VideoTooLarge { path, width, height, max_side });
    }
    Ok(())
}
