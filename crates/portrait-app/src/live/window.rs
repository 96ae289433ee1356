//! The window: events in, pictures and overlay out. What to do about what is lost is decided in `screen`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use portrait_runtime::{Gpu, Mode, Placement, Presenter, wgpu};
use winit::application::ApplicationHandler;
use winit::dpi::LogicalSize;
use winit::event::{ElementState, KeyEvent, WindowEvent};
use winit::event_loop::{ActiveEventLoop, EventLoopProxy};
use winit::keyboard::{Key, NamedKey};
use winit::window::{Fullscreen, WindowAttributes, WindowId};

use super::overlay::{Overlay, Request, style};
use super::screen::{Action, Event, Screen};
use super::worker::{Command, Shown, Worker};
use super::{Plan, Report};

/// What is around a picture that does not fill the window.
const PLACEMENT: Placement = Placement { fit: portrait_runtime::Fit::Contain, bars: [0.055, 0.055, 0.07] };
/// Redraws while nothing new arrives, so that notices go away.
const IDLE_REDRAW: Duration = Duration::from_millis(250);

/// Everything that a lost device takes with it.
struct Stage {
    gpu: Arc<Gpu>,
    surface: Option<wgpu::Surface<'static>>,
    config: wgpu::SurfaceConfiguration,
    renderer: egui_wgpu::Renderer,
    presenter: Option<Presenter>,
    worker: Worker,
}

/// The window's state in the event loop.
pub(crate) struct Live {
    plan: Plan,
    proxy: EventLoopProxy<()>,
    window: Option<Arc<winit::window::Window>>,
    egui: egui::Context,
    input: Option<egui_winit::State>,
    overlay: Option<Overlay>,
    stage: Option<Stage>,
    screen: Screen,
    mirror: bool,
    start: Instant,
    /// When to draw although nothing new has arrived.
    redraw: Instant,
    /// Why it ended before it was asked to.
    pub(crate) failed: Option<anyhow::Error>,
    pub(crate) report: Report,
}

impl Live {
    pub(crate) fn new(plan: Plan, proxy: EventLoopProxy<()>) -> Self {
        let mirror = plan.mirror;
        Self {
            plan,
            proxy,
            window: None,
            egui: egui::Context::default(),
            input: None,
            overlay: None,
            stage: None,
            screen: Screen::new([0; 2]),
            mirror,
            start: Instant::now(),
            redraw: Instant::now(),
            failed: None,
            report: Report::default(),
        }
    }

    fn open(&mut self, events: &ActiveEventLoop) -> Result<()> {
        let name = self.plan.photo.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let attributes = WindowAttributes::default()
            .with_title(format!("portrait: {name}"))
            .with_inner_size(LogicalSize::new(960, 720))
            .with_min_inner_size(LogicalSize::new(240, 180));
        let window = Arc::new(events.create_window(attributes).context("cannot open a window")?);
        let size = window.inner_size();
        self.screen = Screen::new([size.width, size.height]);
        self.window = Some(window);
        self.open_stage()
    }

    /// Device, surface, engine, session: at the start, and after a device was lost.
    fn open_stage(&mut self) -> Result<()> {
        let Some(window) = &self.window else { return Ok(()) };
        let gpu = pollster::block_on(Gpu::open(&self.plan.gpu))?;
        let (surface, config) = surface(&gpu, window)?;
        let renderer = egui_wgpu::Renderer::new(gpu.device(), config.format, egui_wgpu::RendererOptions::default());
        let source = self.plan.source()?;
        let adapter = gpu.adapter();
        let text = format!("{} · {} · {}", adapter.name, adapter.backend, gpu.tier().name());
        let overlay = Overlay::new(self.plan.motion, self.plan.shown, text, source.name.clone());
        self.overlay.get_or_insert(overlay);
        let proxy = self.proxy.clone();
        let start = self.plan.start(gpu.clone(), source, self.mirror);
        // The event loop may have ended before the thread has.
        let worker = Worker::start(start, move || {
            let _ = proxy.send_event(());
        });
        self.stage = Some(Stage { gpu, surface: Some(surface), config, renderer, presenter: None, worker });
        // A context knows which textures its renderer has: a new renderer needs a new one.
        self.egui = egui::Context::default();
        style(&self.egui);
        let (viewport, scale) = (egui::ViewportId::ROOT, window.scale_factor() as f32);
        self.input = Some(egui_winit::State::new(self.egui.clone(), viewport, &**window, Some(scale), None, None));
        if let Some(overlay) = &mut self.overlay {
            overlay.forget();
        }
        Ok(())
    }

