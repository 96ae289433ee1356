//! Compiles every pipeline of a preset with the shader compiler of a phone's GPU: Mesa's drivers over a kernel that does nothing.
//!
//! A child process opens that driver as it would open a phone's and makes one pipeline after the other; before each it writes a
//! mark to stdout and stderr, where the compilers write their code and statistics.

use super::statistics::{self, Statistics};
use crate::args::Args;
use crate::child::{self, Task, Tiles};
use crate::report::PhoneRow;
use anyhow::{Context, Result, bail};
use portrait_kernels::{DeviceProfile, ShaderKey, Tier};
use portrait_models::Preset;
use portrait_runtime::{
    FrameStep, Gpu, GpuOptions, Part, Runner, SessionOptions, frame_steps, optional_steps, prepare_steps,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

/// Family of a compiler: what to set, and how to read what it prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compiler {
    /// Turnip, Qualcomm Adreno.
    Adreno(&'static str),
    /// PanVK, ARM Mali; the id of the GPU in hexadecimal.
    Mali(&'static str),
}

/// Phones' GPUs by the names of their vendors.
pub(crate) const PHONES: &[(&str, Compiler)] = &[
    ("Adreno 660", Compiler::Adreno("660")),
    ("Adreno 730", Compiler::Adreno("730")),
    ("Adreno 740", Compiler::Adreno("740")),
    ("Adreno 750", Compiler::Adreno("750")),
    ("Mali-G610", Compiler::Mali("a867")),
];

/// Begins the mark before a pipeline.
const MARK: &str = "portrait-bench pipeline ";

impl Compiler {
    /// The driver, from the folder of the compilers.
    pub(crate) fn library(self) -> &'static str {
        match self {
            Self::Adreno(_) => "adreno/src/freedreno/vulkan/libvulkan_freedreno.so",
            Self::Mali(_) => "mali/src/panfrost/vulkan/libvulkan_panfrost.so",
        }
    }

    fn environment(self, folder: &Path) -> Vec<(&'static str, std::ffi::OsString)> {
        let file = |path: &str| folder.join(path).into_os_string();
        match self {
            Self::Adreno(id) => vec![
                ("FD_GPU_ID", id.into()),
                ("IR3_SHADER_DEBUG", "cs".into()),
                ("VK_ICD_FILENAMES", file("adreno/src/freedreno/vulkan/freedreno_devenv_icd.x86_64.json")),
                ("LD_PRELOAD", file("adreno/src/freedreno/drm-shim/libfreedreno_noop_drm_shim.so")),
            ],
            Self::Mali(id) => vec![
                ("PAN_GPU_ID", id.into()),
                ("PAN_I_WANT_A_BROKEN_VULKAN_DRIVER", "1".into()),
                ("BIFROST_MESA_DEBUG", "shaders,shaderdb".into()),
                ("VK_ICD_FILENAMES", file("mali/src/panfrost/vulkan/panfrost_devenv_icd.x86_64.json")),
                ("LD_PRELOAD", file("mali/src/panfrost/drm-shim/libpanfrost_noop_drm_shim.so")),
            ],
        }
    }
}

/// What the child compiles.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Compile {
    preset: String,
    precision: String,
    /// `None`: what the engine would take on that adapter.
    profile: Option<Tiles>,
    /// Only pipelines whose name holds this.
    filter: Option<String>,
}

/// A pipeline that the child has made, in the order of the marks.
#[derive(Debug, Serialize, Deserialize)]
struct Made {
    pipeline: String,
    work: f64,
}

