//! A session: one driver, one picture a frame of those whom it animates.

use crate::avatar::FaceChoice;
use crate::camera_frame::CameraFrame;
use crate::error::EngineError;
use crate::expression::Expression;
use crate::face_model::FaceModel;
use crate::frame::Picture;
use crate::frozen::Frozen;
use crate::glue::SessionBuffers;
use crate::gpu::Gpu;
use crate::motion::{MotionFrame, Points};
use crate::options::{FaceStatus, Mode, Motion, MotionOptions, SessionOptions, SessionStats};
use crate::orient::Orientation;
use crate::present::Presenter;
use crate::readback::Ring;
use crate::report::Report;
use crate::seek::{Search, Seek};
use crate::sitter::Sitter;
use crate::timing::{GpuStages, Timing};
use portrait_kernels::{Calibrate, Transfer, TransferControl};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Seconds of the moment that [`Session::recalibrate`] looks at: longer than a blink.
const MOMENT: f32 = 0.3;

/// Seconds after the frame before, within what the filter can hold: what is no number would stay in it for good.
fn step(dt: f32) -> f32 {
    if dt.is_finite() { dt.clamp(1e-4, 10.0) } else { 1.0 / 30.0 }
}

/// How much of the time between two frames counts as looked at by a calibration: a slow GPU sees a frame or two in a second, and
/// whatever pose the driver has in them would be the neutral one. Ten frames stand for a second at least.
fn looked(dt: f32) -> f32 {
    step(dt).min(0.1)
}

/// A submission whose report is on its way.
#[derive(Clone, Copy, Debug, Default)]
struct Submitted {
    /// When its frame was taken.
    time: Duration,
    /// Whether it was given to [`Session::observe`].
    observed: bool,
}

/// Which parts of the frame path a submission runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    Observe { unpack: bool },
    Animate { unpack: bool },
    ObserveKeypoints,
    Keypoints,
}

impl Work {
    /// Whether the driver is a frame, in which its face is followed.
    fn tracks(self) -> bool {
        matches!(self, Self::Observe { .. } | Self::Animate { .. })
    }

    /// Whether the frame is not a picture yet.
    fn unpacks(self) -> bool {
        matches!(self, Self::Observe { unpack: true } | Self::Animate { unpack: true })
    }

    /// Whether only the neutral pose is looked for.
    fn observes(self) -> bool {
        matches!(self, Self::Observe { .. } | Self::ObserveKeypoints)
    }

    /// Whether a picture is made.
    fn renders(self) -> bool {
        matches!(self, Self::Animate { .. } | Self::Keypoints)
    }
}

/// Whose expressions are shown, and what faces can do.
#[derive(Debug)]
pub(crate) struct OwnFace {
    pub(crate) points: Points,
    pub(crate) model: Arc<FaceModel>,
}

/// Avatars of one photo, mostly one, driven by one stream of frames.
#[derive(Debug)]
pub struct Session {
    gpu: Arc<Gpu>,
    options: SessionOptions,
    orientation: Orientation,
    buffers: SessionBuffers,
    /// Who is animated.
    sitters: Vec<Sitter>,
    /// The first of them, as in the photo.
    own: OwnFace,
    /// Whether motion is measured from there.
    from_photo: bool,
    seek: Seek,
    /// What is shown: the animated square, or the canvas it is put on.
    shown: wgpu::Texture,
    /// Makes a picture of the frame's bytes, where they are not that already.
    unpack: Vec<Frozen>,
    /// Finds the face: crop, detector, decoding.
    search: Vec<Frozen>,
    /// Follows it and reads its points: crop, mesh, tracking, crop, neural keypoints.
    track: Vec<Frozen>,
    pictures: Ring,
    reports: Ring,
    /// In order; as many as `reports` holds that somebody wants.
    submitted: VecDeque<Submitted>,
    motion: Vec<MotionFrame>,
    timing: Option<Timing>,
    status: Option<FaceStatus>,
    stats: SessionStats,
    clock: Duration,
    /// For how many seconds more a better neutral pose is looked for.
    calibration: f32,
}