    /// Does what is next until there is a frame or nothing to do.
    fn redraw(&mut self) -> Result<()> {
        for _ in 0..8 {
            self.notice_losses()?;
            match self.screen.next() {
                Action::Wait => return Ok(()),
                Action::GiveUp => {
                    return Err(anyhow!("the GPU was lost again and again; `portrait doctor` tests it"));
                }
                Action::OpenDevice => {
                    self.stage = None;
                    self.open_stage().context("the GPU was lost and cannot be opened again")?;
                    self.screen.on(Event::DeviceMade);
                    self.screen.on(Event::SurfaceMade);
                }
                Action::MakeSurface => {
                    if let (Some(stage), Some(window)) = (&mut self.stage, &self.window) {
                        // The old one has to go first.
                        stage.surface = None;
                        let (made, config) = surface(&stage.gpu, window)?;
                        (stage.surface, stage.config) = (Some(made), config);
                    }
                    self.screen.on(Event::SurfaceMade);
                }
                Action::Configure => {
                    let [width, height] = self.screen.size();
                    if let Some(stage) = &mut self.stage {
                        (stage.config.width, stage.config.height) = (width, height);
                        if let Some(surface) = &stage.surface {
                            surface.configure(stage.gpu.device(), &stage.config);
                        }
                    }
                    self.screen.on(Event::Configured);
                }
                Action::Draw => {
                    let event = self.draw()?;
                    self.screen.on(event);
                    if event == Event::Shown {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// What the worker or the device reports.
    fn notice_losses(&mut self) -> Result<()> {
        let Some(stage) = &mut self.stage else { return Ok(()) };
        let (lost, failed) = {
            let mut view = stage.worker.view();
            (view.device_lost.take(), view.failed.take())
        };
        if let Some(text) = failed {
            return Err(anyhow!(text));
        }
        if lost.is_some() || stage.gpu.check().is_err() {
            self.screen.on(Event::DeviceLost);
        }
        Ok(())
    }

    /// One frame of picture and overlay; what became of it.
    fn draw(&mut self) -> Result<Event> {
        let (Some(stage), Some(window), Some(input), Some(overlay)) =
            (&mut self.stage, &self.window, &mut self.input, &mut self.overlay)
        else {
            return Ok(Event::Shown);
        };
        use wgpu::CurrentSurfaceTexture as Current;
        let Some(surface) = &stage.surface else { return Ok(Event::SurfaceLost) };
        let frame = match surface.get_current_texture() {
            Current::Success(frame) => frame,
            // Shown as it is; the next resize puts it right.
            Current::Suboptimal(frame) => frame,
            Current::Outdated | Current::Validation => return Ok(Event::Outdated),
            Current::Lost => return Ok(Event::SurfaceLost),
            // Another time: what is shown stays.
            Current::Timeout | Current::Occluded => return Ok(Event::Shown),
        };
        let mut requests = Vec::new();
        let output = {
            let mut view = stage.worker.view();
            if let Some(presenter) = view.presenter.take() {
                stage.presenter = Some(presenter);
            }
            self.report.note(&view);
            let raw = input.take_egui_input(window);
            self.egui.run_pass(raw, |ctx| requests = overlay.draw(ctx, &mut view))
        };
        input.handle_platform_output(window, output.platform_output);
        let jobs = self.egui.tessellate(output.shapes, output.pixels_per_point);
        let (device, queue) = (stage.gpu.device(), stage.gpu.queue());
        let mut delta = output.textures_delta;
        for (id, changes) in delta.set.drain() {
            for change in &changes {
                stage.renderer.update_texture(device, queue, id, change);
            }
        }
        let drawn = match &mut stage.presenter {
            Some(presenter) => presenter.render_into(&frame.texture, &PLACEMENT).is_ok(),
            None => false,
        };
        let load = match drawn {
            true => wgpu::LoadOp::Load,
            false => {
                let [r, g, b] = PLACEMENT.bars.map(f64::from);
                wgpu::LoadOp::Clear(wgpu::Color { r, g, b, a: 1.0 })
            }
        };
        let size_in_pixels = [frame.texture.width(), frame.texture.height()];
        let screen = egui_wgpu::ScreenDescriptor { size_in_pixels, pixels_per_point: output.pixels_per_point };
        let view = frame.texture.create_view(&wgpu::TextureViewDescriptor::default());
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut buffers = stage.renderer.update_buffers(device, queue, &mut encoder, &jobs, &screen);
        {
            let attachment = wgpu::RenderPassColorAttachment {
                view: &view,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations { load, store: wgpu::StoreOp::Store },
            };
            let pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("overlay"),
                color_attachments: &[Some(attachment)],
                ..Default::default()
            });
            stage.renderer.render(&mut pass.forget_lifetime(), &jobs, &screen);
        }
        buffers.push(encoder.finish());
        queue.submit(buffers);
        window.pre_present_notify();
        queue.present(frame);
        for id in delta.free.drain() {
            stage.renderer.free_texture(&id);
        }
        for request in requests {
            self.ask(request);
        }
        Ok(Event::Shown)
    }

    fn ask(&mut self, request: Request) {
        match request {
            Request::Motion(motion) => {
                self.plan.motion = motion;
                self.send(Command::Motion(motion));
            }
            Request::Show(shown) => self.show(shown),
            Request::Follow(place) => self.send(Command::Follow(place)),
        }
    }

    fn show(&mut self, shown: Shown) {
        if let Some(overlay) = &mut self.overlay {
            overlay.shown = shown;
        }
        self.plan.shown = shown;
        self.send(Command::Show(shown));
    }

    fn send(&self, command: Command) {
        if let Some(stage) = &self.stage {
            stage.worker.send(command);
        }
    }

    fn key(&mut self, key: &Key, events: &ActiveEventLoop) {
        let Some(overlay) = &mut self.overlay else { return };
        match key.as_ref() {
            Key::Named(NamedKey::Escape) => match self.window.as_ref().filter(|w| w.fullscreen().is_some()) {
                Some(window) => window.set_fullscreen(None),
                None => events.exit(),
            },
            Key::Named(NamedKey::Space) => {
                overlay.hold = !overlay.hold;
                let hold = overlay.hold;
                self.send(Command::Hold(hold));
            }
            Key::Character("?") => overlay.keys = !overlay.keys,
            Key::Character("h" | "H") => overlay.visible = !overlay.visible,
            Key::Character("c" | "C") => self.send(Command::Calibrate),
            Key::Character("a" | "A") => {
                let motion = &mut overlay.motion;
                motion.mode = if motion.mode == Mode::Relative { Mode::Absolute } else { Mode::Relative };
                let motion = *motion;
                self.ask(Request::Motion(motion));
            }
            Key::Character("v" | "V") => {
                let next = match overlay.shown {
                    Shown::Crop => Shown::Photo,
                    Shown::Photo => Shown::Cutout,
                    Shown::Cutout => Shown::Crop,
                };
                self.show(next);
            }
            Key::Character("x" | "X") => {
                self.mirror = !self.mirror;
                self.send(Command::Mirror(self.mirror));
            }
            Key::Character("s" | "S") => self.send(Command::Screenshot(self.plan.file("png"))),
            Key::Character("r" | "R") => {
                let running = self.stage.as_ref().is_some_and(|stage| stage.worker.view().video.is_some());
                self.send(Command::Video((!running).then(|| self.plan.file("mp4"))));
            }
            Key::Character("m" | "M") => {
                let running = self.stage.as_ref().is_some_and(|stage| stage.worker.view().points.is_some());
                self.send(Command::Points((!running).then(|| self.plan.file("motion"))));
            }
            Key::Character("f" | "F") | Key::Named(NamedKey::F11) => {
                if let Some(window) = &self.window {
                    let full = window.fullscreen().is_none().then_some(Fullscreen::Borderless(None));
                    window.set_fullscreen(full);
                }
            }
            _ => {}
        }
    }

    fn photo(&mut self, path: PathBuf) {
        if let Some(window) = &self.window {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            window.set_title(&format!("portrait: {name}"));
        }
        // A device that is opened again shows this photo too.
        self.plan.photo = path.clone();
        self.send(Command::Photo(path));
    }

    fn fail(&mut self, error: anyhow::Error, events: &ActiveEventLoop) {
        self.failed = Some(error);
        events.exit();
    }

    /// Ends the worker, so that what is being recorded is complete.
    pub(crate) fn finish(&mut self) {
        if let Some(stage) = self.stage.take() {
            let view = stage.worker.view.clone();
            drop(stage);
            let view = view.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            self.report.note(&view);
        }
    }
}

impl ApplicationHandler<()> for Live {
    fn resumed(&mut self, events: &ActiveEventLoop) {
        if self.window.is_none()
            && let Err(error) = self.open(events)
        {
            self.fail(error, events);
        }
    }

    fn user_event(&mut self, _events: &ActiveEventLoop, (): ()) {
        if let Some(window) = &self.window {
            window.request_redraw();
        }
    }

    fn window_event(&mut self, events: &ActiveEventLoop, _id: WindowId, event: WindowEvent) {
        let (Some(window), Some(input)) = (&self.window, &mut self.input) else { return };
        let response = input.on_window_event(window, &event);
        if response.repaint {
            window.request_redraw();
        }
        match event {
            WindowEvent::CloseRequested => events.exit(),
            WindowEvent::Resized(size) => self.screen.on(Event::Resized([size.width, size.height])),
            WindowEvent::Occluded(hidden) => self.screen.on(Event::Hidden(hidden)),
            WindowEvent::DroppedFile(path) => self.photo(path),
            WindowEvent::KeyboardInput {
                event: KeyEvent { logical_key, state: ElementState::Pressed, repeat: false, .. },
                ..
            } if !response.consumed => self.key(&logical_key, events),
            WindowEvent::RedrawRequested => {
                if let Err(error) = self.redraw() {
                    self.fail(error, events);
                }
            }
            _ => {}
        }
    }

    fn about_to_wait(&mut self, events: &ActiveEventLoop) {
        let over = self.plan.duration.is_some_and(|duration| self.start.elapsed() >= duration);
        if over || crate::interrupt::requested() {
            events.exit();
            return;
        }
        if Instant::now() >= self.redraw {
            self.redraw = Instant::now() + IDLE_REDRAW;
            if let Some(window) = &self.window {
                window.request_redraw();
            }
        }
        events.set_control_flow(winit::event_loop::ControlFlow::WaitUntil(self.redraw));
    }
}

/// A surface of the window on the engine's device, and how to configure it.
fn surface(
    gpu: &Gpu,
    window: &Arc<winit::window::Window>,
) -> Result<(wgpu::Surface<'static>, wgpu::SurfaceConfiguration)> {
    let size = window.inner_size();
    let (surface, capabilities) = gpu.surface(window.clone())?;
    // Values as screens show them, without another encoding by the format, where there is one.
    let plain = capabilities.formats.iter().find(|format| !format.is_srgb());
    let format = *plain.or(capabilities.formats.first()).context("the window takes no colour format")?;
    let newest = capabilities.present_modes.contains(&wgpu::PresentMode::Mailbox);
    let config = wgpu::SurfaceConfiguration {
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
        format,
        color_space: wgpu::SurfaceColorSpace::Auto,
        width: size.width.max(1),
        height: size.height.max(1),
        desired_maximum_frame_latency: 1,
        present_mode: if newest { wgpu::PresentMode::Mailbox } else { wgpu::PresentMode::Fifo },
        alpha_mode: wgpu::CompositeAlphaMode::Auto,
        view_formats: Vec::new(),
    };
    Ok((surface, config))
}
