//! Photos, videos and sound in and out: everything of portrait that touches a picture, video or sound file.
//!
//! | what | how |
//! |---|---|
//! | a photo in | [`load_photo`]: PNG, JPEG, WebP or the first frame of a GIF, upright, bounded before it is decoded |
//! | a picture out | [`save_png`] |
//! | a video in | [`VideoReader`]: MP4/MOV with H.264, animated GIF, anything else through `ffmpeg` where it is installed |
//! | a camera in | [`Camera`]: V4L2 on Linux, AVFoundation on macOS, Media Foundation on Windows |
//! | a camera out | [`VirtualCamera`]: v4l2loopback on Linux |
//! | a sound in | [`SoundReader`]: WAV, FLAC, MP3, Ogg Vorbis, AAC in MP4/MOV, others through `ffmpeg`; as 16 kHz, mono |
//! | a video out | [`VideoWriter`]: MP4 (H.264, sound as an [`AudioTrack`]), GIF, PNG frames |
//! | its sound | [`AudioTrack`]: AAC of MP4/MOV is copied, whatever else [`SoundReader`] reads becomes FLAC |
//!
//! Pixels are always [`Picture`]: tightly packed RGBA8, sRGB-coded, top row first. Videos stream one
//! frame at a time in both directions, and sound in small pieces, so memory does not grow with the clip. Every output is written
//! under a temporary name beside its target, or in it where that is a directory, and renamed when it is complete.
//!
//! ```no_run
//! use portrait_media::{VideoReader, VideoWriter};
//!
//! # fn main() -> Result<(), portrait_media::MediaError> {
//! let mut driver = VideoReader::open("driver.mp4")?;
//! let (width, height) = (driver.info().width, driver.info().height);
//! let mut out = VideoWriter::create("out.mp4", width, height, driver.info().fps)?;
//! if let Some(sound) = driver.audio() {
//!     out.set_audio(sound)?;
//! }
//! while let Some(frame) = driver.next_frame()? {
//!     out.push(&frame.picture)?;
//! }
//! out.finish()?;
//! # Ok(())
//! # }
//! ```

mod camera;
mod color;
mod error;
mod ffmpeg;
mod h264;
mod jpeg_end;
mod mp4;
mod output;
mod photo;
mod picture;
mod read;
mod sniff;
mod sound;
mod write;

pub use camera::{Camera, CameraError, CameraInfo, Shot, VirtualCamera, VirtualCameraError, cameras, find_camera};
pub use error::MediaError;
pub use mp4::AudioTrack;
pub use output::check_target;
pub use photo::{MAX_PHOTO_PIXELS, MAX_PHOTO_SIDE, load_photo, save_png};
pub use picture::Picture;
pub use read::{Frame, MAX_VIDEO_SIDE, VideoInfo, VideoReader};
pub use sniff::{is_sound, is_video};
pub use sound::SoundReader;
pub use write::VideoWriter;

/// The result of everything fallible in this crate.
pub type Result<T> = std::result::Result<T, MediaError>;
