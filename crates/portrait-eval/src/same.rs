//! Same identity: a clip drives its own first frame, so that every frame of it is the truth.

use std::path::Path;

use anyhow::Result;
use portrait_media::Picture;
use portrait_runtime::{FaceChoice, Mode, MotionOptions, PrepareOptions, SessionOptions};

use crate::clip::{Clip, centre_square, name, plan};
use crate::judge::{Judge, pixels};
use crate::moment::{Identity, OfMethods, Runs, Source, means, pictures, scores, turn};
use crate::score::Score;
use crate::sheet::Sheet;

/// What was measured of one clip.
pub(crate) struct Row {
    pub(crate) clip: String,
    pub(crate) scores: OfMethods<Score>,
    pub(crate) moments: Vec<Moment>,
}

/// One measured frame.
pub(crate) struct Moment {
    /// Its number in the clip.
    pub(crate) frame: usize,
    /// How far the driver's head is turned and nodded away from the photo, in degrees.
    pub(crate) turn: Option<[f64; 2]>,
    pub(crate) scores: OfMethods<Score>,
}

/// Measures a clip; also a picture of some of its moments.
pub(crate) fn measure(judge: &Judge<'_>, path: &Path, every: u64) -> Result<(Row, Option<Picture>)> {
    let mut clip = Clip::open(path)?;
    let plan = plan(clip.frames, every);
    let first = clip.next()?;
    let options = PrepareOptions { face: FaceChoice::Only, whole_photo: true };
    let avatar = judge.engine.prepare(pixels(&first), &options)?;
    let source = Source::new(judge, &avatar)?;
    let [width, height] = clip.size;
    let motion = MotionOptions { mode: Mode::Absolute, filter: None, ..MotionOptions::default() };
    let options = SessionOptions { motion, whole_frame: true, ..SessionOptions::new(width, height) };
    let mut session = judge.engine.session(&avatar, &options)?;

    let (mut moments, mut runs) = (Vec::new(), Runs::default());
    let mut sheet = Sheet::new(plan.iter().filter(|u| u.measure).count());
    for (frame, purpose) in plan.iter().enumerate().skip(1) {
        let driver = clip.next()?;
        if !purpose.animate() {
            if purpose.track {
                session.observe(pixels(&driver), clip.step)?;
                session.finish()?;
            }
            continue;
        }
        session.animate(pixels(&driver), clip.step)?;
        let truth = centre_square(&driver, source.side());
        let seen = pictures(judge, &mut session, &source, truth, purpose.measure)?;
        if purpose.measure {
            sheet.push(moments.len(), &source.seen, &seen, &seen[4]);
            let scores = scores(judge, &seen, &source, Identity::Same)?;
            moments.push(Moment { frame, turn: turn(&seen[4], &source), scores });
        }
        if let Some(run) = purpose.run {
            runs.push(run, &seen);
        }
    }
    let mut scores = means(moments.iter().map(|moment| &moment.scores));
    runs.score(&mut scores, source.side());
    Ok((Row { clip: name(path), scores, moments }, sheet.picture()))
}
