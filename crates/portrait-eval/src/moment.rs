//! One measured frame: the pictures of all methods, and what is measured of them.

use std::rc::Rc;

use anyhow::{Context, Result};
use portrait_media::Picture;
use portrait_runtime::{Avatar, Session};

use crate::baseline::{thin_plate_flow, warped};
use crate::judge::{Judge, Seen, media, pixels};
use crate::metrics::{
    UNIT, aligned, background_change, difference, distances, gaze_error, identity_distance, jitter, mouth,
    opening_errors, rotation, ssim, uncovered,
};
use crate::score::Score;

/// What is compared: what the engine makes, its flow without its synthesis network, the landmark warp, the photo as it is. The
/// last is the driver itself, for what is not a comparison with it.
pub(crate) const METHODS: [&str; 5] = ["engine", "warp", "tps", "copy", "driver"];

/// One of each method.
pub(crate) type OfMethods<T> = [T; METHODS.len()];

/// Whose motion it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The photo is a frame of the clip: the driver's picture is the truth.
    Same,
    /// The photo is of somebody else.
    Cross,
}

/// The photo.
pub(crate) struct Source {
    pub(crate) seen: Rc<Seen>,
    person: Vec<u8>,
    facial: Vec<[f32; 2]>,
}

impl Source {
    pub(crate) fn new(judge: &Judge<'_>, avatar: &Avatar) -> Result<Self> {
        let seen = judge.look(media(avatar.picture()), None)?;
        Ok(Self { seen, person: avatar.person(), facial: avatar.facial().to_vec() })
    }

    pub(crate) fn side(&self) -> u32 {
        self.seen.picture.width
    }
}

/// The pictures of the frame just submitted to a session; with landmarks alone, or with all that is measured.
pub(crate) fn pictures(
    judge: &Judge<'_>,
    session: &mut Session,
    source: &Source,
    driver: Picture,
    all: bool,
) -> Result<OfMethods<Rc<Seen>>> {
    let made = session.take_picture(true)?.context("a picture did not come back from the GPU")?;
    let motion = session.motion()?;
    let photo = &source.seen.picture;
    let thin_plate = thin_plate_flow(&motion.facial, &source.facial, motion.flow.len().isqrt());
    let see = |picture| match all {
        true => judge.look(picture, source.seen.mesh.as_deref()),
        false => judge.glance(picture),
    };
    let (engine, warp, tps) = (see(media(made))?, see(warped(photo, &motion.flow))?, see(warped(photo, &thin_plate))?);
    Ok([engine, warp, tps, source.seen.clone(), see(driver)?])
}

/// Turn and nod of the driver's head away from the photo's, in degrees.
pub(crate) fn turn(driver: &Seen, source: &Source) -> Option<[f64; 2]> {
    let turned = rotation(source.seen.mesh.as_ref()?, driver.mesh.as_ref()?);
    Some([turned.yaw(), turned.pitch()])
}

/// Measures all pictures of a frame.
pub(crate) fn scores(
    judge: &Judge<'_>,
    seen: &OfMethods<Rc<Seen>>,
    source: &Source,
    identity: Identity,
) -> Result<OfMethods<Score>> {
    let driver = &seen[4];
    // Where the person is in the picture: as the driver shows it, or else as it is made.
    let truth = if identity == Identity::Same { driver } else { &seen[0] };
    let person = judge.engine.person(pixels(&truth.picture))?;
    Ok(std::array::from_fn(|method| {
        let made = &seen[method];
        let mut score = Score::default();
        if let (Some(a), Some(b)) = (&made.face, &source.seen.face) {
            score.set("identity", identity_distance(a, b));
        }
        if method < 4 || identity == Identity::Same {
            let masks = [source.person.as_slice(), &person];
            score.set("background", background_change(&made.picture, &source.seen.picture, masks));
        }
        if method < 4 {
            landmarks(&mut score, made, driver, identity);
        }
        if method < 4 && identity == Identity::Same {
            colours(&mut score, judge, made, driver, [&source.person, &person]);
        }
        score
    }))
}

