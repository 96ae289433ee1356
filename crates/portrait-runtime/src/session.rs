//! A session: one avatar, one driver, one picture a frame.

use crate::avatar::Avatar;
use crate::engine::{Engine, encode};
use crate::error::EngineError;
use crate::frame::{Frame, Picture};
use crate::frozen::{Arena, Compiled, Frozen, Resource, Resources};
use crate::glue::{Glue, SessionBuffers};
use crate::gpu::Gpu;
use crate::nets::square;
use crate::options::{FaceStatus, Mode, Motion, SessionOptions, SessionStats};
use crate::readback::Ring;
use crate::timing::Timing;
use portrait_graph::TensorKind;
use portrait_kernels::{Calibrate, RefinePoints, Transfer, TransferControl};
use std::sync::Arc;

/// Which parts of the frame path a submission runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    Observe,
    Animate,
    Keypoints,
}

/// One avatar driven by one stream of frames.
#[derive(Debug)]
pub struct Session {
    gpu: Arc<Gpu>,
    options: SessionOptions,
    image: u32,
    buffers: SessionBuffers,
    /// Finds the face: crop, detector, decoding.
    search: Vec<Frozen>,
    /// Follows it and reads its points: crop, mesh, tracking, crop, neural keypoints.
    track: Vec<Frozen>,
    /// Filters and transfers the points: transfer, merger.
    transfer: Vec<Frozen>,
    render: Frozen,
    pictures: Ring,
    reports: Ring,
    timing: Option<Timing>,
    status: Option<FaceStatus>,
    stats: SessionStats,
    elapsed: f32,
    submitted: u64,
    /// Whether the neutral pose is settled.
    calibrated: bool,
    /// Whether the frames on their way were given to [`Session::observe`].
    observing: bool,
}

impl Engine {
    /// Starts a session. Creates everything that frames need; after this nothing is created.
    ///
    /// # Errors
    /// An avatar of other weights, frames larger than the device allows, or a failing device.
    pub fn session(&self, avatar: &Avatar, options: &SessionOptions) -> Result<Session, EngineError> {
        let gpu = &self.gpu;
        let identity =
            |preset: &str, weights: &str| format!("preset {preset}, weights {}", &weights[..weights.len().min(12)]);
        if (avatar.info.preset.as_str(), avatar.info.weights.as_str()) != (&self.preset.name, self.weights_id()) {
            return Err(EngineError::AvatarWeights {
                expected: identity(&self.preset.name, self.weights_id()),
                found: identity(&avatar.info.preset, &avatar.info.weights),
            });
        }
        let [width, height] = options.frame;
        let limit = gpu.device.limits().max_texture_dimension_2d;
        if width == 0 || height == 0 || width > limit || height > limit {
            return Err(EngineError::FrameTooLarge { width, height, limit });
        }
        let buffers = SessionBuffers::new(gpu, options.frame, &self.preset, &self.nets.refiner);
        let glue = Glue::new(gpu, options, &self.preset)?;
        let mut externals = buffers.resources();
        self.upload_avatar(avatar, &mut externals)?;

        let nets = &self.nets;
        let search = [&glue.search, &nets.detector, &glue.decode];
        let refine = [&glue.refiner_look, &nets.refiner.program];
        let track = [&glue.look, &nets.mesh, &glue.track, refine[0], refine[1], &glue.neural_look, &nets.keypoints];
        let transfer = [&glue.transfer, &nets.merger];
        let all: Vec<&Compiled> =
            search.iter().chain(&track).chain(&transfer).chain([&&nets.render]).map(|c| &***c).collect();
        let arena = Arena::new(gpu, &all);
        let freeze = |list: &[&Arc<Compiled>]| {
            list.iter().map(|c| Frozen::new(gpu, c, &arena, &externals)).collect::<Result<Vec<_>, _>>()
        };
        let (search, track, transfer) = (freeze(&search)?, freeze(&track)?, freeze(&transfer)?);
        let render = Frozen::new(gpu, &nets.render, &arena, &externals)?;
        gpu.save_cache();

        let count = |list: &[Frozen]| list.iter().map(Frozen::dispatches).sum::<usize>();
        let keypoint_dispatches = count(&transfer) + render.dispatches();
        let frame_macs =
            [&nets.mesh, &nets.refiner.program, &nets.keypoints, &nets.merger, &nets.render].map(|c| c.program.macs());
        let stats = SessionStats {
            dispatches: count(&track) + keypoint_dispatches,
            search_dispatches: count(&search),
            keypoint_dispatches,
            macs: frame_macs.iter().sum(),
            arena_bytes: arena.bytes(),
            bytes_without_reuse: all.iter().map(|c| c.plan.bytes_without_reuse).sum(),
            weight_bytes: all.iter().map(|c| c.program.constant_bytes(gpu.tier())).sum(),
            upload_bytes: 4 * (width * height) as usize + 4 * TransferControl::LEN,
            gpu_seconds: None,
        };
        let image = self.preset.image;
        let picture_bytes = ((4 * image).next_multiple_of(256) * image) as usize;
        Ok(Session {
            gpu: gpu.clone(),
            options: *options,
            image,
            buffers,
            search,
            track,
            transfer,
            render,
            pictures: Ring::new(gpu, "picture read-back", if options.read_back { 3 } else { 0 }, picture_bytes),
            reports: Ring::new(gpu, "report read-back", 4, Timing::REPORT_BYTES),
            timing: Timing::new(gpu),
            status: None,
            stats,
            elapsed: 0.0,
            submitted: 0,
            calibrated: false,
            observing: false,
        })
    }

