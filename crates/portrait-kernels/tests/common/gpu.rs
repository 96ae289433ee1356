//! A test device: phone-like limits, sentinels around every buffer, pipelines cached by shader key.
#![allow(clippy::disallowed_methods, reason = "a device of its own, without the engine's pools")]

use super::stored_as;
use portrait_kernels::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

/// Fills margins and fresh outputs: a NaN as one `f32` and as two halves.
const SENTINEL: u32 = 0x7FDE_7FDE;
/// Bytes of sentinel before and at least this many behind every buffer. The margin behind is part of the binding, so that the
/// driver's own bounds checks do not hide a write past the end.
const MARGIN: usize = 256;

/// The test device. Cheap to clone; one per test binary.
#[derive(Clone)]
pub struct Gpu(Arc<Inner>);

struct Inner {
    device: wgpu::Device,
    queue: wgpu::Queue,
    f16: bool,
    pipelines: Mutex<HashMap<(ShaderKey, Vec<Bind>), Pipeline>>,
}

#[derive(Clone)]
struct Pipeline {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
}

/// What is bound at one binding.
enum Resource {
    Buffer { buffer: wgpu::Buffer, data: usize, total: usize },
    Texture { texture: wgpu::Texture, size: [u32; 2] },
}

impl Gpu {
    /// The device of this test binary, or `None` (printed) where there is no adapter; with `PORTRAIT_REQUIRE_GPU=1` that is a
    /// failure.
    pub fn open() -> Option<Gpu> {
        static GPU: OnceLock<Option<Gpu>> = OnceLock::new();
        let gpu = GPU.get_or_init(Self::create).clone();
        if gpu.is_none() {
            assert!(
                std::env::var("PORTRAIT_REQUIRE_GPU").as_deref() != Ok("1"),
                "PORTRAIT_REQUIRE_GPU=1 but no adapter"
            );
            println!("SKIP: no adapter");
        }
        gpu
    }

