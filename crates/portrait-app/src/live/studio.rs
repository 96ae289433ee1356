//! The thread that makes pictures, from inside: takes the newest moment of the driver, animates, tells the window.

mod driving;
mod faces;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use portrait_media::Picture;
use portrait_runtime::{
    Engine, FaceChoice, Idle, MotionOptions, Orientation, Points, Session, SessionOptions, WeightsSource,
};

use super::broadcast::Broadcast;
use super::input::{Captured, Choice, Input, Source};
use super::recording::{MotionRecording, VideoRecording};
use super::worker::{Command, Made, Now, Shared, Start, is_lost};
use crate::console::chain;
use crate::driver::Drive;
use crate::framing::{Faces, FramingArgs, Shown};
use crate::source::{Prepared, Source as Portrait, media_picture};

/// The longest wait for a moment of the driver before commands are looked at again.
const PATIENCE: Duration = Duration::from_millis(20);
/// Between two looks at whether the GPU is done.
const GLANCE: Duration = Duration::from_micros(300);
/// How long the window may take to hand its drawing to the GPU: so long, or this share of a frame's GPU time. Queued behind the next
/// frame it would be shown a frame later.
const DRAWING: Duration = Duration::from_millis(50);
const DRAWING_SHARE: f64 = 0.25;
/// Seconds between two pictures of the driver for the window.
const PREVIEW_SECONDS: f64 = 0.1;
/// Longest side of that picture.
const PREVIEW_SIDE: u32 = 240;

/// Photos that are kept prepared after another one is shown.
const SHELF: usize = 4;
/// Pictures of a held pose that are made all the same after something about them has changed: the first one of a session still
/// looks for the face. After it was taken hold of, too: tracker and filter lag behind what moves, and would catch up later, whenever
/// another view or preset begins a session of its own.
const OWED: u32 = 3;

/// A photo whose people are being animated.
struct Sitting {
    path: PathBuf,
    modified: Option<SystemTime>,
    faces: Faces,
    prepared: Prepared,
}

impl Sitting {
    fn open(engine: &Engine, path: &Path, faces: Faces) -> Result<Self> {
        let modified = modified(path);
        let prepared = Portrait::read(path)?.prepare(engine, path, faces)?;
        Ok(Self { path: path.to_owned(), modified, faces, prepared })
    }

    /// Whether this is these faces of what is in the file now.
    fn is(&self, path: &Path, faces: Faces) -> bool {
        self.path == path && self.faces == faces && self.modified.is_some() && self.modified == modified(path)
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|about| about.modified()).ok()
}

/// The thread's own state.
pub(crate) struct Studio {
    shared: Arc<Shared>,
    commands: Receiver<Command>,
    wake: Rc<dyn Fn()>,
    engine: Engine,
    presets: Vec<(String, WeightsSource)>,
    sitting: Sitting,
    /// Shown before, the newest last, of the same preset.
    shelf: Vec<Sitting>,
    /// Presets that were used before, with what they showed: to open one anew takes seconds.
    rested: Vec<(Engine, Vec<Sitting>)>,
    session: Session,
    driver: Choice,
    source: Source,
    /// What the portrait does while nobody drives.
    resting: Idle,
    /// Moments dropped by the sources before.
    dropped: u64,
    framing: FramingArgs,
    shown: Shown,
    motion: MotionOptions,
    /// Whether the driver is mirrored, where the user said so.
    mirror: Option<bool>,
    driver_face: FaceChoice,
    /// The driver's neutral pose while nobody drives.
    neutral: Option<Points>,
    /// How often a face of the driver was taken up, and whether the next time was asked for.
    taken_up: u32,
    asked: bool,
    hold: bool,
    /// The moment that was animated last.
    held: Option<Captured>,
    /// Pictures to be made although the pose is held.
    owed: u32,
    hidden: bool,
    /// Whether nobody drives.
    idle: bool,
    /// Size of the driver's frames.
    frame: [u32; 2],
    /// Whether the window draws this session's pictures already.
    presented: bool,
    /// The change whose first picture is still to come, and when it was asked for.
    changed: Option<(String, Instant)>,
    last: Option<Instant>,
    previewed: Option<Instant>,
    screenshot: Option<PathBuf>,
    video: Option<VideoRecording>,
    broadcast: Option<Broadcast>,
    points: Option<MotionRecording>,
}