/// How far the landmarks are from the driver's.
fn landmarks(score: &mut Score, made: &Seen, driver: &Seen, identity: Identity) {
    let unit = f64::from(UNIT) / f64::from(made.picture.width);
    let Some(truth) = &driver.mesh else { return };
    score.set("found", if made.mesh.is_some() { 1.0 } else { 0.0 });
    let Some(found) = &made.mesh else { return };
    // Another face has another place and size.
    let moved = (identity == Identity::Cross).then(|| aligned(found, truth));
    let found = moved.as_ref().unwrap_or(found);
    for (key, value) in ["akd", "akd_eyes", "akd_lips"].into_iter().zip(distances(found, truth)) {
        score.set(key, unit * value);
    }
    for (key, value) in ["lid_gap", "mouth_gap"].into_iter().zip(opening_errors(found, truth)) {
        score.set(key, unit * value);
    }
    score.set("gaze", gaze_error(found, truth));
    score.set("pose", rotation(found, truth).angle());
}

/// How far the colours are from the driver's.
fn colours(score: &mut Score, judge: &Judge<'_>, made: &Seen, driver: &Seen, [photo, person]: [&[u8]; 2]) {
    let side = made.picture.width as usize;
    let all = difference(&made.picture, &driver.picture, |_| true);
    score.set("l1", all.map(|d| d.l1));
    score.set("psnr", all.map(|d| d.psnr()));
    score.set("ssim", ssim(&made.picture, &driver.picture));
    if let (Some(perceptual), Some(a), Some(b)) = (&judge.perceptual, &made.features, &driver.features) {
        score.set("lpips", perceptual.distance(a, b));
    }
    let inside = |mask: Option<Vec<bool>>| {
        let mask = mask?;
        difference(&made.picture, &driver.picture, |pixel| mask[pixel]).map(|d| d.psnr())
    };
    score.set("uncovered_psnr", inside(uncovered(photo, person, side)));
    score.set("mouth_psnr", inside(driver.mesh.as_ref().and_then(|mesh| mouth(mesh, side))));
}

/// Landmarks of consecutive frames.
#[derive(Default)]
pub(crate) struct Runs {
    all: Vec<OfMethods<Vec<Vec<[f32; 3]>>>>,
    /// Which run the frame before was of, if a face was found in all its pictures.
    before: Option<usize>,
}

impl Runs {
    /// Takes the next frame of a run, where a face is found in all its pictures.
    pub(crate) fn push(&mut self, run: usize, seen: &OfMethods<Rc<Seen>>) {
        let found = seen.iter().all(|seen| seen.mesh.is_some());
        let before = std::mem::replace(&mut self.before, found.then_some(run));
        if !found {
            return;
        }
        // Over a gap a steady motion would look like a jump.
        if before != Some(run) {
            self.all.push(Default::default());
        }
        if let Some(all) = self.all.last_mut() {
            for (frames, seen) in all.iter_mut().zip(seen) {
                frames.extend(seen.mesh.clone());
            }
        }
    }

    /// Notes the jitter of each method in pictures of this side.
    pub(crate) fn score(&self, scores: &mut OfMethods<Score>, side: u32) {
        let unit = f64::from(UNIT) / f64::from(side);
        for (method, score) in scores.iter_mut().enumerate() {
            let found: Vec<f64> = self.all.iter().filter_map(|run| jitter(&run[method])).collect();
            score.set("jitter", (!found.is_empty()).then(|| unit * found.iter().sum::<f64>() / found.len() as f64));
        }
    }
}

/// Means of what was measured of each method.
pub(crate) fn means<'a>(all: impl Iterator<Item = &'a OfMethods<Score>> + Clone) -> OfMethods<Score> {
    std::array::from_fn(|method| Score::mean(all.clone().map(|scores| &scores[method])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_motion_is_still_over_a_gap() {
        let seen = |x: f32, found: bool| {
            let (picture, mesh) = (Picture::from_fn(1, 1, |_, _| [0; 4]), found.then(|| vec![[x, 2.0 * x, 0.0]; 468]));
            Rc::new(Seen { picture, mesh, features: None, face: None })
        };
        // In one frame there is no face in the picture of one method.
        let frame = |at: usize| -> OfMethods<Rc<Seen>> {
            std::array::from_fn(|method| seen(at as f32, (at, method) != (3, 2)))
        };
        let jitters = |frames: std::ops::Range<usize>| {
            let mut runs = Runs::default();
            let mut scores: OfMethods<Score> = Default::default();
            frames.for_each(|at| runs.push(at / 8, &frame(at)));
            runs.score(&mut scores, 256);
            scores.map(|score| score.get("jitter"))
        };
        assert!(jitters(0..8).iter().all(|jitter| jitter.is_some_and(|jitter| jitter < 1e-6)), "{:?}", jitters(0..8));
        assert_eq!(jitters(1..6), [None; METHODS.len()], "neither side of the gap has three frames");
        assert_eq!(jitters(6..10), [None; METHODS.len()], "nor has either run");
    }
}
