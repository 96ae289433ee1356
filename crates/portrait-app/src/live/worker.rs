//! The thread that makes pictures: takes the newest moment of the driver, animates, tells the window. Never waits for the window, and
//! the window never for it.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use portrait_media::Picture;
use portrait_runtime::{
    Avatar, Engine, EngineError, FaceChoice, FaceStatus, Framing, MotionOptions, Orientation, Presenter, Session,
    SessionOptions, SessionStats,
};

use super::input::{Captured, Input, Source};
use super::pace::Pace;
use super::recording::{MotionRecording, VideoRecording};
use crate::driver::Drive;
use crate::source::{Source as Portrait, media_picture};

/// The longest wait for a moment of the driver before commands are looked at again.
const PATIENCE: Duration = Duration::from_millis(20);
/// Between two looks at whether the GPU is done.
const GLANCE: Duration = Duration::from_micros(300);
/// Seconds between two pictures of the driver for the window.
const PREVIEW_SECONDS: f64 = 0.1;
/// Longest side of that picture.
const PREVIEW_SIDE: u32 = 240;

/// What the window asks for.
pub(crate) enum Command {
    Motion(MotionOptions),
    Mirror(bool),
    Hold(bool),
    Calibrate,
    /// Follow whoever is at this place, in shares of the driver's frame.
    Follow([f32; 2]),
    Photo(PathBuf),
    Show(Shown),
    Screenshot(PathBuf),
    /// Record pictures into this file, or end that.
    Video(Option<PathBuf>),
    /// Record the driver's points into this file, or end that.
    Points(Option<PathBuf>),
    End,
}

/// What the picture shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shown {
    /// The square around the face
    #[default]
    Crop,
    /// The whole photo
    Photo,
    /// The person alone
    Cutout,
}

/// What the window shows.
#[derive(Default)]
pub(crate) struct View {
    /// Draws the newest picture; there only after a session has made one, so that the last good one stays until then.
    pub(crate) presenter: Option<Presenter>,
    pub(crate) size: [u32; 2],
    /// Frames made since the start.
    pub(crate) frames: u64,
    pub(crate) dropped: u64,
    pub(crate) rate: f64,
    pub(crate) latency: [Option<Duration>; 2],
    pub(crate) status: Option<FaceStatus>,
    pub(crate) stats: Option<SessionStats>,
    /// The driver, small, and the size of its frames.
    pub(crate) preview: Option<(Picture, [u32; 2])>,
    /// What the user should know, and since when.
    pub(crate) notice: Option<(String, Instant)>,
    pub(crate) busy: Option<&'static str>,
    pub(crate) video: Option<PathBuf>,
    pub(crate) points: Option<PathBuf>,
    pub(crate) device_lost: Option<String>,
    pub(crate) failed: Option<String>,
}

/// Handle of the thread.
pub(crate) struct Worker {
    pub(crate) view: Arc<Mutex<View>>,
    commands: Sender<Command>,
    thread: Option<JoinHandle<()>>,
}

/// What a worker starts with.
pub(crate) struct Start {
    pub(crate) engine: Box<dyn FnOnce() -> Result<Engine> + Send>,
    pub(crate) photo: PathBuf,
    pub(crate) face: FaceChoice,
    pub(crate) shown: Shown,
    pub(crate) motion: MotionOptions,
    pub(crate) mirror: bool,
    pub(crate) source: Source,
}

impl Worker {
    /// Starts the thread; `wake` is called whenever there is something new to show.
    pub(crate) fn start(start: Start, wake: impl Fn() + Send + 'static) -> Self {
        let view = Arc::new(Mutex::new(View { busy: Some("preparing the portrait"), ..View::default() }));
        let (commands, theirs) = channel();
        let shared = view.clone();
        let thread = std::thread::spawn(move || {
            let done = Studio::open(start, shared.clone(), theirs, Box::new(wake)).and_then(Studio::run);
            if let Err(error) = done {
                let lost = error.downcast_ref::<EngineError>().is_some_and(|e| matches!(e, EngineError::Device(_)));
                let mut view = lock(&shared);
                let text = format!("{error:#}");
                if lost { view.device_lost = Some(text) } else { view.failed = Some(text) }
            }
        });
        Self { view, commands, thread: Some(thread) }
    }

