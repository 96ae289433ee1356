//! What a run finds: the JSON of `--json`, documented in docs/bench.md. Times are milliseconds, sizes bytes.
//!
//! Every field of every row has a default, so that a file from before a field existed can still be read; a test holds the table in
//! docs/bench.md to these structs.

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

impl Report {
    /// Whether no section has left a row.
    pub(crate) fn is_empty(&self) -> bool {
        self.kernels.is_empty()
            && self.frame.is_empty()
            && self.start.is_empty()
            && self.peers.is_empty()
            && self.phones.is_empty()
    }
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
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Ceiling {
    /// Whose kernels it was measured beside.
    pub(crate) preset: String,
    pub(crate) precision: String,
    /// Of `ceiling_fma`; arithmetic is f32 in every precision.
    pub(crate) gflops: f64,
    /// Of `ceiling_copy`, read and written.
    pub(crate) gbytes: f64,
}

/// The same thing measured twice: how far the ratio is from 1 is the noise of the run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Control {
    pub(crate) name: String,
    pub(crate) preset: String,
    pub(crate) precision: String,
    pub(crate) ratio: f64,
    /// Further from 1 than [`Control::STEADY`]: times of this run say little.
    pub(crate) noisy: bool,
}

impl Control {
    /// How far from 1 the ratio of a quiet machine may be.
    pub(crate) const STEADY: f64 = 0.1;

    pub(crate) fn new(name: &str, preset: &str, precision: &str, ratio: f64) -> Self {
        let noisy = (ratio - 1.0).abs() > Self::STEADY || ratio.is_nan();
        Self { name: name.into(), preset: preset.into(), precision: precision.into(), ratio, noisy }
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct KernelRow {
    /// `case` of the case table, or `layer` of a preset.
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) shader: String,
    /// Of a `case`: the one it was measured beside.
    pub(crate) preset: String,
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
#[serde(default)]
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
    /// From the host for one frame: the driving frame or its points, and the control block.
    pub(crate) upload_bytes: usize,
    /// Planned: shared slots and weights on the device.
    pub(crate) planned_bytes: usize,
    /// After 10, 100, 1000, … frames.
    pub(crate) soak: Vec<SoakRow>,
    pub(crate) memory: Vec<MemorySample>,
    pub(crate) times_ms: Vec<f64>,
}

/// Whether a frame stays what it was: frames so far, and what they took since the row before.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SoakRow {
    pub(crate) frames: usize,
    /// Median and worst of the frames since the row before, end to end.
    pub(crate) p50_ms: f64,
    pub(crate) worst_ms: f64,
    pub(crate) planned: usize,
    pub(crate) resident: Option<u64>,
    pub(crate) device: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct MemorySample {
    pub(crate) frame: usize,
    /// Resident memory of the process, where the system tells.
    pub(crate) resident: Option<u64>,
    /// What the driver's allocator has handed out, where the backend tells.
    pub(crate) device: Option<u64>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
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

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PeerRow {
    pub(crate) network: String,
    /// `ncnn-vulkan`, `burn-wgpu`, `onnxruntime-cpu`, …
    pub(crate) peer: String,
    /// `same adapter`, or `cpu`: another class.
    pub(crate) class: String,
    /// As the peer itself names it.
    pub(crate) adapter: String,
    pub(crate) precision: String,
    /// What both clocks hold.
    pub(crate) clock: String,
    pub(crate) ours_ms: f64,
    pub(crate) peer_ms: f64,
    /// Largest difference of the outputs, relative to the largest value.
    pub(crate) max_diff: f64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PhoneRow {
    pub(crate) gpu: String,
    pub(crate) pipeline: String,
    pub(crate) preset: String,
    pub(crate) precision: String,
    /// Share of the preset's executed multiply-adds that run in this pipeline.
    pub(crate) work: f64,
    pub(crate) instructions: u32,
    /// Without `nop`; equal to `instructions` where the compiler does not count them.
    pub(crate) non_nops: u32,
    /// Multiply-add instructions in the code, each once; `None` where the compiler does not print the code.
    pub(crate) multiply_adds: Option<u32>,
    /// Full (32-bit) registers.
    pub(crate) registers: Option<u32>,
    pub(crate) spills: u32,
    /// In the order of the code, an outer loop before the loops inside it; `None` where the code could not be read.
    pub(crate) loops: Option<Vec<PhoneLoop>>,
    /// What an invocation issues when loops turn as often as the frame's dispatches make them, mean over those; `None` where
    /// that is not known.
    pub(crate) executed_non_nops: Option<f64>,
    pub(crate) executed_multiply_adds: Option<f64>,
}

/// A loop in compiled code, without the loops inside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PhoneLoop {
    /// Loops around it.
    pub(crate) depth: u32,
    pub(crate) non_nops: u32,
    pub(crate) multiply_adds: u32,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
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
    /// The whole frame, had every pipeline its static share of multiply-adds: what the model was before loops were counted.
    pub(crate) static_ms: f64,
    /// Dispatches whose loops could not be counted; their code is taken once.
    pub(crate) uncounted: usize,
    /// On an adapter that can be measured: what was measured.
    pub(crate) measured_ms: Option<f64>,
    /// What was measured over what was modelled.
    pub(crate) error: Option<f64>,
    pub(crate) assumptions: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    /// A report with one row of everything.
    fn full() -> Report {
        let frame = FrameRow {
            gpu_ms: Some(Quantiles::default()),
            soak: vec![SoakRow::default()],
            memory: vec![MemorySample::default()],
            times_ms: vec![1.0],
            ..FrameRow::default()
        };
        let phone = PhoneRow { loops: Some(vec![PhoneLoop::default()]), ..PhoneRow::default() };
        Report {
            ceilings: vec![Ceiling::default()],
            controls: vec![Control::default()],
            kernels: vec![KernelRow::default()],
            frame: vec![frame],
            start: vec![StartRow::default()],
            peers: vec![PeerRow::default()],
            phones: vec![phone],
            phone_frames: vec![PhoneFrame::default()],
            ..Report::default()
        }
    }

    /// Names of all fields in a value, those of nested ones too.
    fn fields(value: &Value, into: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(name, value)| {
                into.insert(name.clone());
                fields(value, into);
            }),
            Value::Array(list) => list.iter().for_each(|value| fields(value, into)),
            _ => {}
        }
    }

