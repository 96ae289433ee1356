//! Speed of every convolution of preset S, layer by layer and as one frame.
//!
//!     cargo run --release -p portrait-kernels --example conv_speed [-- software|wide|medium|narrow] [f32|f16_packed|f16] [FILTER]
//!
//! Inside the clock: one command buffer with the dispatches, submit to done, on trusted shaders; not the uploads. Per layer the
//! median of several runs after a warm-up; `math` counts the multiply-adds of the plain 3×3 form, `executed` those of the shader.
#![allow(clippy::disallowed_methods, reason = "a device of its own, without the engine's pools")]

use portrait_kernels::{Activation, Bind, Conv, DeviceProfile, Kernel, ShaderKey, Tier};
use std::collections::HashMap;
use std::time::{Duration, Instant};

const RELU: Activation = Activation::Relu;

/// `[channels, side]` in, outputs, kernel, stride; `up`: the input is read through nearest ×2.
const fn layer(input: [u32; 2], outputs: u32, kernel: u32, stride: u32, upsample: bool) -> Conv {
    let [c, side] = input;
    let pad = [kernel / 2; 4];
    Conv { input: [c, side, side], outputs, kernel, stride, pad, upsample, residual: None, act: RELU }
}

/// Layers of preset S at 256 px. The fusion has 512 inputs: the other views are a cached bias.
fn layers() -> Vec<(String, Conv)> {
    let mut list = vec![("nk.stem".to_string(), layer([3, 128], 32, 7, 2, false))];
    let mut add = |name: String, conv: Conv| list.push((name, conv));
    for (stage, (width, side)) in [(32, 32), (64, 16), (128, 8), (256, 4)].into_iter().enumerate() {
        if stage > 0 {
            add(format!("nk.{stage}.skip"), layer([width / 2, side * 2], width, 1, 2, false));
            add(format!("nk.{stage}.down"), layer([width / 2, side * 2], width, 3, 2, false));
        }
        for i in 0..if stage > 0 { 3 } else { 4 } {
            let residual = (i % 2 == 1).then_some(width);
            add(format!("nk.{stage}.{i}"), Conv { residual, ..layer([width, side], width, 3, 1, false) });
        }
    }
    let unets: [(&str, u32, u32, [u32; 6], u32); 2] =
        [("motion", 86, 64, [32, 64, 128, 256, 512, 512], 14), ("synth", 8, 256, [16, 32, 64, 128, 256, 512], 4)];
    for (name, inputs, side, widths, head) in unets {
        add(format!("{name}.stem"), layer([inputs, side], widths[0], 3, 1, false));
        for i in 0..5 {
            add(format!("{name}.enc.{i}"), layer([widths[i], side >> i], widths[i + 1], 3, 2, false));
        }
        if name == "synth" {
            add("synth.fusion".into(), Conv { act: Activation::None, ..layer([512, side >> 5], 512, 1, 1, false) });
        }
        for i in 0..5 {
            let inputs = if i == 0 { widths[5] } else { widths[5 - i] * 2 };
            add(format!("{name}.dec.{i}"), layer([inputs, side >> (5 - i)], widths[4 - i], 3, 1, true));
        }
        let act = Activation::None;
        add(format!("{name}.head"), Conv { act, ..layer([widths[0] * 2, side], head, 3, 1, false) });
    }
    list
}

/// A layer ready to be dispatched.
struct Prepared {
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    workgroups: [u32; 3],
}

struct Speed {
    device: wgpu::Device,
    queue: wgpu::Queue,
    pipelines: HashMap<ShaderKey, wgpu::ComputePipeline>,
}

