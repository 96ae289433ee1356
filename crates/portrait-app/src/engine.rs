//! Arguments that choose device, precision and weights, shared by the subcommands.

use std::borrow::Cow;
use std::iter;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use portrait_runtime::{Engine, EngineOptions, Gpu, GpuOptions, Preset, Tier, WeightsSource};

use crate::console;

/// The preset that runs where none is asked for.
const DEFAULT_PRESET: &str = "s";

/// Presets whose weights are inside this program.
static BUNDLED: [(&str, &[u8]); 2] = [
    ("fast", include_bytes!("../../../weights/portrait_fast.safetensors")),
    ("s", include_bytes!("../../../weights/portrait_s.safetensors")),
];

/// The weights inside this program for a preset.
fn bundled(preset: &str) -> Option<WeightsSource> {
    let (_, bytes) = BUNDLED.iter().find(|(name, _)| *name == preset)?;
    Some(WeightsSource::Bytes(Cow::Borrowed(bytes)))
}

/// Device, precision and weights.
#[derive(Args, Clone, Debug)]
pub(crate) struct EngineArgs {
    /// Sizes of the networks; `portrait doctor` names those that come with weights
    #[arg(long, value_name = "NAME", default_value = DEFAULT_PRESET)]
    pub(crate) preset: String,
    /// Storage of weights and features; by default what suits the adapter
    #[arg(long)]
    precision: Option<Precision>,
    /// Adapter, by part of its name or by its number in `portrait doctor`
    #[arg(long, value_name = "NAME|N")]
    adapter: Option<String>,
    /// Weights other than the ones inside this program, made for the preset
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// Keep compiled pipelines in this directory for a faster start (Vulkan), and what the self-test of the first start has
    /// found; without it nothing is kept and nothing tested
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

/// Names of the presets whose weights are inside this program.
pub(crate) fn bundled_presets() -> impl Iterator<Item = &'static str> {
    BUNDLED.iter().map(|(name, _)| *name)
}

/// What to say of a device that is slow by its nature.
pub(crate) fn slowness(gpu: &Gpu, preset: &str) -> Option<String> {
    let adapter = gpu.adapter();
    let less = if preset == "fast" { "" } else { ", and `--preset fast` is half the work" };
    (adapter.kind == "Cpu").then(|| {
        format!(
            "`{}` is a software driver, not a GPU, and slow; `portrait doctor` lists the adapters{less}",
            adapter.name
        )
    })
}

fn listed(names: impl Iterator<Item = &'static str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Precision {
    /// 32 bits; the most exact
    #[value(name = "f32")]
    F32,
    /// Two 16-bit halves in a word; runs on any adapter
    #[value(name = "f16_packed", alias = "f16-packed")]
    F16Packed,
    /// Native 16 bits, where the adapter has them
    #[value(name = "f16")]
    F16,
}

impl EngineArgs {
    /// What an engine is opened with.
    pub(crate) fn options(&self) -> Result<EngineOptions> {
        let weights = match &self.weights {
            Some(file) => WeightsSource::File(file.clone()),
            None => match bundled(&self.preset) {
                Some(weights) => weights,
                None => {
                    let (preset, bundled) = (&self.preset, listed(bundled_presets()));
                    if !Preset::names().any(|name| name == preset) {
                        bail!("no preset is called `{preset}`; {bundled} have weights inside this program");
                    }
                    bail!(
                        "preset `{preset}` has no bundled weights, only {bundled} have; give a file made for it with --weights FILE"
                    )
                }
            },
        };
        let tier = self.precision.map(|precision| match precision {
            Precision::F32 => Tier::F32,
            Precision::F16Packed => Tier::F16Packed,
            Precision::F16 => Tier::F16,
        });
        let gpu =
            GpuOptions { adapter: self.adapter.clone(), tier, cache: self.cache.clone(), ..GpuOptions::default() };
        let self_test = self.cache.is_some();
        Ok(EngineOptions { gpu, preset: self.preset.clone(), self_test, ..EngineOptions::new(weights) })
    }

    /// Presets that can be run, with their weights: the one asked for, then the others inside this program.
    pub(crate) fn presets(&self) -> Result<Vec<(String, WeightsSource)>> {
        let asked = (self.preset.clone(), self.options()?.weights);
        let others = bundled_presets().filter(|name| *name != self.preset);
        Ok(iter::once(asked).chain(others.filter_map(|name| Some((name.to_owned(), bundled(name)?)))).collect())
    }

    /// How the device of a window is opened: with --cache its self-test comes first, once.
    pub(crate) fn device(&self) -> Result<GpuOptions> {
        let options = self.options()?;
        if !options.self_test {
            return Ok(options.gpu);
        }
        let (gpu, warnings) = Engine::tested(&options)?;
        warnings.iter().for_each(console::warning);
        Ok(gpu)
    }

    /// Opens the engine. Weights are checked before a device is looked for.
    pub(crate) fn open(&self) -> Result<Engine> {
        let engine = Engine::open(&self.options()?)?;
        engine.gpu().warnings().iter().for_each(console::warning);
        Ok(engine)
    }
}
