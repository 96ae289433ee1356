//! A session in a thread of its own, for hosts that push frames whenever a camera has one, or speech, and never want to wait.
//!
//! The newest frame wins: one that was not begun when the next arrives is given back unused. One frame is on the GPU at a time, so
//! what is shown is as recent as it can be.

mod calibration;
mod frame_times;
mod options;
mod pace;
mod screen;
mod script;
mod shared;
mod voice;
mod worker;

use crate::camera_frame::{CameraFrame, FrameLimit};
use crate::error::EngineError;
use crate::gpu::Gpu;
use crate::options::MotionOptions;
use crate::orient::Orientation;
use crate::present::Placement;
pub use frame_times::FrameTimes;
pub use options::{HeldFrame, LiveOptions, LivePicture, LiveStatus, Portrait, Trim};
pub use pace::Thermal;
pub use screen::Window;
use shared::{Change, Draw, Pushed, Shared, State};
use std::collections::VecDeque;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, ThreadId};
use std::time::{Duration, Instant};

/// A session in a thread of its own. Every method may be called from any thread, and none waits for the GPU unless it says so.
pub struct LiveSession {
    shared: Arc<Shared>,
    worker: ThreadId,
    thread: Mutex<Option<JoinHandle<()>>>,
    gpu: Arc<Gpu>,
    limit: FrameLimit,
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
    /// When an avatar is not its engine's, the driver's face is 0, photo or side of the pictures do not fit, what stays cool is on another
    /// device, or no thread can be started. What else is wrong is found by the thread: the next call tells.
    pub fn start(portrait: Portrait, options: LiveOptions) -> Result<Self, EngineError> {
        options.session.driver_face.check_driver()?;
        // Found now, and not when it gets hot.
        for Portrait { engine, avatar } in std::iter::once(&portrait).chain(&options.cool) {
            engine.check_avatar(avatar)?;
            options.session.check_framing(engine.gpu(), &[avatar.info()], engine.preset())?;
        }
        if let Some(cool) = &options.cool
            && !Arc::ptr_eq(cool.engine.gpu(), portrait.engine.gpu())
        {
            let reason = "the engine that takes over when it is hot has to be on the same device".to_owned();
            return Err(EngineError::Device(reason));
        }
        let gpu = portrait.engine.gpu().clone();
        let limit = gpu.frame_limit();
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        let run = move || worker::run(&theirs, portrait, options);
        let thread = std::thread::Builder::new().name("portrait".to_owned()).spawn(run).map_err(EngineError::Thread)?;
        Ok(Self { shared, worker: thread.thread().id(), thread: Mutex::new(Some(thread)), gpu, limit })
    }

    /// Whether this is the session's own thread, in which a frame's owner may call: it would wait for itself.
    fn inside(&self) -> bool {
        std::thread::current().id() == self.worker
    }

    /// Gives the newest frame of the driver; `timestamp` is of any clock that does not run backwards. Given while paused or after
    /// [`LiveSession::close`], it is dropped at once. Otherwise speech ends, if it drove: what was not shown yet is dropped.
    ///
    /// # Errors
    /// A malformed frame, one larger than the device allows, or a session that has failed.
    pub fn push(
        &self,
        frame: Box<dyn HeldFrame>,
        orientation: Orientation,
        timestamp: Duration,
    ) -> Result<(), EngineError> {
        let CameraFrame { width, height, .. } = frame.frame();
        frame.frame().check()?;
        self.limit.check([width, height])?;
        let pushed = Pushed { frame, orientation, timestamp, at: Instant::now() };
        let mut state = self.healthy()?;
        state.status.pushed += 1;
        let unused = state.status.paused || state.closing || state.ended;
        let displaced = if unused {
            Some(pushed)
        } else {
            state.script = None;
            state.frame.replace(pushed)
        };
        state.status.dropped += u64::from(displaced.is_some());
        drop(state);
        self.shared.notify();
        // Only now: giving memory back may run the host's code.
        drop(displaced);
        Ok(())
    }

    /// From the push of a first sample until its picture is seen: by so much a host delays what it plays, or pushes ahead. The sound
    /// after a moment that has to be heard ([`crate::Speech::LATENCY`]), a frame of thirty a second, and 60 ms in which pieces may be late.
    pub const SPEECH_DELAY: Duration = script::DELAY;

