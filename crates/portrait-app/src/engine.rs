//! Arguments that choose device, precision and weights, shared by the subcommands.

use std::borrow::Cow;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use portrait_runtime::{Engine, EngineOptions, GpuOptions, Tier, WeightsSource};

use crate::console;

/// The preset whose weights are inside this program.
pub(crate) const BUNDLED_PRESET: &str = "s";

/// The weights inside this program.
pub(crate) static BUNDLED_WEIGHTS: &[u8] = include_bytes!("../../../weights/portrait_s.safetensors");

/// Device, precision and weights.
#[derive(Args, Clone, Debug)]
pub(crate) struct EngineArgs {
    /// Sizes of the networks; only `s` comes with weights
    #[arg(long, value_name = "NAME", default_value = BUNDLED_PRESET)]
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
    /// Keep compiled pipelines in this directory for a faster start (Vulkan); without it nothing is kept
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
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
            None if self.preset == BUNDLED_PRESET => WeightsSource::Bytes(Cow::Borrowed(BUNDLED_WEIGHTS)),
            None => bail!(
                "preset `{}` has no bundled weights, only `{BUNDLED_PRESET}` has; give a file made for it with --weights FILE",
                self.preset
            ),
        };
        let tier = self.precision.map(|precision| match precision {
            Precision::F32 => Tier::F32,
            Precision::F16Packed => Tier::F16Packed,
            Precision::F16 => Tier::F16,
        });
        let gpu = GpuOptions { adapter: self.adapter.clone(), tier, profile: None, cache: self.cache.clone() };
        Ok(EngineOptions { gpu, preset: self.preset.clone(), weights })
    }

    /// Opens the engine. Weights are checked before a device is looked for.
    pub(crate) fn open(&self) -> Result<Engine> {
        let engine = Engine::open(&self.options()?)?;
        engine.gpu().warnings().iter().for_each(console::warning);
        Ok(engine)
    }
}
