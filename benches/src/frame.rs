//! Section `frame`: whole frames as a program would drive them, one at a time, until memory and times have settled.

use crate::memory;
use crate::report::{FrameRow, MemorySample, SoakRow};
use crate::stats::{median, quantiles};
use anyhow::{Context, Result};
use image::RgbaImage;
use portrait_kernels::TransferControl;
use portrait_runtime::{Avatar, Engine, Frame, Part, Points, Session, SessionOptions, frame_steps};
use std::time::Instant;

/// Seconds between frames, as the filter sees them.
const DT: f32 = 0.04;
/// Points of the memory timeline.
const SAMPLES: usize = 50;

/// What drives the frames.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Drive {
    Video,
    Keypoints,
}

impl Drive {
    pub(crate) const ALL: [Drive; 2] = [Drive::Video, Drive::Keypoints];

    /// As rows name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Drive::Video => "video",
            Drive::Keypoints => "keypoints",
        }
    }

    /// Bytes that the host hands over for a frame, where a video-driven one takes `video`.
    fn upload_bytes(self, video: usize) -> usize {
        // Facial and neural points, and the status that the tracker would have written.
        let points = 2 * (Points::FACIAL + Points::NEURAL) + 4;
        match self {
            Drive::Video => video,
            Drive::Keypoints => size_of::<f32>() * (points + TransferControl::LEN),
        }
    }
}

/// The driving clip: a photo that drifts by a few pixels.
pub(crate) struct Clip {
    frames: Vec<RgbaImage>,
}

impl Clip {
    pub(crate) fn new(photo: &RgbaImage) -> Self {
        let shifted = |n: u32| {
            RgbaImage::from_fn(photo.width(), photo.height(), |x, y| {
                *photo.get_pixel((x + n).min(photo.width() - 1), (y + n / 2).min(photo.height() - 1))
            })
        };
        // There and back, so that the tracked region never jumps.
        let frames: Vec<RgbaImage> = (0..6).map(|n| shifted(2 * n)).collect();
        Self { frames: frames.iter().chain(frames[1..5].iter().rev()).cloned().collect() }
    }

    pub(crate) fn options(&self) -> SessionOptions {
        SessionOptions::new(self.frames[0].width(), self.frames[0].height())
    }

    pub(crate) fn frame(&self, n: usize) -> Frame<'_> {
        view(&self.frames[n % self.frames.len()])
    }
}

/// A picture as the engine takes it.
pub(crate) fn view(picture: &RgbaImage) -> Frame<'_> {
    Frame { width: picture.width(), height: picture.height(), rgba: picture.as_raw() }
}

/// One frame, from the driving frame to the picture in host memory; milliseconds.
pub(crate) fn one(session: &mut Session, drive: Drive, clip: &Clip, n: usize) -> Result<f64> {
    let points = |count: usize| {
        // A ring that breathes: any plausible points cost the same.
        let size = 0.4 + 0.01 * (n % 10) as f32;
        (0..count)
            .map(move |i| std::f32::consts::TAU * i as f32 / count as f32)
            .map(move |a| [size * a.cos(), size * a.sin()])
    };
    let points = Points { facial: points(Points::FACIAL).collect(), neural: points(Points::NEURAL).collect() };
    let start = Instant::now();
    match drive {
        Drive::Video => session.animate(clip.frame(n), DT)?,
        Drive::Keypoints => session.animate_keypoints(&points, DT)?,
    }
    session.take_picture(true)?.context("a frame was submitted and no picture came")?;
    Ok(1e3 * start.elapsed().as_secs_f64())
}

/// Measures one kind of frame.
pub(crate) fn run(engine: &Engine, avatar: &Avatar, drive: Drive, clip: &Clip, frames: usize) -> Result<FrameRow> {
    let gpu = engine.gpu();
    let mut session = engine.session(avatar, &clip.options())?;
    let first_ms = one(&mut session, drive, clip, 0)?;
    // The search may compile, and the region has to settle.
    for n in 1..4 {
        one(&mut session, drive, clip, n)?;
    }
    session.finish()?;
    let (objects, submissions) = (gpu.objects_created(), gpu.submissions());
    let (mut times, mut on_gpu) = (Vec::with_capacity(frames), Vec::with_capacity(frames));
    let mut samples: Vec<MemorySample> = vec![memory::sample(gpu, 0)];
    let planned_bytes = session.stats().arena_bytes + session.stats().weight_bytes;
    let mut soak = Soak { planned: planned_bytes, next: 10, ..Soak::default() };
    for n in 0..frames {
        times.push(one(&mut session, drive, clip, n + 4)?);
        session.finish()?;
        on_gpu.extend(session.stats().gpu_seconds.map(|seconds| 1e3 * seconds));
        if (n + 1) % frames.div_ceil(SAMPLES) == 0 {
            samples.push(memory::sample(gpu, n + 1));
        }
        soak.frame(&times, || memory::sample(gpu, n + 1));
    }
    let stats = session.stats();
    let parts: &[Part] = if drive == Drive::Video { &[Part::Track, Part::Render] } else { &[Part::Render] };
    let steps = frame_steps(engine.preset(), &clip.options())?;
    let used: Vec<_> = steps.iter().filter(|step| parts.contains(&step.part)).collect();
    let row = FrameRow {
        preset: engine.preset().name.clone(),
        precision: gpu.tier().name().into(),
        driven_by: drive.name().into(),
        frames,
        end_to_end_ms: quantiles(&times),
        gpu_ms: (!on_gpu.is_empty()).then(|| quantiles(&on_gpu)),
        first_ms,
        dispatches: used.len(),
        submissions: (gpu.submissions() - submissions).div_ceil(frames),
        objects_created: gpu.objects_created() - objects,
        gmac: 1e-9 * used.iter().map(|step| step.kernel.macs()).sum::<u64>() as f64,
        bytes: used.iter().map(|step| step.bytes(gpu.tier())).sum(),
        weight_bytes: used.iter().map(|step| step.constant_bytes(gpu.tier())).sum(),
        upload_bytes: drive.upload_bytes(stats.upload_bytes),
        planned_bytes,
        soak: soak.rows,
        memory: samples,
        times_ms: times.into_iter().take(1000).collect(),
    };
    print(&row);
    Ok(row)
}