    /// How many samples of speech may wait: a minute.
    pub const MOST_SPEECH: usize = script::MOST;

    /// Gives speech that moves the mouth, 16 kHz, one channel, in pieces of any length, as fast as there are any.
    ///
    /// From then on, and from a push of no samples on too, the session makes pictures by itself, at [`LiveOptions::rate`] or 30 a second;
    /// of moments for which there is no time there is none. Lips say what is pushed, without [`MotionOptions::filter`]; all else, and
    /// everything where nothing is said, is [`crate::Idle`]. Motion is measured from the photo. The next frame pushed ends that, and
    /// motion is measured from the driver's neutral pose again, which is looked for anew where it was not settled. A frame that waits
    /// is dropped.
    ///
    /// The first sample is shown [`LiveSession::SPEECH_DELAY`] after it is pushed, and each after it by as much later as it comes later in
    /// the sound. Where less is left than has to be heard ([`crate::Speech::LATENCY`]), a sentence ends in silence, and what is pushed then
    /// begins anew. `timestamp` is when the first of these samples is by a clock of the host's; pictures carry that of the moment they
    /// show. Between sentences the clock goes on.
    ///
    /// Given while paused or after [`LiveSession::close`], it is dropped at once; a pause drops what is not shown yet.
    ///
    /// # Errors
    /// More than [`LiveSession::MOST_SPEECH`] would wait: nothing of it is taken. Or a session that has failed.
    pub fn push_audio(&self, samples: &[i16], timestamp: Duration) -> Result<(), EngineError> {
        let mut state = self.healthy()?;
        if state.status.paused || state.closing || state.ended {
            return Ok(());
        }
        let now = Instant::now();
        let room = state.script.as_mut().map_or(script::MOST, |script| script.room(now));
        if samples.len() > room {
            return Err(EngineError::SpeechRoom { samples: samples.len(), most: script::MOST });
        }
        state.script.get_or_insert_default().push(samples, timestamp, now);
        let displaced = state.frame.take();
        state.status.dropped += u64::from(displaced.is_some());
        drop(state);
        self.shared.notify();
        // Only now: giving memory back may run the host's code.
        drop(displaced);
        Ok(())
    }

    /// Drops the speech that is not shown yet, as when somebody speaks into it: the mouth shuts within a tenth of a second, and the face
    /// idles.
    pub fn interrupt_audio(&self) {
        self.shared.lock().interrupt();
    }

