//! The window: events in, pictures and overlay out. What to do about what is lost is decided in `screen`.

mod asking;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use portrait_runtime::FrameTimes;
use winit::application::ApplicationHandler;
use winit::dpi::LogicalSize;
use winit::event::{ElementState, KeyEvent, MouseButton, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoopProxy};
use winit::window::{Window, WindowAttributes, WindowId};

use super::dialog::{Dialog, takes_drops};
use super::keys::deed;
use super::overlay::{Overlay, style};
use super::screen::{Action, Event, Screen};
use super::stage::Stage;
use super::worker::{Command, Made, Now, Worker};
use super::{Plan, Report};
use crate::console::chain;
use crate::engine::slowness;

/// Between two looks at whether anything was lost, while no picture arrives.
const GLANCE: Duration = Duration::from_millis(250);
/// The least between two attempts to open a device: a driver that was reset takes its time.
const PAUSE: Duration = Duration::from_secs(2);
/// The least between two drawings of what moves in the overlay by itself.
const ANIMATION: Duration = Duration::from_millis(33);
/// Width and height of the window at first, in points, on a screen that is larger.
const SIZE: [f64; 2] = [960.0, 720.0];

/// The window's state in the event loop.
pub(crate) struct Live {
    plan: Plan,
    proxy: EventLoopProxy<()>,
    window: Option<Arc<Window>>,
    egui: egui::Context,
    input: Option<egui_winit::State>,
    overlay: Overlay,
    worker: Option<Worker>,
    stage: Option<Stage>,
    screen: Screen,
    /// Pixels a point as the system told last, and what the overlay is enlarged by for that.
    told: Option<f64>,
    zoom: f32,
    /// Whether a key is held that makes others mean something else, as in Ctrl+S.
    chord: bool,
    /// Where the pointer is in the window.
    pointer: [f32; 2],
    /// Of pictures that were shown: from the driver's moment on.
    times: FrameTimes,
    /// Of its parts: waiting to be taken, being made, being drawn.
    parts: [FrameTimes; 3],
    /// What the GPU worked for each.
    gpu: FrameTimes,
    dialog: Option<Dialog>,
    start: Instant,
    /// When a device was opened last, or was to be; and why it was not.
    opened: Instant,
    refused: Option<anyhow::Error>,
    /// When to look next.
    glance: Instant,
    /// When to draw although no picture has arrived; never for `None`.
    redraw: Option<Instant>,
    /// Why it ended before it was asked to.
    failed: Option<anyhow::Error>,
    report: Report,
}

impl Live {
    pub(crate) fn new(plan: Plan, proxy: EventLoopProxy<()>) -> Self {
        let overlay = Overlay::new(plan.motion, plan.shown, plan.presets.len(), plan.photos.all().len());
        Self {
            plan,
            proxy,
            window: None,
            egui: egui::Context::default(),
            input: None,
            overlay,
            worker: None,
            stage: None,
            screen: Screen::new([0; 2]),
            told: None,
            zoom: 1.0,
            chord: false,
            pointer: [0.0; 2],
            times: FrameTimes::default(),
            parts: Default::default(),
            gpu: FrameTimes::default(),
            dialog: None,
            start: Instant::now(),
            opened: Instant::now(),
            refused: None,
            glance: Instant::now(),
            redraw: None,
            failed: None,
            report: Report::default(),
        }
    }

    fn open(&mut self, events: &ActiveEventLoop) -> Result<()> {
        // Not larger than a small screen, less what the desktop itself takes.
        let screen = events.primary_monitor().or_else(|| events.available_monitors().next());
        let screen = screen.map(|screen| screen.size().to_logical::<f64>(screen.scale_factor()));
        let [width, height] =
            screen.map_or(SIZE, |LogicalSize { width, height }| [SIZE[0].min(0.95 * width), SIZE[1].min(0.9 * height)]);
        let attributes = WindowAttributes::default()
            .with_inner_size(LogicalSize::new(width, height))
            .with_min_inner_size(LogicalSize::new(240, 180));
        let window = Arc::new(events.create_window(attributes).context("cannot open a window")?);
        let size = window.inner_size();
        self.screen = Screen::new([size.width, size.height]);
        self.overlay.drops = takes_drops(&window);
        self.window = Some(window);
        self.retitle();
        self.open_stage()
    }

