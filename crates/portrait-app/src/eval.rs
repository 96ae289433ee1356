//! `portrait eval`: how well clips of faces are reproduced, measured by the engine itself.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use portrait_media::Picture;
use portrait_runtime::{Engine, Mode, PrepareOptions, SessionOptions};
use serde_json::json;

use crate::compare::Compare;
use crate::console;
use crate::driver::{Driver, pixels};
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
`copy` is the photo left as it is. With --photo the clips drive that photo, and only keypoint distances after
removing place and size are meaningful.")]
pub(crate) struct Eval {
    /// Square clips of one face each
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

/// Means over the measured frames of a clip.
#[derive(Clone, Copy, Default)]
struct Score {
    l1: f32,
    psnr: f32,
    akd: f32,
    lips: f32,
    lids: f32,
    /// Share of frames in whose result a face was found.
    found: f32,
}

impl Score {
    const NAMES: [&str; 6] = ["l1", "psnr", "akd", "lips", "lids", "found"];

    fn values(self) -> [f32; 6] {
        [self.l1, self.psnr, self.akd, self.lips, self.lids, self.found]
    }

    fn json(self) -> serde_json::Value {
        Self::NAMES.iter().zip(self.values()).map(|(n, v)| ((*n).to_owned(), json!(v))).collect()
    }
}

/// Sums of one clip.
#[derive(Default)]
struct Sum {
    score: Score,
    frames: f32,
    faces: f32,
}

impl Sum {
    fn add(&mut self, engine: &Engine, made: &Picture, truth: &Picture, points: &[[f32; 2]]) -> Result<()> {
        self.frames += 1.0;
        let (l1, mse) = differences(made, truth);
        self.score.l1 += l1;
        self.score.psnr += -10.0 * mse.max(1e-10).log10();
        if let Some(found) = engine.landmarks(pixels(made))? {
            self.faces += 1.0;
            let scale = |side: u32| UNIT / side as f32;
            let (here, there) = (scale(made.width), scale(truth.width));
            let facial = &portrait_runtime::facial_points().indices;
            let far = |&i: &u32| {
                let (a, b) = (found[i as usize], points[i as usize]);
                (a[0] * here - b[0] * there).hypot(a[1] * here - b[1] * there)
            };
            self.score.akd += facial.iter().map(far).sum::<f32>() / facial.len() as f32;
            let gap = |p: &[[f32; 2]], [a, b]: [usize; 2], s: f32| (p[a][0] - p[b][0]).hypot(p[a][1] - p[b][1]) * s;
            let opening = |pair| (gap(&found, pair, here) - gap(points, pair, there)).abs();
            self.score.lips += opening(LIPS);
            self.score.lids += LIDS.map(opening).iter().sum::<f32>() / 2.0;
        }
        Ok(())
    }

    fn mean(&self) -> Score {
        let (n, faces) = (self.frames.max(1.0), self.faces.max(1.0));
        let Score { l1, psnr, akd, lips, lids, .. } = self.score;
        Score {
            l1: l1 / n,
            psnr: psnr / n,
            akd: akd / faces,
            lips: lips / faces,
            lids: lids / faces,
            found: self.faces / n,
        }
    }
}

/// Mean absolute and mean squared difference of two pictures of one size, in 0..=1.
fn differences(a: &Picture, b: &Picture) -> (f32, f32) {
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
            rows.push((clip, row.with_context(|| format!("cannot measure `{}`", clip.display()))?));
        }
        if self.json {
            let clips: Vec<_> = rows
                .iter()
                .map(|(clip, (n, model, copy))| {
                    json!({"clip": clip, "frames": n, "model": model.json(), "copy": copy.json()})
                })
                .collect();
            println!(
                "{}",
                json!({"weights": engine.weights_id(), "adapter": engine.gpu().adapter().name, "clips": clips})
            );
            return Ok(ExitCode::SUCCESS);
        }
        println!("{:24} {:>6} {:8}{}", "clip", "frames", "", Score::NAMES.map(|n| format!("{n:>9}")).concat());
        let line = |name: &str, frames: usize, who: &str, score: Score| {
            let values = score.values().map(|v| format!("{v:9.4}")).concat();
            println!("{name:24} {frames:6} {who:8}{values}");
        };
        for (clip, (frames, model, copy)) in &rows {
            let name = clip.file_name().unwrap_or_default().to_string_lossy();
            line(&name, *frames, "model", *model);
            line(&name, *frames, "copy", *copy);
        }
        for (who, pick) in [("model", 1), ("copy", 2)] {
            let mut mean = [0.0f32; 6];
            for (_, row) in &rows {
                let values = if pick == 1 { row.1 } else { row.2 }.values();
                (0..6).for_each(|i| mean[i] += values[i] / rows.len() as f32);
            }
            let [l1, psnr, akd, lips, lids, found] = mean;
            line("mean of clips", rows.len(), who, Score { l1, psnr, akd, lips, lids, found });
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Frames measured, and the scores of the model and of copying the photo.
    fn clip(&self, engine: &Engine, clip: &Path, photo: Option<&Picture>) -> Result<(usize, Score, Score)> {
        let mut driver = Driver::open(clip)?;
        let Some((first, _)) = driver.next()? else { bail!("it has no frames") };
        let own = photo.is_none();
        let options = PrepareOptions { face: None, whole_photo: own };
        let avatar = engine.prepare(pixels(photo.unwrap_or(&first.picture)), &options)?;
        let source = media_picture(avatar.picture());
        let mode = if own { Mode::Absolute } else { Mode::Relative };
        let (width, height) = (first.picture.width, first.picture.height);
        let mut session = engine.session(
            &avatar,
            &SessionOptions { mode, filter: None, whole_frame: own, ..SessionOptions::new(width, height) },
        )?;
        let mut compare = Compare::new(&source);
        let (mut model, mut copy) = (Sum::default(), Sum::default());
        let mut next = Some((first, 0.04));
        while let Some((frame, step)) = next {
            // The first frame is the photo itself.
            if frame.index > 0 && frame.index.is_multiple_of(self.every) {
                session.animate(pixels(&frame.picture), step)?;
                let made = session.take_picture(true)?.context("a picture did not come back from the GPU")?;
                let made = media_picture(made);
                compare.push(Some(&frame.picture), &made);
                if let Some(points) = engine.landmarks(pixels(&frame.picture))? {
                    model.add(engine, &made, &frame.picture, &points)?;
                    copy.add(engine, &source, &frame.picture, &points)?;
                }
            } else {
                session.observe(pixels(&frame.picture), step)?;
                session.finish()?;
            }
            next = driver.next()?;
        }
        if let (Some(folder), Some(sheet)) = (&self.sheets, compare.picture()) {
            let name = clip.file_stem().unwrap_or_default().to_string_lossy();
            portrait_media::save_png(folder.join(format!("{name}.png")), &sheet)?;
        }
        Ok((model.frames as usize, model.mean(), copy.mean()))
    }
}
