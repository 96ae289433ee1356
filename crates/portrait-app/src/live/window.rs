//! The window: events in, pictures and overlay out. What to do about what is lost is decided in `screen`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use portrait_runtime::{FaceChoice, FrameTimes, Mode};
use winit::application::ApplicationHandler;
use winit::dpi::LogicalSize;
use winit::event::{ElementState, KeyEvent, MouseButton, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoopProxy};
use winit::window::{Fullscreen, Window, WindowAttributes, WindowId};

use super::dialog::{Dialog, Purpose};
use super::input::Choice;
use super::keys::{Deed, deed};
use super::overlay::{Overlay, Request, style};
use super::screen::{Action, Event, Screen};
use super::stage::Stage;
use super::worker::{Command, Made, Now, Worker};
use super::{Plan, Report};
use crate::framing::Faces;

/// Between two looks at whether anything was lost, while no picture arrives.
const GLANCE: Duration = Duration::from_millis(250);
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
    /// Whether a key is held that makes others mean something else, as in Ctrl+S.
    chord: bool,
    /// Where the pointer is in the window.
    pointer: [f32; 2],
    /// Of pictures that were shown: from the driver's moment on.
    times: FrameTimes,
    /// Of its parts: waiting to be taken, being made, being drawn.
    parts: [FrameTimes; 3],
    dialog: Option<Dialog>,
    start: Instant,
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
            chord: false,
            pointer: [0.0; 2],
            times: FrameTimes::default(),
            parts: Default::default(),
            dialog: None,
            start: Instant::now(),
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
        self.window = Some(window);
        self.retitle();
        self.open_stage()
    }

    /// Device, surface, engine, session: at the start, and after a device was lost.
    fn open_stage(&mut self) -> Result<()> {
        let Some(window) = &self.window else { return Ok(()) };
        let stage = Stage::open(&self.plan.gpu, window)?;
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
                Action::GiveUp => bail!("the GPU was lost again and again; `portrait doctor` tests it"),
                Action::OpenDevice => {
                    self.end_worker();
                    self.stage = None;
                    self.open_stage().context("the GPU was lost and cannot be opened again")?;
                    self.screen.on(Event::DeviceMade);
                    self.screen.on(Event::SurfaceMade);
                }
                Action::MakeSurface => {
                    if let (Some(stage), Some(window)) = (&mut self.stage, &self.window) {
                        stage.make_surface(window)?;
                    }
                    self.screen.on(Event::SurfaceMade);
                }
                Action::Configure => {
                    let (Some(stage), Some(window)) = (&mut self.stage, &self.window) else { return Ok(()) };
                    // The event of its newest size may still be on its way.
                    let configured = stage.configure(window.inner_size().into());
                    self.screen.on(configured);
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

    /// Does what `--lose-device` asks for, between two pictures, while the GPU works on the next: the hardest moment to notice it.
    fn lose_device(&mut self) {
        let (Some(stage), Some(worker)) = (&self.stage, &self.worker) else { return };
        let working = worker.view().made.is_none();
        if self.plan.lose_device.take_if(|after| working && self.times.count() >= *after).is_some() {
            stage.gpu.device().destroy();
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
        let mut requests = Vec::new();
        let (output, made) = {
            let raw = input.take_egui_input(window);
            let mut view = worker.view();
            let made = view.made;
            self.report.gpu_seconds = view.stats.and_then(|stats| stats.gpu_seconds);
            let (overlay, times) = (&mut self.overlay, &self.times);
            (self.egui.run_pass(raw, |ctx| requests = overlay.draw(ctx, &mut view, times)), made)
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
            worker.shared.drawn();
        }
        for request in requests {
            self.ask(request);
        }
        Some(Event::Shown)
    }

    fn ask(&mut self, request: Request) {
        match request {
            Request::Motion(motion) => {
                self.plan.motion = motion;
                self.overlay.motion = motion;
                self.send(Command::Motion(motion));
            }
            Request::Show(shown) => {
                self.overlay.shown = shown;
                self.send(Command::Show(shown));
            }
            Request::Open(purpose) => self.open_dialog(purpose),
            Request::Follow(place) => self.send(Command::Follow(place)),
        }
    }

    /// One dialog at a time.
    fn open_dialog(&mut self, purpose: Purpose) {
        if let (Some(window), None) = (&self.window, &self.dialog) {
            let proxy = self.proxy.clone();
            self.dialog = Some(Dialog::open(purpose, window, move || {
                // The event loop may have ended before the dialog has.
                let _ = proxy.send_event(());
            }));
        }
    }

    /// Takes what was chosen in a dialog.
    fn take_file(&mut self) {
        match self.dialog.take().map(Dialog::taken) {
            None | Some(Ok((_, Ok(None)))) => {}
            Some(Err(open)) => self.dialog = Some(open),
            Some(Ok((_, Err(fault)))) => self.say(fault),
            Some(Ok((Purpose::Photo, Ok(Some(path))))) => {
                self.send(Command::Photo(path, Faces::One(FaceChoice::Largest)));
            }
            Some(Ok((Purpose::Background, Ok(Some(path))))) => self.send(Command::Background(path)),
            Some(Ok((Purpose::Driver, Ok(Some(path))))) => self.send(Command::Driver(Choice::File(path))),
        }
    }

    fn send(&self, command: Command) {
        if let Some(worker) = &self.worker {
            worker.send(command);
        }
    }

    fn say(&self, text: String) {
        crate::console::note(&text);
        if let Some(worker) = &self.worker {
            worker.view().notice = Some((text, Instant::now()));
        }
    }

    fn act(&mut self, deed: Deed, events: &ActiveEventLoop) {
        let overlay = &mut self.overlay;
        match deed {
            Deed::Leave => match self.window.as_ref().filter(|window| window.fullscreen().is_some()) {
                Some(window) => window.set_fullscreen(None),
                None => events.exit(),
            },
            Deed::Hold => {
                overlay.hold = !overlay.hold;
                let hold = overlay.hold;
                self.send(Command::Hold(hold));
            }
            Deed::Keys => overlay.keys = !overlay.keys,
            Deed::Hide => overlay.visible = !overlay.visible,
            Deed::Calibrate => self.send(Command::Calibrate),
            Deed::Mode => {
                let mut motion = overlay.motion;
                motion.mode = if motion.mode == Mode::Relative { Mode::Absolute } else { Mode::Relative };
                self.ask(Request::Motion(motion));
            }
            Deed::View => self.send(Command::NextView),
            Deed::Preset if self.plan.presets.len() < 2 => {
                self.say("no other preset has weights here".to_owned());
            }
            Deed::Preset => self.send(Command::NextPreset),
            Deed::Photo if self.plan.photos.all().len() < 2 => {
                self.say("there is one photo; drop another one here".to_owned());
            }
            Deed::Photo => {
                let (at, photo) = self.plan.photos.next();
                let command = Command::Photo(photo.clone(), self.plan.faces[at]);
                self.send(command);
            }
            Deed::OpenPhoto => self.open_dialog(Purpose::Photo),
            Deed::OpenBackground => self.open_dialog(Purpose::Background),
            Deed::OpenDriver => self.open_dialog(Purpose::Driver),
            Deed::Face => self.send(Command::NextFace),
            Deed::DriverFace => self.send(Command::NextDriverFace),
            Deed::Driver => {
                let (_, driver) = self.plan.drivers.next();
                let command = Command::Driver(driver.clone());
                self.send(command);
            }
            Deed::Mirror => {
                let mirror = !self.plan.mirrored();
                self.plan.mirror = Some(mirror);
                self.send(Command::Mirror(mirror));
            }
            Deed::Screenshot => self.send(Command::Screenshot(self.plan.file("png"))),
            Deed::Video => self.send(Command::Video(self.plan.file("mp4"))),
            Deed::Motion => self.send(Command::Points(self.plan.file("motion"))),
            Deed::FullScreen => {
                if let Some(window) = &self.window {
                    let full = window.fullscreen().is_none().then_some(Fullscreen::Borderless(None));
                    window.set_fullscreen(full);
                }
            }
        }
        if let Some(window) = &self.window {
            window.request_redraw();
        }
    }

    /// Notes what is shown now; a device that is opened again shows the same.
    fn note(&mut self, now: Now) {
        let Plan { photos, faces, drivers, driver_face, presets, preset, shown, framing, .. } = &mut self.plan;
        photos.show(now.photo);
        faces.resize(photos.all().len(), now.faces);
        faces[photos.at()] = now.faces;
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
            WindowEvent::CloseRequested => events.exit(),
            WindowEvent::Resized(size) => {
                self.screen.on(Event::Resized([size.width, size.height]));
                // A size of zero is how some systems minimise.
                self.send(Command::Hidden(self.screen.hidden()));
                window.request_redraw();
            }
            WindowEvent::Occluded(hidden) => {
                self.screen.on(Event::Hidden(hidden));
                self.send(Command::Hidden(self.screen.hidden()));
                window.request_redraw();
            }
            WindowEvent::DroppedFile(path) if Purpose::Driver.is_clearly(&path) => {
                self.send(Command::Driver(Choice::File(path)));
            }
            // A click chooses another face than the largest.
            WindowEvent::DroppedFile(path) => self.send(Command::Photo(path, Faces::One(FaceChoice::Largest))),
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
                event: KeyEvent { logical_key, state: ElementState::Pressed, repeat: false, .. },
                ..
            } if !response.consumed && !self.chord => {
                if let Some(deed) = deed(&logical_key) {
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
            self.lose_device();
            lost = self.stage.as_ref().is_some_and(|stage| stage.fault().is_some());
        }
        if let (Some(window), true) = (&self.window, lost || due) {
            window.request_redraw();
        }
        events.set_control_flow(ControlFlow::WaitUntil(self.redraw.map_or(self.glance, |at| at.min(self.glance))));
    }
}
