//! Pictures of speech, which no frame calls for.

use super::Worker;
use crate::error::EngineError;
use crate::live::pace::Thermal;
use crate::live::voice::Voice;
use crate::options::MotionOptions;
use std::time::Instant;

/// What a session is opened for where no frame was announced, and perhaps none will come.
const NO_FRAME: [u32; 2] = [64; 2];

impl Worker<'_> {
    /// Makes a picture of what is said now.
    pub(super) fn speak(&mut self, thermal: Thermal) -> Result<(), EngineError> {
        self.pace.begin(Instant::now());
        self.silent = false;
        if self.voice.is_none() {
            self.keep_neutral()?;
            self.voice = Some(Voice::new(Instant::now()));
        }
        self.take_motion();
        let announced = self.options.session.frame;
        let size = if announced.contains(&0) { NO_FRAME } else { announced };
        if !(self.swap(thermal == Thermal::Critical, size, None)? && self.open(size)?) {
            return Ok(());
        }
        // Only now: opening takes seconds, and the sound goes on.
        let now = Instant::now();
        let cue = self.shared.lock().script.as_mut().map(|script| script.cue(now));
        let (Some(session), Some(voice), Some(cue)) = (&mut self.session, &mut self.voice, cue) else { return Ok(()) };
        let (expression, step) = voice.express(&cue, now)?;
        // What is made of sound does not tremble, and smoothed lips come late.
        session.set_motion(MotionOptions { filter: None, ..self.options.session.motion });
        session.animate_expression(&expression, step)?;
        self.finish(cue.stamp, now)
    }

    /// A frame drives again: nothing that was said reaches it.
    pub(super) fn hush(&mut self) -> Result<(), EngineError> {
        if self.voice.take().is_none() {
            return Ok(());
        }
        self.last = None;
        match &mut self.session {
            // It is looked for as in the first session.
            Some(_) if self.calibration.is_unsettled() => self.free(),
            Some(session) => {
                session.restart();
                self.calibration.begin(session)
            }
            None => Ok(()),
        }
    }
}
