//! The thread of a live session: the only one that touches the session.

mod speaking;

use super::calibration::{self, Calibration};
use super::options::{LiveOptions, LivePicture, Portrait, Trim};
use super::pace::{Pace, Thermal};
use super::screen::Screen;
use super::shared::{Change, Draw, Pushed, Shared, State, Task};
use super::voice::Voice;
use crate::error::EngineError;
use crate::options::SessionOptions;
use crate::panics::text_of;
use crate::present::{Placement, Presenter};
use crate::session::Session;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Seconds between frames where time stamps do not tell.
const STEP: f32 = 1.0 / 30.0;

/// Notes that the thread is gone, however it went.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        // Before anybody hears that no window is in use.
        let parked = self.0.lock().parked.take();
        drop(parked);
        let mut state = self.0.lock();
        (state.ended, state.held, state.status.open) = (true, false, false);
        let targets = std::mem::take(&mut state.targets);
        if std::thread::panicking() {
            let text = "the session's thread panicked as it ended".to_owned();
            state.failure.get_or_insert_with(|| Arc::new(EngineError::Panicked(text)));
        }
        state.status.failed = state.failure.is_some();
        let waiting = state.frame.take();
        drop(state);
        self.0.notify();
        drop((waiting, targets));
    }
}

struct Worker<'a> {
    shared: &'a Shared,
    portrait: Portrait,
    options: LiveOptions,
    session: Option<Session>,
    /// Draws what the session makes.
    presenter: Option<Presenter>,
    /// Whether the session has made a picture: before, there is nothing to draw.
    made: bool,
    screen: Option<Screen>,
    calibration: Calibration,
    /// Who speaks, while speech drives: then the session's neutral pose is the photo's.
    voice: Option<Voice>,
    /// Whether nothing may be submitted: since a pause, until the next picture.
    silent: bool,
    /// Whether `options.cool` is what runs.
    cooled: bool,
    pace: Pace,
    /// Time stamp of the frame before.
    last: Option<Duration>,
}

pub(super) fn run(shared: &Shared, portrait: Portrait, options: LiveOptions) {
    let _ending = Ending(shared);
    let pace = Pace::new(options.rate);
    let mut worker = Worker {
        shared,
        portrait,
        options,
        session: None,
        presenter: None,
        made: false,
        screen: None,
        calibration: Calibration::default(),
        voice: None,
        silent: false,
        cooled: false,
        pace,
        last: None,
    };
    let failure = match catch_unwind(AssertUnwindSafe(|| worker.work().and_then(|()| worker.free()))) {
        Ok(ended) => ended.err(),
        // wgpu's own calls panic where a device is lost.
        Err(panic) => {
            let lost = worker.portrait.engine.gpu().check().err();
            Some(lost.unwrap_or_else(|| EngineError::Panicked(text_of(panic))))
        }
    };
    shared.lock().failure = failure.map(Arc::new);
}

