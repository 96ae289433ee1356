//! GPU time of a frame, from timestamps around and inside its only pass.

use crate::gpu::Gpu;
use std::time::Duration;

/// GPU time of the stages of a frame, in order. What depends on the photo is summed over all who are animated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct GpuStages {
    /// Unpacking the frame, and looking for a face where none is tracked.
    pub search: Duration,
    /// Mesh, refiner of eyes and lips, neural keypoints.
    pub track: Duration,
    /// Filter, transfer, merger.
    pub transfer: Duration,
    /// Thin-plate splines, dense-motion network, pins.
    pub dense_motion: Duration,
    /// Warp and synthesis network.
    pub synthesis: Duration,
    /// Compose, and the place on a canvas.
    pub compose: Duration,
}

impl GpuStages {
    /// Marks inside a pass that animates so many.
    pub(crate) fn marks(avatars: usize) -> usize {
        2 + 4 * avatars
    }

    /// From the ticks of [`Timing`]: begin and end of the pass, then its marks.
    fn of(mut ticks: impl Iterator<Item = u64>, period: f64) -> Option<Self> {
        let (begin, _end) = (ticks.next()?, ticks.next()?);
        let (search, track) = (ticks.next()?, ticks.next()?);
        let span = |from: u64, to: u64| {
            Duration::try_from_secs_f64(to.saturating_sub(from) as f64 * period).unwrap_or_default()
        };
        let mut stages = Self { search: span(begin, search), track: span(search, track), ..Self::default() };
        let mut before = track;
        while let (Some(transfer), Some(motion), Some(synthesis), Some(compose)) =
            (ticks.next(), ticks.next(), ticks.next(), ticks.next())
        {
            stages.transfer += span(before, transfer);
            stages.dense_motion += span(transfer, motion);
            stages.synthesis += span(motion, synthesis);
            stages.compose += span(synthesis, compose);
            before = compose;
        }
        Some(stages)
    }
}

/// What timestamps tell of a frame.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) seconds: Option<f64>,
    pub(crate) stages: Option<GpuStages>,
}

/// Timestamps at the ends of a pass and, where the device can, inside of it; and where they are resolved.
#[derive(Debug)]
pub(crate) struct Timing {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    period: f64,
    count: u32,
}

/// Timestamps at the ends of a pass.
const ENDS: u32 = 2;

impl Timing {
    /// `None` where the device has no timestamps; without the marks where it has none inside of passes.
    pub(crate) fn new(gpu: &Gpu, marks: usize) -> Option<Self> {
        let features = gpu.device.features();
        if !features.contains(wgpu::Features::TIMESTAMP_QUERY) {
            return None;
        }
        let inside = features.contains(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES);
        let count = ENDS + if inside { marks as u32 } else { 0 };
        let queries = gpu.query_set("frame time", wgpu::QueryType::Timestamp, count);
        use wgpu::BufferUsages as U;
        let resolved = gpu.buffer("frame time", 8 * count as usize, U::QUERY_RESOLVE | U::COPY_SRC);
        // Ticks are of `get_timestamp_period` nanoseconds.
        Some(Self { queries, resolved, period: f64::from(gpu.queue.get_timestamp_period()) * 1e-9, count })
    }

    pub(crate) fn writes(&self) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        }
    }

    /// Writes mark `index`. Every mark of every pass has to be written: all are resolved.
    pub(crate) fn mark(&self, pass: &mut wgpu::ComputePass<'_>, index: usize) {
        let query = ENDS + index as u32;
        if query < self.count {
            pass.write_timestamp(&self.queries, query);
        }
    }

    /// Bytes of all timestamps.
    pub(crate) fn bytes(&self) -> usize {
        8 * self.count as usize
    }

    /// Copies all timestamps into `target` at `offset`.
    pub(crate) fn resolve(&self, encoder: &mut wgpu::CommandEncoder, target: &wgpu::Buffer, offset: u64) {
        encoder.resolve_query_set(&self.queries, 0..self.count, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, target, offset, self.bytes() as u64);
    }

    /// What the resolved timestamps tell.
    pub(crate) fn read(&self, bytes: &[u8]) -> Times {
        let ticks = || bytes.as_chunks().0.iter().map(|&tick| u64::from_ne_bytes(tick));
        let seconds = match (ticks().next(), ticks().nth(1)) {
            (Some(begin), Some(end)) => Some(end.saturating_sub(begin) as f64 * self.period),
            _ => None,
        };
        Times { seconds, stages: GpuStages::of(ticks(), self.period) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_summed_over_all_who_are_animated() {
        let ms = Duration::from_millis;
        let ticks = [100, 0, 101, 103, 107, 115, 131, 163, 164, 166, 170, 178];
        assert_eq!(ticks.len() - 2, GpuStages::marks(2));
        let stages = GpuStages::of(ticks.into_iter(), 1e-3).expect("whole");
        let whole = GpuStages {
            search: ms(1),
            track: ms(2),
            transfer: ms(4 + 1),
            dense_motion: ms(8 + 2),
            synthesis: ms(16 + 4),
            compose: ms(32 + 8),
        };
        assert_eq!(stages, whole);
        assert_eq!(GpuStages::of(ticks.into_iter().take(2), 1e-3), None, "no marks");
    }
}
