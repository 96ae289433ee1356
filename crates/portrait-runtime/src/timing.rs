//! GPU time of a frame, from timestamps around its only pass.

use crate::gpu::Gpu;

/// Two timestamps and where they are resolved.
#[derive(Debug)]
pub(crate) struct Timing {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    period: f64,
}

impl Timing {
    /// `None` where the device has no timestamps.
    pub(crate) fn new(gpu: &Gpu) -> Option<Self> {
        if !gpu.device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return None;
        }
        let queries = gpu.query_set("frame time", wgpu::QueryType::Timestamp, 2);
        use wgpu::BufferUsages as U;
        let resolved = gpu.buffer("frame time", 16, U::QUERY_RESOLVE | U::COPY_SRC);
        // Ticks are of `get_timestamp_period` nanoseconds.
        Some(Self { queries, resolved, period: f64::from(gpu.queue.get_timestamp_period()) * 1e-9 })
    }

    pub(crate) fn writes(&self) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        }
    }

    /// Copies both timestamps into `target` at `offset`.
    pub(crate) fn resolve(&self, encoder: &mut wgpu::CommandEncoder, target: &wgpu::Buffer, offset: u64) {
        encoder.resolve_query_set(&self.queries, 0..2, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, target, offset, 16);
    }

    /// Seconds a tick.
    pub(crate) fn period(&self) -> f64 {
        self.period
    }
}
