//! The page in Chromium, without a window, on its software driver; the bundled clip is its camera.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::server;
use crate::shell;

const PORT: u16 = 8099;
const SCRIPT: &str = include_str!("trial.html");
/// What a software driver may take to compile everything, and then for some twenty pictures.
const LONGEST: Duration = Duration::from_secs(600);

/// The device's own precision, which is f32 there, and what phones are given.
const PRECISIONS: [&str; 2] = ["", "?precision=f16_packed"];

/// Opens the page, and says what came of it.
pub(super) fn run(folder: &Path) -> Result<()> {
    let work = tempfile::tempdir()?;
    let served = work.path().join("page");
    std::fs::create_dir(&served)?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        std::fs::copy(entry.path(), served.join(entry.file_name()))?;
    }
    std::fs::write(served.join("trial.html"), SCRIPT)?;
    let camera = work.path().join("camera.mjpeg");
    let mut convert = Command::new("ffmpeg");
    convert.args(["-v", "error", "-i"]).arg(shell::root().join("assets/driver.mp4"));
    convert.args(["-vf", "scale=320:-2", "-c:v", "mjpeg", "-q:v", "3"]).arg(&camera);
    shell::run(&mut convert).context("ffmpeg makes a camera of the bundled clip")?;

    PRECISIONS.iter().try_for_each(|query| once(query, &served, &camera, &work.path().join("profile")))
}

fn once(query: &str, served: &Path, camera: &Path, profile: &Path) -> Result<()> {
    let (tell, told) = channel();
    let served = served.to_owned();
    std::thread::spawn(move || {
        let heard = server::serve(PORT, &served, |message| Some(message.to_vec()));
        // Nobody listens any more after the time is over.
        let _ = tell.send(heard);
    });
    let browser = Browser::open(query, camera, profile)?;
    let message = told.recv_timeout(LONGEST);
    drop(browser);
    let message = message.context("the page did not come to an end in time")??;
    let result: Value = serde_json::from_slice(&message)?;
    let text = |name: &str| result[name].as_str().unwrap_or_default().to_owned();
    if let Some(wrong) = result["wrong"].as_str() {
        bail!("the page in Chromium: {wrong}");
    }
    println!("\nadapter {}; {} pictures", text("adapter"), result["pictures"]);
    println!("changed by {:.2} of 255 at rest, by {:.2} with the camera", result["rest"], result["driven"]);
    println!("a file that is no picture: {}", text("refused"));
    Ok(())
}

/// Chromium, which ends with this value.
struct Browser(Child);

impl Browser {
    fn open(query: &str, camera: &Path, profile: &Path) -> Result<Self> {
        let mut command = Command::new("chromium");
        command.args(["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--ignore-gpu-blocklist"]);
        command.args(["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"]);
        // Without these the canvas has no memory of its own there.
        command.args(["--use-angle=swiftshader", "--use-vulkan=swiftshader", "--enable-unsafe-swiftshader"]);
        command.args(["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]);
        command.arg(format!("--use-file-for-fake-video-capture={}", camera.display()));
        command.arg(format!("--user-data-dir={}", profile.display()));
        command.arg(format!("http://localhost:{PORT}/trial.html{query}"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(command.spawn().context("cannot run `chromium`: apt-get install chromium")?))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
