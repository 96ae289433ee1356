//! `portrait live`: a window in which the portrait moves now.
//!
//! `input` is what drives, `worker` and `studio` make pictures in a thread of their own, `window` shows them; between them only the
//! newest moment (`latest`) and the newest state. `screen` decides what to do about a window that is hidden or a GPU that is lost,
//! `dialog` is the system's file dialog, `broadcast` feeds a virtual camera, `stage` is all that goes with a lost GPU, `overlay` is what lies over
//! the picture (`shade` behind its panels), `recording` writes files, `rota` is what keys go through.

mod broadcast;
mod dialog;
mod input;
mod keys;
mod latest;
mod overlay;
mod recording;
mod rota;
mod screen;
mod shade;
mod stage;
mod studio;
mod window;
mod worker;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use portrait_media::{cameras, find_camera};
use portrait_runtime::{FaceChoice, Gpu, GpuOptions, Idle, MotionOptions, WeightsSource};
use serde_json::json;
use winit::event_loop::EventLoop;

use self::broadcast::Broadcast;
use self::input::{Choice, Source};
use self::rota::Rota;
use self::studio::Sitting;
use self::window::Live as Window;
use self::worker::Start;
use crate::engine::EngineArgs;
use crate::framing::{Faces, FacesArgs, FramingArgs, Shown};
use crate::motion_options::MotionArgs;
use crate::source::BUNDLED;
use crate::{console, interrupt};

/// Opens a window in which the portrait moves now: by a camera, by a clip or a recorded motion over and over, or by itself
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  portrait live
  portrait live me.jpg
  portrait live me.jpg --source talk.mp4
  portrait live me.jpg you.jpg --camera 1 --camera-size 1280x720 --output-as photo

Without --source, --camera and --idle the first camera drives, or where there is none the portrait idles.
Drop a photo on the window to change who is shown, or a clip to change what drives (on Wayland: O, L). The key ? lists all keys.")]
pub(crate) struct Live {
    /// Photos (PNG, JPEG, WebP, GIF), or avatars made by `portrait prepare`; the key N shows the next one. Without any: a portrait
    /// that comes with the program, until a photo is dropped on the window (not on Wayland) or opened with O
    #[arg(value_name = "PHOTO|FILE.avatar")]
    photos: Vec<PathBuf>,
    /// What drives: a clip or a .motion file, over and over in real time
    #[arg(long, value_name = "CLIP|FILE.motion", conflicts_with_all = ["camera", "idle"])]
    source: Option<PathBuf>,
    /// Which camera drives: a number of --cameras, from 0, or part of a name
    #[arg(long, value_name = "N|NAME", conflicts_with = "idle")]
    camera: Option<String>,
    /// Size of the camera's pictures; the nearest one it has is taken
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "640x480", value_parser = size)]
    camera_size: [u32; 2],
    /// Nobody drives: the portrait breathes, blinks and looks around
    #[arg(long)]
    idle: bool,
    /// Which idle motion: each number is another one, and always the same
    #[arg(long, value_name = "N", default_value_t = 0)]
    idle_seed: u64,
    /// List the cameras, and end
    #[arg(long)]
    cameras: bool,
    /// Whether the driver is mirrored; by default cameras are, and clips are not
    #[arg(long, value_name = "true|false")]
    mirror: Option<bool>,
    /// Where the keys S, R and M put files
    #[arg(long, value_name = "DIR", default_value = ".")]
    save_to: PathBuf,
    /// Also show the pictures to other programs, as this camera of v4l2loopback (Linux)
    #[arg(long, value_name = "/dev/videoN")]
    virtual_camera: Option<PathBuf>,
    /// End after this time
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<Duration>,
    /// For tests: the device is destroyed once, after so many pictures
    #[arg(long, value_name = "PICTURES", hide = true)]
    lose_device: Option<u64>,
    /// For tests: the window's surface is taken away once, after so many pictures
    #[arg(long, value_name = "PICTURES", hide = true)]
    lose_surface: Option<u64>,
    #[command(flatten)]
    framing: FramingArgs,
    #[command(flatten)]
    motion: MotionArgs,
    #[command(flatten)]
    faces: FacesArgs,
    #[command(flatten)]
    engine: EngineArgs,
    /// Print one JSON object: with what was measured at the end, or with the cameras
    #[arg(long)]
    json: bool,
}

