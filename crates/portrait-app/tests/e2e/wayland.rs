//! `portrait live` on Wayland, in Weston: a compositor that draws to memory, and takes photographs of that.

use std::process::{Child, Command, Stdio};

use portrait_media::{Picture, load_photo};
use tempfile::TempDir;

use crate::common::{Sandbox, astronaut, avatar, repository};
use crate::screen::{SCREEN, eventually};
use crate::window::{MIDDLE, Run, WINDOW, crop, difference, keep, live, middle, part, small};

const SOCKET: &str = "wayland-test";
/// What is beside a picture that does not fill the window, as it comes to the screen.
const BARS: [u8; 3] = [14, 14, 18];

/// A compositor without a screen; ends with the test.
struct Weston {
    child: Child,
    folder: TempDir,
}

impl Weston {
    /// `None` (printed) where it is not installed, or not what takes its photographs.
    fn start() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let mut command = Command::new("weston");
        command.args(["--no-config", "--backend=headless-backend.so", "--use-pixman", "--idle-time=0"]);
        let [width, height] = SCREEN;
        command.arg(format!("--width={width}")).arg(format!("--height={height}")).arg(format!("--socket={SOCKET}"));
        // Only with this it lets programs take photographs.
        command.arg("--debug").env("XDG_RUNTIME_DIR", folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let camera = Command::new("weston-screenshooter").arg("--version").stderr(Stdio::null()).status();
        let (Ok(child), Ok(_)) = (command.spawn(), camera) else {
            println!("SKIP: no Wayland compositor (apt-get install weston)");
            return None;
        };
        let weston = Self { child, folder };
        eventually("weston's socket", || weston.folder.path().join(SOCKET).exists().then_some(()));
        Some(weston)
    }

    /// What brings a program here.
    fn receives(&self, command: &mut Command) {
        command.env("XDG_RUNTIME_DIR", self.folder.path()).env("WAYLAND_DISPLAY", SOCKET).env_remove("DISPLAY");
    }

    /// What is on the screen.
    fn shot(&self) -> Picture {
        let folder = TempDir::new().unwrap();
        let mut camera = Command::new("weston-screenshooter");
        self.receives(camera.current_dir(&folder));
        assert!(camera.status().unwrap().success());
        let photograph = std::fs::read_dir(&folder).unwrap().next().expect("a photograph").unwrap();
        load_photo(photograph.path()).unwrap()
    }
}

impl Drop for Weston {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Left, top, width and height of the window's inside, between bars; the compositor puts it anywhere.
fn inside(shot: &Picture) -> Option<[u32; 4]> {
    let bars = |&(x, y): &(u32, u32)| shot.pixel(x, y).is_some_and(|pixel| pixel[..3] == BARS);
    let places = (0..shot.height).flat_map(|y| (0..shot.width).map(move |x| (x, y))).filter(bars);
    let (low, high) = places.fold(([u32::MAX; 2], [0; 2]), |(low, high), (x, y)| {
        ([low[0].min(x), low[1].min(y)], [high[0].max(x + 1), high[1].max(y + 1)])
    });
    (low[0] < high[0]).then(|| [low[0], low[1], high[0] - low[0], high[1] - low[1]])
}

#[test]
fn a_window_on_wayland_shows_the_portrait_and_it_moves() {
    let (Some(_), Some(weston)) = (avatar(), Weston::start()) else { return };
    let sandbox = Sandbox::new();
    let mut command = live(&[&astronaut()]);
    weston.receives(&mut command);
    let clip = repository("assets/driver.mp4");
    let mut run = Run::of(command, &sandbox, &["--preset", "fast", "--source", clip.to_str().unwrap()]);
    let wanted = small(&middle(&crop(&sandbox)), false);
    let look = || {
        let shot = weston.shot();
        let [left, top, width, height] = inside(&shot)?;
        // Smaller while the compositor still makes it appear.
        let whole = [width, height] == WINDOW.map(u32::from);
        whole.then(|| (part(&shot, [left + MIDDLE[0], top + MIDDLE[1], MIDDLE[2], MIDDLE[3]]), shot))
    };
    let first = eventually("the portrait", || {
        run.goes_on();
        look().map(|(face, _)| face).filter(|face| difference(&small(face, false), &wanted) < 14.0)
    });
    let (_, shot) = eventually("the driver moves it", || {
        run.goes_on();
        look().filter(|(face, _)| difference(face, &first) > 1.0)
    });
    keep("live-wayland.png", &shot);
    let report = run.interrupted();
    assert!(report["drawings"].as_u64().unwrap() > 1 && report["surfaces_lost"] == 0, "{report}");
}
