//! Cross identity: a clip drives portraits of other people, as `portrait animate` does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use portrait_media::Picture;
use portrait_runtime::{Avatar, LOOK_AHEAD, LOOK_EVERY, PrepareOptions, SessionOptions};

use crate::clip::{Clip, centre_square, name};
use crate::judge::{Judge, pixels};
use crate::moment::{Identity, OfMethods, Runs, Source, pictures, scores};
use crate::score::Score;
use crate::sheet::Sheet;

/// Consecutive frames made of each pair; the last is measured.
const RUN: usize = 4;

/// A portrait, prepared.
pub(crate) struct Portrait {
    name: String,
    avatar: Avatar,
    source: Source,
}

/// What was measured of one clip and one portrait.
pub(crate) struct Pair {
    pub(crate) clip: String,
    pub(crate) portrait: String,
    /// Number of the measured frame in the clip.
    pub(crate) frame: usize,
    pub(crate) scores: OfMethods<Score>,
}

/// Portraits of these photos.
pub(crate) fn portraits(judge: &Judge<'_>, photos: &[PathBuf]) -> Result<Vec<Portrait>> {
    let prepare = |photo: &PathBuf| -> Result<Portrait> {
        let picture = portrait_media::load_photo(photo)?;
        let avatar = judge.engine.prepare(pixels(&picture), &PrepareOptions::default())?;
        Ok(Portrait { name: name(photo), source: Source::new(judge, &avatar)?, avatar })
    };
    let named = |photo| prepare(photo).with_context(|| format!("cannot animate `{}`", photo.display()));
    photos.iter().map(named).collect()
}

/// Measures a clip with each portrait, at a moment of its own; also a picture of these moments.
pub(crate) fn measure(judge: &Judge<'_>, path: &Path, portraits: &[Portrait]) -> Result<(Vec<Pair>, Option<Picture>)> {
    let mut clip = Clip::open(path)?;
    let frames = clip.frames as usize;
    // Motion is measured from the frame of the first seconds that is most like the photo.
    let apart = (LOOK_EVERY.as_secs_f32() / clip.step).ceil().max(1.0) as usize;
    let looked = (LOOK_AHEAD.as_secs_f32() / clip.step).ceil() as usize;
    let looks = |i: usize| i < looked && i.is_multiple_of(apart);
    let start = |n: usize| ((n + 1) * frames / (portraits.len() + 1)).min(frames.saturating_sub(RUN));
    let wanted = |i: usize| looks(i) || (0..portraits.len()).any(|n| (start(n)..start(n) + RUN).contains(&i));
    let mut pictures_of = BTreeMap::new();
    for frame in 0..frames {
        let picture = clip.next()?;
        if wanted(frame) {
            pictures_of.insert(frame, picture);
        }
    }
    let [width, height] = clip.size;
    let options = SessionOptions::new(width, height);
    let mut pairs = Vec::new();
    let mut sheet = Sheet::new(portraits.len());
    for (n, portrait) in portraits.iter().enumerate() {
        let mut session = judge.engine.session(&portrait.avatar, &options)?;
        for (_, frame) in pictures_of.iter().filter(|(frame, _)| looks(**frame)) {
            session.observe(pixels(frame), apart as f32 * clip.step)?;
            session.finish()?;
        }
        session.restart();
        let mut runs = Runs::default();
        for (&frame, driver) in pictures_of.range(start(n)..(start(n) + RUN).min(frames)) {
            session.animate(pixels(driver), clip.step)?;
            let last = frame + 1 == (start(n) + RUN).min(frames);
            let truth = centre_square(driver, portrait.source.side());
            let seen = pictures(judge, &mut session, &portrait.source, truth, last)?;
            runs.push(0, &seen);
            if last {
                sheet.push(n, &portrait.source.seen, &seen, &seen[0]);
                let mut scores = scores(judge, &seen, &portrait.source, Identity::Cross)?;
                runs.score(&mut scores, portrait.source.side());
                pairs.push(Pair { clip: name(path), portrait: portrait.name.clone(), frame, scores });
            }
        }
    }
    Ok((pairs, sheet.picture()))
}
