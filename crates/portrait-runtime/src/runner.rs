//! A program by itself: for what happens once per photo, for the self-test and for benches. The frame path is `session.rs`.

use crate::error::EngineError;
use crate::frozen::{Arena, Compiled, Frozen, Resource, Resources};
use crate::gpu::Gpu;
use crate::timing::Timing;
use portrait_graph::{Graph, GraphError, Program, TensorKind, Value};
use portrait_kernels::Kernel;
use std::sync::Arc;
use std::time::Instant;

/// A program bound to buffers and textures of its own.
#[derive(Debug)]
pub struct Runner {
    gpu: Arc<Gpu>,
    name: String,
    frozen: Frozen,
    held: Vec<(String, TensorKind, Held)>,
    timing: Option<(Timing, wgpu::Buffer)>,
}

#[derive(Debug)]
enum Held {
    Buffer(wgpu::Buffer),
    Texture(wgpu::Texture),
}

/// How long runs took, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunTime {
    /// From submission until the host knows that it is done.
    pub host: f64,
    /// Between the timestamps at both ends of the pass, where the device has them.
    pub gpu: Option<f64>,
}

impl Runner {
    /// Uploads the program's weights and makes its external tensors; they are zero.
    ///
    /// # Errors
    /// When the driver refuses.
    pub fn new(gpu: &Arc<Gpu>, program: Program) -> Result<Self, EngineError> {
        let mut runner = Self::bind(gpu, &Compiled::new(gpu, program))?;
        runner.timing = Timing::new(gpu, 0).map(|timing| (timing, gpu.storage("run time", 16)));
        Ok(runner)
    }

    /// One kernel, bound to tensors of these kinds in the order of [`Kernel::bindings`]; [`Runner::binding`] names them.
    ///
    /// # Errors
    /// When a kind does not fit its binding, or the driver refuses.
    pub fn of_kernel(
        gpu: &Arc<Gpu>,
        name: &str,
        kernel: &Arc<dyn Kernel>,
        kinds: &[TensorKind],
    ) -> Result<Self, EngineError> {
        let mut g = Graph::new(name);
        let tensors: Vec<Value> =
            kinds.iter().enumerate().map(|(i, &kind)| g.external(&Self::binding(i), kind)).collect();
        let outputs = kernel.bindings().iter().position(|b| b.kind.is_output()).unwrap_or(kinds.len());
        let (inputs, outputs) = tensors.split_at(outputs.min(kinds.len()));
        g.kernel_into(name, kernel.clone(), inputs, outputs);
        Self::new(gpu, g.build()?)
    }

    /// Name of binding `i` of [`Runner::of_kernel`], counted from 0 in [`Kernel::bindings`].
    pub fn binding(i: usize) -> String {
        format!("binding {i}")
    }

    /// The same without timestamps.
    pub(crate) fn bind(gpu: &Arc<Gpu>, compiled: &Compiled) -> Result<Self, EngineError> {
        let mut externals = Resources::new();
        let mut held = Vec::new();
        for (name, id) in compiled.program.externals() {
            let kind = compiled.program.tensors[id.0].kind;
            let (resource, kept) = match kind {
                TensorKind::Texture(size) => {
                    let texture = gpu.transient_texture(name, size);
                    (Resource::texture(&texture), Held::Texture(texture))
                }
                _ => {
                    let buffer = gpu.storage(name, kind.bytes(gpu.tier()));
                    (Resource::Buffer(buffer.clone()), Held::Buffer(buffer))
                }
            };
            externals.insert(name.to_owned(), resource);
            held.push((name.to_owned(), kind, kept));
        }
        let arena = Arena::new(gpu, &[compiled]);
        let frozen = Frozen::new(gpu, compiled, &arena, &externals)?;
        Ok(Self { gpu: gpu.clone(), name: compiled.program.name.clone(), frozen, held, timing: None })
    }

    /// Number of dispatches.
    pub fn dispatches(&self) -> usize {
        self.frozen.dispatches()
    }

    fn held(&self, name: &str, found: Option<usize>) -> Result<(TensorKind, &Held), EngineError> {
        let (program, tensor) = (self.name.clone(), name.to_owned());
        let Some((_, kind, held)) = self.held.iter().find(|(n, ..)| n == name) else {
            let known = self.held.iter().map(|(name, ..)| name.clone()).collect();
            return Err(GraphError::Unknown { program, tensor, known }.into());
        };
        match found {
            Some(found) if found != kind.len() => {
                Err(GraphError::External { program, tensor, expected: kind.len(), found }.into())
            }
            _ => Ok((*kind, held)),
        }
    }

    /// Sets an external tensor, in layout order; a texture from values in 0..=1.
    ///
    /// # Errors
    /// When there is no such tensor, or the length differs.
    pub fn set(&self, name: &str, values: &[f32]) -> Result<(), EngineError> {
        let gpu = &self.gpu;
        match self.held(name, Some(values.len()))? {
            (_, Held::Texture(texture)) => {
                let rgba: Vec<u8> = values.iter().map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
                gpu.write_texture(texture, &rgba);
            }
            (kind, Held::Buffer(buffer)) => {
                gpu.queue.write_buffer(buffer, 0, &kind.stored(gpu.tier()).encode(values));
            }
        }
        Ok(())
    }

    /// The values of an external tensor.
    ///
    /// # Errors
    /// When there is no such tensor, or a failing device.
    pub fn get(&self, name: &str) -> Result<Vec<f32>, EngineError> {
        pollster::block_on(self.fetch(name))
    }

    /// The same, as [`Gpu::fetch`].
    pub(crate) async fn fetch(&self, name: &str) -> Result<Vec<f32>, EngineError> {
        let gpu = &self.gpu;
        Ok(match self.held(name, None)? {
            (_, Held::Texture(texture)) => {
                gpu.fetch_texture(texture).await?.iter().map(|&v| f32::from(v) / 255.0).collect()
            }
            (kind, Held::Buffer(buffer)) => {
                let bytes = gpu.fetch(buffer, kind.bytes(gpu.tier())).await?;
                kind.stored(gpu.tier()).decode(&bytes)
            }
        })
    }

    /// Submits one run; does not wait.
    pub(crate) fn submit(&self) {
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        self.frozen.encode(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
        self.gpu.submit(encoder);
    }

    /// Runs the program `repeats` times in one pass of one submission, and waits.
    ///
    /// # Errors
    /// A failing device.
    pub fn time(&self, repeats: u32) -> Result<RunTime, EngineError> {
        let gpu = &self.gpu;
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let timestamp_writes = self.timing.as_ref().map(|(timing, _)| timing.writes());
            let descriptor = wgpu::ComputePassDescriptor { label: Some(&self.name), timestamp_writes };
            let mut pass = encoder.begin_compute_pass(&descriptor);
            (0..repeats).for_each(|_| self.frozen.encode(&mut pass));
        }
        if let Some((timing, ticks)) = &self.timing {
            timing.resolve(&mut encoder, ticks, 0);
        }
        let start = Instant::now();
        gpu.submit(encoder);
        gpu.wait()?;
        let host = start.elapsed().as_secs_f64();
        let seconds = |(timing, ticks): &(Timing, wgpu::Buffer)| {
            Ok::<_, EngineError>(timing.read(&gpu.read(ticks, timing.bytes())?).seconds)
        };
        Ok(RunTime { host, gpu: self.timing.as_ref().map(seconds).transpose()?.flatten() })
    }
}
