//! The engine: device, networks and weights. One engine serves any number of avatars and sessions.

use crate::adapter::GpuOptions;
use crate::error::EngineError;
use crate::frozen::{Arena, Compiled, Frozen, Resource, Resources};
use crate::gpu::Gpu;
use crate::nets::Nets;
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
}

impl EngineOptions {
    /// Preset `s` with these weights on the best adapter.
    pub fn new(weights: WeightsSource) -> Self {
        Self { gpu: GpuOptions::default(), preset: "s".to_owned(), weights }
    }
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
        pollster::block_on(Self::open_async(options))
    }

    /// Opens a device and builds the networks.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub async fn open_async(options: &EngineOptions) -> Result<Self, EngineError> {
        // Weights first: a wrong file should not depend on a GPU to be named.
        let preset = Preset::named(&options.preset)?;
        let (weights, id) = read_weights(&options.weights)?;
        check_preset(&weights, &preset)?;
        let gpu = Gpu::open(&options.gpu).await?;
        Self::assemble(gpu, preset, &weights, id)
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
    pub(crate) fn run_once(
        &self,
        compiled: &Compiled,
        inputs: &[(&str, &[f32])],
        outputs: &[&str],
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        let gpu = &self.gpu;
        let mut externals = Resources::new();
        let mut held = Vec::new();
        for (name, id) in compiled.program.externals() {
            let kind = compiled.program.tensors[id.0].kind;
            let values = inputs.iter().find(|(n, _)| *n == name).map(|(_, values)| *values);
            let storage = match kind {
                TensorKind::Texture(size) => {
                    let texture = gpu.transient_texture(name, size);
                    if let Some(values) = values {
                        let rgba: Vec<u8> = values.iter().map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
                        gpu.write_texture(&texture, &rgba);
                    }
                    externals.insert(name.to_owned(), Resource::texture(&texture));
                    Held::Texture(texture)
                }
                _ => {
                    let buffer = gpu.storage(name, kind.bytes(gpu.tier()));
                    if let Some(values) = values {
                        gpu.queue.write_buffer(&buffer, 0, &encode(gpu, kind, values));
                    }
                    externals.insert(name.to_owned(), Resource::Buffer(buffer.clone()));
                    Held::Buffer(buffer, kind)
                }
            };
            held.push((name, storage));
        }
        let arena = Arena::new(gpu, &[compiled]);
        let frozen = Frozen::new(gpu, compiled, &arena, &externals)?;
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        frozen.encode(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
        gpu.submit(encoder);
        let mut results = Vec::new();
        for name in outputs {
            results.push(match held.iter().find(|(n, _)| n == name).map(|(_, storage)| storage) {
                Some(Held::Buffer(buffer, kind)) => {
                    let bytes = gpu.read(buffer, kind.bytes(gpu.tier()))?;
                    match kind {
                        TensorKind::Feature(_) => gpu.tier().decode(&bytes),
                        _ => bytemuck::pod_collect_to_vec(&bytes),
                    }
                }
                Some(Held::Texture(texture)) => {
                    gpu.read_texture(texture)?.iter().map(|&v| f32::from(v) / 255.0).collect()
                }
                None => Vec::new(),
            });
        }
        Ok(results)
    }
}

/// What [`Engine::run_once`] created for an external tensor.
enum Held {
    Buffer(wgpu::Buffer, TensorKind),
    Texture(wgpu::Texture),
}

/// Host values as a tensor of this kind stores them.
pub(crate) fn encode(gpu: &Gpu, kind: TensorKind, values: &[f32]) -> Vec<u8> {
    match kind {
        TensorKind::Feature(_) => gpu.tier().encode(values),
        _ => bytemuck::cast_slice(values).to_vec(),
    }
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
        Some(made_for) if *made_for != preset.name => Err(WeightsError::Format {
            origin: weights.origin().to_owned(),
            reason: format!("it was made for preset `{made_for}`, and preset `{}` was asked for", preset.name),
        }
        .into()),
        _ => Ok(()),
    }
}