impl Studio {
    pub(crate) fn open(
        start: Start,
        shared: Arc<Shared>,
        commands: Receiver<Command>,
        wake: Rc<dyn Fn()>,
    ) -> Result<Self> {
        let Start { gpu, presets, preset, photo, faces, driver, driver_face, framing, shown, motion, .. } = start;
        let Start { idle: resting, mirror, virtual_camera, hold, hidden, .. } = start;
        let broadcast = virtual_camera.as_deref().map(Broadcast::open).transpose()?;
        let source = Source::open(&driver)?;
        let (preset, weights) = &presets[preset];
        let engine = Engine::with_gpu(gpu, preset, weights)?;
        let sitting = Sitting::open(&engine, &photo, faces)?;
        let frame = source.size;
        let options = SessionOptions { motion, driver_face, ..SessionOptions::new(frame[0], frame[1]) };
        let session = open_session(&engine, &sitting, &framing.showing(shown), options)?;
        let mut studio = Self {
            shared,
            commands,
            wake,
            engine,
            presets,
            sitting,
            shelf: Vec::new(),
            rested: Vec::new(),
            session,
            driver,
            source,
            resting,
            dropped: 0,
            framing,
            shown,
            motion,
            mirror,
            driver_face,
            neutral: None,
            taken_up: 0,
            asked: false,
            hold,
            held: None,
            owed: OWED,
            hidden,
            idle: false,
            frame,
            presented: false,
            changed: None,
            last: None,
            previewed: None,
            screenshot: None,
            video: None,
            broadcast,
            points: None,
        };
        studio.settle()?;
        studio.ready();
        if let Some(warning) = studio.sitting.prepared.warnings().into_iter().next() {
            studio.say(warning);
        }
        Ok(studio)
    }

    pub(crate) fn run(mut self) -> Result<()> {
        let done = self.work();
        // What is being recorded is completed, however this ends.
        self.record_video(None);
        self.record_points(None);
        done
    }

    fn work(&mut self) -> Result<()> {
        loop {
            loop {
                match self.commands.try_recv() {
                    Ok(Command::End) | Err(TryRecvError::Disconnected) => return Ok(()),
                    Ok(command) => self.obey(command)?,
                    Err(TryRecvError::Empty) => break,
                }
            }
            if let Some(moment) = self.moment()
                && let Err(error) = self.frame(moment)
            {
                self.give_up_driver(error)?;
            }
        }
    }

    /// One moment of the driver to one picture.
    fn frame(&mut self, Captured { input, at }: Captured) -> Result<()> {
        let taken = Instant::now();
        let step = self.last.map_or(1.0 / 30.0, |last| at.duration_since(last).as_secs_f32().clamp(0.001, 1.0));
        self.last = Some(at);
        self.turn(matches!(input, Input::Idle(_)))?;
        match &input {
            Input::Drive(drive) => {
                if let Drive::Picture(picture) = drive {
                    self.fit([picture.width, picture.height])?;
                    self.session.set_orientation(Orientation { mirror: self.mirrored(), ..Orientation::default() });
                }
                drive.animate(&mut self.session, step)?;
            }
            Input::Idle(seconds) => {
                let points = self.engine.pose(self.sitting.prepared.avatar(), &self.resting.expression(*seconds));
                self.session.animate_keypoints(&points, step)?;
            }
        }
        // The next frame is taken when this one is done: what happens meanwhile is dropped, not queued.
        while self.session.pending()? > 0 {
            std::thread::sleep(GLANCE);
        }
        let done = Instant::now();
        self.collect(at)?;
        self.publish(&input, Made { captured: at, taken, done });
        self.owed = self.owed.saturating_sub(1);
        self.held = Some(Captured { input, at });
        Ok(())
    }

