//! Memory of this process and of its device.

use crate::report::MemorySample;
use portrait_runtime::Gpu;

/// What is used after `frame` frames.
pub(crate) fn sample(gpu: &Gpu, frame: usize) -> MemorySample {
    MemorySample {
        frame,
        resident: resident(),
        device: gpu.device().generate_allocator_report().map(|report| report.total_allocated_bytes),
    }
}

/// Resident memory in bytes; `None` where the system does not tell.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}
