//! The engine: device, networks and weights. One engine serves any number of avatars and sessions.

use crate::adapter::{GpuOptions, adapter_info};
use crate::error::EngineError;
use crate::first_start::{Attempt, Verdict, settle};
use crate::frozen::Compiled;
use crate::gpu::Gpu;
use crate::nets::Nets;
use crate::runner::Runner;
use portrait_graph::{TensorKind, Weights, WeightsError};
use portrait_models::Preset;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

/// Where the weights of the preset come from.
#[derive(Clone, Debug)]
pub enum WeightsSource {
    /// A safetensors file.
    File(PathBuf),
    /// A safetensors file in memory.
    Bytes(Cow<'static, [u8]>),
}

/// How to open an engine.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Adapter and precision.
    pub gpu: GpuOptions,
    /// Name of the preset: sizes of the networks.
    pub preset: String,
    /// Weights made for that preset.
    pub weights: WeightsSource,
    /// Whether the device is tested first ([`Engine::self_test`], seconds) and what it computes wrongly gone around, by other kernels
    /// or another precision. Once for a driver where [`GpuOptions::cache`] keeps what was found, else at every start.
    pub self_test: bool,
}

impl EngineOptions {
    /// Preset `s` with these weights on the best adapter.
    pub fn new(weights: WeightsSource) -> Self {
        Self { gpu: GpuOptions::default(), preset: "s".to_owned(), weights, self_test: false }
    }
}

/// What [`Engine::open_async`] does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Reads and checks the weights.
    Weights,
    /// Opens the device.
    Device,
    /// Builds the networks and uploads their weights.
    Networks,
    /// Tests the device.
    SelfTest,
}

/// Device, networks and weights.
#[derive(Debug)]
pub struct Engine {
    pub(crate) gpu: Arc<Gpu>,
    pub(crate) preset: Preset,
    pub(crate) nets: Nets,
    weights_id: String,
}

impl Engine {
    /// Opens a device and builds the networks. Blocks for as long as that takes; see [`Engine::open_async`].
    ///
    /// # Errors
    /// No usable adapter, an unknown preset, or weights that do not fit.
    pub fn open(options: &EngineOptions) -> Result<Self, EngineError> {
        pollster::block_on(Self::open_async(options, |_| ()))
    }

    /// Opens a device and builds the networks; `progress` hears what comes next.
    ///
    /// # Errors
    /// As [`Engine::open`]; with [`EngineOptions::self_test`] also a device that no precision and no other kernel makes right.
    pub async fn open_async(options: &EngineOptions, progress: impl Fn(Opening)) -> Result<Self, EngineError> {
        // Weights first: a wrong file should not depend on a GPU to be named.
        progress(Opening::Weights);
        let preset = Preset::named(&options.preset)?;
        let (weights, id) = read_weights(&options.weights)?;
        check_preset(&weights, &preset)?;
        let open = async |gpu: &GpuOptions| {
            progress(Opening::Device);
            let gpu = Gpu::open(gpu).await?;
            progress(Opening::Networks);
            Self::assemble(gpu, preset.clone(), &weights, id.clone())
        };
        if !options.self_test {
            return open(&options.gpu).await;
        }
        let file = match &options.gpu.cache {
            Some(directory) => {
                Some(Verdict::file(directory, &adapter_info(&options.gpu).await?, &preset.name, &options.gpu))
            }
            None => None,
        };
        if let Some(verdict) = file.as_deref().and_then(Verdict::load) {
            return open(&verdict.apply(&options.gpu)).await.inspect(|engine| engine.note_faults(&verdict));
        }
        let (engine, verdict) = settle(&options.gpu, async |gpu| {
            let engine = open(gpu).await?;
            progress(Opening::SelfTest);
            let tests = engine.self_test()?;
            Ok(Attempt { adapter: engine.gpu.adapter().clone(), tier: engine.gpu.tier(), tests, engine })
        })
        .await?;
        engine.note_faults(&verdict);
        if let Some(Err(warning)) = file.map(|file| verdict.save(&file)) {
            engine.gpu.warn(warning);
        }
        Ok(engine)
    }