    /// Takes pictures and points where somebody wants them.
    fn collect(&mut self, at: Instant) -> Result<()> {
        if let Some(fault) = self.broadcast.as_ref().and_then(Broadcast::fault) {
            self.broadcast = None;
            self.say(fault);
        }
        if self.screenshot.is_some() || self.video.is_some() || self.broadcast.is_some() {
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
                if let Some(broadcast) = &self.broadcast {
                    broadcast.show(picture.clone());
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

    fn publish(&mut self, input: &Input, made: Made) {
        let now = Instant::now();
        let due = self.previewed.is_none_or(|last| now.duration_since(last).as_secs_f64() > PREVIEW_SECONDS);
        let preview = due.then(|| preview(input, self.mirrored())).flatten();
        let about = self.source.about();
        let mut view = self.shared.view();
        view.frames += 1;
        view.made = Some(made);
        view.dropped = self.dropped + self.source.newest.dropped();
        let trouble = about.trouble.clone().filter(|trouble| view.about.trouble.as_ref() != Some(trouble));
        view.about = about;
        view.status = (!self.idle).then(|| self.session.status()).flatten();
        view.stats = Some(self.session.stats());
        if self.idle {
            view.preview = None;
        } else if let Some(picture) = preview {
            view.preview = Some((picture, self.frame));
            self.previewed = Some(now);
        }
        if !self.presented {
            view.presenter = Some(self.session.presenter());
            self.presented = true;
        }
        drop(view);
        self.watch_driver_face();
        if let Some((what, asked)) = self.changed.take() {
            self.say(format!("{what}: shown after {:.1} s", asked.elapsed().as_secs_f64()));
        }
        if let Some(trouble) = trouble {
            crate::console::warning(trouble);
        }
        (self.wake)();
        if !self.hidden {
            let share = DRAWING_SHARE * self.session.stats().gpu_seconds.unwrap_or_default();
            self.shared.wait_drawn(DRAWING.max(Duration::try_from_secs_f64(share).unwrap_or_default()));
        }
    }

    fn obey(&mut self, command: Command) -> Result<()> {
        match command {
            Command::Motion(motion) => {
                self.motion = motion;
                self.session.set_motion(motion);
                self.owed = OWED;
            }
            Command::Mirror(mirror) => {
                self.mirror = Some(mirror);
                self.owed = OWED;
            }
            Command::Hold(hold) => {
                self.hold = hold;
                if hold {
                    self.owed = OWED;
                }
            }
            Command::Hidden(hidden) => self.hidden = hidden,
            Command::Calibrate if self.idle => self.say("nobody drives: there is no pose to take".to_owned()),
            Command::Calibrate => {
                self.session.recalibrate();
                self.say("this pose is the neutral one now".to_owned());
            }
            Command::Follow([x, y]) => {
                let [width, height] = self.frame.map(|v| v as f32);
                self.follow(FaceChoice::At([x * width, y * height]));
            }
            Command::NextDriverFace => self.next_driver_face(),
            Command::Photo(path, faces) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                self.sit("preparing the portrait", name, &path, faces)?;
            }
            Command::NextFace => self.next_face()?,
            Command::Pick(place, window) => self.pick(place, window)?,
            Command::NextView => {
                self.obey(Command::Show(match self.shown {
                    Shown::Crop => Shown::Photo,
                    Shown::Photo => Shown::Cutout,
                    Shown::Cutout => Shown::Crop,
                }))?;
            }
            Command::Show(shown) if self.sitting.faces == Faces::All && shown != Shown::Photo => {
                self.say("everybody is shown in the whole photo; G or a click chooses one".to_owned());
                self.ready();
            }
            Command::Show(shown) => {
                let name = match shown {
                    Shown::Crop => "square",
                    Shown::Photo => "whole photo",
                    Shown::Cutout => "person alone",
                };
                self.change("changing the view", name.to_owned(), |studio| {
                    let before = std::mem::replace(&mut studio.shown, shown);
                    studio.reopen().inspect_err(|_| studio.shown = before)
                })?;
            }
            Command::Background(path) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                self.change("changing the background", name, |studio| {
                    let framing = studio.framing.before(&path);
                    let before = (std::mem::replace(&mut studio.framing, framing), studio.shown);
                    studio.shown = Shown::Cutout;
                    studio.reopen().inspect_err(|_| (studio.framing, studio.shown) = before)
                })?;
            }
            Command::NextPreset => {
                let now = &self.engine.preset().name;
                let at = self.presets.iter().position(|(name, _)| name == now).unwrap_or_default();
                let (name, weights) = self.presets[(at + 1) % self.presets.len()].clone();
                let text = format!("preset {name}");
                self.change("changing the preset", text, |studio| studio.set_preset(&name, &weights))?;
            }
            Command::Driver(driver) => {
                let name = driver.name();
                self.change("opening the driver", name, |studio| studio.set_driver(driver))?;
            }
            Command::Screenshot(path) => {
                self.drain()?;
                self.screenshot = Some(path);
                self.owed = self.owed.max(1);
            }
            Command::Video(path) => {
                self.drain()?;
                self.record_video(Some(path).filter(|_| self.video.is_none()));
            }
            Command::Points(path) => self.record_points(Some(path).filter(|_| self.points.is_none())),
            Command::End => {}
        }
        Ok(())
    }

    /// Something that takes a while and may fail; then everything stays as it was.
    fn change(
        &mut self,
        doing: &'static str,
        what: String,
        change: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let asked = Instant::now();
        self.shared.view().busy = Some(doing);
        (self.wake)();
        let done = change(self);
        self.ready();
        match done {
            Ok(()) => {
                self.changed = Some((what, asked));
                Ok(())
            }
            Err(error) if is_lost(&error) => Err(error),
            Err(error) => {
                self.say(chain(&error));
                Ok(())
            }
        }
    }

    /// Tells what is shown from now on.
    fn ready(&self) {
        let preset = self.engine.preset().name.clone();
        let mut view = self.shared.view();
        view.busy = None;
        let Sitting { path, faces, .. } = &self.sitting;
        view.now = Some(Now {
            photo: path.clone(),
            faces: *faces,
            driver: self.driver.clone(),
            driver_face: self.driver_face,
            preset,
            framing: self.framing.clone(),
            shown: self.shown,
        });
    }

    fn set_preset(&mut self, name: &str, weights: &WeightsSource) -> Result<()> {
        if self.sitting.prepared.photo.is_none() {
            bail!("an avatar belongs to the preset it was made for; open the photo itself to change the preset");
        }
        let Sitting { path, faces, .. } = &self.sitting;
        let rested = self.rested.iter().position(|(engine, _)| engine.preset().name == name);
        let (engine, mut shelf) = match rested.map(|at| self.rested.remove(at)) {
            Some(rested) => rested,
            None => (Engine::with_gpu(self.engine.gpu().clone(), name, weights)?, Vec::new()),
        };
        let sitting = match shelf.iter().position(|sitting| sitting.is(path, *faces)) {
            Some(at) => shelf.remove(at),
            None => Sitting::open(&engine, path, *faces)?,
        };
        let engine = std::mem::replace(&mut self.engine, engine);
        let sitting = std::mem::replace(&mut self.sitting, sitting);
        let mut shelf = std::mem::replace(&mut self.shelf, shelf);
        if let Err(error) = self.reopen() {
            (self.engine, self.sitting, self.shelf) = (engine, sitting, shelf);
            return Err(error);
        }
        put(&mut shelf, sitting);
        self.rested.push((engine, shelf));
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
                Err(error) => self.say(chain(&error)),
            }
        }
        self.shared.view().video = path.filter(|_| self.video.is_some());
    }

    fn record_points(&mut self, path: Option<PathBuf>) {
        if let Some(recording) = self.points.take() {
            let neutral = self.session.neutral().ok().flatten();
            let text = recording.finish(neutral);
            self.say(text);
        }
        self.points = path.clone().map(MotionRecording::new);
        self.shared.view().points = path;
    }

    /// Tells the user, in the window and on the terminal.
    fn say(&self, text: String) {
        crate::console::note(&text);
        self.shared.view().notice = Some((text, Instant::now()));
        (self.wake)();
    }
}

/// Keeps a photo prepared, in place of the oldest one where there are enough.
fn put(shelf: &mut Vec<Sitting>, sitting: Sitting) {
    if shelf.len() == SHELF {
        shelf.remove(0);
    }
    shelf.push(sitting);
}

fn open_session(engine: &Engine, sitting: &Sitting, framing: &FramingArgs, options: SessionOptions) -> Result<Session> {
    let framing = framing.framing(sitting.prepared.photo.as_ref(), &sitting.path)?;
    sitting.prepared.session(engine, &SessionOptions { framing, record: true, ..options }).context("cannot animate")
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