    fn upload_avatar(&self, avatar: &Avatar, externals: &mut Resources) -> Result<(), EngineError> {
        let (n, side) = (self.preset.motion, self.preset.image);
        let floats = |len: usize| TensorKind::Floats(len as u32);
        let source = Transfer::source(avatar.facial.as_flattened(), avatar.neural.as_flattened());
        let tensors: [(&str, TensorKind, Vec<f32>); 8] = [
            ("source_points", floats(100), avatar.mixed.as_flattened().to_vec()),
            ("source_keypoints", floats(Transfer::SOURCE_LEN), source),
            ("source_pins", floats(2 * Transfer::PINS), Transfer::pins(&avatar.facial).into_flattened()),
            ("source_small", square(3, n), avatar.small_feature(n)),
            ("source", square(4, side), avatar.source_feature()),
            ("background", square(3, side), avatar.background_feature()),
            ("motion_bias", square(self.preset.dense_motion.stem, n), avatar.motion_bias.clone()),
            ("view_bias", TensorKind::Feature(self.preset.synthesis_bottleneck()), avatar.view_bias.clone()),
        ];
        for (name, kind, values) in tensors {
            if values.len() != kind.len() {
                return Err(EngineError::AvatarFormat {
                    origin: "the avatar".to_owned(),
                    reason: format!(
                        "`{name}` holds {} values, preset {} needs {}",
                        values.len(),
                        self.preset.name,
                        kind.len()
                    ),
                });
            }
            let buffer = self.gpu.storage(name, kind.bytes(self.gpu.tier()));
            self.gpu.queue.write_buffer(&buffer, 0, &encode(&self.gpu, kind, &values));
            externals.insert(name.to_owned(), Resource::Buffer(buffer));
        }
        Ok(())
    }
}

impl Session {
    /// Tracks the driver in `frame`, `dt` seconds after the one before, and remembers it as the neutral pose if it is more like
    /// the photo's than any before. For a look ahead before the first picture.
    ///
    /// # Errors
    /// A frame of another size, or a failing device.
    pub fn observe(&mut self, frame: Frame<'_>, dt: f32) -> Result<(), EngineError> {
        self.upload(frame)?;
        self.observing = true;
        self.submit(Work::Observe, dt, Calibrate::TakeIfBetter)
    }

    /// Forgets where the face was and what the filter holds, and keeps the neutral pose: before another run over a clip.
    pub fn restart(&mut self) {
        self.buffers.restart(&self.gpu);
        self.reports.discard();
        self.observing = false;
        self.status = None;
        self.submitted = 0;
        self.elapsed = 0.0;
    }

    /// Animates the photo by `frame`, `dt` seconds after the one before. One submission; returns before it is done. The
    /// picture arrives in [`Session::texture`] and, where asked for, through [`Session::take_picture`].
    ///
    /// # Errors
    /// A frame of another size, or a failing device.
    pub fn animate(&mut self, frame: Frame<'_>, dt: f32) -> Result<(), EngineError> {
        self.upload(frame)?;
        let calibrate = self.calibration(dt);
        self.submit(Work::Animate, dt, calibrate)
    }

    /// Animates the photo by points instead of a frame: 108 facial keypoints (the 106 of `fk106.json`, then the right and
    /// the left iris) and 50 neural ones, in [-1, 1].
    ///
    /// # Errors
    /// A wrong number of points or one that is not finite, or a failing device.
    pub fn animate_keypoints(&mut self, facial: &[[f32; 2]], neural: &[[f32; 2]], dt: f32) -> Result<(), EngineError> {
        for (what, points, expected) in
            [("facial keypoints", facial, RefinePoints::POINTS), ("neural keypoints", neural, 50)]
        {
            let found = points.iter().filter(|p| p.iter().all(|v| v.is_finite())).count();
            if points.len() != expected || found != expected {
                return Err(EngineError::Points { what, expected, found });
            }
        }
        self.buffers.write_keypoints(&self.gpu, facial, neural);
        let calibrate = self.calibration(dt);
        self.submit(Work::Keypoints, dt, calibrate)
    }

    /// Takes the next frame with a face as the neutral pose.
    pub fn recalibrate(&mut self) {
        // Without a neutral pose the transfer takes the first one it sees, and then keeps it.
        self.calibrated = true;
        self.buffers.forget_neutral(&self.gpu);
    }

