//! The device: adapter choice, limits, precision tier, pools. Everything the engine creates on a GPU is created here and
//! counted, so that a test can show that a frame creates nothing.
#![allow(clippy::disallowed_methods, reason = "this is the one place that creates GPU objects")]

use crate::adapter::{self, AdapterSummary, GpuOptions, profile_of, summarise};
use crate::camera_frame::FrameLimit;
use crate::error::EngineError;
use crate::known_faults::known_faults;
use crate::panics::text_of;
use crate::pipeline_cache::PipelineCache;
use futures_channel::oneshot;
use portrait_kernels::{Avoid, Bind, DeviceProfile, ShaderKey, Tier};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A pipeline and the layout of its only bind group.
#[derive(Clone, Debug)]
pub(crate) struct Pipeline {
    pub(crate) pipeline: wgpu::ComputePipeline,
    pub(crate) layout: wgpu::BindGroupLayout,
}

type PipelineId = (ShaderKey, Vec<Bind>);

/// A device with its queue, precision tier and pools.
#[derive(Debug)]
pub struct Gpu {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    summary: AdapterSummary,
    tier: Tier,
    profile: DeviceProfile,
    created: AtomicUsize,
    compiled: AtomicUsize,
    submissions: AtomicUsize,
    pipelines: Mutex<HashMap<PipelineId, Pipeline>>,
    cache: Option<PipelineCache>,
    /// Where the device comes from, unless the host brought it.
    opened: Option<(wgpu::Instance, wgpu::Adapter)>,
    fault: Arc<Mutex<Option<Fault>>>,
    notes: Mutex<Vec<String>>,
}

/// What the driver reported.
#[derive(Clone, Debug)]
struct Fault {
    text: String,
    /// Whether the device is gone: then nothing works any more.
    lost: bool,
}

/// Bytes in which device memory is taken; what is larger is taken for itself.
const BLOCK: u64 = 8 << 20;

impl Gpu {
    /// Opens a device of its own.
    ///
    /// # Errors
    /// No adapter (or none of the name asked for), one below WebGPU's default limits, no native f16 where that was asked for,
    /// or a driver that refuses.
    pub async fn open(options: &GpuOptions) -> Result<Arc<Self>, EngineError> {
        let instance = adapter::instance();
        let adapter = adapter::choose(&instance, options.adapter.as_deref()).await?;
        let info = adapter.get_info();
        check_limits(&info, &adapter.limits())?;
        let mut optional = wgpu::Features::SHADER_F16
            | wgpu::Features::TIMESTAMP_QUERY
            | wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES
            | wgpu::Features::VULKAN_EXTERNAL_MEMORY_FD;
        optional.set(wgpu::Features::PIPELINE_CACHE, options.cache.is_some());
        let (device, queue) = adapter
            .request_device(&wgpu::DeviceDescriptor {
                label: Some("portrait"),
                required_features: adapter.features() & optional,
                required_limits: wgpu::Limits::default(),
                // In blocks that grow, a session's buffers lie beside weights, and its memory stays taken when it is trimmed.
                memory_hints: wgpu::MemoryHints::Manual { suballocated_device_memory_block_size: BLOCK..BLOCK },
                ..Default::default()
            })
            .await
            .map_err(|e| EngineError::Device(e.to_string()))?;
        let mut gpu = Self::assemble(device, queue, &info, options.tier)?;
        gpu.summary.limits = adapter.limits();
        gpu.opened = Some((instance, adapter));
        let known = gpu.profile.avoid;
        gpu.profile = options.profile.unwrap_or(gpu.profile);
        gpu.profile.avoid = known.names().chain(options.avoid.names()).fold(gpu.profile.avoid, Avoid::with);
        gpu.cache = options.cache.as_ref().and_then(|directory| PipelineCache::open(directory, &gpu.device, &info));
        gpu.watch();
        Ok(Arc::new(gpu))
    }