    /// Device, surface, engine, session: at the start, and after a device was lost.
    fn open_stage(&mut self) -> Result<()> {
        let Some(window) = &self.window else { return Ok(()) };
        self.opened = Instant::now();
        let stage = Stage::open(&self.plan.gpu, window)?;
        stage.gpu.warnings().iter().for_each(crate::console::warning);
        if let (0, Some(slowness)) = (self.report.devices_lost, slowness(&stage.gpu, &self.plan.presets[0].0)) {
            crate::console::note(slowness);
        }
        let adapter = stage.gpu.adapter();
        self.overlay.adapter = format!("{} · {} · {}", adapter.name, adapter.backend, stage.gpu.tier().name());
        let proxy = self.proxy.clone();
        let start = self.plan.start(stage.gpu.clone(), self.overlay.hold, self.screen.hidden());
        self.worker = Some(Worker::start(start, move || {
            // The event loop may have ended before the thread has.
            let _ = proxy.send_event(());
        }));
        self.stage = Some(stage);
        // A context knows which textures its renderer has: a new renderer needs a new one.
        self.egui = egui::Context::default();
        style(&self.egui);
        let (viewport, scale) = (egui::ViewportId::ROOT, window.scale_factor() as f32);
        self.input = Some(egui_winit::State::new(self.egui.clone(), viewport, &**window, Some(scale), None, None));
        self.zoom = 1.0;
        self.overlay.forget();
        Ok(())
    }

    /// Ends the thread that makes pictures, so that what is being recorded is complete, and notes what it did.
    fn end_worker(&mut self) {
        if let Some(worker) = self.worker.take() {
            let shared = worker.shared.clone();
            drop(worker);
            let view = shared.view();
            self.report.frames += view.frames;
            self.report.dropped += view.dropped;
        }
    }

    /// Does what is next until there is a frame or nothing to do.
    fn redraw(&mut self) -> Result<()> {
        for _ in 0..8 {
            self.notice_losses()?;
            match self.screen.next() {
                Action::Wait => return Ok(()),
                Action::GiveUp => {
                    let refused = self.refused.take().map(|e| e.context("the GPU was lost and cannot be opened again"));
                    let again = || anyhow!("the GPU was lost again and again; `portrait doctor` tests it");
                    return Err(refused.unwrap_or_else(again));
                }
                Action::OpenDevice => {
                    self.end_worker();
                    self.stage = None;
                    let due = self.opened + PAUSE;
                    if Instant::now() < due {
                        self.redraw = Some(due);
                        return Ok(());
                    }
                    self.refused = self.open_stage().err();
                    if let Some(error) = &self.refused {
                        crate::console::warning(format!("the GPU cannot be opened yet: {}", chain(error)));
                        self.screen.on(Event::DeviceRefused);
                    } else {
                        self.screen.on(Event::DeviceMade);
                        self.screen.on(Event::SurfaceMade);
                    }
                }
                Action::MakeSurface => {
                    let (Some(stage), Some(window)) = (&mut self.stage, &self.window) else { return Ok(()) };
                    self.report.surfaces_lost += 1;
                    match stage.make_surface(window) {
                        Ok(()) => self.screen.on(Event::SurfaceMade),
                        // Another device may reach the screen that the window is on now.
                        Err(_) => self.screen.on(Event::DeviceLost),
                    }
                }
                Action::Configure => {
                    let (Some(stage), Some(window)) = (&mut self.stage, &self.window) else { return Ok(()) };
                    // The event of its newest size may still be on its way.
                    let size: [u32; 2] = window.inner_size().into();
                    if size.contains(&0) {
                        self.sees(Event::Resized(size));
                    } else {
                        let configured = stage.configure(size);
                        self.screen.on(configured);
                    }
                }
                Action::Draw => {
                    let Some(event) = self.draw() else { return Ok(()) };
                    self.screen.on(event);
                    if event == Event::Shown {
                        return Ok(());
                    }
                    // A lost device looks like a lost surface until its last work has ended.
                    if let Some(stage) = &self.stage {
                        stage.wait();
                    }
                }
            }
        }
        Ok(())
    }

    /// Does what `--lose-device` and `--lose-surface` ask for, between two pictures, while the GPU works on the next: the hardest moment
    /// to notice it.
    fn lose(&mut self) {
        let (Some(stage), Some(worker)) = (&mut self.stage, &self.worker) else { return };
        let working = worker.view().made.is_none();
        let due = |after: &mut u64| working && self.times.count() >= *after;
        if self.plan.lose_device.take_if(due).is_some() {
            stage.gpu.device().destroy();
        }
        if self.plan.lose_surface.take_if(due).is_some() {
            stage.lose_surface();
        }
    }