/// `640x480`.
fn size(text: &str) -> Result<[u32; 2], String> {
    let side = |text: &str| text.parse().ok().filter(|side| (16..=7680).contains(side));
    let parsed = text.split_once(['x', '×']).and_then(|(width, height)| Some([side(width)?, side(height)?]));
    parsed.ok_or_else(|| "give a size like 640x480".to_owned())
}

/// Some time, in seconds.
fn seconds(text: &str) -> Result<Duration, String> {
    let parsed = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    parsed.ok_or_else(|| "give a number of seconds, 0 or more".to_owned())
}

/// Everything that is needed to open a device and a session, again and again.
pub(crate) struct Plan {
    /// Who can be shown; and who is.
    photos: Rota<PathBuf>,
    /// What can drive; and what does.
    drivers: Rota<Choice>,
    /// Size of what cameras are asked for.
    camera_size: [u32; 2],
    idle: Idle,
    /// Which faces of each photo.
    faces: Vec<Faces>,
    /// Who is shown, prepared for the preset that runs.
    kept: Option<Arc<Sitting>>,
    driver_face: FaceChoice,
    framing: FramingArgs,
    shown: Shown,
    motion: MotionOptions,
    /// Whether the driver is mirrored, where the user said so.
    mirror: Option<bool>,
    save_to: PathBuf,
    virtual_camera: Option<PathBuf>,
    duration: Option<Duration>,
    lose_device: Option<u64>,
    lose_surface: Option<u64>,
    gpu: GpuOptions,
    /// Presets that can run, with their weights; and the one that does.
    presets: Vec<(String, WeightsSource)>,
    preset: usize,
}

impl Plan {
    fn photo(&self) -> &Path {
        self.photos.current()
    }

    fn driver(&self) -> &Choice {
        self.drivers.current()
    }

    fn mirrored(&self) -> bool {
        self.mirror.unwrap_or(self.driver().mirrored())
    }

