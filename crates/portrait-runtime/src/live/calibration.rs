//! The driver's neutral pose across sessions that are made anew: for frames of another size, after memory was given back, by heat;
//! and across speech, which measures motion from the photo.

use super::shared::Pushed;
use crate::error::EngineError;
use crate::motion::Points;
use crate::session::Session;

/// Keeps the neutral pose while there is no session, or one that speaks.
#[derive(Debug, Default)]
pub(super) struct Calibration {
    kept: Option<Points>,
}

impl Calibration {
    /// A session begins, with what the one before has found.
    pub(super) fn begin(&self, session: &mut Session) -> Result<(), EngineError> {
        // It stays kept for a session that ends before its first frame.
        match &self.kept {
            Some(neutral) => session.set_neutral(neutral),
            None => Ok(()),
        }
    }

    /// A session ends: what it has found stays, unless it has not looked long enough. Then the next one looks for as long as the first.
    pub(super) fn keep(&mut self, session: &Session) -> Result<(), EngineError> {
        self.kept = if session.calibrating() { None } else { session.neutral()? };
        Ok(())
    }

    /// Whether there is nothing that a session could go on from.
    pub(super) fn is_unsettled(&self) -> bool {
        self.kept.is_none()
    }

    /// What was kept is of no use to other weights.
    pub(super) fn forget(&mut self) {
        self.kept = None;
    }
}

/// The session's neutral pose beside what it makes of this frame, for a session with other weights. `None` where there is no neutral
/// pose yet, or no face in the frame. The session is not used again.
pub(super) fn leave(session: &mut Session, now: &Pushed, step: f32) -> Result<Option<Seen>, EngineError> {
    if session.calibrating() {
        return Ok(None);
    }
    let Some(neutral) = session.neutral()? else { return Ok(None) };
    session.recalibrate();
    Ok(look(session, now, step)?.map(|now| Seen { neutral, now }))
}

/// Goes on with other weights. Facial points are the mesh's, which is the same one; neural ones mean something else to every preset,
/// and only how they move can be carried over. Without anything to carry over, the neutral pose is looked for anew.
pub(super) fn arrive(session: &mut Session, before: &Seen, now: &Pushed, step: f32) -> Result<(), EngineError> {
    let there = look(session, now, step)?;
    // The face is looked for as in any first frame.
    session.restart();
    match there {
        Some(there) => session.set_neutral(&before.neutral_of(&there)),
        None => Ok(()),
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

    #[test]
    fn neural_points_keep_how_they_move() {
        let points = |facial: f32, neural: f32| Points { facial: vec![[facial; 2]], neural: vec![[neural, -neural]] };
        let seen = Seen { neutral: points(0.1, 0.2), now: points(0.3, 0.5) };
        let there = seen.neutral_of(&points(0.3, 0.9));
        assert_eq!(there.facial, [[0.1; 2]]);
        assert!((there.neural[0][0] - 0.6).abs() < 1e-6 && (there.neural[0][1] + 0.6).abs() < 1e-6);
    }
}