/// Statistics of every pipeline of a preset on one GPU, those with the most work first.
pub(crate) fn run(
    args: &Args,
    folder: &Path,
    gpu: &str,
    compiler: Compiler,
    preset: &Preset,
    tier: Tier,
) -> Result<Vec<PhoneRow>> {
    let profile = args.gpu(tier).profile.map(Tiles::from);
    let filter = args.filter.clone();
    let task = Compile { preset: preset.name.clone(), precision: tier.name().to_owned(), profile, filter };
    let mut command = child::command(&Task::Compile(task))?;
    command.env("WGPU_BACKEND", "vulkan").env("MESA_SHADER_CACHE_DISABLE", "true").envs(compiler.environment(folder));
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        let last: Vec<&str> = log.lines().rev().take(5).collect();
        bail!("the compiler for {gpu} failed ({}):\n{}", output.status, last.join("\n"));
    }
    let out = String::from_utf8_lossy(&output.stdout);
    let made: Vec<Made> = child::parse(&out)?;
    let mut parts = log.split(MARK).skip(1);
    let mut listings = out.split(child::MARK).next().unwrap_or_default().split(MARK).skip(1);
    let mut rows = made
        .into_iter()
        .map(|made| {
            let text = parts.next().with_context(|| format!("no mark for `{}`", made.pipeline))?;
            let found = statistics::read(compiler, listings.next().unwrap_or_default(), text)
                .with_context(|| format!("the compiler for {gpu} says nothing about `{}`", made.pipeline))?;
            Ok(row(gpu, preset, tier, made, found))
        })
        .collect::<Result<Vec<_>>>()?;
    rows.sort_by(|a, b| b.work.total_cmp(&a.work).then(a.pipeline.cmp(&b.pipeline)));
    Ok(rows)
}

fn row(gpu: &str, preset: &Preset, tier: Tier, made: Made, found: Statistics) -> PhoneRow {
    PhoneRow {
        gpu: gpu.to_owned(),
        pipeline: made.pipeline,
        preset: preset.name.clone(),
        precision: tier.name().to_owned(),
        work: made.work,
        instructions: found.instructions,
        non_nops: found.non_nops,
        multiply_adds: found.multiply_adds,
        registers: found.registers,
        spills: found.spills,
        loops: found.loops,
        ..PhoneRow::default()
    }
}

/// File, defines and overrides of a pipeline.
pub(crate) fn label(key: &ShaderKey) -> String {
    let parts = key.defines.iter().map(|d| format!("+{d}"));
    let parts = parts.chain(key.overrides.iter().map(|(name, value)| format!(" {name}={value}")));
    parts.fold(key.file.to_owned(), |text, part| text + &part)
}

impl Compile {
    /// The child's part.
    pub(crate) fn run(self) -> Result<()> {
        let tier = Tier::ALL.into_iter().find(|tier| tier.name() == self.precision).context("a precision")?;
        let profile = self.profile.map(DeviceProfile::from);
        let gpu = pollster::block_on(Gpu::open(&GpuOptions { tier: Some(tier), profile, ..GpuOptions::default() }))?;
        let (preset, options) = (crate::preset(&self.preset)?, SessionOptions::new(512, 512));
        let steps = frame_steps(&preset, &options)?;
        let frame = |step: &&FrameStep| matches!(step.part, Part::Track | Part::Render);
        let all: u64 = steps.iter().filter(frame).map(|step| step.kernel.executed_macs()).sum();
        // What photos, cameras and larger results take is no part of a plain frame's work.
        let mut others = prepare_steps(&preset)?;
        others.extend(optional_steps(&preset, &options)?);
        others.iter_mut().for_each(|step| step.part = Part::Prepare);
        let mut pipelines: BTreeMap<ShaderKey, Vec<&FrameStep>> = BTreeMap::new();
        for step in steps.iter().chain(&others) {
            pipelines.entry(step.kernel.dispatch(tier, gpu.profile()).shader).or_default().push(step);
        }
        let mut made = Vec::new();
        for (key, steps) in &pipelines {
            let pipeline = label(key);
            if self.filter.as_ref().is_some_and(|filter| !pipeline.contains(filter)) {
                continue;
            }
            println!("{MARK}{pipeline}");
            eprintln!("{MARK}{pipeline}");
            let kinds: Vec<_> = steps[0].tensors.iter().map(|tensor| tensor.kind).collect();
            drop(Runner::of_kernel(&gpu, key.file, &steps[0].kernel, &kinds)?);
            let work: u64 = steps.iter().copied().filter(frame).map(|step| step.kernel.executed_macs()).sum();
            made.push(Made { pipeline, work: work as f64 / all.max(1) as f64 });
        }
        child::answer(&made)
    }
}