    /// Words in back quotes outside of parentheses, which hold values and explanations.
    fn named(text: &str) -> BTreeSet<String> {
        let mut depth = 0;
        let outside = text.chars().filter(|c| {
            depth += i32::from(*c == '(');
            let keep = depth == 0;
            depth -= i32::from(*c == ')');
            keep
        });
        outside
            .collect::<String>()
            .split('`')
            .skip(1)
            .step_by(2)
            .map(|word| word.trim_end_matches("[]").to_owned())
            .collect()
    }

    #[test]
    fn every_field_is_documented() {
        let text = std::fs::read_to_string(crate::root("docs/bench.md")).unwrap();
        let table: Vec<[&str; 2]> = text
            .lines()
            .skip_while(|line| !line.starts_with("| field "))
            .skip(2)
            .map_while(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "))
            .map(|(head, contents)| [head, contents])
            .collect();
        let report = serde_json::to_value(full()).unwrap();
        let mut heads = BTreeSet::new();
        for [head, contents] in table {
            for section in named(head) {
                let found = &report[&section];
                if found.is_object() || found.is_array() {
                    let mut expected = BTreeSet::new();
                    fields(found, &mut expected);
                    assert_eq!(
                        named(contents),
                        expected,
                        "row `{section}` of docs/bench.md (left) and the fields (right)"
                    );
                }
                heads.insert(section);
            }
        }
        let sections: BTreeSet<String> = report.as_object().unwrap().keys().cloned().collect();
        assert_eq!(heads, sections, "sections in docs/bench.md (left) and of the report (right)");
    }

    #[test]
    fn every_field_may_be_missing() {
        let mut report = serde_json::to_value(full()).unwrap();
        for (_, section) in report.as_object_mut().unwrap() {
            section.as_array_mut().into_iter().flatten().for_each(|row| *row = Value::Object(Default::default()));
        }
        let read: Report = serde_json::from_value(report).unwrap();
        assert_eq!((read.kernels.len(), read.phones.len(), read.peers.len()), (1, 1, 1));
    }

    #[test]
    fn controls_far_from_one_are_noisy() {
        let noisy = |ratio| Control::new("a", "s", "f32", ratio).noisy;
        assert_eq!([1.0, 0.91, 1.09, 0.88, 1.12, f64::NAN].map(noisy), [false, false, false, true, true, true]);
    }
}
