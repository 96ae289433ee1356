//! The driver's neutral pose across sessions that are made anew: for frames of another size, after memory was given back, by heat.

use super::shared::Pushed;
use crate::error::EngineError;
use crate::motion::Points;
use crate::options::FaceStatus;
use crate::session::{Session, looked};

/// Seconds that [`Session::recalibrate`] looks for.
const MOMENT: f32 = 0.3;

/// Keeps the neutral pose while there is no session, and knows whether the session still looks for a better one, which no call tells.
#[derive(Debug, Default)]
pub(super) struct Calibration {
    /// For how many seconds a session looks at first.
    seconds: f32,
    /// For how many more this one does.
    left: f32,
    /// How often this one took up a face.
    taken_up: u32,
    kept: Option<Points>,
}

impl Calibration {
    pub(super) fn new(seconds: f32) -> Self {
        Self { seconds, ..Self::default() }
    }

    /// A session begins, with what the one before has found.
    pub(super) fn begin(&mut self, session: &mut Session) -> Result<(), EngineError> {
        (self.left, self.taken_up) = (self.seconds, 0);
        // It stays kept for a session that ends before its first frame.
        match self.kept.clone() {
            Some(neutral) => self.set(session, &neutral),
            None => Ok(()),
        }
    }

    /// A session ends: what it has found stays, unless it has not looked long enough. Then the next one looks for as long as the first.
    pub(super) fn keep(&mut self, session: &Session) -> Result<(), EngineError> {
        self.kept = if self.over() { session.neutral()? } else { None };
        Ok(())
    }

    /// What was kept is of no use to other weights.
    pub(super) fn forget(&mut self) {
        self.kept = None;
    }

    /// Looks for another one from the next frame on.
    pub(super) fn again(&mut self, session: &mut Session) {
        session.recalibrate();
        self.left = MOMENT;
    }

    /// A frame is about to be given to the session; counts as the session does.
    pub(super) fn frame(&mut self, status: Option<FaceStatus>, step: f32) {
        let Some(FaceStatus { found, taken_up, .. }) = status else { return };
        // Somebody else may have come.
        if taken_up > self.taken_up.max(1) {
            self.left = self.seconds;
        }
        self.taken_up = taken_up;
        if found {
            self.left -= looked(step);
        }
    }

    fn over(&self) -> bool {
        self.left <= 0.0
    }

    fn set(&mut self, session: &mut Session, neutral: &Points) -> Result<(), EngineError> {
        self.left = 0.0;
        session.set_neutral(neutral)
    }

    /// The session's neutral pose beside what it makes of this frame, for a session with other weights. `None` where there is no neutral
    /// pose yet, or no face in the frame. The session is not used again.
    pub(super) fn leave(&self, session: &mut Session, now: &Pushed, step: f32) -> Result<Option<Seen>, EngineError> {
        if !self.over() {
            return Ok(None);
        }
        let Some(neutral) = session.neutral()? else { return Ok(None) };
        session.recalibrate();
        Ok(look(session, now, step)?.map(|now| Seen { neutral, now }))
    }

    /// Goes on with other weights. Facial points are the mesh's, which is the same one; neural ones mean something else to every preset,
    /// and only how they move can be carried over. Without anything to carry over, the neutral pose is looked for anew.
    pub(super) fn arrive(
        &mut self,
        session: &mut Session,
        before: &Seen,
        now: &Pushed,
        step: f32,
    ) -> Result<(), EngineError> {
        let there = look(session, now, step)?;
        // The face is looked for as in any first frame.
        session.restart();
        match there {
            Some(there) => self.set(session, &before.neutral_of(&there)),
            None => Ok(()),
        }
    }
}

/// What this frame's pose is to a session that has no neutral pose; `None` without a face.
fn look(session: &mut Session, now: &Pushed, step: f32) -> Result<Option<Points>, EngineError> {
    // Unfiltered, wherever the session comes from.
    session.restart();
    session.set_orientation(now.orientation);
    session.observe(now.frame.frame(), step)?;
    session.finish()?;
    session.neutral()
}

/// A neutral pose, and the pose of one frame, in the points of the same networks.
pub(super) struct Seen {
    neutral: Points,
    now: Points,
}

impl Seen {
    /// The neutral pose in the points of other networks, to which the same frame is `there`.
    fn neutral_of(&self, there: &Points) -> Points {
        let moved = self.neutral.neural.iter().zip(&self.now.neural);
        let neural = there.neural.iter().zip(moved);
        Points {
            facial: self.neutral.facial.clone(),
            neural: neural.map(|(there, (rest, now))| [0, 1].map(|c| there[c] - (now[c] - rest[c]))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(found: bool, taken_up: u32) -> Option<FaceStatus> {
        Some(FaceStatus { found, taken_up, ..FaceStatus::default() })
    }

    #[test]
    fn only_time_with_a_face_counts_and_another_one_begins_anew() {
        let mut calibration = Calibration { left: 0.1, ..Calibration::new(0.1) };
        for (status, over) in
            [(None, false), (status(false, 0), false), (status(true, 1), false), (status(true, 1), true)]
        {
            calibration.frame(status, 0.05);
            assert_eq!(calibration.over(), over);
        }
        calibration.frame(status(false, 1), 0.05);
        assert!(calibration.over(), "a face that is lost may come back");
        calibration.frame(status(true, 2), 0.05);
        assert!(!calibration.over(), "somebody else");
        calibration.frame(status(true, 2), 0.05);
        assert!(calibration.over());
    }

    #[test]
    fn a_slow_gpu_looks_at_as_many_frames() {
        let mut calibration = Calibration { left: 1.0, ..Calibration::new(1.0) };
        for (frames, over) in [(9, false), (2, true)] {
            (0..frames).for_each(|_| calibration.frame(status(true, 1), 2.0));
            assert_eq!(calibration.over(), over);
        }
    }

    #[test]
    fn neural_points_keep_how_they_move() {
        let points = |facial: f32, neural: f32| Points { facial: vec![[facial; 2]], neural: vec![[neural, -neural]] };
        let seen = Seen { neutral: points(0.1, 0.2), now: points(0.3, 0.5) };
        let there = seen.neutral_of(&points(0.3, 0.9));
        assert_eq!(there.facial, [[0.1; 2]]);
        assert!((there.neural[0][0] - 0.6).abs() < 1e-6 && (there.neural[0][1] + 0.6).abs() < 1e-6);
    }
}
