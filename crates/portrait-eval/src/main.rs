//! Measures weights on the engine itself, beside warps that paint nothing. Run as `cargo xtask eval`.
//!
//! | file | what |
//! |---|---|
//! | `metrics/` | one metric each, on pictures and landmarks |
//! | `baseline/` | what the networks have to beat |
//! | `judge` | what is read off a picture |
//! | `clip` | driving clips: which frames are measured |
//! | `moment` | one measured frame |
//! | `same`, `cross` | the two protocols: a clip drives its own first frame, or portraits of others |
//! | `score` | numbers by name, and their means |
//! | `coverage` | errors against how far the head turned |
//! | `sheet` | pictures to look at |
//! | `report` | Markdown and JSON |

mod baseline;
mod clip;
mod coverage;
mod cross;
mod judge;
mod metrics;
mod moment;
mod report;
mod same;
mod score;
mod sheet;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use portrait_media::Picture;
use portrait_runtime::{Engine, EngineOptions, GpuOptions, Tier, WeightsSource};

use crate::judge::Judge;
use crate::metrics::Perceptual;

/// Measures the weights on the engine itself, beside warps that paint nothing
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask eval",
    after_help = "\
DIR holds clips/eval/*.mp4, clips of one face each that the weights never saw, and samples/*.jpg, portraits of other people.
Each clip drives its own first frame, and as many of the portraits as --portraits says. With --portraits 0 none are needed."
)]
struct Eval {
    /// Folder of clips and portraits
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Weights; by default those of the repository for the preset
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Sizes of the networks
    #[arg(long, value_name = "NAME", default_value = "s")]
    preset: String,
    /// Storage of weights and features on the device
    #[arg(long, default_value = "f32")]
    precision: Precision,
    /// Measure every Nth frame of a clip
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
    /// Let each clip drive this many portraits of other people
    #[arg(long, value_name = "N", default_value_t = 8)]
    portraits: usize,
    /// AlexNet with the LPIPS heads, as weights/convert_lpips.py writes it
    #[arg(long, value_name = "FILE")]
    lpips: Option<PathBuf>,
    /// Write pictures of each clip, and the report, into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write all numbers to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Precision {
    #[value(name = "f32")]
    F32,
    #[value(name = "f16_packed")]
    F16Packed,
    #[value(name = "f16")]
    F16,
}

impl Eval {
    fn run(&self) -> Result<()> {
        let clips = files(&self.data.join("clips/eval"), "mp4")?;
        if clips.is_empty() {
            bail!("`{}` holds no clips (*.mp4)", self.data.join("clips/eval").display());
        }
        if let Some(folder) = &self.out {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        }
        let engine = self.engine()?;
        let perceptual = match &self.lpips {
            Some(file) => Some(Perceptual::open(&engine, file)?),
            None => {
                eprintln!(
                    "no LPIPS and no identity distance: --lpips names no file (weights/convert_lpips.py makes it)"
                );
                None
            }
        };
        let judge = Judge { engine: &engine, perceptual };
        let started = std::time::Instant::now();
        let (mut same, mut cross) = (Vec::new(), Vec::new());
        let portraits = cross::portraits(&judge, &self.photos()?)?;
        for path in &clips {
            let name = clip::name(path);
            let cannot = || format!("cannot measure `{}`", path.display());
            let (row, sheet) = same::measure(&judge, path, self.every).with_context(cannot)?;
            self.save(&name, sheet)?;
            same.push(row);
            if !portraits.is_empty() {
                let (pairs, sheet) = cross::measure(&judge, path, &portraits).with_context(cannot)?;
                self.save(&format!("{name}-cross"), sheet)?;
                cross.extend(pairs);
            }
            eprintln!("{name}: {} of {} clips, {:.0} s", same.len(), clips.len(), started.elapsed().as_secs_f64());
        }
        let seconds = started.elapsed().as_secs_f64();
        let run = report::Run { engine: &engine, every: self.every, seconds, same: &same, cross: &cross };
        let text = run.markdown();
        print!("{text}");
        if let Some(folder) = &self.out {
            write(&folder.join("report.md"), &text)?;
        }
        if let Some(file) = &self.json {
            write(file, &run.json())?;
        }
        Ok(())
    }

    /// Portraits for the clips to drive, evenly chosen among those there are.
    fn photos(&self) -> Result<Vec<PathBuf>> {
        if self.portraits == 0 {
            return Ok(Vec::new());
        }
        let all = files(&self.data.join("samples"), "jpg")
            .with_context(|| format!("{} portraits (*.jpg) are asked for; --portraits 0 takes none", self.portraits))?;
        if all.len() < self.portraits {
            bail!(
                "`{}` holds {} portraits (*.jpg), and {} are asked for; --portraits N takes fewer, 0 none",
                self.data.join("samples").display(),
                all.len(),
                self.portraits
            );
        }
        Ok((0..self.portraits).map(|n| all[n * all.len() / self.portraits].clone()).collect())
    }

