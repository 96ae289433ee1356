//! `portrait eval`: how well clips of faces are reproduced, measured by the engine itself.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use portrait_media::Picture;
use portrait_runtime::{Engine, Mode, PrepareOptions, SessionOptions};
use serde_json::json;

use crate::compare::{Compare, centre_square};
use crate::console;
use crate::driver::{Driver, look_ahead, pixels};
use crate::engine::EngineArgs;
use crate::source::{media_picture, read_photo};

/// Mesh points of the 106 facial keypoints' upper and lower inner lip, and of both eyes' lids.
const LIPS: [usize; 2] = [13, 14];
const LIDS: [[usize; 2]; 2] = [[159, 145], [386, 374]];
/// Distances are given in pixels of a picture of this side.
const UNIT: f32 = 256.0;

/// Measures how well clips are reproduced from their first frame, beside copying that frame
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  portrait eval clips/*.mp4 --every 10 --sheets sheets

Each clip's first frame is the photo and the clip itself the driver. AKD is the mean distance of the 106 facial
keypoints found in result and driver, lips and lids the difference of their opening, all in pixels at 256;
`copy` is the photo left as it is. Of frames that are not square, the square in the middle is measured.

With --photo the clips drive that photo, calibrated as `portrait animate` does. The keypoints of the result then are
moved and scaled onto the driver's before they are compared, so that proportions and turn of the face remain; L1 and
PSNR mean nothing and are left out.")]
pub(crate) struct Eval {
    /// Clips of one face each
    #[arg(required = true, value_name = "CLIP")]
    clips: Vec<PathBuf>,
    /// Animate this photo instead of each clip's first frame
    #[arg(long, value_name = "PHOTO")]
    photo: Option<PathBuf>,
    /// Measure every Nth frame; the others are tracked only
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// Write a picture of several moments per clip into this folder
    #[arg(long, value_name = "FOLDER")]
    sheets: Option<PathBuf>,
    #[command(flatten)]
    engine: EngineArgs,
    /// Print one JSON object on stdout instead of a table
    #[arg(long)]
    json: bool,
}

/// Means over the measured frames of a clip, in the order of [`NAMES`]; `None` where nothing was measured.
type Score = [Option<f32>; 6];
/// `found` is the share of frames in whose result a face was found.
const NAMES: [&str; 6] = ["l1", "psnr", "akd", "lips", "lids", "found"];

fn as_json(score: Score) -> serde_json::Value {
    NAMES.iter().zip(score).map(|(n, v)| ((*n).to_owned(), json!(v))).collect()
}

/// The mean of what was measured.
fn mean(scores: &[Score]) -> Score {
    std::array::from_fn(|i| {
        let known: Vec<f32> = scores.iter().filter_map(|score| score[i]).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f32>() / known.len() as f32)
    })
}

/// A driving frame to compare with: its centre square at the results' side, and the mesh found in it.
struct Truth {
    picture: Picture,
    points: Vec<[f32; 2]>,
}

impl Truth {
    /// `None` where no face is found.
    fn of(engine: &Engine, frame: &Picture, side: u32) -> Result<Option<Self>> {
        let picture = Picture::new(side, side, centre_square(frame, side).into_raw())?;
        let points = engine.landmarks(pixels(&picture))?;
        Ok(points.map(|points| Self { picture, points }))
    }
}

/// One measured frame.
fn score(engine: &Engine, made: &Picture, truth: &Truth, same_person: bool) -> Result<Score> {
    let (l1, mse) = differences(made, &truth.picture);
    let colour = |value| same_person.then_some(value);
    let psnr = -10.0 * mse.max(1e-10).log10();
    let Some(mut found) = engine.landmarks(pixels(made))? else {
        return Ok([colour(l1), colour(psnr), None, None, None, Some(0.0)]);
    };
    let points = &truth.points;
    if !same_person {
        align(&mut found, points);
    }
    let unit = UNIT / made.width as f32;
    let distance = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).hypot(a[1] - b[1]) * unit;
    let facial = &portrait_runtime::facial_points().indices;
    let akd = facial.iter().map(|&i| distance(found[i as usize], points[i as usize])).sum::<f32>();
    let opening = |[a, b]: [usize; 2]| (distance(found[a], found[b]) - distance(points[a], points[b])).abs();
    let lids = LIDS.map(opening).iter().sum::<f32>() / 2.0;
    Ok([colour(l1), colour(psnr), Some(akd / facial.len() as f32), Some(opening(LIPS)), Some(lids), Some(1.0)])
}

/// Moves and scales a mesh so that mean and root mean square spread of its facial points are those of another.
fn align(points: &mut [[f32; 2]], like: &[[f32; 2]]) {
    let spread = |points: &[[f32; 2]]| {
        let facial: Vec<_> = portrait_runtime::facial_points().indices.iter().map(|&i| points[i as usize]).collect();
        let n = facial.len() as f32;
        let mean = [0, 1].map(|c| facial.iter().map(|p| p[c]).sum::<f32>() / n);
        let square = facial.iter().map(|p| (p[0] - mean[0]).powi(2) + (p[1] - mean[1]).powi(2)).sum::<f32>();
        (mean, (square / n).sqrt().max(1e-6))
    };
    let ((from, before), (to, after)) = (spread(points), spread(like));
    for point in points {
        *point = [0, 1].map(|c| to[c] + (point[c] - from[c]) * after / before);
    }
}

/// Mean absolute and mean squared difference of two pictures of one size, in 0..=1.
fn differences(a: &Picture, b: &Picture) -> (f32, f32) {
    assert_eq!((a.width, a.height), (b.width, b.height), "pictures of one size");
    let pairs = a.rgba.as_chunks::<4>().0.iter().zip(b.rgba.as_chunks::<4>().0);
    let (mut absolute, mut squared, mut n) = (0.0f64, 0.0f64, 0u32);
    for (p, q) in pairs {
        for c in 0..3 {
            let d = f64::from(p[c].abs_diff(q[c])) / 255.0;
            absolute += d;
            squared += d * d;
            n += 1;
        }
    }
    ((absolute / f64::from(n.max(1))) as f32, (squared / f64::from(n.max(1))) as f32)
}

/// What was measured of one clip.
struct Row {
    name: String,
    frames: usize,
    model: Score,
    /// The photo left as it is.
    copy: Score,
}

impl Eval {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let photo = self.photo.as_deref().map(read_photo).transpose()?;
        if let Some(folder) = &self.sheets {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        }
        let engine = self.engine.open()?;
        let mut rows = Vec::new();
        for clip in &self.clips {
            let spinner = console::spinner(&format!("{}", clip.display()));
            let row = self.clip(&engine, clip, photo.as_ref());
            spinner.finish_and_clear();
            rows.push(row.with_context(|| format!("cannot measure `{}`", clip.display()))?);
        }
        if self.json {
            let clips: Vec<_> = self
                .clips
                .iter()
                .zip(&rows)
                .map(|(clip, row)| {
                    json!({"clip": clip, "frames": row.frames, "model": as_json(row.model), "copy": as_json(row.copy)})
                })
                .collect();
            let adapter = &engine.gpu().adapter().name;
            console::line(json!({"weights": engine.weights_id(), "adapter": adapter, "clips": clips}));
            return Ok(ExitCode::SUCCESS);
        }
        console::line(format!("{:24} {:>6} {:8}{}", "clip", "frames", "", NAMES.map(|n| format!("{n:>9}")).concat()));
        let line = |name: &str, frames: usize, who: &str, score: Score| {
            let values = score.map(|v| v.map_or(format!("{:>9}", "-"), |v| format!("{v:9.4}"))).concat();
            console::line(format!("{name:24} {frames:6} {who:8}{values}"));
        };
        for row in &rows {
            line(&row.name, row.frames, "model", row.model);
            line(&row.name, row.frames, "copy", row.copy);
        }
        let of_all = |pick: fn(&Row) -> Score| mean(&rows.iter().map(pick).collect::<Vec<_>>());
        line("mean of clips", rows.len(), "model", of_all(|row| row.model));
        line("mean of clips", rows.len(), "copy", of_all(|row| row.copy));
        Ok(ExitCode::SUCCESS)
    }

    fn clip(&self, engine: &Engine, clip: &Path, photo: Option<&Picture>) -> Result<Row> {
        let mut driver = Driver::open(clip)?;
        let Some((first, step)) = driver.next()? else { bail!("it has no frames") };
        let own = photo.is_none();
        let options = PrepareOptions { face: None, whole_photo: own };
        let avatar = engine.prepare(pixels(photo.unwrap_or(&first.picture)), &options)?;
        let source = media_picture(avatar.picture());
        let (width, height) = (first.picture.width, first.picture.height);
        let defaults = SessionOptions::new(width, height);
        let options = match own {
            true => SessionOptions { mode: Mode::Absolute, filter: None, whole_frame: true, ..defaults },
            false => defaults,
        };
        let mut session = engine.session(&avatar, &options)?;
        if !own {
            look_ahead(&mut session, clip, || false)?;
            session.restart();
        }
        let mut compare = Compare::new(&source);
        let (mut model, mut copy) = (Vec::new(), Vec::new());
        let mut next = Some((first, step));
        while let Some((frame, step)) = next {
            // The first frame is the photo itself.
            let measured = frame.index > 0 && frame.index.is_multiple_of(self.every);
            if own && !measured {
                // Tracked only: absolute motion remembers nothing else.
                session.observe(pixels(&frame.picture), step)?;
                session.finish()?;
            } else {
                session.animate(pixels(&frame.picture), step)?;
                let made = session.take_picture(true)?.context("a picture did not come back from the GPU")?;
                let made = media_picture(made);
                if measured {
                    compare.push(Some(&frame.picture), &made);
                    if let Some(truth) = Truth::of(engine, &frame.picture, made.width)? {
                        model.push(score(engine, &made, &truth, own)?);
                        copy.push(score(engine, &source, &truth, own)?);
                    }
                }
            }
            next = driver.next()?;
        }
        let name = |name: Option<&std::ffi::OsStr>| name.unwrap_or_default().to_string_lossy().into_owned();
        if let (Some(folder), Some(sheet)) = (&self.sheets, compare.picture()) {
            portrait_media::save_png(folder.join(format!("{}.png", name(clip.file_stem()))), &sheet)?;
        }
        Ok(Row { name: name(clip.file_name()), frames: model.len(), model: mean(&model), copy: mean(&copy) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_of_what_is_known() {
        let [a, b] = [Some(1.0), Some(3.0)].map(|v| [v, None, None, None, None, v]);
        assert_eq!(mean(&[a, [None; 6], b])[..2], [Some(2.0), None]);
        assert_eq!(mean(&[]), [None; 6]);
    }

    #[test]
    fn place_and_size_are_removed_and_shape_remains() {
        let like: Vec<[f32; 2]> = (0..478u16).map(f32::from).map(|i| [i.sin() * 40.0, i.cos() * 60.0]).collect();
        let mut moved: Vec<_> = like.iter().map(|p| [p[0] * 3.0 + 7.0, p[1] * 3.0 - 100.0]).collect();
        align(&mut moved, &like);
        let far = |moved: &[[f32; 2]]| {
            moved.iter().zip(&like).map(|(p, q)| (p[0] - q[0]).hypot(p[1] - q[1])).fold(0.0, f32::max)
        };
        assert!(far(&moved) < 1e-3, "{}", far(&moved));
        moved.iter_mut().for_each(|p| p[0] *= 1.5);
        align(&mut moved, &like);
        assert!(far(&moved) > 1.0, "a wider face stays wider");
    }
}
