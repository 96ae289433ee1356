//! Recording while live: pictures into a video by a thread of its own, the driver's points into a motion file.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;
use portrait_media::{Picture, VideoWriter};
use portrait_runtime::{MotionFrame, Points, RecordedMotion};

/// Pictures that wait for the encoder; later ones are dropped until it has caught up.
const WAITING: usize = 4;
/// Frames a second that players are told; each picture has its own time.
const RATE: f64 = 30.0;

/// Pictures on their way into a file.
pub(crate) struct VideoRecording {
    path: PathBuf,
    size: [u32; 2],
    pictures: SyncSender<(Picture, Duration)>,
    thread: JoinHandle<Result<u64>>,
    start: Option<Instant>,
    dropped: u64,
}

impl VideoRecording {
    pub(crate) fn start(path: &Path, size @ [width, height]: [u32; 2]) -> Result<Self> {
        let mut writer = VideoWriter::create(path, width, height, RATE)?;
        let (pictures, theirs) = sync_channel::<(Picture, Duration)>(WAITING);
        let thread = std::thread::spawn(move || {
            for (picture, time) in theirs {
                writer.push_at(&picture, time)?;
            }
            let frames = writer.frames();
            writer.finish()?;
            Ok(frames)
        });
        Ok(Self { path: path.to_owned(), size, pictures, thread, start: None, dropped: 0 })
    }

    /// Appends a picture that was taken then. One of another size (another photo, another view) is left out.
    pub(crate) fn push(&mut self, picture: Picture, at: Instant) {
        let time = at.duration_since(*self.start.get_or_insert(at));
        if [picture.width, picture.height] != self.size {
            self.dropped += 1;
        } else if let Err(TrySendError::Full(_)) = self.pictures.try_send((picture, time)) {
            // One that is disconnected has failed, and says so at the end.
            self.dropped += 1;
        }
    }

    /// Completes the file; what became of it.
    pub(crate) fn finish(self) -> String {
        drop(self.pictures);
        let (path, dropped) = (self.path.display(), self.dropped);
        match self.thread.join() {
            Ok(Ok(frames)) if dropped > 0 => format!("saved {path}: {frames} frames, {dropped} left out"),
            Ok(Ok(frames)) => format!("saved {path}: {frames} frames"),
            Ok(Err(error)) => format!("{path} was not saved: {error:#}"),
            Err(_) => format!("{path} was not saved: the encoder failed"),
        }
    }
}

/// Points on their way into a file.
pub(crate) struct MotionRecording {
    path: PathBuf,
    frames: Vec<MotionFrame>,
}

impl MotionRecording {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, frames: Vec::new() }
    }

    pub(crate) fn extend(&mut self, frames: Vec<MotionFrame>) {
        // A session that was opened anew counts from zero: it follows what is there.
        let last = self.frames.last().map(|frame| frame.time);
        let first = frames.first().map(|frame| frame.time);
        let shift = match (last, first) {
            (Some(last), Some(first)) if first <= last => last - first + Duration::from_millis(33),
            _ => Duration::ZERO,
        };
        self.frames.extend(frames.into_iter().map(|frame| MotionFrame { time: frame.time + shift, ..frame }));
    }

    /// Writes the file, with times from its start; what became of it.
    pub(crate) fn finish(mut self, neutral: Option<Points>) -> String {
        let (path, count) = (self.path.display().to_string(), self.frames.len());
        if !self.frames.iter().any(|frame| frame.points.is_some()) {
            return format!("{path} was not saved: no face was seen");
        }
        let start = self.frames.first().map_or(Duration::ZERO, |frame| frame.time);
        self.frames.iter_mut().for_each(|frame| frame.time -= start);
        match (RecordedMotion { neutral, frames: self.frames }).save(&self.path) {
            Ok(()) => format!("saved {path}: {count} moments"),
            Err(error) => error.to_string(),
        }
    }
}
