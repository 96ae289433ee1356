//! Measures the engine: kernels, whole frames, the start; other engines and phones' compilers where they are there.
//! Run as `cargo xtask bench`; what the numbers mean is in docs/bench.md.

mod args;
mod child;
mod compare;
mod frame;
mod html;
mod kernels;
mod memory;
mod peers;
mod phones;
mod plot;
mod report;
mod start;
mod stats;

use anyhow::{Context, Result, bail};
use args::{Args, Section};
use clap::Parser;
use frame::{Clip, Drive};
use portrait_kernels::Tier;
use portrait_models::Preset;
use portrait_runtime::{Engine, Gpu, PrepareOptions, WeightsSource};
use report::{Adapter, Report};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.child {
        Some(task) => child::run(task),
        None => bench(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn bench(args: &Args) -> Result<()> {
    args.check()?;
    let old = args.compare.as_deref().map(compare::read).transpose()?;
    let presets = args.preset.iter().map(|name| preset(name)).collect::<Result<Vec<_>>>()?;
    let first = open(args, args.tiers().first().copied().unwrap_or(Tier::F32))?;
    let adapter = first.adapter().clone();
    println!("adapter: {} ({}, {}, {})", adapter.name, adapter.kind, adapter.backend, adapter.driver);
    let mut report = Report {
        version: report::VERSION,
        program: env!("CARGO_PKG_VERSION").into(),
        adapter: Adapter {
            name: adapter.name.clone(),
            backend: adapter.backend.clone(),
            kind: adapter.kind.clone(),
            driver: adapter.driver.clone(),
        },
        ..Report::default()
    };
    let tiers = kernels::tiers(&first, &args.tiers());
    drop(first);
    for preset in &presets {
        for &tier in &tiers {
            measure(args, preset, tier, &mut report)?;
        }
        if args.phones {
            phones::run(args, preset, &mut report)?;
        }
    }
    if args.peers {
        peers::run(args, &mut report)?;
    }
    if args.filter.is_some() && report.is_empty() {
        bail!(
            "nothing was measured: no row of these sections is called `{}`",
            args.filter.as_deref().unwrap_or_default()
        );
    }
    if let Some(old) = &old {
        compare::print(old, &report);
    }
    if let Some(file) = &args.json {
        write(file, &serde_json::to_string_pretty(&report)?)?;
    }
    if let Some(file) = &args.html {
        write(file, &html::page(&report))?;
    }
    Ok(())
}

/// The three sections for one preset and precision.
fn measure(args: &Args, preset: &Preset, tier: Tier, report: &mut Report) -> Result<()> {
    if args.runs(Section::Kernels) {
        kernels::run(&open(args, tier)?, preset, args, report)?;
    }
    let drives: Vec<Drive> = Drive::ALL.into_iter().filter(|d| args.wants(&format!("frame {}", d.name()))).collect();
    let frame = runs(args, Section::Frame, !drives.is_empty());
    let start = runs(args, Section::Start, start::wanted(args));
    if !frame && !start {
        return Ok(());
    }
    let gpu = open(args, tier)?;
    let frames = args.frames.unwrap_or(if gpu.adapter().kind == "Cpu" { 100 } else { 10_000 }) as usize;
    let engine = engine(gpu, preset.clone())?;
    let photo = root("assets/astronaut.png");
    let picture = image::open(&photo).with_context(|| format!("cannot read `{}`", photo.display()))?.to_rgba8();
    let avatar = engine.prepare(frame::view(&picture), &PrepareOptions::default())?;
    if frame {
        let clip = Clip::new(&picture);
        for drive in drives {
            report.frame.push(frame::run(&engine, &avatar, drive, &clip, frames)?);
        }
    }
    if start {
        report.start.extend(start::run(args, preset, tier, &avatar, &photo)?);
    }
    Ok(())
}

/// Whether a section was asked for and has rows that are.
fn runs(args: &Args, section: Section, wanted: bool) -> bool {
    let asked = args.runs(section);
    if asked && !wanted {
        args.nothing(if section == Section::Frame { "frame" } else { "start" });
    }
    asked && wanted
}

fn open(args: &Args, tier: Tier) -> Result<Arc<Gpu>> {
    Ok(pollster::block_on(Gpu::open(&args.gpu(tier)))?)
}

/// A file of the repository.
fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A preset by name.
fn preset(name: &str) -> Result<Preset> {
    Ok(Preset::named(name)?)
}

/// An engine with the bundled weights of a preset, or with noise where there are none.
fn engine(gpu: Arc<Gpu>, preset: Preset) -> Result<Engine> {
    let weights = root(&format!("weights/portrait_{}.safetensors", preset.name));
    Ok(match weights.exists() {
        true => Engine::with_gpu(gpu, &preset.name, &WeightsSource::File(weights))?,
        false => Engine::with_noise(gpu, preset, 1)?,
    })
}

/// Writes a file whole or not at all.
fn write(file: &Path, text: &str) -> Result<()> {
    let failed = || format!("cannot write `{}`", file.display());
    let folder = file.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder).with_context(failed)?;
    std::io::Write::write_all(&mut temporary, text.as_bytes()).with_context(failed)?;
    temporary.persist(file).with_context(failed)?;
    println!("written: {}", file.display());
    Ok(())
}
