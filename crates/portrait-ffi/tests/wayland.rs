//! `tests/c/wayland.c`: pictures on a surface of Weston's, a Wayland compositor that draws to memory and takes photographs of that.

mod device;
mod library;
mod program;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use device::device;
use image::RgbaImage;
use program::{Program, weights};

const SHELL: &str = "/usr/share/wayland-protocols/stable/xdg-shell/xdg-shell.xml";

/// A compositor without a screen; ends with the test.
struct Weston(Child);

impl Weston {
    /// One that has a socket of this name in this folder.
    fn start(folder: &Path, socket: &str) -> Option<Self> {
        let mut command = Command::new("weston");
        command.args(["--no-config", "--backend=headless-backend.so", "--use-pixman"]);
        // Only with the last one it lets programs take photographs.
        command.args(["--width=400", "--height=256", "--idle-time=0", "--debug"]).arg(format!("--socket={socket}"));
        command.env("XDG_RUNTIME_DIR", folder).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(child) = command.spawn() else {
            println!("SKIP: no Wayland compositor (apt-get install weston)");
            return None;
        };
        let weston = Self(child);
        let begin = Instant::now();
        while !folder.join(socket).exists() {
            assert!(begin.elapsed() < Duration::from_secs(30), "weston opens no socket");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(weston)
    }
}

impl Drop for Weston {
    fn drop(&mut self) {
        self.0.kill().expect("it was running");
        self.0.wait().expect("it ends");
    }
}

/// What C needs to know of windows, made of the protocol's description: flags for gcc.
fn shell_of_windows(folder: &Path) -> Option<Vec<String>> {
    let [header, code] = ["xdg-shell.h", "xdg-shell.c"].map(|name| folder.join(name));
    for (kind, file) in [("client-header", &header), ("private-code", &code)] {
        let made = Command::new("wayland-scanner").arg(kind).arg(SHELL).arg(file).stderr(Stdio::null()).status();
        if !made.is_ok_and(|status| status.success()) {
            println!("SKIP: no description of Wayland's windows (apt-get install libwayland-dev wayland-protocols)");
            return None;
        }
    }
    let path = |path: &Path| path.to_str().expect("a folder of letters").to_owned();
    Some(vec![format!("-I{}", path(folder)), path(&code), "-lwayland-client".to_owned()])
}

/// The compositor's photograph, and by how much in its middle it differs from the picture in memory, on average.
fn photograph(folder: &Path) -> (RgbaImage, f64) {
    let files = std::fs::read_dir(folder).expect("a folder").map(|file| file.expect("one").path());
    let (pictures, photographs): (Vec<PathBuf>, Vec<PathBuf>) = files.partition(|file| file.ends_with("picture.rgba"));
    assert_eq!((pictures.len(), photographs.len()), (1, 1));
    let picture = RgbaImage::from_raw(256, 256, std::fs::read(&pictures[0]).expect("a picture")).expect("256 × 256");
    let photograph = image::open(&photographs[0]).expect("a photograph").to_rgba8();
    assert_eq!(photograph.dimensions(), (400, 256));
    let differences = picture.enumerate_pixels().flat_map(|(x, y, made)| {
        let shown = photograph.get_pixel(x + 72, y);
        [0, 1, 2].map(|channel| f64::from(made[channel].abs_diff(shown[channel])))
    });
    let off = differences.sum::<f64>() / (256.0 * 256.0 * 3.0);
    (photograph, off)
}

#[test]
fn pictures_on_a_wayland_surface() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(flags) = shell_of_windows(folder.path()) else { return };
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let Some(program) = Program::new("wayland", &flags, true).filter(|_| device()) else { return };
    let Some(_weston) = Weston::start(folder.path(), "wayland-test") else { return };
    let made = folder.path().join("made");
    std::fs::create_dir(&made).expect("a folder");
    let environment = [
        ("XDG_RUNTIME_DIR", folder.path().to_str().expect("a folder of letters")),
        ("WAYLAND_DISPLAY", "wayland-test"),
    ];
    program.run(&[&weights(), &program.photo(), &program.driver("s_frame0"), &made], &environment);

    // Bars, and beyond the smaller surface the compositor's black.
    for (name, beside) in [("wide", [0, 0, 255, 255]), ("square", [0, 0, 0, 255])] {
        let (photograph, off) = photograph(&made.join(name));
        if let Some(keep) = std::env::var_os("PORTRAIT_KEEP") {
            photograph.save(Path::new(&keep).join(format!("wayland-{name}.png"))).expect("saved");
        }
        println!("wayland, {name}: {off:.2} of 255 from the picture in memory");
        assert!(off < 1.0);
        assert_eq!(photograph.get_pixel(0, 0).0, beside);
    }
}
