//! What drives a live session: a camera, a clip looped in real time, a recorded motion, or nothing. Each runs in a thread of its own
//! and only ever leaves its newest moment.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use portrait_media::{Camera, CameraError, CameraInfo, Shot, cameras, find_camera};
use portrait_runtime::Points;

use super::latest::Latest;
use super::worker::guarded;
use crate::console::chain;
use crate::driver::{Drive, Driver};

/// Moments a second where nothing else sets a pace.
const IDLE_RATE: f64 = 30.0;
/// Size of frames that nobody will see.
const IDLE_FRAME: [u32; 2] = [64; 2];
/// The least time that the last frame of a clip is shown before the first one.
const LAST: Duration = Duration::from_millis(34);
/// The longest nap between two looks at whether to end.
const NAP: Duration = Duration::from_millis(50);
/// Between two attempts at a camera that does not work.
const RETRY: Duration = Duration::from_secs(2);
/// A camera that sends nothing for so long does not work.
const SILENCE: Duration = Duration::from_secs(5);

/// What is to drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// A clip or a motion file, from the start again after its end.
    File(PathBuf),
    /// A camera by number, id or part of its name, or the first, at about this size.
    Camera(Option<String>, [u32; 2]),
    /// Nobody.
    Idle,
}

impl Choice {
    /// What it is called before more is known of it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            Self::Camera(wanted, _) => wanted.clone().unwrap_or_else(|| "camera".to_owned()),
            Self::Idle => "idle motion".to_owned(),
        }
    }

    /// The cameras there are, each at about this size. By their ids, so that a list does not hold one twice.
    pub(crate) fn cameras(size: [u32; 2]) -> impl Iterator<Item = Self> {
        cameras().into_iter().map(move |info| Self::Camera(Some(info.id), size))
    }

    /// Whether it is shown as a mirror would, unless the user says otherwise.
    pub(crate) fn mirrored(&self) -> bool {
        matches!(self, Self::Camera(..))
    }
}

/// A moment of a driver, and when it happened.
pub(crate) struct Captured {
    pub(crate) input: Input,
    pub(crate) at: Instant,
}

pub(crate) enum Input {
    Drive(Drive),
    /// Seconds of idle motion.
    Idle(f64),
}

/// What a source says of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    pub(crate) name: String,
    /// Why nobody drives although somebody should.
    pub(crate) trouble: Option<String>,
}

/// A running source; dropping it ends its thread.
pub(crate) struct Source {
    pub(crate) newest: Arc<Latest<Captured>>,
    /// Width and height of its frames, where they are known before the first.
    pub(crate) size: [u32; 2],
    /// The pose that motion is measured from, where a recording says so.
    pub(crate) neutral: Option<Points>,
    about: Arc<Mutex<About>>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What a source's thread works with.
struct Outlet {
    newest: Arc<Latest<Captured>>,
    about: Arc<Mutex<About>>,
    end: Arc<AtomicBool>,
}

impl Source {
    pub(crate) fn open(choice: &Choice) -> Result<Self> {
        let name = choice.name();
        match choice {
            Choice::File(path) => {
                let first = Driver::open(path)?;
                if first.is_voice() {
                    let file = path.display();
                    bail!(
                        "`{file}` is a sound, which `live` does not play; `portrait animate PHOTO --drive {file}` makes a video of it"
                    );
                }
                let (size, neutral, path) = (first.size(), first.neutral().cloned(), path.clone());
                Ok(Self::start(size, neutral, &name, move |outlet| outlet.file(first, &path)))
            }
            Choice::Camera(wanted, size) => {
                let (wanted, size) = (wanted.clone(), *size);
                Ok(Self::start(size, None, &name, move |outlet| {
                    outlet.camera(wanted.as_deref(), |wanted| open(wanted, size))
                }))
            }
            Choice::Idle => Ok(Self::start(IDLE_FRAME, None, &name, |outlet| outlet.idle(Instant::now(), None))),
        }
    }

    /// Idle motion in place of a driver of this name, and why.
    pub(crate) fn nobody(name: &str, trouble: String) -> Self {
        Self::start(IDLE_FRAME, None, name, |outlet| {
            outlet.tell(|about| about.trouble = Some(trouble));
            outlet.idle(Instant::now(), None);
        })
    }

    fn start(size: [u32; 2], neutral: Option<Points>, name: &str, run: impl FnOnce(&Outlet) + Send + 'static) -> Self {
        let about = About { name: name.to_owned(), trouble: None };
        let outlet = Outlet { newest: Arc::default(), about: Arc::new(Mutex::new(about)), end: Arc::default() };
        let (newest, about, end) = (outlet.newest.clone(), outlet.about.clone(), outlet.end.clone());
        let thread = std::thread::spawn(move || {
            let work = || {
                run(&outlet);
                Ok(())
            };
            if let Err(error) = guarded("what reads the driver", work) {
                outlet.tell(|about| about.trouble = Some(error.to_string()));
                outlet.idle(Instant::now(), None);
            }
        });
        Self { newest, size, neutral, about, end, thread: Some(thread) }
    }

