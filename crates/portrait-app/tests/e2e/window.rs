//! `portrait live` in a window on a [`Screen`], and what is looked for in pictures of it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use portrait_media::{Picture, load_photo, save_png};

use crate::common::{Sandbox, astronaut, avatar, portrait, run};
use crate::screen::{PATIENCE, Screen, eventually};

/// Size of the window at first.
pub(crate) const WINDOW: [u16; 2] = [960, 720];

/// What it shows of the portrait between status and controls, above messages.
pub(crate) const MIDDLE: [u32; 4] = [330, 0, 300, 640];

/// `portrait live` on a screen, with what it says collected beside.
pub(crate) struct Run {
    child: Child,
    said: PathBuf,
}

impl Run {
    pub(crate) fn start(screen: &Screen, sandbox: &Sandbox, photos: &[&Path], arguments: &[&str]) -> Self {
        Self::start_in(screen, sandbox, photos, arguments, &[])
    }

    /// [`Run::start`] with these in its environment.
    pub(crate) fn start_in(
        screen: &Screen,
        sandbox: &Sandbox,
        photos: &[&Path],
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let mut command = live(photos);
        command.envs(environment.iter().copied()).env("DISPLAY", screen.name());
        Self::of(command, sandbox, arguments)
    }

    /// [`live`], told where its screen is, with more arguments.
    pub(crate) fn of(mut command: Command, sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let said = sandbox.input("said.txt");
        command.args(arguments).args(["--json", "--seconds", "600", "--save-to"]).arg(sandbox.output(""));
        command.stdout(Stdio::piped()).stderr(std::fs::File::create(&said).unwrap());
        Self { child: command.spawn().unwrap(), said }
    }

