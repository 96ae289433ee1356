//! What a run finds: the JSON of `--json`, documented in docs/bench.md. Times are milliseconds, sizes bytes.

use serde::{Deserialize, Serialize};

/// Changes when a field changes its meaning or goes away; a new field does not change it.
pub(crate) const VERSION: u32 = 1;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Report {
    pub(crate) version: u32,
    pub(crate) program: String,
    pub(crate) adapter: Adapter,
    pub(crate) ceilings: Vec<Ceiling>,
    pub(crate) controls: Vec<Control>,
    pub(crate) kernels: Vec<KernelRow>,
    pub(crate) frame: Vec<FrameRow>,
    pub(crate) start: Vec<StartRow>,
    pub(crate) peers: Vec<PeerRow>,
    pub(crate) phones: Vec<PhoneRow>,
    pub(crate) phone_frames: Vec<PhoneFrame>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Adapter {
    pub(crate) name: String,
    pub(crate) backend: String,
    pub(crate) kind: String,
    pub(crate) driver: String,
}

/// What plain WGSL reaches on this adapter in this run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ceiling {
    pub(crate) precision: String,
    /// Of `ceiling_fma`; arithmetic is f32 in every precision.
    pub(crate) gflops: f64,
    /// Of `ceiling_copy`, read and written.
    pub(crate) gbytes: f64,
}

/// The same thing measured twice: how far the ratio is from 1 is the noise of the run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Control {
    pub(crate) name: String,
    pub(crate) precision: String,
    pub(crate) ratio: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KernelRow {
    /// `case` of the case table, or `layer` of a preset.
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) shader: String,
    pub(crate) precision: String,
    pub(crate) median_ms: f64,
    pub(crate) p95_ms: f64,
    /// Multiply-adds that the shader executes, times two.
    pub(crate) gflops: f64,
    /// Everything bound, once.
    pub(crate) gbytes: f64,
    /// Of what the nearer ceiling allows.
    pub(crate) share: f64,
    /// `arithmetic` or `bandwidth`: the nearer ceiling.
    pub(crate) bound: String,
    /// Executed operations per byte.
    pub(crate) intensity: f64,
    /// `gpu` (timestamps) or `host` (submission to done).
    pub(crate) clock: String,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Quantiles {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct FrameRow {
    pub(crate) preset: String,
    pub(crate) precision: String,
    /// `video` or `keypoints`.
    pub(crate) driven_by: String,
    /// Frames measured, the first one apart.
    pub(crate) frames: usize,
    /// From handing over the driving frame to the picture in host memory.
    pub(crate) end_to_end_ms: Quantiles,
    /// Between the timestamps at both ends of the frame's only pass.
    pub(crate) gpu_ms: Option<Quantiles>,
    /// The first frame, in which drivers may still compile and the face is searched for.
    pub(crate) first_ms: f64,
    pub(crate) dispatches: usize,
    pub(crate) submissions: usize,
    /// GPU objects created by all measured frames.
    pub(crate) objects_created: usize,
    pub(crate) gmac: f64,
    /// Everything bound to every dispatch, once.
    pub(crate) bytes: usize,
    /// Weights and bias among them.
    pub(crate) weight_bytes: usize,
    pub(crate) upload_bytes: usize,
    /// Planned: shared slots and weights on the device.
    pub(crate) planned_bytes: usize,
    pub(crate) memory: Vec<MemorySample>,
    pub(crate) times_ms: Vec<f64>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct MemorySample {
    pub(crate) frame: usize,
    /// Resident memory of the process, where the system tells.
    pub(crate) resident: Option<u64>,
    /// What the driver's allocator has handed out, where the backend tells.
    pub(crate) device: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StartRow {
    pub(crate) preset: String,
    pub(crate) precision: String,
    /// Which caches were there: `none`, `ours`, `driver`.
    pub(crate) cache: String,
    /// Device and networks.
    pub(crate) open_ms: f64,
    pub(crate) session_ms: f64,
    pub(crate) first_frame_ms: f64,
    pub(crate) total_ms: f64,
    /// A frame later on, for comparison.
    pub(crate) steady_ms: f64,
    pub(crate) pipelines: usize,
    /// Total relative to the same kind of cache being empty.
    pub(crate) share_of_cold: Option<f64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PeerRow {
    pub(crate) network: String,
    /// `ncnn-vulkan`, `burn-wgpu`, `onnxruntime-cpu`, …
    pub(crate) peer: String,
    /// `same adapter`, or `cpu`: another class.
    pub(crate) class: String,
    pub(crate) adapter: String,
    pub(crate) precision: String,
    pub(crate) ours_ms: f64,
    pub(crate) peer_ms: f64,
    /// Largest difference of the outputs, relative to the largest value.
    pub(crate) max_diff: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PhoneRow {
    pub(crate) gpu: String,
    pub(crate) pipeline: String,
    pub(crate) precision: String,
    /// Share of the preset's executed multiply-adds that run in this pipeline.
    pub(crate) work: f64,
    pub(crate) instructions: u32,
    /// Without `nop`; equal to `instructions` where the compiler does not count them.
    pub(crate) non_nops: u32,
    /// Multiply-add instructions in the code; `None` where the compiler does not print the code.
    pub(crate) multiply_adds: Option<u32>,
    /// Full (32-bit) registers.
    pub(crate) registers: Option<u32>,
    pub(crate) spills: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PhoneFrame {
    pub(crate) gpu: String,
    pub(crate) preset: String,
    pub(crate) precision: String,
    pub(crate) driven_by: String,
    pub(crate) modelled_ms: f64,
    /// Of it: arithmetic-bound dispatches, bandwidth-bound dispatches, cost of dispatching.
    pub(crate) arithmetic_ms: f64,
    pub(crate) bandwidth_ms: f64,
    pub(crate) dispatch_ms: f64,
    /// On an adapter that can be measured: what was measured.
    pub(crate) measured_ms: Option<f64>,
    pub(crate) assumptions: String,
}