    /// Uses a device that the host owns. It must have been requested with at least WebGPU's default limits. The host keeps its
    /// handlers for errors and for a lost device.
    ///
    /// # Errors
    /// When its limits are lower, or native f16 was asked for and the device was requested without it.
    pub fn with_device(
        device: wgpu::Device,
        queue: wgpu::Queue,
        info: &wgpu::AdapterInfo,
        tier: Option<Tier>,
    ) -> Result<Arc<Self>, EngineError> {
        Self::assemble(device, queue, info, tier).map(Arc::new)
    }

    fn assemble(
        device: wgpu::Device,
        queue: wgpu::Queue,
        info: &wgpu::AdapterInfo,
        tier: Option<Tier>,
    ) -> Result<Self, EngineError> {
        check_limits(info, &device.limits())?;
        let summary = summarise(info, device.features(), device.limits());
        let known = known_faults(info);
        let tier = match tier {
            Some(Tier::F16) if !summary.shader_f16 => return Err(EngineError::NoF16 { adapter: summary.name }),
            Some(tier) => tier,
            // Software drivers: packed halves would be about 15 % faster, and take far longer to compile.
            None if info.device_type == wgpu::DeviceType::Cpu => Tier::F32,
            None if summary.shader_f16 && !known.no_native_f16 => Tier::F16,
            None => Tier::F16Packed,
        };
        Ok(Self {
            device,
            queue,
            profile: DeviceProfile { avoid: known.avoid, ..profile_of(info) },
            summary,
            tier,
            created: AtomicUsize::new(0),
            compiled: AtomicUsize::new(0),
            submissions: AtomicUsize::new(0),
            pipelines: Mutex::default(),
            cache: None,
            opened: None,
            fault: Arc::default(),
            notes: Mutex::new(known.notes),
        })
    }

    /// Notes the driver's errors for [`Gpu::check`]; wgpu's own handler panics.
    fn watch(&self) {
        let note = |lost: bool| {
            let fault = self.fault.clone();
            move |text: String| {
                let mut first = fault.lock().unwrap_or_else(PoisonError::into_inner);
                let lost = first.as_ref().map_or(lost, |first| first.lost || lost);
                first.get_or_insert(Fault { text, lost }).lost = lost;
            }
        };
        let (uncaptured, lost) = (note(false), note(true));
        self.device.on_uncaptured_error(Arc::new(move |e: wgpu::Error| uncaptured(e.to_string())));
        self.device.set_device_lost_callback(move |reason, text| lost(format!("device lost ({reason:?}): {text}")));
    }

    /// The adapter.
    pub fn adapter(&self) -> &AdapterSummary {
        &self.summary
    }

    /// Precision of features and weights.
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Tile profile.
    pub fn profile(&self) -> &DeviceProfile {
        &self.profile
    }

    /// The device, for hosts that share it.
    pub fn device(&self) -> &wgpu::Device {
        &self.device
    }

    /// The queue, for hosts that share it.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    /// How large a driver's frames may be.
    pub fn frame_limit(&self) -> FrameLimit {
        FrameLimit::of(&self.device)
    }

    /// How many buffers, textures, bind groups and pipelines were created so far.
    pub fn objects_created(&self) -> usize {
        self.created.load(Ordering::Relaxed)
    }

    /// How many pipelines were compiled so far; one that was forgotten and compiled again counts twice.
    pub fn pipelines_created(&self) -> usize {
        self.compiled.load(Ordering::Relaxed)
    }