    /// Something about whether the window can be seen.
    fn sees(&mut self, event: Event) {
        self.screen.on(event);
        self.send(Command::Hidden(self.screen.hidden()));
        if let Some(window) = &self.window {
            window.request_redraw();
        }
    }

    /// X11 sends nothing of a window that is minimised: it has to be asked.
    fn watch_minimised(&mut self) {
        let minimised = self.window.as_ref().and_then(|window| window.is_minimized());
        if let Some(minimised) = minimised.filter(|minimised| *minimised != self.screen.minimised()) {
            self.sees(Event::Minimised(minimised));
        }
    }

    /// What the worker or the device reports.
    fn notice_losses(&mut self) -> Result<()> {
        let (Some(stage), Some(worker)) = (&self.stage, &self.worker) else { return Ok(()) };
        let (lost, failed) = {
            let mut view = worker.view();
            (view.device_lost.take(), view.failed.take())
        };
        if let Some(text) = failed {
            bail!(text);
        }
        if let Some(fault) = lost.or_else(|| stage.fault()) {
            crate::console::warning(format!("the GPU was lost and is opened again: {fault}"));
            self.report.devices_lost += 1;
            self.screen.on(Event::DeviceLost);
        }
        Ok(())
    }

    /// One frame of picture and overlay; what became of it, `None` if there was nothing to draw.
    fn draw(&mut self) -> Option<Event> {
        let (Some(stage), Some(worker), Some(window), Some(input)) =
            (&mut self.stage, &self.worker, &self.window, &mut self.input)
        else {
            return None;
        };
        // Where nothing can be drawn now it is tried again; what is drawn says when it is old.
        self.redraw = Some(Instant::now() + GLANCE);
        let mut view = worker.view();
        if let Some(presenter) = view.presenter.take() {
            stage.presenter = Some(presenter);
        }
        if let Some(now) = view.now.take() {
            drop(view);
            self.note(now);
            return self.draw();
        }
        if stage.presenter.is_none() && self.report.devices_lost > 0 {
            // The last picture before the loss stays until there is one again.
            return None;
        }
        drop(view);
        let frame = match stage.frame() {
            Ok(frame) => frame,
            Err(event) => return Some(event),
        };
        // On X11 a window goes on giving its old scale until it is moved.
        let zoom = self.told.map_or(1.0, |told| (told / window.scale_factor()) as f32);
        if zoom != std::mem::replace(&mut self.zoom, zoom) {
            self.egui.set_zoom_factor(zoom);
        }
        let mut requests = Vec::new();
        let (output, made, gpu) = {
            let raw = input.take_egui_input(window);
            let mut view = worker.view();
            let made = view.made;
            let gpu = view.stats.and_then(|stats| stats.gpu_seconds);
            let (overlay, times) = (&mut self.overlay, &self.times);
            (self.egui.run_pass(raw, |ctx| requests = overlay.draw(ctx, &mut view, times)), made, gpu)
        };
        input.handle_platform_output(window, output.platform_output);
        let until = output.viewport_output.get(&egui::ViewportId::ROOT).map(|about| about.repaint_delay);
        self.redraw = until.and_then(|until| Instant::now().checked_add(until.max(ANIMATION)));
        let jobs = self.egui.tessellate(output.shapes, output.pixels_per_point);
        stage.draw(frame, &jobs, output.textures_delta, output.pixels_per_point, window);
        self.report.drawings += u64::from(self.times.count() > 0);
        if let Some(Made { captured, taken, done }) = made {
            let now = Instant::now();
            self.times.add(now.duration_since(captured), now);
            let parts = [taken.duration_since(captured), done.duration_since(taken), now.duration_since(done)];
            self.parts.iter_mut().zip(parts).for_each(|(times, part)| times.add(part, now));
            if let Some(gpu) = gpu.and_then(|gpu| Duration::try_from_secs_f64(gpu).ok()) {
                self.gpu.add(gpu, now);
            }
            worker.shared.drawn();
        }
        for request in requests {
            self.ask(request);
        }
        Some(Event::Shown)
    }

    fn send(&self, command: Command) {
        if let Some(worker) = &self.worker {
            worker.send(command);
        }
    }

