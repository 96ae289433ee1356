//! Which of several faces in front of a camera drives, and when the search may take another one.

use crate::avatar::FaceChoice;
use crate::options::FaceStatus;
use portrait_kernels::WantedFace;

/// For so many seconds a face that is no longer seen is waited for where it was; then whoever is there is taken.
const HOLD: f32 = 2.0;
/// How far from where it was a face may come back, as a share of the side of its region (which is 1.5 times the face's).
const REACH: f32 = 0.75;
/// A reach that no frame exceeds.
const ANYWHERE: f32 = 1e9;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    /// The choice decides.
    Anyone,
    /// Somebody is followed, and has not been seen for so many seconds.
    Somebody { lost: f32 },
}

/// What a search is to find.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Search {
    pub(crate) wanted: WantedFace,
    /// Whether whoever is found may be somebody else than before.
    pub(crate) anew: bool,
}

#[derive(Debug)]
pub(crate) struct Seek {
    choice: FaceChoice,
    who: Who,
    /// Whether to search although nobody is lost, and whether that is for somebody else.
    asked: Option<bool>,
}

impl Seek {
    pub(crate) fn new(choice: FaceChoice) -> Self {
        Self { choice, who: Who::Anyone, asked: Some(false) }
    }

    /// Searches from the next frame on, as at the start.
    pub(crate) fn restart(&mut self) {
        (self.who, self.asked) = (Who::Anyone, Some(false));
    }

    /// Searches for somebody else.
    pub(crate) fn choose(&mut self, choice: FaceChoice) {
        *self = Self { choice, who: Who::Anyone, asked: Some(true) };
    }

    /// What the next frame, so many seconds after the one before, searches for; `None` while a face is tracked.
    pub(crate) fn next(&mut self, status: Option<FaceStatus>, dt: f32) -> Option<Search> {
        let lost = status.filter(|status| !status.found);
        match (self.asked.take(), self.who, lost) {
            (Some(anew), ..) => {
                self.who = Who::Anyone;
                Some(Search { wanted: self.wanted(), anew })
            }
            (None, _, None) => None,
            (None, Who::Anyone, Some(_)) => Some(Search { wanted: self.wanted(), anew: false }),
            (None, Who::Somebody { lost }, Some(_)) if lost + dt >= HOLD => {
                self.who = Who::Anyone;
                Some(Search { wanted: self.wanted(), anew: true })
            }
            (None, Who::Somebody { lost }, Some(status)) => {
                self.who = Who::Somebody { lost: lost + dt };
                let [x, y, side, _] = status.region;
                Some(Search { wanted: WantedFace::Near { place: [x, y], reach: REACH * side }, anew: false })
            }
        }
    }

    /// Takes in whether a frame's face was found; whether it may be somebody else than before.
    pub(crate) fn report(&mut self, found: bool) -> bool {
        let before = self.who;
        if found {
            self.who = Who::Somebody { lost: 0.0 };
        }
        found && before == Who::Anyone
    }

    fn wanted(&self) -> WantedFace {
        match self.choice {
            FaceChoice::Only | FaceChoice::Largest => WantedFace::Rank(0),
            FaceChoice::Index(number) => WantedFace::Rank(number.saturating_sub(1) as u32),
            FaceChoice::At(place) => WantedFace::Near { place, reach: ANYWHERE },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(found: bool) -> Option<FaceStatus> {
        Some(FaceStatus { found, region: [100.0, 80.0, 60.0, 0.0], ..FaceStatus::default() })
    }

    #[test]
    fn a_face_is_waited_for_before_another_one_is_taken() {
        let mut seek = Seek::new(FaceChoice::Index(2));
        let second = WantedFace::Rank(1);
        assert_eq!(seek.next(None, 0.1), Some(Search { wanted: second, anew: false }));
        assert_eq!(seek.next(None, 0.1), None, "the first result is on its way");
        assert!(!seek.report(false));
        assert_eq!(seek.next(status(false), 0.1), Some(Search { wanted: second, anew: false }), "nobody came yet");
        assert!(seek.report(true), "somebody came");
        assert!(!seek.report(true));
        assert_eq!(seek.next(status(true), 0.1), None);
        let near = Some(Search { wanted: WantedFace::Near { place: [100.0, 80.0], reach: 45.0 }, anew: false });
        for _ in 0..3 {
            assert_eq!(seek.next(status(false), 0.5), near);
        }
        assert_eq!(seek.next(status(false), 0.5), Some(Search { wanted: second, anew: true }), "two seconds are over");
        assert_eq!(seek.next(status(false), 0.5), Some(Search { wanted: second, anew: false }));
        assert!(seek.report(true), "it may be somebody else");

        seek.next(status(false), 1.9);
        assert!(!seek.report(true), "back in time");
        assert_eq!(seek.next(status(false), 1.9), near, "time counts from the last sight");
    }

    #[test]
    fn a_choice_is_searched_for_at_once() {
        let mut seek = Seek::new(FaceChoice::Largest);
        seek.next(None, 0.1);
        seek.report(true);
        seek.choose(FaceChoice::At([5.0, 6.0]));
        // A result from before the choice.
        seek.report(true);
        let wanted = WantedFace::Near { place: [5.0, 6.0], reach: ANYWHERE };
        assert_eq!(seek.next(status(true), 0.1), Some(Search { wanted, anew: true }));
        assert!(seek.report(true));
        seek.restart();
        assert_eq!(seek.next(status(true), 0.1), Some(Search { wanted, anew: false }), "the choice stays");
    }
}
