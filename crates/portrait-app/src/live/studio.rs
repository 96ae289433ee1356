//! The thread that makes pictures, from inside: takes the newest moment of the driver, animates, tells the window.

mod driving;
mod faces;
mod keeping;
mod sitting;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use portrait_media::Picture;
use portrait_runtime::{
    Engine, FaceChoice, Idle, MotionOptions, Orientation, Points, Session, SessionOptions, WeightsSource,
};

use super::broadcast::Broadcast;
use super::input::{Captured, Choice, Input, Source};
use super::recording::{MotionRecording, VideoRecording};
use super::worker::{Command, Made, Notice, Now, Shared, Start, is_lost};

pub(crate) use self::sitting::Sitting;
use self::sitting::put;
use crate::console::chain;
use crate::driver::Drive;
use crate::framing::{Faces, FramingArgs, Shown};

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

/// Pictures of a held pose that are made all the same after something about them has changed: the first one of a session still
/// looks for the face. After it was taken hold of, too: tracker and filter lag behind what moves, and would catch up later, whenever
/// another view or preset begins a session of its own.
const OWED: u32 = 3;
/// Seconds that one of them stands for: the filter is there after all of them, and a face that is not in sight is not given up.
const SETTLING: f32 = 0.5;

/// The thread's own state.
pub(crate) struct Studio {
    shared: Arc<Shared>,
    commands: Receiver<Command>,
    wake: Rc<dyn Fn()>,
    engine: Engine,
    presets: Vec<(String, WeightsSource)>,
    sitting: Arc<Sitting>,
    /// Shown before, the newest last, of the same preset.
    shelf: Vec<Arc<Sitting>>,
    /// Presets that were used before, with what they showed: to open one anew takes seconds.
    rested: Vec<(Engine, Vec<Arc<Sitting>>)>,
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
    /// What is to be said with the first picture.
    remarks: Vec<String>,
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
        let Start { gpu, presets, preset, kept, photo, faces, driver, driver_face, framing, motion, .. } = start;
        let Start { idle: resting, mut shown, mirror, virtual_camera, hold, hidden, .. } = start;
        // What was there when the program was started may be gone when a lost device is opened again: it goes on without.
        let mut faults = Vec::new();
        let broadcast = virtual_camera.as_deref().map(Broadcast::open).transpose();
        let broadcast = broadcast.unwrap_or_else(|error| {
            faults.push(error.to_string());
            None
        });
        let source = Source::open(&driver);
        let source = source.unwrap_or_else(|error| Source::nobody(&driver.name(), chain(&error)));
        let (preset, weights) = &presets[preset];
        let engine = Engine::with_gpu(gpu, preset, weights)?;
        let again = kept.is_some();
        let sitting = kept.map_or_else(|| Sitting::open(&engine, &photo, faces), Ok)?;
        let frame = source.size;
        let options = SessionOptions { motion, driver_face, ..SessionOptions::new(frame[0], frame[1]) };
        let session = match sitting.session(&engine, &framing.showing(shown), options.clone()) {
            // The picture behind the person, perhaps.
            Err(error) if again && shown == Shown::Cutout && !is_lost(&error) => {
                faults.push(chain(&error));
                shown = Shown::Crop;
                sitting.session(&engine, &framing.showing(shown), options)?
            }
            session => session?,
        };
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
            remarks: Vec::new(),
            last: None,
            previewed: None,
            screenshot: None,
            video: None,
            broadcast,
            points: None,
        };
        studio.settle()?;
        studio.ready();
        studio.remarks = studio.sitting.remarks();
        faults.into_iter().for_each(|fault| studio.warn(fault));
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
        let step = match self.last {
            _ if self.hold => SETTLING,
            last => last.map_or(1.0 / 30.0, |last| at.duration_since(last).as_secs_f32().clamp(0.001, 1.0)),
        };
        self.last = Some(at);
        self.turn(&input)?;
        match &input {
            Input::Drive(drive) => {
                if let Drive::Picture(picture) = drive {
                    self.fit([picture.width, picture.height])?;
                    self.session.set_orientation(Orientation { mirror: self.mirrored(), ..Orientation::default() });
                }
                drive.animate(&mut self.session, step)?;
            }
            Input::Idle(seconds) => {
                self.session.animate_expression(&self.resting.expression(*seconds), step)?;
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
        let changed = self.changed.take();
        let changed =
            changed.map(|(what, asked)| format!("{what}: shown after {:.1} s", asked.elapsed().as_secs_f64()));
        let fault = trouble.is_some();
        let trouble = trouble.map(|trouble| format!("{trouble}\nidle motion meanwhile; D chooses another driver"));
        let news: Vec<String> = changed.into_iter().chain(self.remarks.drain(..)).chain(trouble).collect();
        match news.join("\n") {
            news if news.is_empty() => {}
            news if fault => self.warn(news),
            news => self.say(news),
        }
        self.watch_video();
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
                if let Some(why) = self.no_picture() {
                    self.say(format!("{why}: there is nothing to mirror"));
                    return Ok(());
                }
                let how = if mirror { "mirrored" } else { "as it is, not mirrored" };
                self.say(format!("the driver is shown {how}"));
            }
            Command::Hold(hold) => {
                self.hold = hold;
                if hold {
                    self.owed = OWED;
                }
            }
            Command::Hidden(hidden) => self.hidden = hidden,
            Command::Calibrate if self.idle => self.say("nobody drives: there is no pose to take".to_owned()),
            Command::Calibrate if self.session.status().is_none_or(|status| !status.found) => {
                self.say("no face in sight: there is no pose to take".to_owned());
            }
            Command::Calibrate => {
                self.session.recalibrate();
                self.say("this pose is the neutral one now".to_owned());
            }
            Command::Follow([x, y]) => {
                if self.session.status().is_none_or(|status| !status.found) {
                    self.say(
                        "no face in sight: the one nearest to that place is followed when there is one".to_owned(),
                    );
                }
                let [width, height] = self.frame.map(|v| v as f32);
                self.follow(FaceChoice::At([x * width, y * height]));
            }
            Command::NextDriverFace => match self.no_picture() {
                Some(why) => self.say(format!("{why}: there is no face to choose")),
                None => self.next_driver_face(),
            },
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
                self.warn(chain(&error));
                Ok(())
            }
        }
    }

    /// Tells what is shown from now on.
    fn ready(&self) {
        let preset = self.engine.preset().name.clone();
        let mut view = self.shared.view();
        view.busy = None;
        view.now = Some(Now {
            sitting: self.sitting.clone(),
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
        let Sitting { path, faces, .. } = &*self.sitting;
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
        if let Err(error) = self.reopen_with_other_weights() {
            (self.engine, self.sitting, self.shelf) = (engine, sitting, shelf);
            return Err(error);
        }
        put(&mut shelf, sitting);
        self.rested.push((engine, shelf));
        Ok(())
    }

    /// Tells the user, in the window and on the terminal.
    fn say(&self, text: String) {
        crate::console::note(&text);
        self.shared.view().notice = Some(Notice::new(text));
        (self.wake)();
    }

    /// The same of something that went wrong.
    fn warn(&self, text: String) {
        crate::console::note(&text);
        self.shared.view().notice = Some(Notice::fault(text));
        (self.wake)();
    }
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
