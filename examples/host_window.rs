//! A host with a window and a device of its own, in which a portrait idles or follows a clip.
//!
//! ```sh
//! cargo run -p portrait-examples --bin host-window -- assets/astronaut.png assets/driver.mp4
//! ```
//!
//! The host opens instance, surface and device as it would for its own drawing. The engine shares the device; the session turns
//! frames into pictures on it, and the presenter draws the newest one into a texture of the host: here the surface's.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use portrait_media::VideoReader;
use portrait_runtime::{Engine, Frame, Gpu, Idle, Placement, Presenter, Session, SessionOptions, WeightsSource, wgpu};
use winit::application::ApplicationHandler;
use winit::event::WindowEvent;
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop};
use winit::window::{Window, WindowAttributes, WindowId};

const WEIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../weights/portrait_s.safetensors");
/// Time between two frames.
const STEP: Duration = Duration::from_millis(33);

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let photo = arguments.next().context("usage: host-window PHOTO [CLIP]")?;
    let mut app = App { photo, clip: arguments.next(), host: None, failed: None };
    EventLoop::new()?.run_app(&mut app)?;
    app.failed.map_or(Ok(()), Err)
}

struct App {
    photo: PathBuf,
    clip: Option<PathBuf>,
    host: Option<Host>,
    failed: Option<anyhow::Error>,
}

impl App {
    fn try_to(&mut self, events: &ActiveEventLoop, work: impl FnOnce(&mut Self) -> Result<()>) {
        if let Err(error) = work(self) {
            self.failed = Some(error);
            events.exit();
        }
    }
}

impl ApplicationHandler for App {
    fn resumed(&mut self, events: &ActiveEventLoop) {
        self.try_to(events, |app| {
            let window = Arc::new(events.create_window(WindowAttributes::default().with_title("host"))?);
            app.host = Some(Host::new(window, &app.photo, app.clip.as_deref())?);
            Ok(())
        });
    }

    fn window_event(&mut self, events: &ActiveEventLoop, _id: WindowId, event: WindowEvent) {
        let Some(host) = &mut self.host else { return };
        match event {
            WindowEvent::CloseRequested => events.exit(),
            WindowEvent::Resized(size) => host.resize(size.width, size.height),
            WindowEvent::RedrawRequested => self.try_to(events, |app| app.host.as_mut().map_or(Ok(()), Host::draw)),
            _ => {}
        }
    }

    fn about_to_wait(&mut self, events: &ActiveEventLoop) {
        let Some(host) = &mut self.host else { return };
        if Instant::now() >= host.next {
            host.next = Instant::now() + STEP;
            host.window.request_redraw();
        }
        events.set_control_flow(ControlFlow::WaitUntil(host.next));
    }
}

/// What the host owns, and the portrait on its device.
struct Host {
    window: Arc<Window>,
    surface: wgpu::Surface<'static>,
    config: wgpu::SurfaceConfiguration,
    device: wgpu::Device,
    queue: wgpu::Queue,
    session: Session,
    presenter: Presenter,
    clip: Option<(PathBuf, VideoReader)>,
    start: Instant,
    next: Instant,
}

impl Host {
    fn new(window: Arc<Window>, photo: &Path, clip: Option<&Path>) -> Result<Self> {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
        let surface = instance.create_surface(window.clone())?;
        let options = wgpu::RequestAdapterOptions { compatible_surface: Some(&surface), ..Default::default() };
        let adapter = pollster::block_on(instance.request_adapter(&options))?;
        // Halves in storage and times of the GPU, where there are any; limits at least WebGPU's defaults.
        let wanted = wgpu::Features::SHADER_F16 | wgpu::Features::TIMESTAMP_QUERY;
        let required_features = adapter.features() & wanted;
        let descriptor = wgpu::DeviceDescriptor { required_features, ..Default::default() };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))?;
        let size = window.inner_size();
        let config = surface
            .get_default_config(&adapter, size.width.max(1), size.height.max(1))
            .context("the adapter cannot draw on this window")?;
        surface.configure(&device, &config);

        let gpu = Gpu::with_device(device.clone(), queue.clone(), &adapter.get_info(), None)?;
        let engine = Engine::with_gpu(gpu, "s", &WeightsSource::File(WEIGHTS.into()))?;
        let photo = portrait_media::load_photo(photo)?;
        let frame = Frame { width: photo.width, height: photo.height, rgba: &photo.rgba };
        let avatar = engine.prepare(frame, &Default::default())?;
        let clip = clip.map(|path| VideoReader::open(path).map(|reader| (path.to_owned(), reader))).transpose()?;
        let [width, height] = clip.as_ref().map_or([64; 2], |(_, clip)| [clip.info().width, clip.info().height]);
        let session = engine.session(&avatar, &SessionOptions::new(width, height))?;
        let presenter = session.presenter();
        let start = Instant::now();
        Ok(Self { window, surface, config, device, queue, session, presenter, clip, start, next: start })
    }

    fn resize(&mut self, width: u32, height: u32) {
        (self.config.width, self.config.height) = (width.max(1), height.max(1));
        self.surface.configure(&self.device, &self.config);
    }

    fn draw(&mut self) -> Result<()> {
        self.animate()?;
        use wgpu::CurrentSurfaceTexture as Current;
        let frame = match self.surface.get_current_texture() {
            Current::Success(frame) | Current::Suboptimal(frame) => frame,
            Current::Lost | Current::Outdated => {
                self.surface.configure(&self.device, &self.config);
                return Ok(());
            }
            Current::Timeout | Current::Occluded | Current::Validation => return Ok(()),
        };
        self.presenter.render_into(&frame.texture, &Placement::default())?;
        // Whatever the host draws over it goes here, with its own passes on the same texture.
        self.window.pre_present_notify();
        self.queue.present(frame);
        Ok(())
    }

    /// The next frame of the clip, from the start again after its end; or the next moment of idle motion.
    fn animate(&mut self) -> Result<()> {
        if self.session.pending()? > 0 {
            // The GPU is still busy with the last one.
            return Ok(());
        }
        let step = STEP.as_secs_f32();
        let Some((path, clip)) = &mut self.clip else {
            let expression = Idle::default().expression(self.start.elapsed().as_secs_f64());
            return Ok(self.session.animate_expression(&expression, step)?);
        };
        match clip.next_frame()? {
            Some(frame) => {
                let picture = frame.picture;
                let frame = Frame { width: picture.width, height: picture.height, rgba: &picture.rgba };
                self.session.animate(frame, step)?;
            }
            None => *clip = VideoReader::open(path)?,
        }
        Ok(())
    }
}
