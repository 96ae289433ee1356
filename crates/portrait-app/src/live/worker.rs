//! The thread that makes pictures, as the window sees it: commands in, the newest state out. Neither waits for the other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use portrait_media::Picture;
use portrait_runtime::{
    EngineError, FaceChoice, FaceStatus, Gpu, Idle, MotionOptions, Presenter, SessionStats, WeightsSource,
};

use super::input::{About, Choice};
use super::studio::{Sitting, Studio};
use crate::console::chain;
use crate::framing::{Faces, FramingArgs, Shown};

/// What the window asks for.
pub(crate) enum Command {
    Motion(MotionOptions),
    Mirror(bool),
    /// Holds the pose, or goes on.
    Hold(bool),
    /// Nobody sees the window, or somebody does.
    Hidden(bool),
    Calibrate,
    /// Follow whoever is at this place, in shares of the driver's frame.
    Follow([f32; 2]),
    /// Follow the next one by size.
    NextDriverFace,
    Photo(PathBuf, Faces),
    /// The next face of a group photo; after the last one all, then the first.
    NextFace,
    /// Whoever is at this place of a window of this size, where it shows the whole photo.
    Pick([f32; 2], [u32; 2]),
    Show(Shown),
    /// What comes after what is shown when this is obeyed, however fast it was asked for.
    NextView,
    /// What is behind the person.
    Background(PathBuf),
    /// What comes in the list after the preset that is used when this is obeyed.
    NextPreset,
    Driver(Choice),
    Screenshot(PathBuf),
    /// Record pictures into this file, or end what is being recorded.
    Video(PathBuf),
    /// Record the driver's points into this file, or end what is being recorded.
    Points(PathBuf),
    End,
}

/// Who is shown, and how.
pub(crate) struct Now {
    pub(crate) sitting: Arc<Sitting>,
    pub(crate) driver: Choice,
    pub(crate) driver_face: FaceChoice,
    pub(crate) preset: String,
    pub(crate) framing: FramingArgs,
    pub(crate) shown: Shown,
}

/// When a picture came about.
#[derive(Clone, Copy)]
pub(crate) struct Made {
    /// The driver's moment was captured.
    pub(crate) captured: Instant,
    /// Work on it began.
    pub(crate) taken: Instant,
    /// The picture was there.
    pub(crate) done: Instant,
}

/// What the user should know.
pub(crate) struct Notice {
    pub(crate) text: String,
    pub(crate) since: Instant,
    /// Whether something went wrong: that is shown even where everything else is hidden.
    pub(crate) fault: bool,
}

impl Notice {
    pub(crate) fn new(text: String) -> Self {
        Self { text, since: Instant::now(), fault: false }
    }

    pub(crate) fn fault(text: String) -> Self {
        Self { fault: true, ..Self::new(text) }
    }
}

/// What the window shows.
#[derive(Default)]
pub(crate) struct View {
    /// Draws the newest picture; there only after a session has made one, so that the last good one stays until then.
    pub(crate) presenter: Option<Presenter>,
    /// When the newest picture came about; `None` once it is drawn.
    pub(crate) made: Option<Made>,
    /// Pictures made since the start.
    pub(crate) frames: u64,
    pub(crate) dropped: u64,
    pub(crate) status: Option<FaceStatus>,
    pub(crate) stats: Option<SessionStats>,
    pub(crate) about: About,
    /// What is shown since the last change, whether that succeeded or not.
    pub(crate) now: Option<Now>,
    /// The driver, small, and the size of its frames; without pixels once they were taken.
    pub(crate) preview: Option<(Picture, [u32; 2])>,
    pub(crate) notice: Option<Notice>,
    pub(crate) busy: Option<&'static str>,
    pub(crate) video: Option<PathBuf>,
    pub(crate) points: Option<PathBuf>,
    /// The thread has ended because the device is gone, of which this is said.
    pub(crate) device_lost: Option<String>,
    /// The thread has ended because of this.
    pub(crate) failed: Option<String>,
}

/// What a worker starts with.
pub(crate) struct Start {
    pub(crate) gpu: Arc<Gpu>,
    /// Presets that can run, with their weights; and the one to begin with.
    pub(crate) presets: Vec<(String, WeightsSource)>,
    pub(crate) preset: usize,
    /// Who was shown before a device was lost; otherwise these faces of this photo are.
    pub(crate) kept: Option<Arc<Sitting>>,
    pub(crate) photo: PathBuf,
    pub(crate) faces: Faces,
    pub(crate) driver: Choice,
    pub(crate) idle: Idle,
    pub(crate) driver_face: FaceChoice,
    pub(crate) framing: FramingArgs,
    pub(crate) shown: Shown,
    pub(crate) motion: MotionOptions,
    pub(crate) mirror: Option<bool>,
    pub(crate) virtual_camera: Option<PathBuf>,
    pub(crate) hold: bool,
    pub(crate) hidden: bool,
}

/// The view, and word of its having been drawn.
#[derive(Default)]
pub(crate) struct Shared {
    view: Mutex<View>,
    drawn: Condvar,
}

impl Shared {
    pub(crate) fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The window has handed its drawing of the newest picture to the GPU.
    pub(crate) fn drawn(&self) {
        self.view().made = None;
        self.drawn.notify_all();
    }

    /// Waits until then, but no longer than this.
    pub(crate) fn wait_drawn(&self, patience: Duration) {
        // Whether it was drawn or not, work goes on.
        let _ = self.drawn.wait_timeout_while(self.view(), patience, |view| view.made.is_some());
    }
}

/// Handle of the thread.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    commands: Sender<Command>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread; `wake` is called whenever there is something new to show.
    pub(crate) fn start(start: Start, wake: impl Fn() + Send + 'static) -> Self {
        let shared = Arc::new(Shared::default());
        shared.view().busy = Some("preparing the portrait");
        let (commands, theirs) = channel();
        let inside = shared.clone();
        let thread = std::thread::spawn(move || {
            let wake: Rc<dyn Fn()> = Rc::new(wake);
            let work = || Studio::open(start, inside.clone(), theirs, wake.clone()).and_then(Studio::run);
            let done = guarded("the thread that makes pictures", work);
            if let Err(error) = done {
                let mut view = inside.view();
                let text = Some(chain(&error));
                *if is_lost(&error) { &mut view.device_lost } else { &mut view.failed } = text;
                drop(view);
                // The window may have nothing else to draw for, and would never look.
                wake();
            }
        });
        Self { shared, commands, thread: Some(thread) }
    }

    pub(crate) fn view(&self) -> MutexGuard<'_, View> {
        self.shared.view()
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
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

/// An error instead of a panic, so that whoever waits for this thread learns of it. The panic's own words are on the console by then.
pub(crate) fn guarded<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    // Nothing that was being changed is used afterwards, but for places behind locks that hold one value each.
    let done = catch_unwind(AssertUnwindSafe(work));
    done.unwrap_or_else(|_| bail!("{what} panicked, which is a fault of this program; please report it"))
}

/// Whether an error means that the device is gone.
pub(crate) fn is_lost(error: &anyhow::Error) -> bool {
    error.downcast_ref::<EngineError>().is_some_and(|error| matches!(error, EngineError::Device(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        assert_eq!(guarded("it", || Ok(3)).expect("no panic"), 3);
        let error = guarded("the thread", || -> Result<()> { panic!("on purpose") }).expect_err("it panicked");
        assert!(error.to_string().contains("the thread panicked") && !is_lost(&error), "{error}");
    }
}