    /// Notes what is shown now; a device that is opened again shows the same.
    fn note(&mut self, now: Now) {
        let Plan { photos, faces, kept, drivers, driver_face, presets, preset, shown, framing, .. } = &mut self.plan;
        photos.show(now.sitting.path.clone());
        faces.resize(photos.all().len(), now.sitting.faces);
        faces[photos.at()] = now.sitting.faces;
        *kept = Some(now.sitting);
        drivers.show(now.driver);
        *driver_face = now.driver_face;
        *preset = presets.iter().position(|(name, _)| *name == now.preset).unwrap_or_default();
        (*shown, *framing) = (now.shown, now.framing);
        (self.overlay.shown, self.overlay.preset, self.overlay.photos) = (now.shown, now.preset, photos.all().len());
        self.retitle();
    }

    fn retitle(&self) {
        if let Some(window) = &self.window {
            let name = self.plan.photo().file_name().unwrap_or_default().to_string_lossy();
            window.set_title(&format!("portrait: {name}"));
        }
    }

    fn fail(&mut self, error: anyhow::Error, events: &ActiveEventLoop) {
        self.failed = Some(error);
        events.exit();
    }

    /// Ends everything; what was measured.
    ///
    /// # Errors
    /// Why the window ended before it was asked to.
    pub(crate) fn finish(mut self) -> Result<Report> {
        self.end_worker();
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.report.rate = self.times.rate();
        self.report.gpu = self.gpu.percentile(0.5);
        self.report.parts = self.parts.each_ref().map(|times| times.percentile(0.5));
        self.report.latency = [self.times.percentile(0.5), self.times.percentile(0.95)];
        Ok(self.report)
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
        self.take_file();
        if let Some(window) = &self.window {
            window.request_redraw();
        }
    }

    fn window_event(&mut self, events: &ActiveEventLoop, _id: WindowId, event: WindowEvent) {
        let (Some(window), Some(input)) = (&self.window, &mut self.input) else { return };
        let response = input.on_window_event(window, &event);
        // It wants a drawing for every event that is not about the pointer, a drawing included, which would never end.
        if response.repaint && event != WindowEvent::RedrawRequested {
            window.request_redraw();
        }
        match event {
            // Destroyed: by somebody else than this program.
            WindowEvent::CloseRequested | WindowEvent::Destroyed => events.exit(),
            // A size of zero is how some systems minimise.
            WindowEvent::Resized(size) => self.sees(Event::Resized([size.width, size.height])),
            WindowEvent::ScaleFactorChanged { scale_factor, .. } => self.told = Some(scale_factor),
            WindowEvent::Occluded(hidden) => self.sees(Event::Hidden(hidden)),
            WindowEvent::DroppedFile(path) => self.send(asking::dropped(path)),
            WindowEvent::ModifiersChanged(modifiers) => {
                let state = modifiers.state();
                self.chord = state.control_key() || state.alt_key() || state.super_key();
            }
            WindowEvent::CursorMoved { position, .. } => self.pointer = [position.x as f32, position.y as f32],
            WindowEvent::MouseInput { state: ElementState::Pressed, button: MouseButton::Left, .. }
                if !response.consumed =>
            {
                self.send(Command::Pick(self.pointer, self.screen.size()));
            }
            WindowEvent::KeyboardInput {
                event: KeyEvent { logical_key, physical_key, state: ElementState::Pressed, repeat: false, .. },
                ..
            } if !response.consumed && !self.chord => {
                if let Some(deed) = deed(&logical_key, physical_key) {
                    self.act(deed, events);
                }
            }
            WindowEvent::RedrawRequested => {
                if let Err(error) = self.redraw() {
                    self.fail(error, events);
                }
            }
            _ => {}
        }
    }

    fn about_to_wait(&mut self, events: &ActiveEventLoop) {
        let since = self.start.elapsed();
        if self.plan.duration.is_some_and(|duration| since >= duration) || crate::interrupt::requested() {
            events.exit();
            return;
        }
        let now = Instant::now();
        let due = self.redraw.take_if(|at| now >= *at).is_some();
        let mut lost = false;
        if now >= self.glance {
            self.glance = now + GLANCE;
            self.lose();
            self.watch_minimised();
            lost = self.stage.as_ref().is_some_and(|stage| stage.fault().is_some());
        }
        if let (Some(window), true) = (&self.window, lost || due) {
            window.request_redraw();
        }
        events.set_control_flow(ControlFlow::WaitUntil(self.redraw.map_or(self.glance, |at| at.min(self.glance))));
    }
}