    pub(crate) fn about(&self) -> About {
        self.about.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

impl Outlet {
    fn ended(&self) -> bool {
        self.end.load(Ordering::Relaxed)
    }

    /// Whether the time came before the end was asked for.
    fn sleep_until(&self, time: Instant) -> bool {
        while !self.ended() {
            match time.checked_duration_since(Instant::now()) {
                Some(rest) if !rest.is_zero() => std::thread::sleep(rest.min(NAP)),
                _ => return true,
            }
        }
        false
    }

    fn put(&self, input: Input, at: Instant) {
        self.newest.put(Captured { input, at });
    }

    fn tell(&self, change: impl FnOnce(&mut About)) {
        change(&mut self.about.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn file(&self, first: Driver, path: &Path) {
        let mut next = Ok(first);
        loop {
            match next.and_then(|driver| self.play(driver)) {
                Ok(true) => next = Driver::open(path),
                Ok(false) if self.ended() => return,
                Ok(false) => {
                    self.tell(|about| about.trouble = Some("the clip shows nothing".to_owned()));
                    return self.idle(Instant::now(), None);
                }
                Err(error) => {
                    self.tell(|about| about.trouble = Some(chain(&error)));
                    return self.idle(Instant::now(), None);
                }
            }
        }
    }

    /// Plays a driver once, its last frame as long as the others; whether it showed anything and is to go on. A clip that breaks off
    /// starts again like one that ends.
    fn play(&self, mut driver: Driver) -> Result<bool> {
        let mean = Duration::try_from_secs_f64(1.0 / driver.fps()).unwrap_or(LAST).max(LAST);
        let start = Instant::now();
        let mut last = None;
        loop {
            match driver.next() {
                Ok(Some(moment)) if self.sleep_until(start + moment.timestamp) => {
                    let now = Instant::now();
                    self.put(Input::Drive(moment.drive), now);
                    last = Some(now);
                }
                Ok(Some(_)) => return Ok(false),
                Err(error) if last.is_none() => return Err(error),
                Ok(None) | Err(_) => return Ok(last.is_some_and(|last| self.sleep_until(last + mean))),
            }
        }
    }

    /// Idle motion, for so long.
    fn idle(&self, start: Instant, duration: Option<Duration>) {
        let until = duration.map(|duration| Instant::now() + duration);
        let mut moment = (start.elapsed().as_secs_f64() * IDLE_RATE) as u64;
        while until.is_none_or(|until| Instant::now() < until) {
            let seconds = moment as f64 / IDLE_RATE;
            if !self.sleep_until(start + Duration::from_secs_f64(seconds)) {
                return;
            }
            // There is no driver of whom anything would be lost.
            self.newest.put_lightly(Captured { input: Input::Idle(seconds), at: Instant::now() });
            moment += 1;
        }
    }

    /// A camera; idle motion while it is not there or does not work.
    fn camera(&self, wanted: Option<&str>, open: impl Fn(Option<&str>) -> Result<Running, CameraError>) {
        let start = Instant::now();
        // Plugged in again it may have another id.
        let mut name: Option<String> = None;
        while !self.ended() {
            let by_name = |error| name.as_deref().map_or(Err(error), |name| open(Some(name)));
            let watched = open(wanted).or_else(by_name).and_then(|running| {
                name = Some(running.info.name.clone());
                self.watch(running)
            });
            if let Err(error) = watched {
                self.tell(|about| about.trouble = Some(error.to_string()));
            }
            self.idle(start, Some(RETRY));
        }
    }

    fn watch(&self, Running { info, mut next }: Running) -> Result<(), CameraError> {
        self.tell(|about| about.name.clone_from(&info.name));
        let mut last = Instant::now();
        while !self.ended() {
            if let Some(Shot { picture, arrived }) = next(NAP)? {
                last = Instant::now();
                self.tell(|about| about.trouble = None);
                self.put(Input::Drive(Drive::Picture(picture)), arrived);
            } else if last.elapsed() > SILENCE {
                self.tell(|about| about.trouble = Some(format!("`{}` sends no pictures", info.name)));
                return Ok(());
            }
        }
        Ok(())
    }
}

/// A camera that was opened.
struct Running {
    info: CameraInfo,
    /// Waits so long for its next picture.
    next: Box<dyn FnMut(Duration) -> Result<Option<Shot>, CameraError>>,
}

fn open(wanted: Option<&str>, size: [u32; 2]) -> Result<Running, CameraError> {
    let info = find_camera(wanted)?;
    let mut camera = Camera::open(&info, size)?;
    Ok(Running { info, next: Box::new(move |patience| camera.next_frame(patience)) })
}