/// Rows at powers of ten.
#[derive(Default)]
struct Soak {
    planned: usize,
    next: usize,
    rows: Vec<SoakRow>,
}

impl Soak {
    /// After every frame, with the times of all so far.
    fn frame(&mut self, times: &[f64], memory: impl FnOnce() -> MemorySample) {
        if times.len() != self.next {
            return;
        }
        self.next *= 10;
        let since = &times[self.rows.last().map_or(0, |row| row.frames)..];
        let MemorySample { resident, device, .. } = memory();
        let worst_ms = since.iter().copied().fold(0.0, f64::max);
        let (frames, planned) = (times.len(), self.planned);
        self.rows.push(SoakRow { frames, p50_ms: median(since), worst_ms, planned, resident, device });
    }
}

fn print(row: &FrameRow) {
    let (e, mb) = (row.end_to_end_ms, |bytes: u64| bytes as f64 / 1e6);
    println!(
        "\nframe, preset {}, {}, driven by {}: {} frames, {:.2} GMAC in {} dispatches, {:.1} MB bound ({:.1} MB weights)",
        row.preset,
        row.precision,
        row.driven_by,
        row.frames,
        row.gmac,
        row.dispatches,
        mb(row.bytes as u64),
        mb(row.weight_bytes as u64)
    );
    println!(
        "  end to end  p50 {:.2} ms  p95 {:.2}  p99 {:.2}; first frame {:.0} ms",
        e.p50, e.p95, e.p99, row.first_ms
    );
    match row.gpu_ms {
        Some(g) => println!("  GPU only    p50 {:.2} ms  p95 {:.2}  p99 {:.2}", g.p50, g.p95, g.p99),
        None => println!("  GPU only    not measured: the device has no timestamps"),
    }
    println!(
        "  a frame: {} submission, {} bytes uploaded; {} objects created in all",
        row.submissions, row.upload_bytes, row.objects_created
    );
    let known = |value: Option<u64>| value.map_or("unknown".to_owned(), |v| format!("{:.1} MB", mb(v)));
    if let (Some(first), Some(last)) = (row.memory.first(), row.memory.last()) {
        println!(
            "  memory: planned {:.1} MB, device {}, process {} after the first frames and {} after {}",
            mb(row.planned_bytes as u64),
            known(last.device),
            known(first.resident),
            known(last.resident),
            last.frame
        );
    }
    for soak in &row.soak {
        println!(
            "  after {:6} frames: p50 {:.2} ms, worst {:.2} since the row above; planned {:.1} MB, device {}, process {}",
            soak.frames,
            soak.p50_ms,
            soak.worst_ms,
            mb(soak.planned as u64),
            known(soak.device),
            known(soak.resident)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soak_rows_stand_at_powers_of_ten() {
        let mut soak = Soak { planned: 7, next: 10, ..Soak::default() };
        let mut times = Vec::new();
        for n in 1..=150 {
            times.push(f64::from(n));
            soak.frame(&times, || MemorySample { frame: 0, resident: Some(1), device: None });
        }
        let rows: Vec<_> = soak.rows.iter().map(|r| (r.frames, r.p50_ms, r.worst_ms, r.planned)).collect();
        assert_eq!(rows, [(10, 5.0, 10.0, 7), (100, 55.0, 100.0, 7)]);
    }

    #[test]
    fn points_are_uploaded_too() {
        // 108 facial and 50 neural points, four floats of status, twelve of control.
        assert_eq!(Drive::Keypoints.upload_bytes(1 << 20), 4 * (2 * (108 + 50) + 4 + 12));
        assert_eq!(Drive::Video.upload_bytes(1 << 20), 1 << 20);
    }
}