    pub(crate) fn view(&self) -> MutexGuard<'_, View> {
        lock(&self.view)
    }

    pub(crate) fn send(&self, command: Command) {
        // A thread that has ended has said why in the view.
        let _ = self.commands.send(command);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.send(Command::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(view: &Mutex<View>) -> MutexGuard<'_, View> {
    view.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A photo that is being animated.
struct Sitter {
    avatar: Avatar,
    photo: Option<Picture>,
}

/// The thread's own state.
struct Studio {
    view: Arc<Mutex<View>>,
    commands: Receiver<Command>,
    wake: Box<dyn Fn() + Send>,
    engine: Engine,
    sitter: Sitter,
    session: Session,
    source: Source,
    shown: Shown,
    motion: MotionOptions,
    mirror: bool,
    hold: bool,
    /// Whether the window draws this session's pictures already.
    presented: bool,
    last: Option<Instant>,
    previewed: Option<Instant>,
    pace: Pace,
    screenshot: Option<PathBuf>,
    video: Option<VideoRecording>,
    points: Option<MotionRecording>,
}

impl Studio {
    fn open(
        start: Start,
        view: Arc<Mutex<View>>,
        commands: Receiver<Command>,
        wake: Box<dyn Fn() + Send>,
    ) -> Result<Self> {
        let Start { engine, photo, face, shown, motion, mirror, source } = start;
        let engine = engine()?;
        let prepared = Portrait::read(&photo)?.prepare(&engine, &photo, face)?;
        let sitter = Sitter { avatar: prepared.avatar, photo: prepared.photo };
        let session = open_session(&engine, &sitter, shown, motion, source.size)?;
        let mut studio = Self {
            view,
            commands,
            wake,
            engine,
            sitter,
            session,
            source,
            shown,
            motion,
            mirror,
            hold: false,
            presented: false,
            last: None,
            previewed: None,
            pace: Pace::default(),
            screenshot: None,
            video: None,
            points: None,
        };
        studio.settle()?;
        lock(&studio.view).busy = None;
        if let Some(warning) = studio.sitter.avatar.warnings().first() {
            studio.say(warning.clone());
        }
        Ok(studio)
    }

    fn run(mut self) -> Result<()> {
        loop {
            loop {
                match self.commands.try_recv() {
                    Ok(Command::End) | Err(TryRecvError::Disconnected) => return self.end(),
                    Ok(command) => self.obey(command)?,
                    Err(TryRecvError::Empty) => break,
                }
            }
            let Some(moment) = self.source.newest.take(PATIENCE) else { continue };
            if self.hold {
                self.last = None;
                continue;
            }
            self.frame(moment)?;
        }
    }

    /// One moment of the driver to one picture.
    fn frame(&mut self, Captured { input, at }: Captured) -> Result<()> {
        let step = self.last.map_or(1.0 / 30.0, |last| at.duration_since(last).as_secs_f32().clamp(0.001, 1.0));
        self.last = Some(at);
        match &input {
            Input::Drive(drive) => {
                if let Drive::Picture(picture) = drive {
                    let found = [picture.width, picture.height];
                    if found != self.session.options().frame {
                        // A camera that was turned, or that changed its mind.
                        self.source.size = found;
                        self.reopen()?;
                    }
                    self.session.set_orientation(Orientation { mirror: self.mirror, ..Orientation::default() });
                }
                drive.animate(&mut self.session, step)?;
            }
            Input::Idle(seconds) => {
                let expression = portrait_runtime::Idle::default().expression(*seconds);
                let points = self.engine.pose(&self.sitter.avatar, &expression);
                self.session.animate_keypoints(&points, step)?;
            }
        }
        // The next frame is taken when this one is done: what happens meanwhile is dropped, not queued.
        while self.session.pending()? > 0 {
            std::thread::sleep(GLANCE);
        }
        let now = Instant::now();
        self.pace.add(now.duration_since(at), now);
        self.collect(at)?;
        self.publish(&input, now);
        Ok(())
    }

    /// Takes pictures and points where somebody wants them.
    fn collect(&mut self, at: Instant) -> Result<()> {
        if self.screenshot.is_some() || self.video.is_some() {
            let mut newest = None;
            while let Some(picture) = self.session.take_picture(true)? {
                newest = Some(media_picture(picture));
            }
            if let Some(picture) = newest {
                if let Some(path) = self.screenshot.take() {
                    match portrait_media::save_png(&path, &picture) {
                        Ok(()) => self.say(format!("saved {}", path.display())),
                        Err(error) => self.say(error.to_string()),
                    }
                }
                if let Some(video) = &mut self.video {
                    video.push(picture, at);
                }
            }
        }
        let points = self.session.take_motion();
        if let Some(recording) = &mut self.points {
            recording.extend(points);
        }
        Ok(())
    }

    fn publish(&mut self, input: &Input, now: Instant) {
        let due = self.previewed.is_none_or(|last| now.duration_since(last).as_secs_f64() > PREVIEW_SECONDS);
        let preview = due.then(|| preview(input, self.mirror)).flatten();
        let texture = self.session.texture();
        let mut view = lock(&self.view);
        view.size = [texture.width(), texture.height()];
        view.frames += 1;
        view.dropped = self.source.newest.dropped();
        view.rate = self.pace.rate();
        view.latency = [self.pace.percentile(0.5), self.pace.percentile(0.95)];
        view.status = self.session.status();
        view.stats = Some(self.session.stats());
        if let Some(picture) = preview {
            view.preview = Some((picture, self.source.size));
            self.previewed = Some(now);
        }
        if !self.presented {
            view.presenter = Some(self.session.presenter());
            self.presented = true;
        }
        drop(view);
        (self.wake)();
    }

    fn obey(&mut self, command: Command) -> Result<()> {
        match command {
            Command::Motion(motion) => {
                self.motion = motion;
                self.session.set_motion(motion);
            }
            Command::Mirror(mirror) => self.mirror = mirror,
            Command::Hold(hold) => self.hold = hold,
            Command::Calibrate => {
                self.session.recalibrate();
                self.say("neutral pose taken".to_owned());
            }
            Command::Follow([x, y]) => {
                let [width, height] = self.source.size.map(|v| v as f32);
                self.session.follow([x * width, y * height]);
            }
            Command::Photo(path) => self.swap(path)?,
            Command::Show(shown) => {
                let before = std::mem::replace(&mut self.shown, shown);
                if let Err(error) = self.reopen() {
                    self.shown = before;
                    self.tolerate(error)?;
                }
            }
            Command::Screenshot(path) => {
                self.drain()?;
                self.screenshot = Some(path);
            }
            Command::Video(path) => {
                self.drain()?;
                self.record_video(path);
            }
            Command::Points(path) => self.record_points(path),
            Command::End => {}
        }
        Ok(())
    }

    /// Another photo; the old one stays if that cannot be animated.
    fn swap(&mut self, path: PathBuf) -> Result<()> {
        lock(&self.view).busy = Some("preparing the portrait");
        (self.wake)();
        // Dropped on a window there is no way to choose: the largest face it is.
        let prepared = Portrait::read(&path).and_then(|photo| photo.prepare(&self.engine, &path, FaceChoice::Largest));
        lock(&self.view).busy = None;
        match prepared {
            Ok(prepared) => {
                let before =
                    std::mem::replace(&mut self.sitter, Sitter { avatar: prepared.avatar, photo: prepared.photo });
                if let Err(error) = self.reopen() {
                    self.sitter = before;
                    self.tolerate(error)?;
                }
                Ok(())
            }
            Err(error) => self.tolerate(error),
        }
    }

    /// Tells of an error that leaves everything as it was; a lost device does not.
    fn tolerate(&mut self, error: anyhow::Error) -> Result<()> {
        if error.downcast_ref::<EngineError>().is_some_and(|e| matches!(e, EngineError::Device(_))) {
            return Err(error);
        }
        self.say(format!("{error:#}"));
        Ok(())
    }

    /// A session for what is wanted now, in place of the one there is.
    fn reopen(&mut self) -> Result<()> {
        self.session = open_session(&self.engine, &self.sitter, self.shown, self.motion, self.source.size)?;
        self.presented = false;
        self.settle()
    }

    /// Idle motion is measured from the photo itself.
    fn settle(&mut self) -> Result<()> {
        if self.source.is_idle() {
            self.session.set_neutral(&self.sitter.avatar.points())?;
        }
        Ok(())
    }

    /// Pictures that were copied while nobody took them are old.
    fn drain(&mut self) -> Result<()> {
        while self.session.take_picture(true)?.is_some() {}
        Ok(())
    }

    fn record_video(&mut self, path: Option<PathBuf>) {
        if let Some(video) = self.video.take() {
            let text = video.finish();
            self.say(text);
        }
        if let Some(path) = &path {
            let texture = self.session.texture();
            match VideoRecording::start(path, [texture.width(), texture.height()]) {
                Ok(video) => self.video = Some(video),
                Err(error) => self.say(format!("{error:#}")),
            }
        }
        lock(&self.view).video = path.filter(|_| self.video.is_some());
    }

    fn record_points(&mut self, path: Option<PathBuf>) {
        if let Some(recording) = self.points.take() {
            let neutral = self.session.neutral().ok().flatten();
            let text = recording.finish(neutral);
            self.say(text);
        }
        self.points = path.clone().map(MotionRecording::new);
        lock(&self.view).points = path;
    }

    fn say(&self, text: String) {
        lock(&self.view).notice = Some((text, Instant::now()));
        (self.wake)();
    }

    /// What is being recorded is completed.
    fn end(mut self) -> Result<()> {
        self.record_video(None);
        self.record_points(None);
        Ok(())
    }
}

fn open_session(
    engine: &Engine,
    sitter: &Sitter,
    shown: Shown,
    motion: MotionOptions,
    [width, height]: [u32; 2],
) -> Result<Session> {
    let framing = match (shown, &sitter.photo) {
        (Shown::Crop, _) => Framing::Crop,
        (Shown::Cutout, _) => Framing::Cutout(portrait_runtime::Backdrop::Transparent),
        (Shown::Photo, Some(photo)) => {
            let (width, height, rgba) = (photo.width, photo.height, photo.rgba.clone());
            Framing::Photo(Arc::new(portrait_runtime::Picture { width, height, rgba }))
        }
        (Shown::Photo, None) => {
            return Err(anyhow::anyhow!("an avatar holds only the square around the face; open the photo itself"));
        }
    };
    let options = SessionOptions { motion, framing, record: true, ..SessionOptions::new(width, height) };
    engine.session(&sitter.avatar, &options).context("cannot animate")
}

/// The driver, small; recorded and idle motions have no pictures.
fn preview(input: &Input, mirror: bool) -> Option<Picture> {
    let Input::Drive(Drive::Picture(picture)) = input else { return None };
    let step = picture.width.max(picture.height).div_ceil(PREVIEW_SIDE).max(1);
    let (width, height) = ((picture.width / step).max(1), (picture.height / step).max(1));
    Some(Picture::from_fn(width, height, |x, y| {
        let x = if mirror { width - 1 - x } else { x };
        picture.pixel(x * step, y * step).unwrap_or_default()
    }))
}