    fn start(&self, gpu: Arc<Gpu>, hold: bool, hidden: bool) -> Start {
        Start {
            gpu,
            presets: self.presets.clone(),
            preset: self.preset,
            kept: self.kept.clone(),
            photo: self.photo().to_owned(),
            faces: self.faces[self.photos.at()],
            driver: self.driver().clone(),
            idle: self.idle,
            driver_face: self.driver_face,
            framing: self.framing.clone(),
            shown: self.shown,
            motion: self.motion,
            mirror: self.mirror,
            virtual_camera: self.virtual_camera.clone(),
            hold,
            hidden,
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
    /// Drawings of the window after the first picture.
    drawings: u64,
    dropped: u64,
    rate: f64,
    latency: [Option<Duration>; 2],
    /// Median parts of that: until the frame was taken, until its picture was made, until that was drawn.
    parts: [Option<Duration>; 3],
    /// Median of the pictures' GPU time.
    gpu: Option<Duration>,
    devices_lost: u32,
    surfaces_lost: u32,
}

impl Report {
    fn print(&self, as_json: bool) {
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        let [p50, p95] = self.latency.map(seconds);
        if as_json {
            console::line(json!({
                "frames": self.frames,
                "drawings": self.drawings,
                "dropped": self.dropped,
                "fps": self.rate,
                "latency_p50_seconds": p50,
                "latency_p95_seconds": p95,
                "latency_parts_p50_seconds": self.parts.map(seconds),
                "gpu_seconds": seconds(self.gpu),
                "devices_lost": self.devices_lost,
                "surfaces_lost": self.surfaces_lost,
            }));
            return;
        }
        let ms = |seconds: Option<f64>| seconds.map_or("–".to_owned(), |seconds| format!("{:.0}", 1e3 * seconds));
        console::line(format!(
            "{} frames, {} of the driver's dropped, {:.1} frames/s, {} ms from captured to shown (p95 {} ms)",
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
        if self.cameras {
            let cameras = cameras();
            if self.json {
                let list = cameras.iter().map(|camera| json!({ "name": camera.name, "id": camera.id }));
                console::line(json!({ "cameras": list.collect::<Vec<_>>() }));
                return Ok(ExitCode::SUCCESS);
            }
            for (number, camera) in cameras.iter().enumerate() {
                console::line(format!("{number}: {} ({})", camera.name, camera.id));
            }
            if let (true, Err(none)) = (cameras.is_empty(), find_camera(None)) {
                console::note(none);
            }
            return Ok(ExitCode::SUCCESS);
        }
        interrupt::listen()?;
        if !self.save_to.is_dir() {
            bail!("`{}` is no directory; give one that exists with --save-to", self.save_to.display());
        }
        let framing = self.framing.of(self.faces.faces())?;
        let photos = if self.photos.is_empty() { vec![BUNDLED.into()] } else { self.photos.clone() };
        let mut plan = Plan {
            faces: vec![self.faces.faces(); photos.len()],
            photos: Rota::new(photos),
            drivers: Rota::new(self.drivers()),
            camera_size: self.camera_size,
            idle: Idle { seed: self.idle_seed },
            kept: None,
            driver_face: self.faces.driver(),
            shown: framing.shown(),
            framing,
            motion: self.motion.options(),
            mirror: self.mirror,
            save_to: self.save_to.clone(),
            virtual_camera: self.virtual_camera.clone(),
            duration: self.seconds,
            lose_device: self.lose_device,
            lose_surface: self.lose_surface,
            gpu: GpuOptions::default(),
            presets: self.engine.presets()?,
            preset: 0,
        };
        // What is wrong with the files is said before a window opens.
        for photo in plan.photos.all() {
            let read =
                crate::source::Source::read(photo).with_context(|| format!("cannot show `{}`", photo.display()))?;
            plan.framing.dimensions(read.photo(), photo)?;
        }
        drop(Source::open(plan.driver())?);
        plan.virtual_camera.as_deref().map(Broadcast::open).transpose()?;
        plan.gpu = self.engine.device()?;
        let events = EventLoop::new().map_err(no_display)?;
        let mut window = Window::new(plan, events.create_proxy());
        events.run_app(&mut window).map_err(no_display)?;
        let report = window.finish()?;
        report.print(self.json);
        Ok(if interrupt::requested() { ExitCode::from(interrupt::EXIT_CODE) } else { ExitCode::SUCCESS })
    }

    /// What can drive, first what was asked for.
    fn drivers(&self) -> Vec<Choice> {
        let camera = |wanted| Choice::Camera(wanted, self.camera_size);
        // By its id as well. One that is not there is waited for by what the user said.
        let known = |wanted: Option<&str>| {
            camera(find_camera(wanted).map(|info| info.id).ok().or_else(|| wanted.map(str::to_owned)))
        };
        let mut list: Vec<Choice> = Choice::cameras(self.camera_size).collect();
        list.push(Choice::Idle);
        let asked = match &self.source {
            Some(file) => Choice::File(file.clone()),
            None if self.idle => Choice::Idle,
            None => known(self.camera.as_deref()),
        };
        list.retain(|choice| *choice != asked);
        list.insert(0, asked);
        list
    }
}

fn no_display(error: winit::error::EventLoopError) -> anyhow::Error {
    anyhow!("no window can be opened here ({}); `portrait animate` writes a file instead", told(&error.to_string()))
}

/// What winit says of an error of the system, without the place in its own source.
fn told(error: &str) -> &str {
    error.strip_prefix("os error at ").and_then(|rest| rest.split_once(": ")).map_or(error, |(_, told)| told)
}

#[cfg(test)]
mod tests {
    #[test]
    fn errors_of_windows_name_no_source_file() {
        let error = "os error at /home/me/winit/src/linux/mod.rs:765: neither WAYLAND_DISPLAY nor DISPLAY is set.";
        assert_eq!(super::told(error), "neither WAYLAND_DISPLAY nor DISPLAY is set.");
        assert_eq!(super::told("Exit Failure: 1"), "Exit Failure: 1");
    }

    #[test]
    fn seconds_are_read() {
        assert_eq!(super::seconds("1.5"), Ok(std::time::Duration::from_millis(1500)));
        assert!(["-5", "nan", "1e30", "ten"].iter().all(|text| super::seconds(text).is_err()));
    }

    #[test]
    fn sizes_are_read() {
        assert_eq!(super::size("1280x720"), Ok([1280, 720]));
        assert!(super::size("1280").is_err() && super::size("0x9").is_err() && super::size("9x99999").is_err());
    }
}