    /// Forgets all pipelines that nothing uses any more; who needs one again waits until it is compiled.
    pub fn forget_pipelines(&self) {
        self.pipelines.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What the host should know although the work goes on: a pipeline cache that cannot be used, faults of the driver that are
    /// gone around.
    pub fn warnings(&self) -> Vec<String> {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        notes.into_iter().chain(self.cache.as_ref().map(PipelineCache::warnings).unwrap_or_default()).collect()
    }

    /// Adds to [`Gpu::warnings`].
    pub(crate) fn warn(&self, warning: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(warning);
    }

    /// Writes the pipeline cache, if the host asked for one and there are new pipelines.
    pub(crate) fn save_cache(&self) {
        if let Some(cache) = &self.cache {
            cache.save(self.pipelines_created());
        }
    }

    /// How often work was submitted so far.
    pub fn submissions(&self) -> usize {
        self.submissions.load(Ordering::Relaxed)
    }

    /// A surface on a window, and what it allows, for a device of [`Gpu::open`].
    ///
    /// # Errors
    /// When the window has none, the adapter cannot show anything on it, or the host brought the device: then it has the surface too.
    pub fn surface(
        &self,
        window: impl Into<wgpu::SurfaceTarget<'static>>,
    ) -> Result<(wgpu::Surface<'static>, wgpu::SurfaceCapabilities), EngineError> {
        let (instance, _) = self.opened()?;
        self.reached(instance.create_surface(window).map_err(|e| self.surface_failed(&e.to_string()))?)
    }

    /// [`Gpu::surface`] on a window of which only handles are known, in other languages.
    ///
    /// # Safety
    /// The handles are of a window that stays until the surface is dropped.
    ///
    /// # Errors
    /// As [`Gpu::surface`].
    #[allow(unsafe_code, reason = "the caller promises that the window is there")]
    pub unsafe fn raw_surface(
        &self,
        window: wgpu::SurfaceTargetUnsafe,
    ) -> Result<(wgpu::Surface<'static>, wgpu::SurfaceCapabilities), EngineError> {
        let (instance, _) = self.opened()?;
        // SAFETY: the caller's promise.
        let surface = unsafe { instance.create_surface_unsafe(window) };
        self.reached(surface.map_err(|e| self.surface_failed(&e.to_string()))?)
    }

    /// What a surface allows, if this adapter can draw on it.
    fn reached(
        &self,
        surface: wgpu::Surface<'static>,
    ) -> Result<(wgpu::Surface<'static>, wgpu::SurfaceCapabilities), EngineError> {
        let (_, adapter) = self.opened()?;
        if !adapter.is_surface_supported(&surface) {
            return Err(self.surface_failed("the adapter does not reach this screen"));
        }
        let capabilities = surface.get_capabilities(adapter);
        Ok((surface, capabilities))
    }

    fn opened(&self) -> Result<&(wgpu::Instance, wgpu::Adapter), EngineError> {
        self.opened.as_ref().ok_or_else(|| self.surface_failed("the device is the host's"))
    }

    /// How to show pictures of a surface that allows this, in a window of so many pixels: values as screens show them, and the newest
    /// picture, where there is a way.
    ///
    /// # Errors
    /// When it takes no colour format.
    pub fn surface_configuration(
        &self,
        capabilities: &wgpu::SurfaceCapabilities,
        [width, height]: [u32; 2],
    ) -> Result<wgpu::SurfaceConfiguration, EngineError> {
        let formats = &capabilities.formats;
        let format = formats.iter().find(|format| !format.is_srgb()).or(formats.first());
        let format = *format.ok_or_else(|| self.surface_failed("it takes no colour format"))?;
        let newest = capabilities.present_modes.contains(&wgpu::PresentMode::Mailbox);
        Ok(wgpu::SurfaceConfiguration {
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
            format,
            color_space: wgpu::SurfaceColorSpace::Auto,
            width,
            height,
            desired_maximum_frame_latency: 1,
            // Where there is no mailbox, the display sets the pace.
            present_mode: if newest { wgpu::PresentMode::Mailbox } else { wgpu::PresentMode::Fifo },
            alpha_mode: wgpu::CompositeAlphaMode::Auto,
            view_formats: Vec::new(),
        })
    }

    /// Fits a surface to its window, as far as the device can; a window without pixels is left as it is.
    ///
    /// # Errors
    /// When the surface refuses, because its window is gone: the device is as good as before.
    pub fn configure_surface(
        &self,
        surface: &wgpu::Surface<'_>,
        config: &mut wgpu::SurfaceConfiguration,
        [width, height]: [u32; 2],
    ) -> Result<(), EngineError> {
        let limit = self.device.limits().max_texture_dimension_2d;
        (config.width, config.height) = (width.min(limit), height.min(limit));
        if width == 0 || height == 0 {
            return Ok(());
        }
        let refused = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        surface.configure(&self.device, config);
        match pollster::block_on(refused.pop()) {
            Some(error) => Err(self.surface_failed(&error.to_string())),
            None => Ok(()),
        }
    }

    pub(crate) fn surface_failed(&self, reason: &str) -> EngineError {
        EngineError::Surface { adapter: self.summary.name.clone(), reason: reason.to_owned() }
    }

    /// Hands recorded work to the device.
    pub(crate) fn submit(&self, encoder: wgpu::CommandEncoder) -> wgpu::SubmissionIndex {
        self.submissions.fetch_add(1, Ordering::Relaxed);
        self.queue.submit([encoder.finish()])
    }

    /// The first error the driver reported on a device opened by [`Gpu::open`], if any.
    ///
    /// # Errors
    /// That error.
    pub fn check(&self) -> Result<(), EngineError> {
        match &*self.fault.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(fault) => Err(EngineError::Device(fault.text.clone())),
            None => Ok(()),
        }
    }

