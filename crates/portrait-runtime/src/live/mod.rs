//! A session in a thread of its own, for hosts that push frames whenever a camera has one and never want to wait.
//!
//! The newest frame wins: one that was not begun when the next arrives is given back unused. One frame is on the GPU at a time, so
//! what is shown is as recent as it can be.

mod frame_times;
mod pace;
mod screen;
mod worker;

use crate::avatar::Avatar;
use crate::camera_frame::CameraFrame;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::frame::Picture;
use crate::options::{FaceStatus, MotionOptions, SessionOptions};
use crate::orient::Orientation;
use crate::present::Placement;
use crate::timing::GpuStages;
pub use frame_times::FrameTimes;
pub use pace::Thermal;
pub use screen::Window;
use std::collections::VecDeque;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, ThreadId};
use std::time::{Duration, Instant};

/// A frame that is kept until it is uploaded; dropping it gives its memory back.
pub trait HeldFrame: Send {
    /// Its pixels.
    fn frame(&self) -> CameraFrame<'_>;
}

/// Engine and avatar: what a session is made of. Both may serve several sessions.
#[derive(Clone, Debug)]
pub struct Portrait {
    /// Device and networks.
    pub engine: Arc<Engine>,
    /// Who is animated.
    pub avatar: Arc<Avatar>,
}

/// How a live session runs.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// Options of the session. [`SessionOptions::frame`] is what is expected: other frames make the session anew.
    pub session: SessionOptions,
    /// Most pictures a second.
    pub rate: Option<f32>,
    /// What takes over when the device is critically hot: a smaller preset, say. Its engine is on the same device
    /// ([`Engine::with_gpu`]).
    pub cool: Option<Portrait>,
}

/// How much memory to give back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trim {
    /// Frames and pictures that wait.
    Waiting,
    /// Also everything the session has on the device; the next frame makes it again.
    Session,
    /// Also the compiled pipelines of the engine.
    Pipelines,
}

/// A picture and what it was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LivePicture {
    /// The picture.
    pub picture: Picture,
    /// Time stamp of its frame.
    pub timestamp: Duration,
}

/// What a live session does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LiveStatus {
    /// Whether the session is open on the device: not before the first frame, and not after [`Trim::Session`].
    pub open: bool,
    /// Whether it was told to pause.
    pub paused: bool,
    /// Whether it has ended by a failure, of which the next push tells.
    pub failed: bool,
    /// Whether there is a window to draw on.
    pub window: bool,
    /// Whether [`LiveOptions::cool`] has taken over.
    pub cooled: bool,
    /// Frames pushed.
    pub pushed: u64,
    /// Frames among them that were given back unused.
    pub dropped: u64,
    /// Pictures made.
    pub pictures: u64,
    /// From the push of the newest picture's frame until it was done.
    pub latency: Duration,
    /// What half of the newest 240 latencies stayed below.
    pub latency_p50: Duration,
    /// What 95 % of them stayed below.
    pub latency_p95: Duration,
    /// Pictures a second in the last three seconds.
    pub rate: f64,
    /// GPU time of `latency`, where the device has timestamps.
    pub gpu_seconds: Option<f64>,
    /// What of that each stage took, where the device can take timestamps inside a pass.
    pub gpu_stages: Option<GpuStages>,
    /// The driver's face.
    pub face: Option<FaceStatus>,
}

/// What the host wants drawn on.
enum Change {
    Created(Box<Window>),
    Resized([u32; 2]),
    Destroyed,
    Draw(Draw),
}

/// Into a texture, once. The answer is the time stamp of what was drawn.
struct Draw {
    texture: wgpu::Texture,
    placement: Placement,
    answer: SyncSender<Result<Option<Duration>, EngineError>>,
}

struct Pushed {
    frame: Box<dyn HeldFrame>,
    orientation: Orientation,
    timestamp: Duration,
    at: Instant,
}

/// What threads tell each other.
#[derive(Default)]
struct State {
    frame: Option<Pushed>,
    motion: Option<MotionOptions>,
    recalibrate: bool,
    /// Whether the pause has yet to begin.
    pausing: bool,
    trim: Option<Trim>,
    targets: VecDeque<Change>,
    /// Why the newest window cannot be drawn on.
    refused: Option<EngineError>,
    thermal: Thermal,
    closing: bool,
    /// Whether the worker does something on the device.
    busy: bool,
    ended: bool,
    failure: Option<Arc<EngineError>>,
    picture: Option<LivePicture>,
    /// Time stamp of the newest picture, until it was drawn into a texture.
    undrawn: Option<Duration>,
    status: LiveStatus,
    times: FrameTimes,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while<'a>(
        &self,
        state: MutexGuard<'a, State>,
        condition: impl FnMut(&mut State) -> bool,
    ) -> MutexGuard<'a, State> {
        self.changed.wait_while(state, condition).unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session in a thread of its own. Every method may be called from any thread, and none waits for the GPU unless it says so.