impl Speed {
    fn new() -> Self {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
        let adapter = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        }))
        .expect("no adapter");
        let info = adapter.get_info();
        println!("adapter: {} ({:?}, {} {})", info.name, info.backend, info.driver, info.driver_info);
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            required_features: adapter.features() & wgpu::Features::SHADER_F16,
            ..Default::default()
        }))
        .expect("no device");
        Self { device, queue, pipelines: HashMap::new() }
    }

    fn pipeline(&mut self, key: &ShaderKey) -> wgpu::ComputePipeline {
        if let Some(found) = self.pipelines.get(key) {
            return found.clone();
        }
        let source = wgpu::ShaderSource::Wgsl(key.source().into());
        let descriptor = wgpu::ShaderModuleDescriptor { label: Some(key.file), source };
        // SAFETY: the shaders are this crate's own; the tests run them with all checks on and with sentinels.
        #[allow(unsafe_code, reason = "release builds of the engine run trusted shaders; their speed is what counts")]
        let module =
            unsafe { self.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) };
        let constants: Vec<(&str, f64)> = key.overrides.iter().map(|&(n, v)| (n, f64::from(v))).collect();
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(key.file),
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions { constants: &constants, ..Default::default() },
            cache: None,
        });
        self.pipelines.insert(key.clone(), pipeline.clone());
        pipeline
    }

    fn prepare(&mut self, kernel: &dyn Kernel, tier: Tier, profile: &DeviceProfile) -> Prepared {
        let dispatch = kernel.dispatch(tier, profile);
        let pipeline = self.pipeline(&dispatch.shader);
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let mut seed = 1u32;
        let mut value = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as f32 / (1u32 << 24) as f32 * 0.1 - 0.05
        };
        let mut contents = vec![dispatch.params.clone()];
        for b in kernel.bindings() {
            let values: Vec<f32> = (0..b.len).map(|_| value()).collect();
            let stored = if matches!(b.kind, Bind::Feature | Bind::FeatureOut) { tier } else { Tier::F32 };
            contents.push(stored.encode(&values));
        }
        let buffers: Vec<wgpu::Buffer> = contents
            .iter()
            .map(|bytes| {
                let size = bytes.len() as u64;
                let label = None;
                let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
                    label,
                    size,
                    usage,
                    mapped_at_creation: false,
                });
                self.queue.write_buffer(&buffer, 0, bytes);
                buffer
            })
            .collect();
        let entries: Vec<wgpu::BindGroupEntry<'_>> = buffers
            .iter()
            .enumerate()
            .map(|(i, b)| wgpu::BindGroupEntry { binding: i as u32, resource: b.as_entire_binding() })
            .collect();
        let layout = &pipeline.get_bind_group_layout(0);
        let group =
            self.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries });
        Prepared { pipeline, group, workgroups: dispatch.workgroups }
    }

    fn time(&self, list: &[Prepared]) -> Duration {
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for layer in list {
                pass.set_pipeline(&layer.pipeline);
                pass.set_bind_group(0, &layer.group, &[]);
                let [x, y, z] = layer.workgroups;
                pass.dispatch_workgroups(x, y, z);
            }
        }
        let commands = encoder.finish();
        let start = Instant::now();
        self.queue.submit([commands]);
        self.device.poll(wgpu::PollType::wait_indefinitely()).expect("the device was lost");
        start.elapsed()
    }

    /// Median and minimum of `runs` after one warm-up.
    fn median(&self, list: &[Prepared], runs: usize) -> (f64, f64) {
        self.time(list);
        let mut times: Vec<f64> = (0..runs).map(|_| self.time(list).as_secs_f64()).collect();
        times.sort_by(f64::total_cmp);
        (times[runs / 2], times[0])
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = |name: &str| arguments.iter().any(|a| a == name);
    let profiles = [
        ("software", DeviceProfile::SOFTWARE),
        ("wide", DeviceProfile::WIDE),
        ("medium", DeviceProfile::MEDIUM),
        ("narrow", DeviceProfile::NARROW),
    ];
    let (label, profile) = profiles.into_iter().find(|p| given(p.0)).unwrap_or(profiles[0]);
    let tiers: Vec<Tier> = match Tier::ALL.into_iter().find(|t| given(t.name())) {
        Some(tier) => vec![tier],
        None => vec![Tier::F32, Tier::F16Packed],
    };
    let filter =
        arguments.iter().find(|a| !Tier::ALL.iter().any(|t| t.name() == *a) && !profiles.iter().any(|p| p.0 == *a));
    let mut speed = Speed::new();
    for tier in tiers {
        println!(
            "\n{tier}, {label}\n{:16} {:18} {:>6} {:>8} {:>8} {:>8}",
            "layer", "shader", "MMAC", "ms", "math", "executed"
        );
        let (mut all, mut sum, mut math, mut executed) = (Vec::new(), 0.0, 0.0, 0.0);
        for (name, conv) in layers().into_iter().filter(|(n, _)| filter.is_none_or(|f| n.contains(f.as_str()))) {
            let prepared = [speed.prepare(&conv, tier, &profile)];
            let (seconds, _) = speed.median(&prepared, 7);
            let (macs, run) = (conv.macs() as f64, conv.executed_macs() as f64);
            let file = conv.dispatch(tier, &profile).shader.file;
            println!(
                "{name:16} {file:18} {:6.1} {:8.2} {:8.1} {:8.1}",
                macs / 1e6,
                seconds * 1e3,
                2e-9 * macs / seconds,
                2e-9 * run / seconds
            );
            sum += seconds;
            math += macs;
            executed += run;
            all.extend(prepared);
        }
        let (frame, best) = speed.median(&all, 5);
        println!(
            "frame: median {:.1} ms, best {:.1} ms (sum of layers {:.1}); {:.2} GMAC: {:.1} GFLOP/s math, {:.1} executed",
            frame * 1e3,
            best * 1e3,
            sum * 1e3,
            math / 1e9,
            2e-9 * math / frame,
            2e-9 * executed / frame
        );
    }
}