impl Worker<'_> {
    fn work(&mut self) -> Result<(), EngineError> {
        if self.options.session.frame.iter().all(|side| *side > 0) {
            self.open(self.options.session.frame)?;
        }
        loop {
            match self.shared.next(&self.pace) {
                Task::End => return Ok(()),
                Task::Pause => self.pause()?,
                Task::Trim(trim) => self.trim(trim)?,
                Task::Target(change) => self.target(change)?,
                Task::Frame(pushed, thermal) => self.frame(pushed, thermal)?,
                Task::Speak(thermal) => self.speak(thermal)?,
            }
        }
    }

    /// Does what needs the device before nothing may be submitted any more.
    fn pause(&mut self) -> Result<(), EngineError> {
        self.keep_neutral()?;
        self.silent = true;
        Ok(())
    }

    fn paused(&self) -> bool {
        self.shared.lock().status.paused
    }

    fn trim(&mut self, trim: Trim) -> Result<(), EngineError> {
        if trim >= Trim::Session {
            self.close()?;
        }
        if trim >= Trim::Pipelines {
            let gpu = self.portrait.engine.gpu();
            gpu.forget_pipelines();
            // Mesa's software driver frees pipelines with the submission that follows.
            if !self.silent {
                gpu.collect()?;
            }
        }
        Ok(())
    }

    fn target(&mut self, change: Change) -> Result<(), EngineError> {
        match change {
            Change::Created(window) => {
                // A window has one surface at a time.
                self.screen = None;
                match Screen::new(self.portrait.engine.gpu(), *window) {
                    Ok(screen) => {
                        self.screen = Some(screen);
                        self.publish(|state| state.window_failure = None);
                    }
                    Err(error) => self.give_up(&error),
                }
            }
            Change::Resized(size) => {
                if let Some(Err(error)) = self.screen.as_mut().map(|screen| screen.resize(size)) {
                    self.give_up(&error);
                }
            }
            Change::Destroyed => {
                self.portrait.engine.gpu().wait()?;
                self.screen = None;
            }
            Change::Draw(Draw { texture, placement, answer }) => {
                let drawn = self.draw(&texture, &placement);
                // Whoever asked and did not wait has no use for it.
                let _ = answer.send(drawn);
                return self.portrait.engine.gpu().check();
            }
        }
        let there = self.screen.is_some();
        self.publish(|state| state.held = there);
        if !self.paused() {
            self.show()?;
        }
        self.portrait.engine.gpu().check()
    }

    /// Draws the newest picture into a texture, unless that was done.
    fn draw(&mut self, texture: &wgpu::Texture, placement: &Placement) -> Result<Option<Duration>, EngineError> {
        let Some(presenter) = self.presenter.as_mut().filter(|_| !self.shared.lock().status.paused) else {
            return Ok(None);
        };
        let newest = self.shared.lock().undrawn;
        if newest.is_some() {
            presenter.hand_over(texture, placement)?;
            self.shared.lock().undrawn = None;
        }
        Ok(newest)
    }

    /// Shows the newest picture, if there are both a picture and a window. One that is gone is given up; the host sees that in the
    /// status, and gives another.
    fn show(&mut self) -> Result<(), EngineError> {
        let (Some(screen), Some(presenter)) = (&mut self.screen, self.presenter.as_mut().filter(|_| self.made)) else {
            return Ok(());
        };
        match screen.show(presenter) {
            Err(error @ EngineError::Surface { .. }) => {
                self.give_up(&error);
                Ok(())
            }
            shown => shown,
        }
    }

    /// Draws on the window no more. The host does not wait for it: why, the status and the warnings tell.
    fn give_up(&mut self, error: &EngineError) {
        self.screen = None;
        let (gpu, text) = (self.portrait.engine.gpu(), error.to_string());
        // It may try again and again.
        if !gpu.warnings().contains(&text) {
            gpu.warn(text.clone());
        }
        self.publish(|state| (state.held, state.window_failure) = (false, Some(text)));
    }

    fn frame(&mut self, pushed: Pushed, thermal: Thermal) -> Result<(), EngineError> {
        self.pace.begin(Instant::now());
        self.silent = false;
        self.hush()?;
        let frame = pushed.frame.frame();
        let size = pushed.orientation.upright([frame.width, frame.height]);
        let step = self.last.and_then(|last| pushed.timestamp.checked_sub(last)).filter(|step| !step.is_zero());
        let step = step.map_or(STEP, |step| step.as_secs_f32().min(1.0));
        self.last = Some(pushed.timestamp);
        self.take_motion();
        let recalibrate = std::mem::take(&mut self.shared.lock().recalibrate);
        if self.session.as_ref().is_some_and(|session| session.options().frame != size) {
            self.close()?;
        }
        if !(self.swap(thermal == Thermal::Critical, size, Some((&pushed, step)))? && self.open(size)?) {
            self.publish(|state| {
                state.status.dropped += 1;
                state.recalibrate |= recalibrate;
            });
            return Ok(());
        }
        let Some(session) = &mut self.session else { return Ok(()) };
        session.set_motion(self.options.session.motion);
        session.set_orientation(pushed.orientation);
        if recalibrate {
            session.recalibrate();
        }
        session.animate(frame, step)?;
        // It is uploaded: its owner may have it back while the device works.
        let Pushed { frame, timestamp, at, .. } = pushed;
        drop(frame);
        self.finish(timestamp, at)
    }

    /// How motion is taken over from now on.
    fn take_motion(&mut self) {
        if let Some(motion) = self.shared.lock().motion.take() {
            self.options.session.motion = motion;
        }
    }

    /// Shows the picture that was submitted, and publishes it when it is done; work on it was asked for `at` this time.
    fn finish(&mut self, timestamp: Duration, at: Instant) -> Result<(), EngineError> {
        self.made = true;
        self.show()?;
        let Some(session) = &mut self.session else { return Ok(()) };
        let picture = session.take_picture(true)?;
        session.finish()?;
        let (face, stats) = (session.status().filter(|_| self.voice.is_none()), session.stats());
        self.publish(|state| {
            if let Some(picture) = picture {
                state.picture = Some(LivePicture { picture, timestamp });
            }
            state.undrawn = Some(timestamp);
            state.status.pictures += 1;
            let now = Instant::now();
            state.status.latency = now.duration_since(at);
            state.times.add(state.status.latency, now);
            state.status.face = face;
            (state.status.gpu_seconds, state.status.gpu_stages) = (stats.gpu_seconds, stats.gpu_stages);
        });
        Ok(())
    }

    /// Puts what stays cool in the place of what ran, or back, for upright frames of this size; the frame, so many seconds after the one
    /// before, tells how both see the driver. As [`Worker::open`], whether work may go on.
    fn swap(&mut self, cool: bool, size: [u32; 2], frame: Option<(&Pushed, f32)>) -> Result<bool, EngineError> {
        if cool == self.cooled {
            return Ok(true);
        }
        let Some(mut other) = self.options.cool.take() else { return Ok(true) };
        let before = match (&mut self.session, frame) {
            (Some(session), Some((now, step))) => calibration::leave(session, now, step)?,
            _ => None,
        };
        self.free()?;
        std::mem::swap(&mut other, &mut self.portrait);
        self.options.cool = Some(other);
        self.cooled = cool;
        self.publish(|state| state.status.cooled = cool);
        self.calibration.forget();
        let goes_on = self.open(size)?;
        if let (true, Some(session), Some(before), Some((now, step))) = (goes_on, &mut self.session, before, frame) {
            calibration::arrive(session, &before, now, step)?;
        }
        Ok(goes_on)
    }

    /// Opens the session for upright frames of this size, unless it is. Whether work may go on: who pauses the session meanwhile does not
    /// wait for it, and afterwards nothing may be submitted.
    fn open(&mut self, frame: [u32; 2]) -> Result<bool, EngineError> {
        if self.session.is_some() {
            return Ok(true);
        }
        let options = SessionOptions { frame, ..self.options.session.clone() };
        let screen = self.screen.take();
        self.publish(|state| (state.opening, state.parked) = (true, screen));
        // Uploads, and submits nothing.
        let opened = self.portrait.engine.session(&self.portrait.avatar, &options);
        let (paused, screen) = self.publish(|state| {
            state.opening = false;
            // There is nothing that would need the device before a pause.
            state.pausing = false;
            (state.status.paused, state.parked.take())
        });
        self.screen = screen;
        self.silent |= paused;
        let mut session = opened?;
        self.calibration.begin(&mut session)?;
        self.presenter = Some(session.presenter());
        self.session = Some(session);
        self.publish(|state| state.status.open = true);
        Ok(!paused)
    }

    /// Closes the session and keeps what was measured.
    fn close(&mut self) -> Result<(), EngineError> {
        if !self.silent {
            self.keep_neutral()?;
        }
        self.free()
    }

    /// While speech drives, the driver's is kept already.
    fn keep_neutral(&mut self) -> Result<(), EngineError> {
        match &self.session {
            Some(session) if self.voice.is_none() => self.calibration.keep(session),
            _ => Ok(()),
        }
    }

    /// Gives back all that the session has on the device.
    fn free(&mut self) -> Result<(), EngineError> {
        drop((self.session.take(), self.presenter.take()));
        self.made = false;
        self.publish(|state| (state.status.open, state.undrawn) = (false, None));
        let gpu = self.portrait.engine.gpu();
        // In the background nothing may be submitted; the next frame's submission does the same.
        if self.silent { gpu.wait() } else { gpu.collect() }
    }

    fn publish<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let told = change(&mut self.shared.lock());
        self.shared.notify();
        told
    }
}