    fn create() -> Option<Gpu> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
        let adapter = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default())).ok()?;
        let info = adapter.get_info();
        println!("adapter: {} ({:?}, {} {})", info.name, info.backend, info.driver, info.driver_info);
        let f16 = adapter.features().contains(wgpu::Features::SHADER_F16);
        if !f16 {
            println!("SKIP: tier f16: the adapter has no SHADER_F16");
        }
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("portrait test"),
            required_features: if f16 { wgpu::Features::SHADER_F16 } else { wgpu::Features::empty() },
            required_limits: wgpu::Limits::default(),
            ..Default::default()
        }))
        .expect("the adapter refuses WebGPU's default limits");
        Some(Gpu(Arc::new(Inner { device, queue, f16, pipelines: Mutex::default() })))
    }

    /// Whether this device runs `tier`.
    pub fn supports(&self, tier: Tier) -> bool {
        tier != Tier::F16 || self.0.f16
    }

    /// Runs `kernel` once. `inputs` are the read-only bindings in order; `initial` the contents of the outputs before the
    /// dispatch (`None`, or a missing entry: NaN); `sizes` the `[width, height]` of texture bindings, by index in
    /// [`Kernel::bindings`] (others are taken as squares). Returns the written bindings, or which sentinel was overwritten.
    pub fn run(
        &self,
        kernel: &dyn Kernel,
        tier: Tier,
        profile: &DeviceProfile,
        inputs: &[Vec<f32>],
        initial: &[Option<Vec<f32>>],
        sizes: &[(usize, [u32; 2])],
    ) -> Result<Vec<Vec<f32>>, String> {
        let bindings = kernel.bindings();
        let dispatch = kernel.dispatch(tier, profile);
        let (mut inputs, mut initial) = (inputs.iter(), initial.iter());
        let resources: Vec<Resource> = bindings
            .iter()
            .enumerate()
            .map(|(i, b)| {
                let values = if b.kind.is_output() { initial.next().and_then(Option::as_ref) } else { inputs.next() };
                assert!(b.kind.is_output() || values.is_some(), "{}: no input for binding {}", kernel.name(), i + 1);
                if let Some(v) = values {
                    assert_eq!(v.len(), b.len, "{}: values for binding {} ({:?})", kernel.name(), i + 1, b.kind);
                }
                let size = sizes.iter().find(|s| s.0 == i).map_or_else(|| square(b.len), |s| s.1);
                self.resource(b, tier, values.map(Vec::as_slice), size)
            })
            .collect();
        assert!(inputs.next().is_none(), "{}: more inputs than read-only bindings", kernel.name());
        self.submit(&bindings, &dispatch, &resources);

        let mut outputs = Vec::new();
        for (i, (b, resource)) in bindings.iter().zip(&resources).enumerate() {
            match resource {
                Resource::Texture { .. } if b.kind != Bind::TextureOut => {}
                Resource::Texture { texture, size } => outputs.push(self.read_texture(texture, *size)),
                Resource::Buffer { buffer, data, total } => {
                    let bytes = self.read_buffer(buffer, *total);
                    let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
                    let margins = (0..MARGIN).step_by(4).chain((MARGIN + data..*total).step_by(4));
                    if let Some(at) = margins.into_iter().find(|&at| word(at) != SENTINEL) {
                        return Err(format!(
                            "binding {} ({:?}): sentinel overwritten {} bytes from the start of {data} bytes of data (now {:#010x})",
                            i + 1,
                            b.kind,
                            at as i64 - MARGIN as i64,
                            word(at)
                        ));
                    }
                    let stored = stored_as(b.kind, tier);
                    if b.kind.is_output() {
                        outputs.push(stored.decode(&bytes[MARGIN..MARGIN + data]));
                    }
                }
            }
        }
        Ok(outputs)
    }

    fn resource(&self, b: &Binding, tier: Tier, values: Option<&[f32]>, [w, h]: [u32; 2]) -> Resource {
        let Inner { device, queue, .. } = &*self.0;
        if matches!(b.kind, Bind::Texture | Bind::TextureOut) {
            assert_eq!(b.len, 4 * w as usize * h as usize, "a texture of {w}×{h}: pass its size");
            let usage = if b.kind == Bind::Texture {
                wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST
            } else {
                wgpu::TextureUsages::STORAGE_BINDING | wgpu::TextureUsages::COPY_SRC | wgpu::TextureUsages::COPY_DST
            };
            let size = wgpu::Extent3d { width: w, height: h, depth_or_array_layers: 1 };
            let texture = device.create_texture(&wgpu::TextureDescriptor {
                label: None,
                size,
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format: wgpu::TextureFormat::Rgba8Unorm,
                usage,
                view_formats: &[],
            });
            if let Some(values) = values {
                let bytes: Vec<u8> = values.iter().map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
                let layout =
                    wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(4 * w), rows_per_image: None };
                queue.write_texture(texture.as_image_copy(), &bytes, layout, size);
            }
            return Resource::Texture { texture, size: [w, h] };
        }
        let stored = stored_as(b.kind, tier);
        let data = b.len * stored.bytes();
        assert_eq!(data % 4, 0, "a {:?} of {} values is no whole number of words", b.kind, b.len);
        let total = MARGIN + data + MARGIN;
        let mut bytes = SENTINEL.to_le_bytes().repeat(total / 4);
        if let Some(values) = values {
            bytes[MARGIN..MARGIN + data].copy_from_slice(&stored.encode(values));
        }
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: total as u64,
            usage,
            mapped_at_creation: false,
        });
        queue.write_buffer(&buffer, 0, &bytes);
        Resource::Buffer { buffer, data, total }
    }

    fn submit(&self, bindings: &[Binding], dispatch: &Dispatch, resources: &[Resource]) {
        let Inner { device, queue, .. } = &*self.0;
        let Pipeline { pipeline, layout } = self.pipeline(&dispatch.shader, bindings);
        assert!(
            dispatch.params.len().is_multiple_of(16) && dispatch.params.len() <= 256,
            "{} bytes of parameters",
            dispatch.params.len()
        );
        let params = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("params"),
            size: dispatch.params.len() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        queue.write_buffer(&params, 0, &dispatch.params);
        let views: Vec<Option<wgpu::TextureView>> = resources
            .iter()
            .map(|r| match r {
                Resource::Texture { texture, .. } => Some(texture.create_view(&wgpu::TextureViewDescriptor::default())),
                Resource::Buffer { .. } => None,
            })
            .collect();
        let mut entries = vec![wgpu::BindGroupEntry { binding: 0, resource: params.as_entire_binding() }];
        for (i, (resource, view)) in resources.iter().zip(&views).enumerate() {
            let resource = match (resource, view) {
                (Resource::Buffer { buffer, .. }, _) => {
                    wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: MARGIN as u64, size: None })
                }
                (_, Some(view)) => wgpu::BindingResource::TextureView(view),
                _ => unreachable!("every texture has a view"),
            };
            entries.push(wgpu::BindGroupEntry { binding: i as u32 + 1, resource });
        }
        let group =
            device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(&pipeline);
            pass.set_bind_group(0, &group, &[]);
            let [x, y, z] = dispatch.workgroups;
            pass.dispatch_workgroups(x, y, z);
        }
        queue.submit([encoder.finish()]);
    }

    fn pipeline(&self, key: &ShaderKey, bindings: &[Binding]) -> Pipeline {
        let Inner { device, pipelines, .. } = &*self.0;
        let kinds: Vec<Bind> = bindings.iter().map(|b| b.kind).collect();
        let id = (key.clone(), kinds);
        if let Some(found) = pipelines.lock().expect("another test failed in the driver").get(&id) {
            return found.clone();
        }
        let storage = |read_only| wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Storage { read_only },
            has_dynamic_offset: false,
            min_binding_size: None,
        };
        let uniform = wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Uniform,
            has_dynamic_offset: false,
            min_binding_size: None,
        };
        let types = std::iter::once(uniform).chain(id.1.iter().map(|kind| match kind {
            Bind::Feature | Bind::Halves | Bind::Floats => storage(true),
            Bind::FeatureOut | Bind::FloatsOut => storage(false),
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
        }));
        let entries: Vec<wgpu::BindGroupLayoutEntry> = types
            .enumerate()
            .map(|(i, ty)| wgpu::BindGroupLayoutEntry {
                binding: i as u32,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty,
                count: None,
            })
            .collect();
        let layout = device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(key.file), entries: &entries });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(key.file),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(key.file),
            source: wgpu::ShaderSource::Wgsl(key.source().into()),
        });
        let constants: Vec<(&str, f64)> = key.overrides.iter().map(|&(n, v)| (n, f64::from(v))).collect();
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(key.file),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions { constants: &constants, ..Default::default() },
            cache: None,
        });
        let made = Pipeline { pipeline, layout };
        pipelines.lock().expect("another test failed in the driver").insert(id, made.clone());
        made
    }

    fn read_buffer(&self, buffer: &wgpu::Buffer, len: usize) -> Vec<u8> {
        let staging = self.staging(len);
        let mut encoder = self.0.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, len as u64);
        self.map(encoder, &staging)
    }

    fn read_texture(&self, texture: &wgpu::Texture, [w, h]: [u32; 2]) -> Vec<f32> {
        let row = (4 * w).next_multiple_of(256);
        let staging = self.staging((row * h) as usize);
        let mut encoder = self.0.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_texture_to_buffer(
            texture.as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: &staging,
                layout: wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row), rows_per_image: None },
            },
            wgpu::Extent3d { width: w, height: h, depth_or_array_layers: 1 },
        );
        let bytes = self.map(encoder, &staging);
        bytes.chunks(row as usize).flat_map(|r| r[..4 * w as usize].iter().map(|&v| f32::from(v) / 255.0)).collect()
    }

    fn staging(&self, len: usize) -> wgpu::Buffer {
        self.0.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("read back"),
            size: len as u64,
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        })
    }

    fn map(&self, encoder: wgpu::CommandEncoder, staging: &wgpu::Buffer) -> Vec<u8> {
        self.0.queue.submit([encoder.finish()]);
        staging.slice(..).map_async(wgpu::MapMode::Read, |r| r.expect("map"));
        self.0.device.poll(wgpu::PollType::wait_indefinitely()).expect("the device was lost");
        staging.slice(..).get_mapped_range().expect("mapped").to_vec()
    }
}

/// Size of a square RGBA texture of `len` values, for bindings whose size the test did not give.
fn square(len: usize) -> [u32; 2] {
    let side = ((len / 4) as f64).sqrt().round() as u32;
    [side, side]
}
