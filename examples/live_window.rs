//! A host that hands frames over and is done: [`LiveSession`] has a thread of its own and draws on the host's window.
//!
//! ```sh
//! cargo run -p portrait-examples --bin live-window -- assets/astronaut.png assets/driver.mp4
//! ```
//!
//! A clip in real time stands for a camera. The newest frame wins: what comes while the GPU is busy is given back unused. This is
//! what an app on a phone does with `portrait_session_push` and `portrait_session_surface_created`, in Rust.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use portrait_media::{Picture, VideoReader};
use portrait_runtime::{
    CameraFrame, Engine, EngineOptions, Frame, Gpu, HeldFrame, LiveOptions, LiveSession, Orientation, Placement,
    Portrait, SessionOptions, WeightsSource, Window as Target,
};
use winit::application::ApplicationHandler;
use winit::event::WindowEvent;
use winit::event_loop::{ActiveEventLoop, EventLoop};
use winit::window::{Window, WindowAttributes, WindowId};

const WEIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../weights/portrait_s.safetensors");

/// A frame that the session may keep until it is uploaded.
struct Held(Picture);

impl HeldFrame for Held {
    fn frame(&self) -> CameraFrame<'_> {
        Frame { width: self.0.width, height: self.0.height, rgba: &self.0.rgba }.into()
    }
}

fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let Ok([photo, clip]) = <[PathBuf; 2]>::try_from(arguments) else {
        anyhow::bail!("usage: live-window PHOTO CLIP");
    };
    let events = EventLoop::new()?;
    let (gpu, session) = open(&photo)?;
    let (stop, stopped) = channel();
    let camera = thread::spawn({
        let (session, ended) = (session.clone(), events.create_proxy());
        move || {
            let watched = watch(&session, &clip, &stopped);
            // A clip that cannot be read closes the window; one that is closed already needs no word.
            let _ = ended.send_event(());
            watched
        }
    });
    let mut app = App { gpu, session, window: None, failed: None };
    events.run_app(&mut app)?;
    drop(stop);
    let watched = camera.join().map_err(|_| anyhow::anyhow!("the camera's thread panicked"))?;
    let status = app.session.status();
    app.session.close();
    let latency = 1e3 * status.latency_p50.as_secs_f64();
    println!("{} frames, {} pictures, {latency:.0} ms from a frame to its picture", status.pushed, status.pictures);
    app.failed.map_or(watched, Err)
}

/// Device, engine, portrait, and a session of them.
fn open(photo: &Path) -> Result<(Arc<Gpu>, Arc<LiveSession>)> {
    let engine = Engine::open(&EngineOptions::new(WeightsSource::File(WEIGHTS.into())))?;
    let photo = portrait_media::load_photo(photo)?;
    let avatar =
        engine.prepare(Frame { width: photo.width, height: photo.height, rgba: &photo.rgba }, &Default::default())?;
    let gpu = engine.gpu().clone();
    let portrait = Portrait { engine: Arc::new(engine), avatar: Arc::new(avatar) };
    // The first frame tells their size.
    let options = LiveOptions { session: SessionOptions::new(0, 0), rate: None, cool: None };
    Ok((gpu, Arc::new(LiveSession::start(portrait, options)?)))
}

/// The clip in real time, over and over, until nobody wants it any more.
fn watch(session: &LiveSession, clip: &Path, stopped: &Receiver<()>) -> Result<()> {
    let start = Instant::now();
    let mut begun = Duration::ZERO;
    loop {
        let mut reader = VideoReader::open(clip)?;
        let mut due = begun;
        while let Some(frame) = reader.next_frame()? {
            due = begun + frame.timestamp;
            match stopped.recv_timeout(due.saturating_sub(start.elapsed())) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            session.push(Box::new(Held(frame.picture)), Orientation::default(), due)?;
        }
        // The last frame is shown as long as one of 25 a second.
        begun = due + Duration::from_millis(40);
    }
}

struct App {
    gpu: Arc<Gpu>,
    session: Arc<LiveSession>,
    window: Option<Arc<Window>>,
    failed: Option<anyhow::Error>,
}

impl App {
    /// A window, and the session told of it.
    fn open(&mut self, events: &ActiveEventLoop) -> Result<()> {
        let window = Arc::new(events.create_window(WindowAttributes::default().with_title("live"))?);
        let (surface, capabilities) = self.gpu.surface(window.clone())?;
        let size = window.inner_size().into();
        self.session.window_created(Target { surface, capabilities, size, placement: Placement::default() })?;
        self.window = Some(window);
        Ok(())
    }
}

impl ApplicationHandler for App {
    fn resumed(&mut self, events: &ActiveEventLoop) {
        if let Err(error) = self.open(events) {
            self.failed = Some(error);
            events.exit();
        }
        self.session.resume();
    }

    fn window_event(&mut self, events: &ActiveEventLoop, _id: WindowId, event: WindowEvent) {
        match event {
            WindowEvent::CloseRequested => events.exit(),
            WindowEvent::Resized(size) => self.session.window_resized(size.into()),
            _ => {}
        }
    }

    fn user_event(&mut self, events: &ActiveEventLoop, (): ()) {
        events.exit();
    }

    /// On a phone the window goes away with this.
    fn suspended(&mut self, _events: &ActiveEventLoop) {
        self.session.pause();
        self.session.window_destroyed();
        self.window = None;
    }

    fn exiting(&mut self, _events: &ActiveEventLoop) {
        self.session.window_destroyed();
    }
}