    /// It has not ended.
    #[track_caller]
    pub(crate) fn goes_on(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "it has ended: {}", std::fs::read_to_string(&self.said).unwrap());
    }

    /// Waits until it has said this.
    #[track_caller]
    pub(crate) fn says(&mut self, words: &str) {
        eventually(words, || {
            // In this order: what it says last must not be missed.
            let ended = self.child.try_wait().unwrap();
            let said = std::fs::read_to_string(&self.said).unwrap();
            let found = said.contains(words);
            assert!(found || ended.is_none(), "it has ended without saying `{words}`: {said}");
            found.then_some(())
        });
    }

    /// Waits for its end; its report.
    #[track_caller]
    pub(crate) fn ends(self) -> serde_json::Value {
        self.ends_with(0)
    }

    /// Ends it with Ctrl-C; its report.
    #[track_caller]
    pub(crate) fn interrupted(self) -> serde_json::Value {
        let signal = format!("kill -INT {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &signal]).status().unwrap().success());
        self.ends_with(130)
    }

    #[track_caller]
    fn ends_with(mut self, code: i32) -> serde_json::Value {
        let status = eventually("the end", || self.child.try_wait().unwrap());
        let said = std::fs::read_to_string(&self.said).unwrap();
        assert!(status.code() == Some(code) && !said.contains("panicked"), "{status}: {said}");
        let mut report = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut report).unwrap();
        serde_json::from_str(&report).unwrap()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn live(photos: &[&Path]) -> Command {
    let mut command = portrait();
    command.arg("live").args(photos).env_remove("WAYLAND_DISPLAY").env_remove("WAYLAND_SOCKET");
    command
}

/// The square around the bundled portrait's face, which the window shows.
pub(crate) fn crop(sandbox: &Sandbox) -> Picture {
    let file = sandbox.input("me.avatar");
    std::fs::copy(avatar().unwrap(), &file).unwrap();
    let about = run(portrait().arg("info").arg(&file).arg("--json")).succeeds().json();
    let numbers = about["avatar"]["crop"].as_array().unwrap_or_else(|| panic!("{about}"));
    let [left, top, side] = [0, 1, 2].map(|i| numbers[i].as_u64().unwrap() as u32);
    part(&load_photo(astronaut()).unwrap(), [left, top, side, side])
}

/// A part of a picture: left, top, width, height.
pub(crate) fn part(picture: &Picture, [x0, y0, width, height]: [u32; 4]) -> Picture {
    Picture::from_fn(width, height, |x, y| picture.pixel(x0 + x, y0 + y).unwrap())
}

/// What of a square picture is in the window's [`MIDDLE`].
pub(crate) fn middle(picture: &Picture) -> Picture {
    let [left, top, side, _] = square(WINDOW);
    let [x, y, width, height] = [MIDDLE[0] - left, MIDDLE[1] - top, MIDDLE[2], MIDDLE[3]];
    part(picture, [x, y, width, height].map(|v| v * picture.width / side))
}

/// Writes a picture to look at into the folder that `PORTRAIT_KEEP` names, where there is one.
pub(crate) fn keep(name: &str, picture: &Picture) {
    if let Some(folder) = std::env::var_os("PORTRAIT_KEEP") {
        save_png(Path::new(&folder).join(name), picture).unwrap();
    }
}

/// The same at 64 × 64, mirrored if so.
pub(crate) fn small(picture: &Picture, mirrored: bool) -> Picture {
    let image = image::RgbaImage::from_raw(picture.width, picture.height, picture.rgba.clone()).unwrap();
    let mut small = image::imageops::resize(&image, 64, 64, image::imageops::FilterType::Triangle);
    if mirrored {
        image::imageops::flip_horizontal_in_place(&mut small);
    }
    Picture::new(64, 64, small.into_raw()).unwrap()
}

/// Mean difference of colours, 0 to 255.
pub(crate) fn difference(a: &Picture, b: &Picture) -> f64 {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let sum: u64 = a.rgba.iter().zip(&b.rgba).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / (3.0 * f64::from(a.width * a.height))
}

/// Waits until there is a picture in the middle of the window; before that it is all but black.
#[track_caller]
pub(crate) fn appears(screen: &Screen) {
    let [x, y] = WINDOW.map(|side| u32::from(side) / 2);
    eventually("the portrait", || screen.shot().pixel(x, y).unwrap()[..3].iter().any(|&v| v >= 60).then_some(()));
}

/// Waits until a part of the screen shows this, more or less.
#[track_caller]
pub(crate) fn shows(screen: &Screen, what: &str, at: [u32; 4], wanted: &Picture) {
    let mut last = 0.0;
    let start = std::time::Instant::now();
    while start.elapsed() < PATIENCE {
        last = difference(&small(&part(&screen.shot(), at), false), wanted);
        if last < 14.0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let kept = std::env::temp_dir().join("portrait-screen.png");
    save_png(&kept, &screen.shot()).unwrap();
    panic!("{what}: the screen differs by {last:.1}, see {}", kept.display());
}

/// Waits until the screen has changed by so much since then; what it shows.
#[track_caller]
pub(crate) fn changes(screen: &Screen, what: &str, at: [u32; 4], before: &Picture, by: f64) -> Picture {
    eventually(what, || {
        let now = part(&screen.shot(), at);
        (difference(&now, before) > by).then_some(now)
    })
}

/// Waits until the screen stands still; what it shows.
pub(crate) fn still(screen: &Screen, at: [u32; 4]) -> Picture {
    let (mut last, mut same) = (part(&screen.shot(), at), 0);
    eventually("a still picture", || {
        // Longer than a frame takes on a busy machine.
        std::thread::sleep(Duration::from_millis(4000));
        let now = part(&screen.shot(), at);
        same = if difference(&now, &last) == 0.0 { same + 1 } else { 0 };
        last = now;
        (same == 2).then(|| last.clone())
    })
}

/// Where a square picture is in a window of this size.
pub(crate) fn square([width, height]: [u16; 2]) -> [u32; 4] {
    let [width, height] = [u32::from(width), u32::from(height)];
    let side = width.min(height);
    [(width - side) / 2, (height - side) / 2, side, side]
}