    /// Forgets an error that concerned one pipeline alone. Whether the device can go on.
    pub(crate) fn forgive(&self) -> bool {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        if !fault.as_ref().is_some_and(|fault| fault.lost) {
            *fault = None;
        }
        fault.is_none()
    }

    fn count(&self) {
        self.created.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn buffer(&self, label: &str, size: usize, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        self.count();
        let size = (size as u64).next_multiple_of(4).max(16);
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage,
            mapped_at_creation: false,
        })
    }

    /// A storage buffer that kernels and copies may read and write.
    pub(crate) fn storage(&self, label: &str, size: usize) -> wgpu::Buffer {
        use wgpu::BufferUsages as U;
        self.buffer(label, size, U::STORAGE | U::COPY_DST | U::COPY_SRC)
    }

    pub(crate) fn texture(&self, label: &str, [width, height]: [u32; 2], usage: wgpu::TextureUsages) -> wgpu::Texture {
        self.count();
        self.device.create_texture(&wgpu::TextureDescriptor {
            label: Some(label),
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba8Unorm,
            usage,
            view_formats: &[],
        })
    }

    /// A texture for one run: read or written by kernels, copied from or to the host.
    pub(crate) fn transient_texture(&self, label: &str, size: [u32; 2]) -> wgpu::Texture {
        use wgpu::TextureUsages as U;
        self.texture(label, size, U::TEXTURE_BINDING | U::STORAGE_BINDING | U::COPY_SRC | U::COPY_DST)
    }

    /// Uploads RGBA without gaps.
    pub(crate) fn write_texture(&self, texture: &wgpu::Texture, rgba: &[u8]) {
        let bytes_per_row = Some(4 * texture.width());
        let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row, rows_per_image: None };
        self.queue.write_texture(texture.as_image_copy(), rgba, layout, texture.size());
    }

    /// Copies a texture to the host as RGBA without gaps, as [`Gpu::fetch`]. Not for the frame path.
    pub(crate) async fn fetch_texture(&self, texture: &wgpu::Texture) -> Result<Vec<u8>, EngineError> {
        let row = (4 * texture.width()).next_multiple_of(256);
        let bytes = (row * texture.height()) as usize;
        use wgpu::BufferUsages as U;
        let copy = self.buffer("texture copy", bytes, U::COPY_DST | U::COPY_SRC);
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row), rows_per_image: None };
        let target = wgpu::TexelCopyBufferInfo { buffer: &copy, layout };
        encoder.copy_texture_to_buffer(texture.as_image_copy(), target, texture.size());
        self.submit(encoder);
        let padded = self.fetch(&copy, bytes).await?;
        Ok(padded.chunks(row as usize).flat_map(|r| &r[..4 * texture.width() as usize]).copied().collect())
    }

    pub(crate) fn query_set(&self, label: &str, ty: wgpu::QueryType, count: u32) -> wgpu::QuerySet {
        self.count();
        self.device.create_query_set(&wgpu::QuerySetDescriptor { label: Some(label), ty, count })
    }

    pub(crate) fn bind_group(
        &self,
        label: &str,
        layout: &wgpu::BindGroupLayout,
        entries: &[wgpu::BindGroupEntry<'_>],
    ) -> wgpu::BindGroup {
        self.count();
        self.device.create_bind_group(&wgpu::BindGroupDescriptor { label: Some(label), layout, entries })
    }

    /// Pipelines for these keys, from the pool; missing ones are compiled in parallel.
    pub(crate) fn pipelines(&self, wanted: &[PipelineId]) -> HashMap<PipelineId, Pipeline> {
        let mut pool = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        let mut missing: Vec<&PipelineId> = wanted.iter().filter(|id| !pool.contains_key(*id)).collect();
        missing.sort();
        missing.dedup();
        let compile =
            |part: &[&PipelineId]| part.iter().map(|id| ((*id).clone(), self.compile(id))).collect::<Vec<_>>();
        // A browser has one thread, and compiles beside it.
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get()).min(missing.len());
        if threads < 2 {
            pool.extend(compile(&missing));
        } else {
            std::thread::scope(|scope| {
                let parts = missing.chunks(missing.len().div_ceil(threads));
                let workers: Vec<_> = parts.map(|part| scope.spawn(|| compile(part))).collect();
                pool.extend(workers.into_iter().flat_map(|w| w.join().unwrap_or_default()));
            });
        }
        wanted.iter().filter_map(|id| Some((id.clone(), pool.get(id)?.clone()))).collect()
    }

    fn compile(&self, (key, binds): &PipelineId) -> Pipeline {
        self.count();
        self.compiled.fetch_add(1, Ordering::Relaxed);
        let entries: Vec<wgpu::BindGroupLayoutEntry> = std::iter::once(buffer_type(wgpu::BufferBindingType::Uniform))
            .chain(binds.iter().map(|&bind| binding_type(bind)))
            .zip(0..)
            .map(|(ty, binding)| wgpu::BindGroupLayoutEntry {
                binding,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty,
                count: None,
            })
            .collect();
        let label = Some(key.file);
        let layout =
            self.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
        let pipeline_layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let module = self.shader(key);
        let constants: Vec<(&str, f64)> = key.overrides.iter().map(|&(n, v)| (n, f64::from(v))).collect();
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &constants,
                zero_initialize_workgroup_memory: false,
            },
            cache: self.cache.as_ref().map(PipelineCache::get),
        });
        Pipeline { pipeline, layout }
    }

    /// Release builds trust our shaders (no bounds checks, no loop counters: up to 10× on some drivers); debug builds and
    /// tests keep the checks.
    #[allow(unsafe_code, reason = "the shaders are our own, and tests run them with all checks on")]
    fn shader(&self, key: &ShaderKey) -> wgpu::ShaderModule {
        let source = wgpu::ShaderSource::Wgsl(key.source().into());
        let descriptor = wgpu::ShaderModuleDescriptor { label: Some(key.file), source };
        if cfg!(debug_assertions) {
            self.device.create_shader_module(descriptor)
        } else {
            // SAFETY: every kernel guards its own indices; the kernel tests run each variant with checks on and sentinels
            // around every buffer.
            unsafe { self.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) }
        }
    }

    /// Copies a buffer to the host. Blocks; not for the frame path.
    pub(crate) fn read(&self, buffer: &wgpu::Buffer, bytes: usize) -> Result<Vec<u8>, EngineError> {
        pollster::block_on(self.fetch(buffer, bytes))
    }

    /// The same without blocking in a browser, which goes on with its own work until the copy is there; everywhere else this waits.
    pub(crate) async fn fetch(&self, buffer: &wgpu::Buffer, bytes: usize) -> Result<Vec<u8>, EngineError> {
        use wgpu::BufferUsages as U;
        let staging = self.buffer("read back", bytes, U::COPY_DST | U::MAP_READ);
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, bytes as u64);
        self.submit(encoder);
        let (tell, mapped) = oneshot::channel();
        // Nobody listens any more where this was given up.
        staging.slice(..).map_async(wgpu::MapMode::Read, move |result| drop(tell.send(result)));
        self.wait()?;
        let failed = |e: &dyn std::fmt::Display| EngineError::Device(e.to_string());
        mapped.await.map_err(|e| failed(&e))?.map_err(|e| failed(&e))?;
        let range = staging.slice(..bytes as u64).get_mapped_range();
        Ok(range.map_err(|e| failed(&e))?.to_vec())
    }

    /// Frees what was dropped. An upload that no submission followed holds on to its target: sessions that never saw a frame would pile up.
    pub(crate) fn collect(&self) -> Result<(), EngineError> {
        self.submissions.fetch_add(1, Ordering::Relaxed);
        self.queue.submit([]);
        self.wait()
    }

    /// Waits until all submitted work is done.
    pub(crate) fn wait(&self) -> Result<(), EngineError> {
        self.poll(wgpu::PollType::wait_indefinitely())?;
        self.check()
    }

    /// Takes in what the device has done so far, or waits for it. A host that polls the device itself should do it by this.
    ///
    /// # Errors
    /// A device that is lost meanwhile: of that wgpu's own call panics.
    pub fn poll(&self, poll: wgpu::PollType) -> Result<(), EngineError> {
        match catch_unwind(AssertUnwindSafe(|| self.device.poll(poll))) {
            Ok(polled) => polled.map(|_| ()).map_err(|e| EngineError::Device(e.to_string())),
            Err(panic) => {
                // What the driver said of it, where somebody listened.
                self.check()?;
                Err(EngineError::Device(text_of(panic)))
            }
        }
    }
}

