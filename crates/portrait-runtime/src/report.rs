//! What the host learns of a frame some time after it was submitted.

use crate::glue::SessionBuffers;
use crate::motion::Points;
use crate::timing::{Times, Timing};

/// Tracker, points and timestamps of one frame.
pub(crate) struct Report {
    pub(crate) score: f32,
    pub(crate) found: bool,
    pub(crate) lost_frames: u32,
    /// Faces that the newest search saw.
    pub(crate) faces: u32,
    pub(crate) region: [f32; 4],
    /// Where somebody wants them: they take memory of their own.
    pub(crate) points: Option<Points>,
    pub(crate) times: Times,
}

const SEARCH_AT: usize = 16;
const REGION_AT: usize = 32;
const FACIAL_AT: usize = 48;
const NEURAL_AT: usize = FACIAL_AT + 8 * Points::FACIAL;
const TICKS_AT: usize = NEURAL_AT + 8 * Points::NEURAL;

impl Report {
    /// Size of a report on its way to the host.
    pub(crate) fn bytes(timing: Option<&Timing>) -> usize {
        TICKS_AT + timing.map_or(0, Timing::bytes)
    }

    /// Copies everything into `target`.
    pub(crate) fn copy(
        encoder: &mut wgpu::CommandEncoder,
        buffers: &SessionBuffers,
        timing: Option<&Timing>,
        target: &wgpu::Buffer,
    ) {
        for (from, at, end) in [
            (&buffers.status, 0, SEARCH_AT),
            (&buffers.found, SEARCH_AT, REGION_AT),
            (&buffers.roi, REGION_AT, FACIAL_AT),
            (&buffers.facial, FACIAL_AT, NEURAL_AT),
            (&buffers.neural, NEURAL_AT, TICKS_AT),
        ] {
            encoder.copy_buffer_to_buffer(from, 0, target, at as u64, (end - at) as u64);
        }
        if let Some(timing) = timing {
            timing.resolve(encoder, target, TICKS_AT as u64);
        }
    }

    pub(crate) fn read(bytes: &[u8], timing: Option<&Timing>, with_points: bool) -> Self {
        let four = |at: usize| -> [f32; 4] { bytemuck::pod_read_unaligned(&bytes[at..at + 16]) };
        let ([score, found, lost, _], [.., faces, _]) = (four(0), four(SEARCH_AT));
        let points = || {
            let mut points: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes[FACIAL_AT..TICKS_AT]);
            // The keypoint network's outputs lie in 0..=1.
            points[2 * Points::FACIAL..].iter_mut().for_each(|v| *v = 2.0 * *v - 1.0);
            Points::from_flat(&points)
        };
        Self {
            score,
            found: found > 0.5,
            lost_frames: lost as u32,
            faces: faces as u32,
            region: four(REGION_AT),
            points: with_points.then(points),
            times: timing.map(|timing| timing.read(&bytes[TICKS_AT..])).unwrap_or_default(),
        }
    }
}
