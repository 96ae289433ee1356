//! Recording while live: pictures into a video by a thread of its own, the driver's points into a motion file.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;
use portrait_media::{Picture, VideoWriter};
use portrait_runtime::{MotionFrame, Points, RecordedMotion};

use super::stage::PLACEMENT;

/// Pictures that wait for the encoder; later ones are dropped until it has caught up.
const WAITING: usize = 4;
/// Frames a second that players are told; each picture has its own time.
const RATE: f64 = 30.0;
/// The least between the times of two pictures.
const STEP: Duration = Duration::from_millis(1);

/// Pictures on their way into a file.
pub(crate) struct VideoRecording {
    path: PathBuf,
    size: [u32; 2],
    /// `None` for the one before, shown until then.
    pictures: SyncSender<(Option<Picture>, Duration)>,
    thread: JoinHandle<Result<u64>>,
    start: Option<Instant>,
    /// Time of the newest picture.
    last: Option<Duration>,
    dropped: u64,
    /// Whether pictures of another size came.
    other: bool,
    /// What the user should know of it and was not told.
    news: Option<String>,
}

impl VideoRecording {
    pub(crate) fn start(path: &Path, size @ [width, height]: [u32; 2]) -> Result<Self> {
        let mut writer = VideoWriter::create(path, width, height, RATE)?;
        let [w, h] = writer.size();
        let news = ([w, h] != size).then(|| format!("MP4 has no pictures of {width}×{height}: the video is {w}×{h}"));
        let (pictures, theirs) = sync_channel::<(Option<Picture>, Duration)>(WAITING);
        let thread = std::thread::spawn(move || {
            let mut newest = None;
            for (picture, time) in theirs {
                newest = picture.or(newest);
                newest.as_ref().map_or(Ok(()), |picture| writer.push_at(picture, time))?;
            }
            let frames = writer.frames();
            writer.finish()?;
            Ok(frames)
        });
        let path = path.to_owned();
        Ok(Self { path, size, pictures, thread, start: None, last: None, dropped: 0, other: false, news })
    }

    /// Appends a picture that was taken then, as the window shows it. One of another size (another photo, another view) is left out.
    pub(crate) fn push(&mut self, mut picture: Picture, at: Instant) {
        if [picture.width, picture.height] != self.size {
            self.dropped += 1;
            if !std::mem::replace(&mut self.other, true) {
                let [width, height] = self.size;
                self.news = Some(format!(
                    "the video has {width}×{height} pixels and goes on without what has another size; R ends it"
                ));
            }
            return;
        }
        picture.flatten(behind());
        let time = at.duration_since(*self.start.get_or_insert(at));
        // Another driver's moments may be a little older.
        let time = self.last.map_or(time, |last| time.max(last + STEP));
        match self.pictures.try_send((Some(picture), time)) {
            Ok(()) => self.last = Some(time),
            // One that is disconnected has failed.
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => self.dropped += 1,
        }
    }

    /// Shows the newest picture until then: a pose that is held makes no more of them.
    pub(crate) fn hold_until(&mut self, at: Instant) {
        if let (Some(start), Some(last)) = (self.start, self.last) {
            let time = at.duration_since(start).max(last + STEP);
            // One that has failed takes nothing; its end says why.
            let _ = self.pictures.send((None, time));
            self.last = Some(time);
        }
    }

    /// Whether no more pictures are taken; [`Self::finish`] says why.
    pub(crate) fn failed(&self) -> bool {
        self.thread.is_finished()
    }

    /// What the user should know of it and was not told.
    pub(crate) fn news(&mut self) -> Option<String> {
        self.news.take()
    }

    /// Completes the file; what became of it.
    pub(crate) fn finish(self) -> Result<String, String> {
        drop(self.pictures);
        let (path, dropped) = (self.path.display(), self.dropped);
        match self.thread.join() {
            Ok(Ok(frames)) if dropped > 0 => Ok(format!("saved {path}: {frames} frames, {dropped} left out")),
            Ok(Ok(frames)) => Ok(format!("saved {path}: {frames} frames")),
            Ok(Err(error)) => Err(format!("{path} was not saved: {error:#}")),
            Err(_) => Err(format!("{path} was not saved: the encoder failed")),
        }
    }
}

