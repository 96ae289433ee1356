//! `portrait live`: a window in which the portrait moves now.
//!
//! `input` is what drives, `worker` makes pictures in a thread of its own, `window` shows them; between them only the newest moment
//! (`latest`) and the newest state. `screen` decides what to do about a window that is hidden or a GPU that is lost, `overlay` is what
//! lies over the picture, `recording` writes files, `pace` measures.

mod input;
mod latest;
mod overlay;
mod pace;
mod recording;
mod screen;
mod window;
mod worker;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use portrait_runtime::{Engine, FaceChoice, Gpu, GpuOptions, MotionOptions, WeightsSource};
use serde_json::json;
use winit::event_loop::EventLoop;

use self::input::Source;
use self::window::Live as Window;
use self::worker::{Shown, Start, View};
use crate::engine::EngineArgs;
use crate::framing::FaceArgs;
use crate::motion_options::MotionArgs;
use crate::{console, interrupt};

/// Opens a window in which the portrait moves now: by a clip played over and over, a recorded motion, or by itself
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  portrait live me.jpg --source talk.mp4
  portrait live me.jpg

Drop another photo on the window to change who is shown. The key ? lists all keys.")]
pub(crate) struct Live {
    /// The photo (PNG, JPEG, WebP, GIF), or an avatar made by `portrait prepare`
    #[arg(value_name = "PHOTO|FILE.avatar")]
    photo: PathBuf,
    /// What drives: a clip or a .motion file, over and over in real time; without it the portrait idles
    #[arg(long, value_name = "CLIP|FILE.motion")]
    source: Option<PathBuf>,
    /// What the picture shows
    #[arg(long, value_name = "WHAT", default_value = "crop")]
    output_as: Shown,
    /// Do not mirror the driver: by default it is, as a mirror would
    #[arg(long)]
    no_mirror: bool,
    /// Where the keys S, R and M put files
    #[arg(long, value_name = "DIR", default_value = ".")]
    save_to: PathBuf,
    /// End after this time
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    #[command(flatten)]
    motion: MotionArgs,
    #[command(flatten)]
    face: FaceArgs,
    #[command(flatten)]
    engine: EngineArgs,
    /// Print one JSON object with what was measured at the end
    #[arg(long)]
    json: bool,
}

/// Everything that is needed to open a device and a session, again and again.
#[derive(Clone)]
pub(crate) struct Plan {
    photo: PathBuf,
    source: Option<PathBuf>,
    face: FaceChoice,
    shown: Shown,
    motion: MotionOptions,
    mirror: bool,
    save_to: PathBuf,
    duration: Option<Duration>,
    gpu: GpuOptions,
    preset: String,
    weights: WeightsSource,
}

impl Plan {
    fn source(&self) -> Result<Source> {
        self.source.as_deref().map_or_else(|| Ok(Source::idle()), Source::file)
    }

    fn start(&self, gpu: Arc<Gpu>, source: Source, mirror: bool) -> Start {
        let (preset, weights) = (self.preset.clone(), self.weights.clone());
        Start {
            engine: Box::new(move || Ok(Engine::with_gpu(gpu, &preset, &weights)?)),
            photo: self.photo.clone(),
            face: self.face,
            shown: self.shown,
            motion: self.motion,
            mirror,
            source,
        }
    }

    /// A new name for a picture, a video or a motion.
    fn file(&self, extension: &str) -> PathBuf {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.save_to.join(format!("portrait-{}.{extension}", since.as_millis()))
    }
}

/// What was measured until the end.
#[derive(Default)]
pub(crate) struct Report {
    frames: u64,
    dropped: u64,
    rate: f64,
    latency: [Option<Duration>; 2],
    gpu_seconds: Option<f64>,
}

impl Report {
    fn note(&mut self, view: &View) {
        if view.frames >= self.frames {
            let gpu_seconds = view.stats.and_then(|stats| stats.gpu_seconds);
            let (frames, dropped, rate, latency) = (view.frames, view.dropped, view.rate, view.latency);
            *self = Self { frames, dropped, rate, latency, gpu_seconds };
        }
    }

    fn print(&self, as_json: bool) {
        let [p50, p95] = self.latency.map(|latency| latency.map(|latency| latency.as_secs_f64()));
        if as_json {
            console::line(json!({
                "frames": self.frames,
                "dropped": self.dropped,
                "fps": self.rate,
                "latency_p50_seconds": p50,
                "latency_p95_seconds": p95,
                "gpu_seconds": self.gpu_seconds,
            }));
            return;
        }
        let ms = |seconds: Option<f64>| seconds.map_or("–".to_owned(), |seconds| format!("{:.0}", 1e3 * seconds));
        console::line(format!(
            "{} frames, {} of the driver's dropped, {:.1} frames/s, {} ms from captured to done (p95 {} ms)",
            self.frames,
            self.dropped,
            self.rate,
            ms(p50),
            ms(p95)
        ));
    }
}

impl Live {
    pub(crate) fn run(self) -> Result<ExitCode> {
        interrupt::listen()?;
        let options = self.engine.options()?;
        if !self.save_to.is_dir() {
            bail!("`{}` is no directory; give one that exists with --save-to", self.save_to.display());
        }
        let plan = Plan {
            photo: self.photo.clone(),
            source: self.source.clone(),
            face: self.face.choice(),
            shown: self.output_as,
            motion: self.motion.options(),
            mirror: !self.no_mirror && self.source.is_some(),
            save_to: self.save_to.clone(),
            duration: self.seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            gpu: options.gpu,
            preset: options.preset,
            weights: options.weights,
        };
        // What is wrong with the files is said before a window opens.
        check_photo(&plan.photo)?;
        drop(plan.source()?);
        let events = EventLoop::new().map_err(no_display)?;
        let mut window = Window::new(plan, events.create_proxy());
        events.run_app(&mut window).map_err(no_display)?;
        window.finish();
        if let Some(error) = window.failed {
            return Err(error);
        }
        window.report.print(self.json);
        Ok(ExitCode::SUCCESS)
    }
}

fn check_photo(path: &Path) -> Result<()> {
    crate::source::Source::read(path).map(drop).with_context(|| format!("cannot show `{}`", path.display()))
}

fn no_display(error: winit::error::EventLoopError) -> anyhow::Error {
    anyhow!("no window can be opened here ({error}); `portrait animate` writes a file instead")
}