    fn calibration(&mut self, dt: f32) -> Calibrate {
        self.elapsed += dt;
        if self.calibrated || self.elapsed > self.options.calibration {
            Calibrate::Keep
        } else {
            Calibrate::TakeIfBetter
        }
    }

    fn upload(&self, frame: Frame<'_>) -> Result<(), EngineError> {
        frame.check()?;
        let found = [frame.width, frame.height];
        if found != self.options.frame {
            return Err(EngineError::FrameSize { expected: self.options.frame, found });
        }
        self.buffers.write_frame(&self.gpu, frame);
        Ok(())
    }

    fn submit(&mut self, work: Work, dt: f32, calibrate: Calibrate) -> Result<(), EngineError> {
        self.poll(false)?;
        let relative = self.options.mode == Mode::Relative;
        let control = TransferControl {
            dt,
            relative,
            calibrate,
            filter: self.options.filter,
            strength: self.options.strength,
            eye_gain: self.options.eye_gain,
        };
        self.buffers.write_control(&self.gpu, control);
        // The face is searched for at the start and whenever the newest report says it is lost.
        let search = work != Work::Keypoints && (self.submitted == 0 || self.status.is_some_and(|s| !s.found));
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let timestamp_writes = self.timing.as_ref().map(Timing::writes);
            let descriptor = wgpu::ComputePassDescriptor { label: Some("frame"), timestamp_writes };
            let mut pass = encoder.begin_compute_pass(&descriptor);
            let parts = [(search, &self.search), (work != Work::Keypoints, &self.track), (true, &self.transfer)];
            parts.iter().filter(|(on, _)| *on).flat_map(|(_, list)| list.iter()).for_each(|f| f.encode(&mut pass));
            if work != Work::Observe {
                self.render.encode(&mut pass);
            }
        }
        let copies_picture = work != Work::Observe && self.options.read_back;
        if let (true, Some(target)) = (copies_picture, self.pictures.target()) {
            encoder.copy_texture_to_buffer(
                self.buffers.picture.as_image_copy(),
                wgpu::TexelCopyBufferInfo {
                    buffer: target,
                    layout: wgpu::TexelCopyBufferLayout {
                        offset: 0,
                        bytes_per_row: Some((4 * self.image).next_multiple_of(256)),
                        rows_per_image: None,
                    },
                },
                self.buffers.picture.size(),
            );
        }
        if let Some(target) = self.reports.target() {
            encoder.copy_buffer_to_buffer(&self.buffers.status, 0, target, 0, 16);
            if let Some(timing) = &self.timing {
                timing.resolve(&mut encoder, target, 16);
            }
        }
        let index = self.gpu.submit(encoder);
        if copies_picture && self.pictures.has_room() {
            self.pictures.submitted(index.clone());
        }
        if self.reports.has_room() {
            self.reports.submitted(index);
        }
        self.submitted += 1;
        self.gpu.check()
    }

    /// The oldest picture not taken yet, in order of submission. `wait` blocks until it is done; otherwise `None` while it is
    /// not. Up to three are kept: pictures submitted while none is taken out are not copied.
    ///
    /// # Errors
    /// A failing device.
    pub fn take_picture(&mut self, wait: bool) -> Result<Option<Picture>, EngineError> {
        let side = self.image;
        let row = (4 * side).next_multiple_of(256) as usize;
        let picture = self.pictures.take(&self.gpu, wait, |bytes| Picture {
            width: side,
            height: side,
            rgba: bytes.chunks(row).flat_map(|r| &r[..4 * side as usize]).copied().collect(),
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

    /// Takes in the reports that have arrived.
    fn poll(&mut self, wait: bool) -> Result<(), EngineError> {
        loop {
            let period = self.timing.as_ref().map(Timing::period);
            let report = self.reports.take(&self.gpu, wait, |bytes| {
                let status: [f32; 4] = bytemuck::pod_read_unaligned(&bytes[..16]);
                let ticks: [u64; 2] = bytemuck::pod_read_unaligned(&bytes[16..32]);
                (status, period.map(|p| ticks[1].saturating_sub(ticks[0]) as f64 * p))
            })?;
            let Some(([score, found, lost, _], seconds)) = report else { return Ok(()) };
            let before = self.status.unwrap_or_default();
            let found = found > 0.5;
            self.calibrated |= found && self.observing;
            self.status = Some(FaceStatus {
                score,
                found,
                lost_frames: lost as u32,
                frames: before.frames + 1,
                frames_without_face: before.frames_without_face + u64::from(!found),
            });
            self.stats.gpu_seconds = seconds;
        }
    }

    /// Where the newest submission takes the photo: what the driver's points became, and the flow made of them. Waits for the
    /// device; for measurements.
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

    /// The picture, `rgba8unorm`, for hosts that show it themselves on the same device.
    pub fn texture(&self) -> &wgpu::Texture {
        &self.buffers.picture
    }

    /// Options as given.
    pub fn options(&self) -> &SessionOptions {
        &self.options
    }
}
