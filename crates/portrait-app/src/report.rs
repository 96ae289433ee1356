//! What `animate` says at the end.

use std::path::PathBuf;

use portrait_runtime::SessionStats;
use serde_json::{Value, json};

use crate::console;

/// The outcome of one run.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) output: PathBuf,
    pub(crate) compare: Option<PathBuf>,
    pub(crate) size: [u32; 2],
    /// Frames written.
    pub(crate) frames: u64,
    /// Frames of the whole clip, where the file says so.
    pub(crate) clip_frames: Option<u64>,
    pub(crate) interrupted: bool,
    /// The clip breaks off; the frames before that were written.
    pub(crate) truncated: bool,
    /// Frames in which the driver's face was not found; the last pose was held.
    pub(crate) lost_frames: u64,
    pub(crate) adapter: String,
    pub(crate) backend: String,
    pub(crate) tier: &'static str,
    pub(crate) preset: String,
    /// Opening the device, preparing the portrait, looking ahead.
    pub(crate) prepare_seconds: f64,
    /// From the first decoded frame to the closed file.
    pub(crate) animate_seconds: f64,
    /// Mean GPU time of a frame, where the device measures it.
    pub(crate) gpu_seconds: Option<f64>,
    /// Planned memory and work.
    pub(crate) session: SessionStats,
    /// What was warned of on the way.
    pub(crate) warnings: Vec<String>,
}

impl Report {
    /// Frames per second from decoded to written.
    fn fps(&self) -> f64 {
        self.frames as f64 / self.animate_seconds.max(1e-9)
    }

    pub(crate) fn print(&self, as_json: bool) {
        if as_json {
            console::line(self.json());
            return;
        }
        let (output, [width, height]) = (self.output.display(), self.size);
        let (frames, fps) = (self.frames, self.fps());
        if self.interrupted {
            let of = self.clip_frames.map(|all| format!(" of {all}")).unwrap_or_default();
            console::line(format!("{output}: interrupted after {frames}{of} frames; the file is complete up to there"));
        }
        let (adapter, backend, tier) = (&self.adapter, &self.backend, self.tier);
        let gpu = self.gpu_seconds.map(|s| format!(" ({:.1} ms of it on the GPU)", 1e3 * s)).unwrap_or_default();
        console::line(format!(
            "{output}: {frames} frames of {width}×{height}, {fps:.2} frames/s end to end{gpu} on {adapter} ({backend}, {tier})"
        ));
        if let Some(compare) = &self.compare {
            console::line(format!("{}: source | driver | result", compare.display()));
        }
    }

    fn json(&self) -> Value {
        json!({
            "output": self.output.display().to_string(),
            "compare": self.compare.as_ref().map(|path| path.display().to_string()),
            "width": self.size[0],
            "height": self.size[1],
            "frames": self.frames,
            "clip_frames": self.clip_frames,
            "interrupted": self.interrupted,
            "truncated": self.truncated,
            "lost_frames": self.lost_frames,
            "fps": self.fps(),
            "prepare_seconds": self.prepare_seconds,
            "animate_seconds": self.animate_seconds,
            "fps_gpu_only": self.gpu_seconds.map(|s| 1.0 / s),
            "adapter": self.adapter,
            "backend": self.backend,
            "tier": self.tier,
            "preset": self.preset,
            "session": self.session,
            "warnings": self.warnings,
        })
    }
}