impl Session {
    pub(crate) fn new(
        gpu: &Arc<Gpu>,
        options: &SessionOptions,
        buffers: SessionBuffers,
        (sitters, own): (Vec<Sitter>, OwnFace),
        shown: wgpu::Texture,
        [unpack, search, track]: [Vec<Frozen>; 3],
        stats: SessionStats,
    ) -> Self {
        let picture_bytes = ((4 * shown.width()).next_multiple_of(256) * shown.height()) as usize;
        let depth = if options.read_back { 3 } else { 0 };
        let timing = Timing::new(gpu, GpuStages::marks(sitters.len()));
        Self {
            gpu: gpu.clone(),
            options: options.clone(),
            orientation: Orientation::default(),
            buffers,
            seek: Seek::new(options.driver_face),
            unpack,
            search,
            track,
            pictures: Ring::new(gpu, "picture read-back", depth, picture_bytes),
            reports: Ring::new(gpu, "report read-back", 4, Report::bytes(timing.as_ref())),
            submitted: VecDeque::new(),
            motion: Vec::new(),
            timing,
            sitters,
            own,
            from_photo: false,
            status: None,
            stats,
            clock: Duration::ZERO,
            calibration: options.calibration,
            shown,
        }
    }

    /// Tracks the driver in `frame`, `dt` seconds after the one before, and remembers it as the neutral pose if it is more like
    /// the photo's than any before. For a look ahead before the first picture.
    ///
    /// # Errors
    /// A frame of another size, or a failing device.
    pub fn observe<'a>(&mut self, frame: impl Into<CameraFrame<'a>>, dt: f32) -> Result<(), EngineError> {
        let unpack = self.upload(&frame.into())?;
        self.from_photo = false;
        self.submit(Work::Observe { unpack }, dt, Calibrate::TakeIfBetter)
    }

    /// [`Session::observe`] for a driver of points.
    ///
    /// # Errors
    /// As [`Session::animate_keypoints`].
    pub fn observe_keypoints(&mut self, points: &Points, dt: f32) -> Result<(), EngineError> {
        points.check()?;
        self.buffers.write_keypoints(&self.gpu, &points.facial, &points.neural);
        self.from_photo = false;
        self.submit(Work::ObserveKeypoints, dt, Calibrate::TakeIfBetter)
    }

    /// Forgets where the face was, what the filter holds and which pictures and points are on their way, and keeps the neutral pose:
    /// before another run over a clip.
    pub fn restart(&mut self) {
        self.buffers.restart(&self.gpu);
        self.sitters.iter().for_each(|sitter| sitter.restart(&self.gpu));
        self.seek.restart();
        self.pictures.discard();
        self.reports.discard();
        self.submitted.clear();
        self.motion.clear();
        self.status = None;
        self.clock = Duration::ZERO;
    }

    /// Animates the photo by `frame`, `dt` seconds after the one before: 0.0001 to 10, what is beyond counts as the nearest of them, and
    /// what is no number as a thirtieth of a second. One submission; returns before it is done. The picture arrives in
    /// [`Session::texture`], through [`Session::presenter`] and, where asked for, [`Session::take_picture`].
    ///
    /// # Errors
    /// A frame of another size, or a failing device.
    pub fn animate<'a>(&mut self, frame: impl Into<CameraFrame<'a>>, dt: f32) -> Result<(), EngineError> {
        let unpack = self.upload(&frame.into())?;
        // The time before somebody comes does not count.
        let calibrate = self.calibration(self.status.is_some_and(|status| status.found), dt);
        self.submit(Work::Animate { unpack }, dt, calibrate)
    }

    /// Animates the photo by points instead of a frame. No frame, and so no pixel of a driver, takes part.
    ///
    /// # Errors
    /// A wrong number of points or one beyond [`Points::REACH`], or a failing device.
    pub fn animate_keypoints(&mut self, points: &Points, dt: f32) -> Result<(), EngineError> {
        points.check()?;
        self.buffers.write_keypoints(&self.gpu, &points.facial, &points.neural);
        let calibrate = self.calibration(true, dt);
        self.submit(Work::Keypoints, dt, calibrate)
    }

    /// Animates the photo by an expression instead of a frame: that of the first avatar's own face, which is what motion is measured
    /// from from then on, whatever was set before. Poses the points on the CPU, and so allocates a few kilobytes.
    ///
    /// # Errors
    /// An expression that takes a point beyond [`Points::REACH`], or a failing device.
    pub fn animate_expression(&mut self, expression: &Expression, dt: f32) -> Result<(), EngineError> {
        if !self.from_photo {
            self.set_neutral(&self.own.points.clone())?;
            self.from_photo = true;
        }
        self.animate_keypoints(&self.own.model.posed(&self.own.points, expression), dt)
    }

    /// How the frames that follow are turned and mirrored. [`SessionOptions::frame`] is their size once upright.
    pub fn set_orientation(&mut self, orientation: Orientation) {
        self.orientation = orientation;
    }

    /// How the motion of the frames that follow is taken over. Numbers out of their range count as [`MotionOptions`] says.
    pub fn set_motion(&mut self, motion: MotionOptions) {
        self.options.motion = motion;
    }

    /// Takes the pose of the next moment as the neutral one: of the frames of the next 0.3 seconds with a face the one most like the
    /// photo's, so that a blink is passed over.
    pub fn recalibrate(&mut self) {
        self.forget_neutral(MOMENT);
    }

    /// Looks for a neutral pose for so many seconds.
    fn forget_neutral(&mut self, seconds: f32) {
        // Without a neutral pose the transfer takes the first one it sees.
        self.calibration = seconds;
        self.from_photo = false;
        self.sitters.iter().for_each(|sitter| sitter.forget_neutral(&self.gpu));
    }

    /// Measures relative motion from this pose of the driver.
    ///
    /// # Errors
    /// A wrong number of points or one beyond [`Points::REACH`].
    pub fn set_neutral(&mut self, points: &Points) -> Result<(), EngineError> {
        points.check()?;
        self.sitters.iter().for_each(|sitter| sitter.set_neutral(&self.gpu, points));
        self.calibration = 0.0;
        self.from_photo = false;
        Ok(())
    }

    /// The pose of the driver that relative motion is measured from, of the first avatar; `None` before one is settled. Blocks; not
    /// for every frame.
    ///
    /// # Errors
    /// A failing device.
    pub fn neutral(&self) -> Result<Option<Points>, EngineError> {
        let Some(first) = self.sitters.first() else { return Ok(None) };
        let bytes = self.gpu.read(&first.state, 4 * Transfer::STATE_LEN)?;
        let state: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes);
        let neutral = &state[Transfer::NEUTRAL_AT..];
        Ok((neutral[0] > 0.5).then(|| Points::from_pose(&neutral[4..])))
    }

    /// Follows this one of several faces in front of the camera, by place in frame pixels, from the next frame on. Where it is not seen,
    /// the one that is followed stays. A face that is lost is waited for where it was for two seconds; then the choice is made again
    /// ([`FaceStatus::taken_up`]). `Index(0)`, with which no session opens, counts as the largest.
    pub fn follow(&mut self, face: FaceChoice) {
        self.seek.choose(face);
    }

    /// Whether a better neutral pose is still looked for.
    pub(crate) fn calibrating(&self) -> bool {
        self.calibration > 0.0
    }

    fn calibration(&mut self, seen: bool, dt: f32) -> Calibrate {
        if seen {
            self.calibration -= looked(dt);
        }
        if self.calibrating() { Calibrate::TakeIfBetter } else { Calibrate::Keep }
    }

    /// Uploads a frame; whether it is yet to be unpacked.
    fn upload(&mut self, frame: &CameraFrame<'_>) -> Result<bool, EngineError> {
        frame.check()?;
        let found = self.orientation.upright([frame.width, frame.height]);
        if found != self.options.frame {
            return Err(EngineError::FrameSize { expected: self.options.frame, found });
        }
        match frame.plain(self.orientation) {
            Some(rgba) => self.buffers.write_frame(&self.gpu, rgba),
            None => self.buffers.write_packed(&self.gpu, frame, self.orientation)?,
        }
        Ok(frame.plain(self.orientation).is_none())
    }

    fn submit(&mut self, work: Work, dt: f32, calibrate: Calibrate) -> Result<(), EngineError> {
        let dt = step(dt);
        self.poll(false)?;
        let motion = self.options.motion.sound();
        let relative = motion.mode == Mode::Relative;
        let control = TransferControl {
            dt,
            relative,
            calibrate,
            filter: motion.filter,
            strength: motion.strength,
            head_gain: motion.head_gain,
            expression_gain: motion.expression_gain,
            eye_gain: motion.eye_gain,
            mouth_gain: motion.mouth_gain,
        };
        self.buffers.write_control(&self.gpu, control);
        let search = if work.tracks() { self.seek.next(self.status, dt) } else { None };
        if let Some(Search { wanted, anew }) = search {
            self.buffers.write_wanted(&self.gpu, wanted, anew);
            if anew && self.options.calibration > 0.0 {
                self.forget_neutral(self.options.calibration);
            }
        }
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let timing = self.timing.as_ref();
            let timestamp_writes = timing.map(Timing::writes);
            let descriptor = wgpu::ComputePassDescriptor { label: Some("frame"), timestamp_writes };
            let mut pass = encoder.begin_compute_pass(&descriptor);
            let parts = [
                (work.unpacks(), &self.unpack, None),
                (search.is_some(), &self.search, Some(0)),
                (work.tracks(), &self.track, Some(1)),
            ];
            for (on, list, mark) in parts {
                list.iter().filter(|_| on).for_each(|f| f.encode(&mut pass));
                if let (Some(timing), Some(mark)) = (timing, mark) {
                    timing.mark(&mut pass, mark);
                }
            }
            for (i, sitter) in self.sitters.iter().enumerate() {
                sitter.encode(&mut pass, work.renders(), timing, GpuStages::marks(i));
            }
        }
        let copies_picture = work.renders() && self.options.read_back;
        if copies_picture {
            self.pictures.make_room(&self.gpu)?;
        }
        self.reports.make_room(&self.gpu)?;
        if let (true, Some(target)) = (copies_picture, self.pictures.target()) {
            encoder.copy_texture_to_buffer(
                self.shown.as_image_copy(),
                wgpu::TexelCopyBufferInfo {
                    buffer: target,
                    layout: wgpu::TexelCopyBufferLayout {
                        offset: 0,
                        bytes_per_row: Some((4 * self.shown.width()).next_multiple_of(256)),
                        rows_per_image: None,
                    },
                },
                self.shown.size(),
            );
        }
        if let Some(target) = self.reports.target() {
            Report::copy(&mut encoder, &self.buffers, self.timing.as_ref(), target);
        }
        let index = self.gpu.submit(encoder);
        if copies_picture {
            self.pictures.submitted(index.clone());
        }
        if self.reports.submitted(index) {
            self.submitted.push_back(Submitted { time: self.clock, observed: work.observes() });
        }
        self.clock += Duration::from_secs_f32(dt);
        self.gpu.check()
    }

    /// The oldest picture not taken yet, in order of submission. `wait` blocks until it is done; otherwise `None` while it is
    /// not. Up to three are kept: pictures submitted while none is taken out are not copied.
    ///
    /// # Errors
    /// A failing device.
    pub fn take_picture(&mut self, wait: bool) -> Result<Option<Picture>, EngineError> {
        let (width, height) = (self.shown.width(), self.shown.height());
        let row = (4 * width).next_multiple_of(256) as usize;
        let picture = self.pictures.take(&self.gpu, wait, |bytes| Picture {
            width,
            height,
            rgba: bytes.chunks(row).flat_map(|r| &r[..4 * width as usize]).copied().collect(),
        })?;
        self.poll(false)?;
        Ok(picture)
    }

    /// Whether another submission's picture would be kept.
    pub fn has_room(&self) -> bool {
        self.pictures.has_room()
    }

    /// Waits until every submission is done, so that [`Session::status`] is up to date.
    ///
    /// # Errors
    /// A failing device.
    pub fn finish(&mut self) -> Result<(), EngineError> {
        self.gpu.wait()?;
        self.poll(true)
    }

    /// Takes in what has arrived, without waiting; how many submissions are still on their way. For loops that give the next frame
    /// when the one before is done.
    ///
    /// # Errors
    /// A failing device.
    pub fn pending(&mut self) -> Result<usize, EngineError> {
        self.poll(false)?;
        Ok(self.reports.pending())
    }

    /// Takes in the reports that have arrived.
    fn poll(&mut self, wait: bool) -> Result<(), EngineError> {
        loop {
            let Submitted { time, observed } = self.submitted.front().copied().unwrap_or_default();
            let recorded = self.options.record && !observed;
            let timing = self.timing.as_ref();
            let read = |bytes: &[u8]| Report::read(bytes, timing, recorded);
            let Some(report) = self.reports.take(&self.gpu, wait, read)? else {
                return Ok(());
            };
            let before = self.status.unwrap_or_default();
            let found = report.found;
            let taken_up = before.taken_up + u32::from(self.seek.report(found));
            self.submitted.pop_front();
            if found && observed {
                self.calibration = 0.0;
            }
            self.status = Some(FaceStatus {
                score: report.score,
                found,
                lost_frames: report.lost_frames,
                region: report.region,
                frames: before.frames + 1,
                frames_without_face: before.frames_without_face + u64::from(!found),
                faces: report.faces,
                taken_up,
            });
            (self.stats.gpu_seconds, self.stats.gpu_stages) = (report.times.seconds, report.times.stages);
            if recorded {
                self.motion.push(MotionFrame { time, points: report.points.filter(|_| found) });
            }
        }
    }

    /// The driver's points of the frames whose results have arrived since the last call, with [`SessionOptions::record`].
    pub fn take_motion(&mut self) -> Vec<MotionFrame> {
        std::mem::take(&mut self.motion)
    }

    /// Where the newest submission takes the photo, of the last avatar: what the driver's points became, and the flow made of them.
    /// Waits for the device; for measurements.
    ///
    /// # Errors
    /// A failing device.
    pub fn motion(&self) -> Result<Motion, EngineError> {
        let facial = self.read_floats("merge")?.as_chunks().0[..106].to_vec();
        Ok(Motion { facial, flow: self.read_floats("flow")?.as_chunks().0.to_vec() })
    }

    /// Values that one program hands to the next.
    pub(crate) fn read_floats(&self, name: &str) -> Result<Vec<f32>, EngineError> {
        self.buffers.read_floats(&self.gpu, name)
    }

    /// What is known of the driver's face; `None` until the first report.
    pub fn status(&self) -> Option<FaceStatus> {
        self.status
    }

    /// Size and work.
    pub fn stats(&self) -> SessionStats {
        self.stats
    }

    /// The newest picture, `rgba8unorm`, for hosts that use it themselves on the same device. Its size depends on
    /// [`SessionOptions::framing`].
    pub fn texture(&self) -> &wgpu::Texture {
        &self.shown
    }

    /// Draws the newest picture into textures and surfaces of the host.
    pub fn presenter(&self) -> Presenter {
        Presenter::new(&self.gpu, &self.shown)
    }

    /// Options, as given or set since.
    pub fn options(&self) -> &SessionOptions {
        &self.options
    }
}
