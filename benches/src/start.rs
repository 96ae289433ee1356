//! Section `start`: time from nothing to the first picture, each in a process of its own, with and without caches.

use crate::args::Args;
use crate::child::{self, Task, Tiles};
use crate::frame::{Clip, Drive, one};
use crate::report::StartRow;
use anyhow::{Context, Result};
use portrait_kernels::{DeviceProfile, Tier};
use portrait_models::Preset;
use portrait_runtime::{Avatar, Gpu, GpuOptions};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What the child does: opens everything and makes some frames of this avatar.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    avatar: PathBuf,
    photo: PathBuf,
    cache: Option<PathBuf>,
    adapter: Option<String>,
    profile: Option<Tiles>,
    preset: String,
    precision: String,
}

/// Milliseconds, and a number of pipelines.
#[derive(Debug, Serialize, Deserialize)]
struct Found {
    open: f64,
    session: f64,
    first: f64,
    steady: f64,
    pipelines: usize,
}

/// What `--filter` looks at: a kind of cache, whose full one needs the empty one before it.
fn name(label: &str) -> &'static str {
    match label.split(',').next() {
        Some("ours") => "start ours",
        Some("driver") => "start driver",
        _ => "start none",
    }
}

/// Whether `--filter` leaves any start.
pub(crate) fn wanted(args: &Args) -> bool {
    ["none", "ours", "driver"].into_iter().any(|label| args.wants(name(label)))
}

/// Measures starts without any cache, with ours, and with the driver's own, each empty and full.
pub(crate) fn run(args: &Args, preset: &Preset, tier: Tier, avatar: &Avatar, photo: &Path) -> Result<Vec<StartRow>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("start.avatar");
    avatar.save(&file)?;
    let task = |cache: Option<PathBuf>| Start {
        avatar: file.clone(),
        photo: photo.to_owned(),
        cache,
        adapter: args.adapter.clone(),
        profile: args.gpu(tier).profile.map(Tiles::from),
        preset: preset.name.clone(),
        precision: tier.name().to_owned(),
    };
    let ours = folder.path().join("ours");
    let theirs = folder.path().join("driver");
    println!("\nstart, preset {}, {tier}: from opening the device to the first picture", preset.name);
    let mut rows: Vec<StartRow> = Vec::new();
    // Drivers that keep compiled code on their own would make every start a warm one: off, or in a folder of this run.
    let starts = [
        ("none", None, false),
        ("ours, empty", Some(&ours), false),
        ("ours, full", Some(&ours), false),
        ("driver, empty", None, true),
        ("driver, full", None, true),
    ];
    for (label, cache, driver) in starts.into_iter().filter(|(label, ..)| args.wants(name(label))) {
        let mut command = child::command(&Task::Start(task(cache.cloned())))?;
        let off = if driver { "false" } else { "true" };
        command.env("MESA_SHADER_CACHE_DISABLE", off).env("__GL_SHADER_DISK_CACHE", if driver { "1" } else { "0" });
        command.env("MESA_SHADER_CACHE_DIR", &theirs).env("__GL_SHADER_DISK_CACHE_PATH", &theirs);
        let found: Found = child::result(&mut command)?;
        let total = found.open + found.session + found.first;
        let cold = rows.last().filter(|_| label.ends_with("full")).map(|cold| total / cold.total_ms);
        println!(
            "  cache {label:14} {total:7.0} ms: open {:.0}, session {:.0}, first frame {:.0}; steady {:.1} ms; {} pipelines{}",
            found.open,
            found.session,
            found.first,
            found.steady,
            found.pipelines,
            cold.map_or(String::new(), |share| format!("; {:.0} % of the start before", 100.0 * share))
        );
        rows.push(StartRow {
            preset: preset.name.clone(),
            precision: tier.name().into(),
            cache: label.into(),
            open_ms: found.open,
            session_ms: found.session,
            first_frame_ms: found.first,
            total_ms: total,
            steady_ms: found.steady,
            pipelines: found.pipelines,
            share_of_cold: cold,
        });
    }
    Ok(rows)
}

impl Start {
    /// The child's part.
    pub(crate) fn run(self) -> Result<()> {
        let tier = Tier::ALL.into_iter().find(|tier| tier.name() == self.precision).context("a precision")?;
        let avatar = Avatar::load(&self.avatar)?;
        let clip = Clip::new(&image::open(&self.photo)?.to_rgba8());
        let preset = crate::preset(&self.preset)?;
        let milliseconds = |since: Instant| 1e3 * since.elapsed().as_secs_f64();
        let start = Instant::now();
        let profile = self.profile.map(DeviceProfile::from);
        let (adapter, cache) = (self.adapter, self.cache);
        let options = GpuOptions { adapter, tier: Some(tier), cache, profile, ..GpuOptions::default() };
        let engine = crate::engine(pollster::block_on(Gpu::open(&options))?, preset)?;
        let open = milliseconds(start);
        let start = Instant::now();
        let mut session = engine.session(&avatar, &clip.options())?;
        let session_ms = milliseconds(start);
        let first = one(&mut session, Drive::Video, &clip, 0)?;
        (1..4).try_for_each(|n| one(&mut session, Drive::Video, &clip, n).map(drop))?;
        let steady = one(&mut session, Drive::Video, &clip, 4)?;
        child::answer(&Found { open, session: session_ms, first, steady, pipelines: engine.gpu().pipelines_created() })
    }
}