    /// How to open the device of an engine that is made by [`Engine::with_gpu`], by a host that needs the device first, for a window: as
    /// [`Engine::open`] does with [`EngineOptions::self_test`]. Opens an engine and gives it up; with what is found kept
    /// ([`GpuOptions::cache`]) that takes seconds once for a driver. Also what the host should know ([`Gpu::warnings`]).
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn tested(options: &EngineOptions) -> Result<(GpuOptions, Vec<String>), EngineError> {
        let engine = Self::open(&EngineOptions { self_test: true, ..options.clone() })?;
        let (tier, avoid) = (Some(engine.gpu.tier()), engine.gpu.profile().avoid);
        Ok((GpuOptions { tier, avoid, ..options.gpu.clone() }, engine.gpu.warnings()))
    }

    /// Tells the host what is gone around, and which precision was given up.
    fn note_faults(&self, verdict: &Verdict) {
        verdict.lost_precision(self.gpu.adapter()).for_each(|warning| self.gpu.warn(warning));
        let wrong: Vec<&str> = self.gpu.profile().avoid.names().collect();
        if !wrong.is_empty() {
            let (adapter, wrong) = (self.gpu.adapter(), wrong.join(", "));
            self.gpu.warn(format!("{} ({}) computes {wrong} wrongly: gone around", adapter.name, adapter.driver));
        }
    }

    /// Builds the networks on a device that the host owns.
    ///
    /// # Errors
    /// An unknown preset, or weights that do not fit.
    pub fn with_gpu(gpu: Arc<Gpu>, preset: &str, weights: &WeightsSource) -> Result<Self, EngineError> {
        let preset = Preset::named(preset)?;
        let (weights, id) = read_weights(weights)?;
        check_preset(&weights, &preset)?;
        Self::assemble(gpu, preset, &weights, id)
    }

    /// Builds networks of any sizes with seeded noise for weights: for tests and benches of presets that nobody trained.
    ///
    /// # Errors
    /// When the driver refuses.
    pub fn with_noise(gpu: Arc<Gpu>, preset: Preset, seed: u64) -> Result<Self, EngineError> {
        Self::assemble(gpu, preset, &Weights::seeded(seed), format!("noise {seed}"))
    }

    fn assemble(gpu: Arc<Gpu>, preset: Preset, weights: &Weights, weights_id: String) -> Result<Self, EngineError> {
        let nets = Nets::new(&gpu, &preset, weights)?;
        gpu.check()?;
        Ok(Self { gpu, preset, nets, weights_id })
    }

    /// The device.
    pub fn gpu(&self) -> &Arc<Gpu> {
        &self.gpu
    }

    /// Sizes of the networks.
    pub fn preset(&self) -> &Preset {
        &self.preset
    }

    /// SHA-256 of the weights, in hexadecimal.
    pub fn weights_id(&self) -> &str {
        &self.weights_id
    }

    /// Runs a program once and returns the named tensors. For what happens once per photo.
    pub(crate) async fn run_once(
        &self,
        compiled: &Compiled,
        inputs: &[(&str, &[f32])],
        outputs: &[&str],
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        let runner = Runner::bind(&self.gpu, compiled)?;
        inputs.iter().try_for_each(|(name, values)| runner.set(name, values))?;
        runner.submit();
        let mut found = Vec::with_capacity(outputs.len());
        for name in outputs {
            found.push(runner.fetch(name).await?);
        }
        Ok(found)
    }
}

/// Host values as a tensor of this kind stores them.
pub(crate) fn encode(gpu: &Gpu, kind: TensorKind, values: &[f32]) -> Vec<u8> {
    kind.stored(gpu.tier()).encode(values)
}

fn read_weights(source: &WeightsSource) -> Result<(Weights, String), EngineError> {
    let (origin, bytes) = match source {
        WeightsSource::File(file) => {
            let read = std::fs::read(file).map_err(|source| WeightsError::Read { file: file.clone(), source })?;
            (file.display().to_string(), Cow::Owned(read))
        }
        WeightsSource::Bytes(bytes) => ("bundled weights".to_owned(), bytes.clone()),
    };
    let id = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    Ok((Weights::from_bytes(&origin, &bytes)?, id))
}

/// Weights that name a preset must name this one: a clearer message than a list of shapes.
fn check_preset(weights: &Weights, preset: &Preset) -> Result<(), EngineError> {
    match weights.metadata().get("preset") {
        Some(made_for) if *made_for != preset.name => Err(WeightsError::Preset {
            origin: weights.origin().to_owned(),
            made_for: made_for.clone(),
            wanted: preset.name.clone(),
        }
        .into()),
        _ => Ok(()),
    }
}
