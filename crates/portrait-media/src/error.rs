//! What can go wrong with a picture, video or sound file, in words a user can act on.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An error of this crate. Every message names the file, what was found, and the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// The file is missing or may not be opened.
    #[error("cannot open `{}`: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A directory was given where a file is needed.
    #[error("`{}` is a directory; give the path of a {expected} file", path.display())]
    IsDirectory {
        /// The directory.
        path: PathBuf,
        /// `photo`, `video` or `sound`.
        expected: &'static str,
    },
    /// The file has no bytes.
    #[error("`{}` is empty (0 bytes); was the download or the copy interrupted?", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Reading failed half-way.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not a picture of a kind that is read here.
    #[error(
        "`{}` is not a PNG, JPEG, WebP or GIF picture (found {found}); convert it to PNG or JPEG first",
        path.display()
    )]
    NotAPicture {
        /// The file.
        path: PathBuf,
        /// What the first bytes look like.
        found: String,
    },
    /// The picture is larger than is read here; found from its header, before decoding.
    #[error(
        "`{}` is {width}×{height} pixels; at most {max_side} a side and {} megapixels are read: scale it down first",
        path.display(), max_pixels / 1_000_000
    )]
    PictureTooLarge {
        /// The file.
        path: PathBuf,
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
        /// The longest side that is read.
        max_side: u32,
        /// The largest area that is read, in pixels.
        max_pixels: u64,
    },
    /// The picture is damaged or cut short.
    #[error("`{}` is a damaged or incomplete {format} picture: {reason}; get a fresh copy", path.display())]
    DamagedPicture {
        /// The file.
        path: PathBuf,
        /// `PNG`, `JPEG`, `WebP` or `GIF`.
        format: &'static str,
        /// What the decoder said.
        reason: String,
    },
    /// The file is not a video.
    #[error("`{}` is not a video (found {found}); give an MP4, MOV or animated GIF", path.display())]
    NotAVideo {
        /// The file.
        path: PathBuf,
        /// What the first bytes look like.
        found: String,
    },
    /// The video's container or codec needs `ffmpeg`, which is not installed.
    #[error(
        "`{}` holds {found}, which is not decoded here (MP4 or MOV with 8-bit 4:2:0 progressive H.264, and GIF, are); \
         install ffmpeg and put it on the PATH, or convert the file to MP4 with H.264",
        path.display()
    )]
    UnsupportedVideo {
        /// The file.
        path: PathBuf,
        /// The container or codec found.
        found: String,
    },
    /// The video's structure is broken.
    #[error("`{}` is a damaged or incomplete video: {reason}; get a fresh copy or record again", path.display())]
    DamagedVideo {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The video ends before its index says; what came before has been returned.
    #[error(
        "`{}` ends early: {found}{} frames are there; the rest of the file is missing, get a fresh copy",
        path.display(), expected.map(|all| format!(" of {all}")).unwrap_or_default()
    )]
    TruncatedVideo {
        /// The file.
        path: PathBuf,
        /// Frames that could be decoded.
        found: u64,
        /// Frames that the index promises, where it says so.
        expected: Option<u64>,
    },
    /// The video holds no frame.
    #[error("`{}` holds no video frame{}; give a file with a video track", path.display(), hint)]
    NoFrames {
        /// The file.
        path: PathBuf,
        /// More about it, or nothing.
        hint: &'static str,
    },
    /// The video's frames are larger than is read here.
    #[error("`{}` has frames of {width}×{height} pixels; at most {max_side} a side are read: scale it down first", path.display())]
    VideoTooLarge {
        /// The file.
        path: PathBuf,
        /// Frame width in pixels.
        width: u32,
        /// Frame height in pixels.
        height: u32,
        /// The longest side that is read.
        max_side: u32,
    },
    /// The file holds no sound because it is something else.
    #[error("`{}` is not a sound file (found {found}); give WAV, MP3, FLAC, Ogg or M4A, or a video with sound", path.display())]
    NotASound {
        /// The file.
        path: PathBuf,
        /// What the first bytes look like.
        found: String,
    },
    /// The sound's container or codec needs `ffmpeg`, which is not installed.
    #[error(
        "`{}` holds {found}, which is not decoded here (WAV, MP3, FLAC, Ogg Vorbis, and AAC in MP4 or MOV, are); \
         install ffmpeg and put it on the PATH, or convert the file to WAV",
        path.display()
    )]
    UnsupportedSound {
        /// The file.
        path: PathBuf,
        /// The container or codec found.
        found: String,
    },
    /// The sound's structure is broken.
    #[error("`{}` is a damaged or incomplete sound file: {reason}; get a fresh copy or record again", path.display())]
    DamagedSound {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The sound ends before its file says; what came before has been returned.
    #[error(
        "`{}` ends early: {:.2} s{} of sound are there; the rest of the file is missing, get a fresh copy",
        path.display(), found.as_secs_f64(), expected.map(|all| format!(" of {:.2} s", all.as_secs_f64())).unwrap_or_default()
    )]
    TruncatedSound {
        /// The file.
        path: PathBuf,
        /// Length of what could be decoded.
        found: Duration,
        /// Length that the file promises, where it says so.
        expected: Option<Duration>,
    },
    /// The file holds no sound.
    #[error("`{}` holds no sound; give a sound file, or a video with sound", path.display())]
    NoSound {
        /// The file.
        path: PathBuf,
    },
    /// `ffmpeg` could not decode the file.
    #[error("ffmpeg could not read `{}`: {reason}", path.display())]
    Ffmpeg {
        /// The file.
        path: PathBuf,
        /// The last line that ffmpeg wrote.
        reason: String,
    },
    /// Pixel data whose length does not fit its size.
    #[error("a picture of {width}×{height} needs {expected} bytes of RGBA, found {found}")]
    PixelCount {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// `width · height · 4`.
        expected: u64,
        /// Bytes given.
        found: u64,
    },
    /// A frame of another size than the video it is pushed into.
    #[error(
        "`{}` takes frames of {expected_width}×{expected_height}, found {width}×{height}; resize the frame first",
        path.display()
    )]
    FrameSize {
        /// The output.
        path: PathBuf,
        /// Width of the video.
        expected_width: u32,
        /// Height of the video.
        expected_height: u32,
        /// Width of the frame.
        width: u32,
        /// Height of the frame.
        height: u32,
    },
    /// A size that the output format cannot hold.
    #[error("`{}` cannot be {width}×{height} pixels: {reason}", path.display())]
    OutputSize {
        /// The output.
        path: PathBuf,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// The limit that is broken and the way out.
        reason: &'static str,
    },
    /// A frame rate that makes no sense.
    #[error("`{}` cannot have {fps} frames per second; give a number above 0 and up to 1000", path.display())]
    FrameRate {
        /// The output.
        path: PathBuf,
        /// The rate asked for.
        fps: f64,
    },
    /// A time stamp that does not grow.
    #[error("frame {index} of `{}` is stamped {seconds:.6} s, not later than the frame before it", path.display())]
    FrameTime {
        /// The output.
        path: PathBuf,
        /// Index of the frame, from 0.
        index: u64,
        /// Its time stamp in seconds.
        seconds: f64,
    },
    /// The extension of an output is not known.
    #[error(
        "`{}` has an unknown extension; end it in .mp4 or .gif, or give a directory or a pattern like name_%05d.png",
        path.display()
    )]
    UnknownOutput {
        /// The output.
        path: PathBuf,
    },
    /// The directory of an output does not exist.
    #[error("cannot write `{}`: the directory `{}` does not exist; create it first", path.display(), parent.display())]
    MissingParent {
        /// The output.
        path: PathBuf,
        /// The directory that is missing.
        parent: PathBuf,
    },
    /// An output is in the way: a directory where a file goes, or a directory that is in use.
    #[error("cannot write `{}`: {reason}", path.display())]
    InTheWay {
        /// The output.
        path: PathBuf,
        /// What is there and the way out.
        reason: &'static str,
    },
    /// Writing failed: disk full, no permission.
    #[error("cannot write `{}`: {source}; nothing half-written was left behind", path.display())]
    Write {
        /// The output.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The encoder refused.
    #[error("cannot encode `{}`: {reason}", path.display())]
    Encode {
        /// The output.
        path: PathBuf,
        /// What the encoder said.
        reason: String,
    },
    /// A video was finished before any frame was pushed.
    #[error("`{}` was not written: no frame was given to it", path.display())]
    NothingToWrite {
        /// The output.
        path: PathBuf,
    },
}

impl MediaError {
    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }

    pub(crate) fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        Self::DamagedVideo { path: path.to_owned(), reason: reason.into() }
    }

    pub(crate) fn damaged_sound(path: &Path, reason: impl Into<String>) -> Self {
        Self::DamagedSound { path: path.to_owned(), reason: reason.into() }
    }

    pub(crate) fn encode(path: &Path, reason: impl ToString) -> Self {
        Self::Encode { path: path.to_owned(), reason: reason.to_string() }
    }
}