    fn save(&self, name: &str, sheet: Option<Picture>) -> Result<()> {
        if let (Some(folder), Some(sheet)) = (&self.out, sheet) {
            portrait_media::save_png(folder.join(format!("{name}.png")), &sheet)?;
        }
        Ok(())
    }

    fn engine(&self) -> Result<Engine> {
        let bundled = || {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../weights");
            root.join(format!("portrait_{}.safetensors", self.preset))
        };
        let tier = Some(match self.precision {
            Precision::F32 => Tier::F32,
            Precision::F16Packed => Tier::F16Packed,
            Precision::F16 => Tier::F16,
        });
        let weights = WeightsSource::File(self.weights.clone().unwrap_or_else(bundled));
        Ok(Engine::open(&EngineOptions {
            gpu: GpuOptions { tier, ..GpuOptions::default() },
            preset: self.preset.clone(),
            ..EngineOptions::new(weights)
        })?)
    }
}

fn write(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text).with_context(|| format!("cannot write `{}`", file.display()))
}

/// The files of a folder with this extension, in order of name.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|e| e.map(|e| e.path())).collect::<std::io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension)));
    files.sort();
    Ok(files)
}

fn main() -> ExitCode {
    match Eval::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_consistent() {
        use clap::CommandFactory;
        Eval::command().debug_assert();
    }

    #[test]
    fn help_and_errors_say_where_portraits_come_from() {
        use clap::CommandFactory;
        let help = Eval::command().render_long_help().to_string();
        assert!(help.contains("clips/eval/*.mp4") && help.contains("samples/*.jpg"), "{help}");
        let missing = Eval::parse_from(["eval", "--data", "nowhere"]).photos().unwrap_err();
        let message = format!("{missing:#}");
        assert!(
            message.contains("8 portraits (*.jpg) are asked for; --portraits 0") && message.contains("samples"),
            "{message}"
        );
        assert!(Eval::parse_from(["eval", "--data", "nowhere", "--portraits", "0"]).photos().unwrap().is_empty());
    }

    #[test]
    fn the_bundled_clip_is_measured_both_ways() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let eval = Eval::parse_from(["eval", "--data", "nowhere"]);
        let engine = match eval.engine() {
            Ok(engine) => engine,
            Err(error) => {
                assert!(
                    std::env::var("PORTRAIT_REQUIRE_GPU").as_deref() != Ok("1"),
                    "PORTRAIT_REQUIRE_GPU=1: {error:#}"
                );
                println!("SKIP: {error:#}");
                return;
            }
        };
        let judge = Judge { engine: &engine, perceptual: None };
        let clip = root.join("assets/driver.mp4");
        let (row, sheet) = same::measure(&judge, &clip, 45).unwrap();
        let [engines, warp, tps, copy, driver] = &row.scores;
        assert_eq!(row.moments.iter().map(|m| m.frame).collect::<Vec<_>>(), [45, 90]);
        for moves in [engines, warp, tps] {
            assert!(moves.get("akd").unwrap() < 0.5 * copy.get("akd").unwrap(), "{moves:?} {copy:?}");
            assert!(moves.get("pose").unwrap() < copy.get("pose").unwrap(), "{moves:?} {copy:?}");
        }
        assert_eq!((copy.get("jitter"), copy.get("background")), (Some(0.0), Some(0.0)));
        assert!(driver.get("jitter").unwrap() > 0.0 && driver.get("psnr").is_none());
        assert!(sheet.unwrap().height > 512);

        let portraits = cross::portraits(&judge, &[root.join("assets/astronaut.png")]).unwrap();
        let (pairs, sheet) = cross::measure(&judge, &clip, &portraits).unwrap();
        let scores = &pairs[0].scores;
        assert!(scores[0].get("akd").unwrap() < scores[3].get("akd").unwrap(), "the photo moves: {scores:?}");
        assert!(scores[0].get("psnr").is_none() && scores[0].get("jitter").is_some() && sheet.is_some());

        let run = report::Run { engine: &engine, every: 45, seconds: 1.0, same: &[row], cross: &pairs };
        assert!(
            run.markdown().contains("### Cross identity, mean of 1 pairs\n\n| method | AKD |"),
            "{}",
            run.markdown()
        );
        let json: serde_json::Value = serde_json::from_str(&run.json()).unwrap();
        assert_eq!(json["same_identity"]["clips"][0]["moments"][1]["frame"], 90);
        assert_eq!(json["cross_identity"]["pairs"][0]["portrait"], "astronaut");
    }
}