    /// The newest picture not taken yet; waits for one no longer than `patience`. Only with [`crate::SessionOptions::read_back`].
    ///
    /// # Errors
    /// A session that has failed.
    pub fn take_picture(&self, patience: Duration) -> Result<Option<LivePicture>, EngineError> {
        let state = self.healthy()?;
        let waits = |state: &mut State| state.picture.is_none() && state.failure.is_none() && !state.closing;
        let patience = if self.inside() { Duration::ZERO } else { patience };
        let mut state = self.shared.wait_while(state, patience, waits);
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
        if self.inside() {
            return Ok(None);
        }
        let state = self.healthy()?;
        let waits = |state: &mut State| state.undrawn.is_none() && !state.ended && !state.closing;
        let mut state = self.shared.wait_while(state, patience, waits);
        if state.undrawn.is_some() && !state.status.paused && !state.ended {
            let (answer, answered) = sync_channel(1);
            state.targets.push_back(Change::Draw(Draw { texture: texture.clone(), placement, answer }));
            drop(state);
            self.shared.notify();
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
    /// goes to the background must see to. A session that is still opening submits nothing and is not waited for; it stops where it is open.
    pub fn pause(&self) {
        let mut state = self.shared.lock();
        // A thread that has ended has nothing to stop.
        state.pausing |= !state.ended && !state.status.paused;
        state.status.paused = true;
        state.interrupt();
        let waiting = state.frame.take();
        state.status.dropped += u64::from(waiting.is_some());
        drop(self.settle(state));
        drop(waiting);
    }

    /// Goes on.
    pub fn resume(&self) {
        let mut state = self.shared.lock();
        (state.status.paused, state.pausing) = (false, false);
        drop(state);
        self.shared.notify();
    }

    /// How motion is taken over from the next frame on.
    pub fn set_motion(&self, motion: MotionOptions) {
        self.shared.lock().motion = Some(motion);
    }

    /// Takes the pose of the next moment as the neutral one: of the frames of the next 0.3 seconds with a face the one most like the
    /// photo's, so that a blink is passed over.
    pub fn recalibrate(&self) {
        self.shared.lock().recalibrate = true;
    }

    /// How hot the device is: fewer pictures a second first, then [`LiveOptions::cool`].
    pub fn set_thermal(&self, thermal: Thermal) {
        self.shared.lock().thermal = thermal;
        self.shared.notify();
    }

    /// Draws every picture on this window from now on, in place of the one before; the newest picture at once, unless paused. Waits until
    /// the one before is no longer in use, and for nothing where there is none.
    ///
    /// # Errors
    /// A surface that takes no pictures. One that refuses them later is given up, which the status and [`Gpu::warnings`] tell.
    pub fn window_created(&self, window: Window) -> Result<(), EngineError> {
        self.gpu.surface_configuration(&window.capabilities, window.size)?;
        // A window has one surface at a time.
        self.window_destroyed();
        self.change(Change::Created(Box::new(window)));
        Ok(())
    }

    /// Fits pictures to a window that has another size. Waits for nothing.
    pub fn window_resized(&self, size: [u32; 2]) {
        self.change(Change::Resized(size));
    }

    /// Draws on no window any more. Waits until the window is no longer in use, but not for a session to open: afterwards the host may
    /// destroy it.
    pub fn window_destroyed(&self) {
        let mut state = self.shared.lock();
        // What the thread has not begun with it need not wait for: it may be compiling for seconds.
        let (waiting, others) = std::mem::take(&mut state.targets)
            .into_iter()
            .partition::<VecDeque<_>, _>(|change| matches!(change, Change::Created(_) | Change::Resized(_)));
        state.targets = others;
        // A thread that has ended uses no window.
        if state.held && !state.ended {
            state.targets.push_back(Change::Destroyed);
            state = self.settle(state);
        }
        // One that opens its session has left it here, and finds that it is gone.
        let parked = state.parked.take();
        state.held &= parked.is_none();
        drop(state);
        drop((waiting, parked));
    }

    fn change(&self, change: Change) {
        let mut state = self.shared.lock();
        if !state.ended {
            state.targets.push_back(change);
        }
        drop(state);
        self.shared.notify();
    }

    /// Gives memory back; waits until that is done. While the session opens it is done as soon as it is open.
    pub fn trim(&self, trim: Trim) {
        let mut state = self.shared.lock();
        let waiting = (state.frame.take(), state.picture.take());
        state.status.dropped += u64::from(waiting.0.is_some());
        state.trim = state.trim.max(Some(trim));
        drop(self.settle(state));
        drop(waiting);
    }

    /// What the session does.
    pub fn status(&self) -> LiveStatus {
        let state = self.shared.lock();
        let [latency_p50, latency_p95] = [0.5, 0.95].map(|share| state.times.percentile(share).unwrap_or_default());
        LiveStatus { window: state.has_window(), latency_p50, latency_p95, rate: state.times.rate(), ..state.status }
    }

    /// Why the last window was given up; `None` where none was since the last one that could be drawn on.
    pub fn window_failure(&self) -> Option<String> {
        self.shared.lock().window_failure.clone()
    }

    /// Ends the thread and waits for it: afterwards nothing of the host's is in use. Calls that wait return. Further calls do nothing, but
    /// wait for that too.
    pub fn close(&self) {
        self.shared.lock().closing = true;
        self.shared.notify();
        // The thread itself may get here, when a frame's owner closes the session; it ends when it sees the flag.
        if self.inside() {
            return;
        }
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
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

    /// Waits until the thread has done what was asked for, or begun to open the session.
    fn settle<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if self.inside() {
            self.shared.notify();
            return state;
        }
        self.shared.settle(state)
    }
}

impl Drop for LiveSession {
    fn drop(&mut self) {
        self.close();
    }
}
