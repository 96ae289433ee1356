//! One of those whom a session animates.

use crate::frozen::Frozen;
use crate::gpu::Gpu;
use crate::motion::Points;
use crate::timing::Timing;
use portrait_kernels::{Transfer, convex_hull_area};

/// What a session has for one avatar: the state of its filter, its neutral pose, and the programs that make its picture.
#[derive(Debug)]
pub(crate) struct Sitter {
    pub(crate) state: wgpu::Buffer,
    /// Size of the photo's face: the square root of its hull area.
    pub(crate) size: f32,
    /// Filters and transfers the points: transfer, merger.
    pub(crate) transfer: Vec<Frozen>,
    /// Makes the picture.
    pub(crate) render: Frozen,
    /// Dispatches of `render` before the warp, and before the compose.
    pub(crate) cuts: [usize; 2],
    /// Puts it on a canvas, where that is shown.
    pub(crate) paste: Option<Frozen>,
}

impl Sitter {
    /// Filters and transfers, and where asked for makes the picture; `mark`: the first of its four timestamps.
    pub(crate) fn encode(&self, pass: &mut wgpu::ComputePass<'_>, renders: bool, timing: Option<&Timing>, mark: usize) {
        let note = |pass: &mut wgpu::ComputePass<'_>, stage: usize| {
            timing.iter().for_each(|timing| timing.mark(pass, mark + stage));
        };
        self.transfer.iter().for_each(|f| f.encode(pass));
        note(pass, 0);
        let [warp, compose] = self.cuts;
        for (stage, part) in [0..warp, warp..compose, compose..self.render.dispatches()].into_iter().enumerate() {
            if renders {
                self.render.encode_part(pass, part);
                if stage == 2 {
                    self.paste.iter().for_each(|f| f.encode(pass));
                }
            }
            note(pass, 1 + stage);
        }
    }

    /// Number of dispatches of a picture.
    pub(crate) fn dispatches(&self) -> usize {
        self.transfer.iter().chain([&self.render]).chain(&self.paste).map(Frozen::dispatches).sum()
    }

    /// Measures relative motion from this pose of the driver.
    pub(crate) fn set_neutral(&self, gpu: &Gpu, points: &Points) {
        let size = convex_hull_area(&points.facial[..Points::MESH]).sqrt();
        let scale = if size > 1e-3 { self.size / size } else { 1.0 };
        let neutral = [&[1.0, 0.0, scale, 0.0], points.pose().as_slice()].concat();
        gpu.queue.write_buffer(&self.state, 4 * Transfer::NEUTRAL_AT as u64, bytemuck::cast_slice(&neutral));
    }

    /// Measures it from the next moment.
    pub(crate) fn forget_neutral(&self, gpu: &Gpu) {
        gpu.queue.write_buffer(&self.state, 4 * Transfer::NEUTRAL_AT as u64, &[0; 16]);
    }

    /// Zeroes the filter, keeps the neutral pose.
    pub(crate) fn restart(&self, gpu: &Gpu) {
        gpu.queue.write_buffer(&self.state, 0, bytemuck::cast_slice(&[0.0f32; Transfer::NEUTRAL_AT]));
    }
}