/// Checks that an adapter or a device allows what WebGPU does by default.
fn check_limits(info: &wgpu::AdapterInfo, limits: &wgpu::Limits) -> Result<(), EngineError> {
    let mut below = Vec::new();
    wgpu::Limits::default().check_limits_with_fail_fn(limits, false, |name, wanted, allowed| {
        below.push(format!("{name} is {allowed}, needed {wanted}"));
    });
    match below.is_empty() {
        true => Ok(()),
        false => Err(EngineError::AdapterLimits { adapter: info.name.clone(), reason: below.join(", ") }),
    }
}

fn buffer_type(ty: wgpu::BufferBindingType) -> wgpu::BindingType {
    wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None }
}

fn binding_type(bind: Bind) -> wgpu::BindingType {
    match bind {
        Bind::Feature | Bind::Halves | Bind::Floats => {
            buffer_type(wgpu::BufferBindingType::Storage { read_only: true })
        }
        Bind::FeatureOut | Bind::FloatsOut => buffer_type(wgpu::BufferBindingType::Storage { read_only: false }),
        Bind::Texture => wgpu::BindingType::Texture {
            sample_type: wgpu::TextureSampleType::Float { filterable: false },
            view_dimension: wgpu::TextureViewDimension::D2,
            multisampled: false,
        },
        Bind::TextureOut => wgpu::BindingType::StorageTexture {
            access: wgpu::StorageTextureAccess::WriteOnly,
            format: wgpu::TextureFormat::Rgba8Unorm,
            view_dimension: wgpu::TextureViewDimension::D2,
        },
    }
}
