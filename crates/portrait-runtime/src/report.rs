//! What the host learns of a frame some time after it was submitted.

use crate::glue::SessionBuffers;
use crate::motion::Points;
use crate::timing::Timing;

/// Tracker, timestamps and points of one frame.
pub(crate) struct Report {
    pub(crate) score: f32,
    pub(crate) found: bool,
    pub(crate) lost_frames: u32,
    pub(crate) region: [f32; 4],
    pub(crate) seconds: Option<f64>,
    pub(crate) points: Points,
}

const TICKS_AT: usize = 16;
const REGION_AT: usize = 32;
const FACIAL_AT: usize = 48;
const NEURAL_AT: usize = FACIAL_AT + 8 * Points::FACIAL;

impl Report {
    /// Size of a report on its way to the host.
    pub(crate) const BYTES: usize = NEURAL_AT + 8 * Points::NEURAL;

    /// Copies everything into `target`.
    pub(crate) fn copy(
        encoder: &mut wgpu::CommandEncoder,
        buffers: &SessionBuffers,
        timing: Option<&Timing>,
        target: &wgpu::Buffer,
    ) {
        for (from, at, end) in [
            (&buffers.status, 0, TICKS_AT),
            (&buffers.roi, REGION_AT, FACIAL_AT),
            (&buffers.facial, FACIAL_AT, NEURAL_AT),
            (&buffers.neural, NEURAL_AT, Self::BYTES),
        ] {
            encoder.copy_buffer_to_buffer(from, 0, target, at as u64, (end - at) as u64);
        }
        if let Some(timing) = timing {
            timing.resolve(encoder, target, TICKS_AT as u64);
        }
    }

    /// `period`: seconds a tick, where there are timestamps.
    pub(crate) fn read(bytes: &[u8], period: Option<f64>) -> Self {
        let four = |at: usize| -> [f32; 4] { bytemuck::pod_read_unaligned(&bytes[at..at + 16]) };
        let [score, found, lost, _] = four(0);
        let ticks: [u64; 2] = bytemuck::pod_read_unaligned(&bytes[TICKS_AT..REGION_AT]);
        let mut points: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes[FACIAL_AT..]);
        // The keypoint network's outputs lie in 0..=1.
        points[2 * Points::FACIAL..].iter_mut().for_each(|v| *v = 2.0 * *v - 1.0);
        Self {
            score,
            found: found > 0.5,
            lost_frames: lost as u32,
            region: four(REGION_AT),
            seconds: period.map(|p| ticks[1].saturating_sub(ticks[0]) as f64 * p),
            points: Points::from_flat(&points),
        }
    }
}