/// What the window shows behind a transparent picture, which a video puts there too: it has no transparency.
fn behind() -> [u8; 3] {
    PLACEMENT.bars.map(|v| (255.0 * v).round() as u8)
}

/// Points on their way into a file.
pub(crate) struct MotionRecording {
    path: PathBuf,
    frames: Vec<MotionFrame>,
    /// When the first moment was.
    start: Option<Instant>,
}

impl MotionRecording {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, frames: Vec::new(), start: None }
    }

    /// Appends what a session saw: the newest of it then, the rest as long before that as the session counts. Another session counts
    /// anew, and none while a pose is held.
    pub(crate) fn extend(&mut self, frames: Vec<MotionFrame>, at: Instant) {
        let newest = frames.last().map(|frame| frame.time).unwrap_or_default();
        for frame in frames {
            let earlier = newest.saturating_sub(frame.time);
            self.push(frame, at.checked_sub(earlier).unwrap_or(at));
        }
    }

    fn push(&mut self, frame: MotionFrame, at: Instant) {
        let time = at.saturating_duration_since(*self.start.get_or_insert(at));
        // Another driver's moments may be a little older.
        let time = self.frames.last().map_or(time, |last| time.max(last.time + STEP));
        self.frames.push(MotionFrame { time, ..frame });
    }

    /// Keeps the newest moment until then: a pose that is held brings no more of them.
    pub(crate) fn hold_until(&mut self, at: Instant) {
        if let Some(last) = self.frames.last().cloned() {
            self.push(last, at);
        }
    }

    /// Writes the file; what became of it.
    pub(crate) fn finish(self, neutral: Option<Points>) -> Result<String, String> {
        let (path, count) = (self.path.display().to_string(), self.frames.len());
        if !self.frames.iter().any(|frame| frame.points.is_some()) {
            return Err(format!("{path} was not saved: no face was seen"));
        }
        match (RecordedMotion { neutral, frames: self.frames }).save(&self.path) {
            Ok(()) => Ok(format!("saved {path}: {count} moments")),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use portrait_media::VideoReader;

    use super::*;

    const SIZE: [u32; 2] = [32; 2];

    fn picture(rgba: [u8; 4]) -> Picture {
        Picture::from_fn(SIZE[0], SIZE[1], |_, _| rgba)
    }

    /// Records these, one after the other: each waits until there is room.
    fn recorded(path: &Path, pictures: &[(Picture, Instant)]) -> Result<String, String> {
        let mut video = VideoRecording::start(path, SIZE).expect("starts");
        for (picture, at) in pictures {
            let before = video.dropped;
            video.push(picture.clone(), *at);
            while video.dropped > before && !video.failed() {
                video.dropped = before;
                std::thread::sleep(STEP);
                video.push(picture.clone(), *at);
            }
        }
        video.finish()
    }

    #[test]
    fn what_is_transparent_is_as_in_the_window() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.mp4");
        // A cutout keeps the photo's colours where nothing of it is shown.
        recorded(&path, &[(picture([250, 240, 40, 0]), Instant::now())]).expect("saved");
        let frame = VideoReader::open(&path).expect("opens").next_frame().expect("reads").expect("a frame");
        let [r, g, b, _] = frame.picture.pixel(9, 9).expect("inside");
        assert!(r < 30 && g < 30 && b < 34, "{:?}", [r, g, b]);
    }

    #[test]
    fn times_that_do_not_grow_lose_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.mp4");
        let start = Instant::now();
        let times = [0, 40, 40, 20, 80].map(|ms| start + Duration::from_millis(ms));
        let pictures = times.map(|at| (picture([90, 90, 90, 255]), at));
        let told = recorded(&path, &pictures).expect("saved");
        assert!(told.ends_with(": 5 frames"), "{told}");
    }

    #[test]
    fn what_is_held_is_shown_until_the_end() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.mp4");
        let (start, ms) = (Instant::now(), Duration::from_millis);
        let mut video = VideoRecording::start(&path, SIZE).expect("starts");
        video.hold_until(start);
        video.push(picture([90, 90, 90, 255]), start);
        video.hold_until(start + ms(700));
        video.finish().expect("saved");
        let mut reader = VideoReader::open(&path).expect("opens");
        let times = std::iter::from_fn(|| reader.next_frame().expect("reads")).map(|frame| frame.timestamp.as_millis());
        assert_eq!(times.collect::<Vec<_>>(), [0, 700]);
    }

    #[test]
    fn a_view_that_is_too_large_for_mp4_is_scaled_down_and_that_is_said() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.mp4");
        let mut video = VideoRecording::start(&path, [4800, 40]).expect("starts");
        assert!(video.news().is_some_and(|news| news.contains("4800×40") && news.contains("3840×32")));
        video.push(Picture::from_fn(4800, 40, |_, _| [90, 90, 90, 255]), Instant::now());
        assert_eq!(video.news(), None);
        video.finish().expect("saved");
        assert_eq!(VideoReader::open(&path).expect("opens").info().width, 3840);
    }

    /// A moment as a session counts.
    fn counted(ms: u64) -> MotionFrame {
        let [facial, neural] = [Points::FACIAL, Points::NEURAL].map(|count| vec![[0.5; 2]; count]);
        MotionFrame { time: Duration::from_millis(ms), points: Some(Points { facial, neural }) }
    }

    #[test]
    fn a_motion_goes_on_at_its_pace_in_another_session_and_while_it_is_held() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.motion");
        let mut motion = MotionRecording::new(path.clone());
        let (start, ms) = (Instant::now(), Duration::from_millis);
        motion.hold_until(start);
        // Sessions count from zero, and what comes in one go is told apart as they count.
        motion.extend(vec![counted(700), counted(740)], start + ms(40));
        motion.extend(Vec::new(), start + ms(60));
        motion.extend(vec![counted(33)], start + ms(95));
        motion.extend(vec![counted(66)], start + ms(80));
        motion.hold_until(start + ms(900));
        motion.extend(vec![counted(99)], start + ms(1000));
        motion.finish(None).expect("saved");
        let frames = RecordedMotion::load(&path).expect("a motion").frames;
        let times: Vec<_> = frames.iter().map(|frame| frame.time.as_millis()).collect();
        assert_eq!(times, [0, 40, 95, 96, 900, 1000]);
    }

    #[test]
    fn a_video_that_fails_is_known_before_it_is_ended() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut video = VideoRecording::start(&directory.path().join("a.mp4"), SIZE).expect("starts");
        assert!(!video.failed());
        // Without its pixels, in place of a disk that is full.
        video.push(Picture { rgba: Vec::new(), ..picture([0; 4]) }, Instant::now());
        while !video.failed() {
            std::thread::sleep(STEP);
        }
        video.push(picture([0; 4]), Instant::now());
        let fault = video.finish().expect_err("it failed");
        assert!(fault.contains("a.mp4 was not saved: "), "{fault}");
    }

    #[test]
    fn pictures_of_another_size_are_told_of_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut video = VideoRecording::start(&directory.path().join("a.mp4"), SIZE).expect("starts");
        video.push(picture([0; 4]), Instant::now());
        assert_eq!(video.news(), None);
        for _ in 0..2 {
            video.push(Picture::from_fn(64, 48, |_, _| [0; 4]), Instant::now());
        }
        assert!(video.news().is_some_and(|news| news.contains("32×32")));
        assert_eq!(video.news(), None);
        assert!(video.finish().is_ok_and(|told| told.ends_with(": 1 frames, 2 left out")));
    }
}
