//! What the threads of a live session tell each other, and what its own does next.

use super::frame_times::FrameTimes;
use super::options::{HeldFrame, LivePicture, LiveStatus, Trim};
use super::pace::{Pace, Thermal};
use super::screen::{Screen, Window};
use super::script::Script;
use crate::error::EngineError;
use crate::options::MotionOptions;
use crate::orient::Orientation;
use crate::present::Placement;
use std::collections::VecDeque;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What the host wants drawn on.
pub(super) enum Change {
    Created(Box<Window>),
    Resized([u32; 2]),
    Destroyed,
    Draw(Draw),
}

/// Into a texture, once. The answer is the time stamp of what was drawn.
pub(super) struct Draw {
    pub(super) texture: wgpu::Texture,
    pub(super) placement: Placement,
    pub(super) answer: SyncSender<Result<Option<Duration>, EngineError>>,
}

pub(super) struct Pushed {
    pub(super) frame: Box<dyn HeldFrame>,
    pub(super) orientation: Orientation,
    pub(super) timestamp: Duration,
    pub(super) at: Instant,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) frame: Option<Pushed>,
    /// What is to be said, while speech drives; then no frame waits.
    pub(super) script: Option<Script>,
    pub(super) motion: Option<MotionOptions>,
    pub(super) recalibrate: bool,
    /// Whether the pause has yet to begin.
    pub(super) pausing: bool,
    pub(super) trim: Option<Trim>,
    pub(super) targets: VecDeque<Change>,
    /// Whether the worker has a window.
    pub(super) held: bool,
    /// Whether the worker opens the session, which takes seconds where the driver compiles, and submits nothing.
    pub(super) opening: bool,
    /// The worker's window meanwhile: whoever takes it away need not wait.
    pub(super) parked: Option<Screen>,
    /// Why the last window was given up.
    pub(super) window_failure: Option<String>,
    pub(super) thermal: Thermal,
    pub(super) closing: bool,
    /// Calls that have waited for the worker so far.
    asked: u64,
    /// Those of them whose wait is over.
    served: u64,
    pub(super) ended: bool,
    pub(super) failure: Option<Arc<EngineError>>,
    pub(super) picture: Option<LivePicture>,
    /// Time stamp of the newest picture, until it was drawn into a texture.
    pub(super) undrawn: Option<Duration>,
    pub(super) status: LiveStatus,
    pub(super) times: FrameTimes,
}

/// What there is to do.
pub(super) enum Task {
    Pause,
    Trim(Trim),
    Target(Change),
    Frame(Pushed, Thermal),
    /// A picture that no frame calls for.
    Speak(Thermal),
    End,
}

impl State {
    /// What was asked for, frames apart: somebody may wait for it.
    fn demand(&mut self) -> Option<Task> {
        match () {
            () if self.closing => Some(Task::End),
            () if std::mem::take(&mut self.pausing) => Some(Task::Pause),
            () if self.trim.is_some() => self.trim.take().map(Task::Trim),
            () => {
                let change = self.targets.pop_front()?;
                self.held |= matches!(change, Change::Created(_));
                Some(Task::Target(change))
            }
        }
    }

    /// Forgets what is not said yet.
    pub(super) fn interrupt(&mut self) {
        if let Some(script) = &mut self.script {
            script.interrupt(Instant::now());
        }
    }

    /// Whether there is a window to draw on, or one on its way.
    pub(super) fn has_window(&self) -> bool {
        self.held || self.targets.iter().any(|change| matches!(change, Change::Created(_)))
    }
}

#[derive(Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever waits for a change.
    pub(super) fn notify(&self) {
        self.changed.notify_all();
    }

    /// Waits no longer than `patience` while this holds.
    pub(super) fn wait_while<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        patience: Duration,
        waits: impl FnMut(&mut State) -> bool,
    ) -> MutexGuard<'a, State> {
        self.changed.wait_timeout_while(state, patience, waits).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits until the worker has done what was asked for, for no more than the frame at hand, however fast frames come. While it opens
    /// the session nobody waits: apps call on their main thread, which the system watches.
    pub(super) fn settle<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.asked += 1;
        let ticket = state.asked;
        self.notify();
        let waits = |state: &mut State| state.served < ticket && !state.ended && !state.opening;
        self.changed.wait_while(state, waits).unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for something to do. Whoever waits for the worker is served before another frame is begun.
    pub(super) fn next(&self, pace: &Pace) -> Task {
        let mut state = self.lock();
        loop {
            if let Some(task) = state.demand() {
                return task;
            }
            if state.served != state.asked {
                state.served = state.asked;
                self.notify();
            }
            let (speaks, now) = (state.script.is_some() && !state.status.paused, Instant::now());
            let wait = if speaks { pace.wait_alone(state.thermal, now) } else { pace.wait(state.thermal, now) };
            if speaks && wait.is_zero() {
                return Task::Speak(state.thermal);
            }
            if !state.status.paused
                && wait.is_zero()
                && let Some(pushed) = state.frame.take()
            {
                return Task::Frame(pushed, state.thermal);
            }
            // With nothing to show there is no hurry; the next push wakes.
            let idle = wait.is_zero() || (state.frame.is_none() && !speaks);
            let patience = if idle { Duration::from_secs(3600) } else { wait };
            (state, _) = self.changed.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
