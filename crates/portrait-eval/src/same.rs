//! Same identity: a clip drives its own first frame, so that every frame of it is the truth.

use std::path::Path;

use anyhow::{Context, Result};
use portrait_media::Picture;
use portrait_runtime::{Avatar, Engine, Mode, PrepareOptions, Session, SessionOptions};

use crate::baseline::{thin_plate_flow, warped};
use crate::clip::{Clip, centre_square, plan};
use crate::judge::{Seen, media, pixels};
use crate::metrics::{
    UNIT, background_change, difference, distances, jitter, mouth, opening_errors, rotation, ssim, uncovered,
};
use crate::score::Score;
use crate::sheet::Sheet;

/// What is compared with the driver: what the engine makes, its flow without its synthesis network, the landmark warp, the photo
/// as it is. The last is the driver itself, for what is not a comparison with it.
pub(crate) const METHODS: [&str; 5] = ["engine", "warp", "tps", "copy", "driver"];

/// What was measured of one clip.
pub(crate) struct Row {
    /// Name of the file without extension.
    pub(crate) clip: String,
    pub(crate) frames: usize,
    /// Means, in the order of [`METHODS`].
    pub(crate) scores: [Score; 5],
    pub(crate) moments: Vec<Moment>,
}

/// One measured frame.
pub(crate) struct Moment {
    /// Its number in the clip.
    pub(crate) frame: usize,
    /// How far the driver's head is turned and nodded away from the photo, in degrees.
    pub(crate) turn: Option<[f64; 2]>,
    pub(crate) scores: [Score; 5],
}

/// The photo.
struct Source {
    seen: Seen,
    person: Vec<u8>,
    facial: Vec<[f32; 2]>,
}

/// Measures a clip; also a picture of some of its moments.
pub(crate) fn measure(engine: &Engine, path: &Path, every: u64) -> Result<(Row, Option<Picture>)> {
    let mut clip = Clip::open(path)?;
    let plan = plan(clip.frames, every);
    let measured = plan.iter().filter(|u| u.measure).count();
    let first = clip.next()?;
    let avatar = engine.prepare(pixels(&first), &PrepareOptions { face: None, whole_photo: true })?;
    let source = Source::new(engine, &avatar)?;
    let [width, height] = clip.size;
    let defaults = SessionOptions::new(width, height);
    let options = SessionOptions { mode: Mode::Absolute, filter: None, whole_frame: true, ..defaults };
    let mut session = engine.session(&avatar, &options)?;

    let mut moments: Vec<Moment> = Vec::new();
    let mut runs: Vec<[Vec<Vec<[f32; 3]>>; 5]> = Vec::new();
    let mut sheet = Sheet::new(measured);
    for (frame, purpose) in plan.iter().enumerate().skip(1) {
        let driver = clip.next()?;
        if !purpose.track {
            continue;
        }
        if !purpose.animate() {
            session.observe(pixels(&driver), clip.step)?;
            session.finish()?;
            continue;
        }
        session.animate(pixels(&driver), clip.step)?;
        let truth = centre_square(&driver, source.side());
        let seen = look(engine, &mut session, &source, truth)?;
        if purpose.measure {
            let person = engine.person(pixels(&seen[4].picture))?;
            let turn = seen[4].mesh.as_ref().zip(source.seen.mesh.as_ref()).map(|(now, photo)| {
                let turned = rotation(photo, now);
                [turned.yaw(), turned.pitch()]
            });
            let scores = std::array::from_fn(|i| score(&seen[i], &seen[4], &source, &person));
            sheet.push(moments.len(), &source.seen, &seen);
            moments.push(Moment { frame, turn, scores });
        }
        if let Some(run) = purpose.run {
            runs.resize_with(runs.len().max(run + 1), Default::default);
            for (method, seen) in seen.into_iter().enumerate() {
                runs[run][method].extend(seen.mesh);
            }
        }
    }
    let mut scores: [Score; 5] = std::array::from_fn(|method| {
        Score::mean(moments.iter().map(|moment| &moment.scores[method]).collect::<Vec<_>>())
    });
    let unit = f64::from(UNIT) / f64::from(source.side());
    for (method, score) in scores.iter_mut().enumerate() {
        let found: Vec<f64> = runs.iter().filter_map(|run| jitter(&run[method])).collect();
        score.set("jitter", (!found.is_empty()).then(|| unit * found.iter().sum::<f64>() / found.len() as f64));
    }
    let clip = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok((Row { clip, frames: moments.len(), scores, moments }, sheet.picture()))
}

impl Source {
    fn new(engine: &Engine, avatar: &Avatar) -> Result<Self> {
        let seen = Seen::new(engine, media(avatar.picture()))?;
        Ok(Self { seen, person: avatar.person(), facial: avatar.facial().to_vec() })
    }

    fn side(&self) -> u32 {
        self.seen.picture.width
    }
}

/// The pictures of the frame just submitted, in the order of [`METHODS`].
fn look(engine: &Engine, session: &mut Session, source: &Source, truth: Picture) -> Result<[Seen; 5]> {
    let made = session.take_picture(true)?.context("a picture did not come back from the GPU")?;
    let motion = session.motion()?;
    let side = motion.flow.len().isqrt();
    let photo = &source.seen.picture;
    let thin_plate = thin_plate_flow(&motion.facial, &source.facial, side);
    let see = |picture| Seen::new(engine, picture);
    let copy = Seen { picture: photo.clone(), mesh: source.seen.mesh.clone() };
    Ok([see(media(made))?, see(warped(photo, &motion.flow))?, see(warped(photo, &thin_plate))?, copy, see(truth)?])
}

/// Numbers of one picture against the driver's. The driver's own are those that are no comparison with it.
fn score(made: &Seen, driver: &Seen, source: &Source, person: &[u8]) -> Score {
    let mut score = Score::default();
    score.set("background", background_change(&made.picture, &source.seen.picture, [&source.person, person]));
    if std::ptr::eq(made, driver) {
        return score;
    }
    let side = made.picture.width as usize;
    let unit = f64::from(UNIT) / side as f64;
    let all = difference(&made.picture, &driver.picture, |_| true);
    score.set("l1", all.map(|d| d.l1));
    score.set("psnr", all.map(|d| d.psnr()));
    score.set("ssim", ssim(&made.picture, &driver.picture));
    let inside = |mask: Option<Vec<bool>>| {
        let mask = mask?;
        difference(&made.picture, &driver.picture, |pixel| mask[pixel]).map(|d| d.psnr())
    };
    score.set("uncovered_psnr", inside(uncovered(&source.person, person, side)));
    let Some(truth) = &driver.mesh else { return score };
    score.set("mouth_psnr", inside(mouth(truth, side)));
    score.set("found", if made.mesh.is_some() { 1.0 } else { 0.0 });
    let Some(found) = &made.mesh else { return score };
    for (key, value) in ["akd", "akd_eyes", "akd_lips"].into_iter().zip(distances(found, truth)) {
        score.set(key, unit * value);
    }
    for (key, value) in ["lid_gap", "mouth_gap"].into_iter().zip(opening_errors(found, truth)) {
        score.set(key, unit * value);
    }
    score.set("pose", rotation(found, truth).angle());
    score
}