pub struct LiveSession {
    shared: Arc<Shared>,
    worker: ThreadId,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Largest side of a frame.
    limit: u32,
}

impl std::fmt::Debug for LiveSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveSession").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl LiveSession {
    /// Starts the thread, which opens the session for frames of the size in the options.
    ///
    /// # Errors
    /// When no thread can be started, or what stays cool is on another device. What is wrong with the options is found by the thread: the next call tells.
    pub fn start(portrait: Portrait, options: LiveOptions) -> Result<Self, EngineError> {
        if options.cool.as_ref().is_some_and(|cool| !Arc::ptr_eq(cool.engine.gpu(), portrait.engine.gpu())) {
            let reason = "the engine that takes over when it is hot has to be on the same device".to_owned();
            return Err(EngineError::Device(reason));
        }
        let limit = portrait.engine.gpu().device().limits().max_texture_dimension_2d;
        // It opens the session first, if it knows for which frames.
        let busy = options.session.frame != [0; 2];
        let shared = Arc::new(Shared { state: Mutex::new(State { busy, ..State::default() }), ..Shared::default() });
        let theirs = shared.clone();
        let run = move || worker::run(&theirs, portrait, options);
        let thread = std::thread::Builder::new().name("portrait".to_owned()).spawn(run).map_err(EngineError::Thread)?;
        Ok(Self { shared, worker: thread.thread().id(), thread: Mutex::new(Some(thread)), limit })
    }

    /// Gives the newest frame of the driver; `timestamp` is of any clock that does not run backwards. Given while paused, it is
    /// dropped at once.
    ///
    /// # Errors
    /// A malformed frame, one larger than a texture may be, or a session that has failed.
    pub fn push(
        &self,
        frame: Box<dyn HeldFrame>,
        orientation: Orientation,
        timestamp: Duration,
    ) -> Result<(), EngineError> {
        let CameraFrame { width, height, .. } = frame.frame();
        frame.frame().check()?;
        if width.max(height) > self.limit {
            return Err(EngineError::FrameTooLarge { width, height, limit: self.limit });
        }
        let pushed = Pushed { frame, orientation, timestamp, at: Instant::now() };
        let mut state = self.healthy()?;
        state.status.pushed += 1;
        let displaced = if state.status.paused { Some(pushed) } else { state.frame.replace(pushed) };
        state.status.dropped += u64::from(displaced.is_some());
        drop(state);
        self.shared.changed.notify_all();
        // Only now: giving memory back may run the host's code.
        drop(displaced);
        Ok(())
    }

    /// The newest picture not taken yet; waits for one no longer than `patience`. Only with [`SessionOptions::read_back`].
    ///
    /// # Errors
    /// A session that has failed.
    pub fn take_picture(&self, patience: Duration) -> Result<Option<LivePicture>, EngineError> {
        let state = self.healthy()?;
        let waits = |state: &mut State| state.picture.is_none() && state.failure.is_none() && !state.closing;
        let (mut state, _) =
            self.shared.changed.wait_timeout_while(state, patience, waits).unwrap_or_else(PoisonError::into_inner);
        match state.picture.take() {
            Some(picture) => Ok(Some(picture)),
            None => {
                drop(state);
                self.healthy().map(|_| None)
            }
        }
    }

    /// Draws the newest picture into a texture of the same device, such as one of [`Gpu::import`](crate::Gpu::import), and waits until
    /// the device is done; then its time stamp. `None` where none is newer than the one drawn last: waits for one no longer than
    /// `patience`. While paused nothing is drawn. Nothing is copied: one draw call, of the picture where it was made.
    ///
    /// # Errors
    /// A texture that cannot be rendered to, or a session that has failed.
    pub fn draw_picture(
        &self,
        patience: Duration,
        texture: &wgpu::Texture,
        placement: Placement,
    ) -> Result<Option<Duration>, EngineError> {
        // It would wait for itself.
        if std::thread::current().id() == self.worker {
            return Ok(None);
        }
        let state = self.healthy()?;
        let waits = |state: &mut State| state.undrawn.is_none() && !state.ended && !state.closing;
        let (mut state, _) =
            self.shared.changed.wait_timeout_while(state, patience, waits).unwrap_or_else(PoisonError::into_inner);
        if state.undrawn.is_some() && !state.status.paused && !state.ended {
            let (answer, answered) = sync_channel(1);
            state.targets.push_back(Change::Draw(Draw { texture: texture.clone(), placement, answer }));
            drop(state);
            self.shared.changed.notify_all();
            // A thread that ends drops the question.
            if let Ok(answer) = answered.recv() {
                return answer;
            }
        } else {
            drop(state);
        }
        self.healthy().map(|_| None)
    }

    /// Stops making pictures. Waits until the device is done with the frame at hand: afterwards nothing is submitted, as an app that
    /// goes to the background must see to.
    pub fn pause(&self) {
        let mut state = self.shared.lock();
        // A thread that has ended has nothing to stop.
        state.pausing |= !state.ended && !state.status.paused;
        state.status.paused = true;
        let waiting = state.frame.take();
        state.status.dropped += u64::from(waiting.is_some());
        self.settle(state);
        drop(waiting);
    }

    /// Goes on.
    pub fn resume(&self) {
        let mut state = self.shared.lock();
        (state.status.paused, state.pausing) = (false, false);
        drop(state);
        self.shared.changed.notify_all();
    }

    /// How motion is taken over from the next frame on.
    pub fn set_motion(&self, motion: MotionOptions) {
        self.shared.lock().motion = Some(motion);
    }

    /// Takes the next frame with a face as the neutral pose.
    pub fn recalibrate(&self) {
        self.shared.lock().recalibrate = true;
    }

    /// How hot the device is: fewer pictures a second first, then [`LiveOptions::cool`].
    pub fn set_thermal(&self, thermal: Thermal) {
        self.shared.lock().thermal = thermal;
        self.shared.changed.notify_all();
    }

    /// Draws every picture on this window from now on, in place of the one before. Waits until the one before is no longer in use.
    ///
    /// # Errors
    /// A surface that takes no pictures.
    pub fn window_created(&self, window: Window) -> Result<(), EngineError> {
        self.window(Change::Created(Box::new(window)));
        self.shared.lock().refused.take().map_or(Ok(()), Err)
    }

    /// Fits pictures to a window that has another size.
    pub fn window_resized(&self, size: [u32; 2]) {
        self.window(Change::Resized(size));
    }

    /// Draws on no window any more. Waits until the window is no longer in use: afterwards the host may destroy it.
    pub fn window_destroyed(&self) {
        self.window(Change::Destroyed);
    }

    fn window(&self, change: Change) {
        let mut state = self.shared.lock();
        // A thread that has ended uses no window.
        if !state.ended {
            state.targets.push_back(change);
        }
        self.settle(state);
    }

    /// Gives memory back; waits until that is done.
    pub fn trim(&self, trim: Trim) {
        let mut state = self.shared.lock();
        let waiting = (state.frame.take(), state.picture.take());
        state.status.dropped += u64::from(waiting.0.is_some());
        state.trim = state.trim.max(Some(trim));
        self.settle(state);
        drop(waiting);
    }

    /// What the session does.
    pub fn status(&self) -> LiveStatus {
        let state = self.shared.lock();
        let [latency_p50, latency_p95] = [0.5, 0.95].map(|share| state.times.percentile(share).unwrap_or_default());
        LiveStatus { latency_p50, latency_p95, rate: state.times.rate(), ..state.status }
    }

    /// Ends the thread and waits for it: afterwards nothing of the host's is in use. Calls that wait return. Further calls do nothing.
    pub fn close(&self) {
        self.shared.lock().closing = true;
        self.shared.changed.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The thread itself may get here, when a frame's owner closes the session; it ends when it sees the flag.
        if let Some(thread) = thread.filter(|_| std::thread::current().id() != self.worker) {
            // It has noted how it ended.
            let _ = thread.join();
        }
    }

    /// The state, unless the session has failed.
    fn healthy(&self) -> Result<MutexGuard<'_, State>, EngineError> {
        let state = self.shared.lock();
        match &state.failure {
            Some(failure) => Err(EngineError::Ended(failure.clone())),
            None => Ok(state),
        }
    }

    /// Waits until the worker has seen what changed and is at rest.
    fn settle(&self, state: MutexGuard<'_, State>) {
        self.shared.changed.notify_all();
        if std::thread::current().id() != self.worker {
            drop(self.shared.wait_while(state, |state| {
                (state.busy || state.pausing || state.trim.is_some() || !state.targets.is_empty()) && !state.ended
            }));
        }
    }
}

impl Drop for LiveSession {
    fn drop(&mut self) {
        self.close();
    }
}
