//! `portrait live` and cameras, without one: `tests/c/cameras.c` stands between the program and the system, and has V4L2 devices whose
//! names, formats, pictures and faults are files. See there for what they say.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use portrait_media::Picture;
use tempfile::TempDir;

use crate::common::{Sandbox, astronaut, avatar, driver_frames, frames_of, portrait, repository, run, scaled};
use crate::screen::{ESCAPE, PATIENCE, Screen, eventually};
use crate::window::{Run, WINDOW, appears, changes, difference, part, shows, small, square};

/// Size of the pictures of most cameras here, and bytes of their rows, which are longer than they need to be.
pub(crate) const SIZE: [u32; 2] = [320, 240];
const ROW: usize = 656;

/// Where the window shows such a picture, at its lower left.
pub(crate) const PREVIEW: [u32; 4] = [14, WINDOW[1] as u32 - 14 - 126, 168, 126];

/// Errors of the system.
const EACCES: i32 = 13;
const EBUSY: i32 = 16;

/// A folder in `/dev`'s place.
pub(crate) struct Cameras {
    folder: PathBuf,
    library: &'static Path,
}

impl Cameras {
    /// `None` (printed) where there is no C compiler, which is a failure with `PORTRAIT_REQUIRE_GPU=1`.
    pub(crate) fn new(sandbox: &Sandbox) -> Option<Self> {
        static LIBRARY: OnceLock<Option<(TempDir, PathBuf)>> = OnceLock::new();
        let library = LIBRARY.get_or_init(|| {
            let folder = TempDir::new().unwrap();
            let file = folder.path().join("libcameras.so");
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/cameras.c");
            let mut compiler = Command::new("cc");
            compiler.args([
                "-std=gnu11",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-O1",
                "-U_FORTIFY_SOURCE",
                "-shared",
                "-fPIC",
                "-o",
            ]);
            let Ok(output) = compiler.arg(&file).arg(source).args(["-ldl", "-lpthread"]).output() else {
                assert!(std::env::var("PORTRAIT_REQUIRE_GPU").as_deref() != Ok("1"), "no C compiler");
                println!("SKIP: no C compiler");
                return None;
            };
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Some((folder, file))
        });
        let folder = sandbox.input("dev");
        std::fs::create_dir(&folder).unwrap();
        library.as_ref().map(|(_, library)| Self { folder, library })
    }

    /// What brings a program here.
    pub(crate) fn environment(&self) -> [(&str, &str); 2] {
        [("LD_PRELOAD", self.library.to_str().unwrap()), ("PORTRAIT_TEST_CAMERAS", self.folder.to_str().unwrap())]
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Puts a whole file there at once.
    fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.file("new"), bytes).unwrap();
        std::fs::rename(self.file("new"), self.file(name)).unwrap();
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.file(name)).unwrap();
    }

    /// Plugs a camera in that sees this.
    pub(crate) fn plug(&self, device: &str, name: &str, seen: &Picture) {
        self.sees(device, seen);
        self.put(device, format!("{name}\nYUYV {} {} {ROW}\n", SIZE[0], SIZE[1]).as_bytes());
    }

    /// From now on it sees this; what is square, between bars.
    pub(crate) fn sees(&self, device: &str, picture: &Picture) {
        let fits = [picture.width, picture.height] == SIZE;
        let picture = if fits { picture.clone() } else { fitted(picture, SIZE) };
        self.put(&format!("{device}.YUYV"), &yuyv(&picture, ROW));
    }

    /// What was written to it last.
    fn written(&self, device: &str) -> Option<Picture> {
        let bytes = std::fs::read(self.file(&format!("{device}.OUT"))).ok()?;
        Some(of_yuyv(&bytes, [640, 480]))
    }

    /// `portrait live --cameras`.
    fn listed(&self) -> String {
        run(portrait().args(["live", "--cameras"]).envs(self.environment())).succeeds().stdout
    }
}

/// A square picture in the middle of a grey one.
fn fitted(picture: &Picture, [width, height]: [u32; 2]) -> Picture {
    let square = scaled(picture.clone(), height);
    let left = (width - height) / 2;
    Picture::from_fn(width, height, |x, y| {
        let inside = x.checked_sub(left).and_then(|x| square.pixel(x, y));
        inside.unwrap_or([128, 128, 128, 255])
    })
}

/// As a camera sends it: BT.601 of limited range, in rows of so many bytes.
fn yuyv(picture: &Picture, row: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for pixels in picture.rgba.chunks_exact(4 * picture.width as usize) {
        let start = bytes.len();
        for pair in pixels.as_chunks::<8>().0 {
            let [r0, g0, b0, _, r1, g1, b1, _] = pair.map(f32::from);
            let luma = |r: f32, g: f32, b: f32| 16.0 + (65.481 * r + 128.553 * g + 24.966 * b) / 255.0;
            let [r, g, b] = [r0 + r1, g0 + g1, b0 + b1].map(|sum| 0.5 * sum);
            let u = 128.0 + (-37.797 * r - 74.203 * g + 112.0 * b) / 255.0;
            let v = 128.0 + (112.0 * r - 93.786 * g - 18.214 * b) / 255.0;
            bytes.extend([luma(r0, g0, b0), u, luma(r1, g1, b1), v].map(|value| value.round() as u8));
        }
        bytes.resize(start + row, 0);
    }
    bytes
}

/// The other way round, without gaps between rows.
fn of_yuyv(bytes: &[u8], [width, height]: [u32; 2]) -> Picture {
    assert_eq!(bytes.len(), 2 * (width * height) as usize);
    Picture::from_fn(width, height, |x, y| {
        let at = 2 * (y * width + x / 2 * 2) as usize;
        let luma = 1.164 * (f32::from(bytes[at + 2 * (x % 2) as usize]) - 16.0);
        let [u, v] = [1, 3].map(|i| f32::from(bytes[at + i]) - 128.0);
        let [r, g, b] = [luma + 1.596 * v, luma - 0.392 * u - 0.813 * v, luma + 2.017 * u];
        [r as u8, g as u8, b as u8, 255]
    })
}

fn jpeg(picture: &Picture) -> Vec<u8> {
    let rgba = image::RgbaImage::from_raw(picture.width, picture.height, picture.rgba.clone()).unwrap();
    let (mut bytes, rgb) = (Vec::new(), image::DynamicImage::from(rgba).into_rgb8());
    rgb.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Jpeg).unwrap();
    bytes
}

/// What tracking makes of a face that does not move: two pictures of it differ by less.
pub(crate) const CALM: f64 = 0.05;

/// Waits until a part of the screen has come to rest; what it shows.
#[track_caller]
fn rests(screen: &Screen, at: [u32; 4]) -> Picture {
    let (mut last, mut calm) = (part(&screen.shot(), at), 0);
    eventually("a portrait at rest", || {
        // Longer than a frame takes on a busy machine.
        std::thread::sleep(Duration::from_secs(5));
        let before = std::mem::replace(&mut last, part(&screen.shot(), at));
        calm = if difference(&last, &before) < CALM { calm + 1 } else { 0 };
        (calm == 2).then(|| last.clone())
    })
}

/// Waits until a part of the screen is as it was then: within a tenth of the way to what it was meanwhile.
#[track_caller]
fn as_before(screen: &Screen, what: &str, at: [u32; 4], before: &Picture, meanwhile: &Picture) {
    let way = difference(before, meanwhile);
    let start = Instant::now();
    let mut last = way;
    while last > 0.1 * way {
        assert!(start.elapsed() < PATIENCE, "{what}: {last:.2} away, {way:.2} meanwhile");
        std::thread::sleep(Duration::from_millis(500));
        last = difference(&part(&screen.shot(), at), before);
    }
}

#[test]
fn cameras_are_listed() {
    let sandbox = Sandbox::new();
    let Some(cameras) = Cameras::new(&sandbox) else { return };
    assert_eq!(cameras.listed(), "");
    let none = run(portrait().args(["live", "--cameras"]).envs(cameras.environment())).succeeds();
    assert!(none.stderr.contains("no camera was found; plug one in"), "{}", none.stderr);
    let face = &driver_frames(1)[0];
    cameras.plug("video10", "Second", face);
    cameras.plug("video2", "First", face);
    // What a camera has beside the device that sends pictures; what programs write to; what is no device at all.
    cameras.put("video3", b"First: Metadata\n");
    cameras.put("video9", b"Loopback\nOUT 640 480 1280\n");
    cameras.put("videos", b"");
    assert_eq!(cameras.listed(), "0: First (/dev/video2)\n1: Second (/dev/video10)\n");
    // One that may not be opened, or not now, is there all the same.
    cameras.put("video2.fails", format!("OPEN {EACCES}").as_bytes());
    cameras.put("video10.fails", format!("OPEN {EBUSY}").as_bytes());
    assert_eq!(cameras.listed(), "0: /dev/video2 (/dev/video2)\n1: /dev/video10 (/dev/video10)\n");
}

#[test]
fn a_camera_drives_the_portrait_is_unplugged_and_plugged_in_again() {
    let (Some(avatar), Some(screen)) = (avatar(), Screen::open()) else { return };
    let sandbox = Sandbox::new();
    let Some(cameras) = Cameras::new(&sandbox) else { return };
    let frames = frames_of(&repository("assets/driver.mp4"), 100);
    let [ahead, aside] = [&frames[0], &frames[70]];
    cameras.plug("video2", "Test Camera", ahead);
    let mut run =
        Run::start_in(&screen, &sandbox, &[avatar], &["--camera", "0", "--mirror", "false"], &cameras.environment());
    screen.window("portrait: astronaut.avatar");
    let face = square(WINDOW);
    screen.types('h');
    appears(&screen);
    // It follows what the camera sees, and stands still with it.
    let first = rests(&screen, face);
    cameras.sees("video2", aside);
    changes(&screen, "the portrait turns", face, &first, 1.0);
    let turned = rests(&screen, face);
    cameras.sees("video2", ahead);
    as_before(&screen, "it looks ahead again", face, &first, &turned);
    cameras.remove("video2");
    run.says("`Test Camera` is gone");
    changes(&screen, "the portrait idles", face, &part(&screen.shot(), face), 0.05);
    // Plugged in again it has another number, and is found by its name.
    cameras.plug("video4", "Test Camera", aside);
    screen.types('h');
    shows(&screen, "what the camera sees", PREVIEW, &small(&fitted(aside, SIZE), false));
    screen.types('h');
    // He is measured from the pose he had, so that the portrait is turned as he is. Measured anew it would look ahead.
    let back = rests(&screen, face);
    let [now, before] = [&back, &turned].map(|picture| difference(picture, &first));
    assert!(now > 0.3 * before, "{now:.2} from looking ahead, {before:.2} before");
    screen.key(ESCAPE);
    let report = run.ends();
    assert!(report["frames"].as_u64().unwrap() > 3, "{report}");
}

#[test]
fn a_camera_of_jpeg_is_turned_outlives_the_gpu_and_gives_way_to_another() {
    let (Some(avatar), Some(screen)) = (avatar(), Screen::open()) else { return };
    let sandbox = Sandbox::new();
    let Some(cameras) = Cameras::new(&sandbox) else { return };
    let frames = frames_of(&repository("assets/driver.mp4"), 100);
    let [ahead, aside] = [&frames[0], &frames[70]];
    cameras.plug("video0", "Plain", ahead);
    cameras.sees("video1", ahead);
    cameras.put("video1.MJPG", &jpeg(&fitted(ahead, [640, 480])));
    cameras.put("video1", b"Large\nYUYV 320 240 656\nMJPG 640 480 0\n");
    // Pictures of this size come as JPEG. The second camera, by its name; the device is lost while it drives, and it is there again.
    let arguments = ["--camera", "large", "--camera-size", "1280x720", "--mirror", "false", "--lose-device", "2"];
    let mut run = Run::start_in(&screen, &sandbox, &[avatar], &arguments, &cameras.environment());
    screen.window("portrait: astronaut.avatar");
    run.says("the GPU was lost and is opened again");
    shows(&screen, "what it sees, after the loss", PREVIEW, &small(&fitted(ahead, SIZE), false));
    // What breaks off before there is a picture is none. One of another shape is taken as it is.
    cameras.put("video1.MJPG", &jpeg(&fitted(aside, [640, 480]))[..100]);
    run.says("`Large` sends no pictures");
    cameras.put("video1.MJPG", &jpeg(&upright(aside)));
    let place = [PREVIEW[0], WINDOW[1] as u32 - 14 - 224, 168, 224];
    shows(&screen, "what it sees, turned", place, &small(&upright(aside), false));
    screen.types('d');
    run.says("/dev/video0: shown after");
    shows(&screen, "what the other one sees", PREVIEW, &small(&fitted(ahead, SIZE), false));
    screen.key(ESCAPE);
    let report = run.ends();
    assert_eq!(report["devices_lost"], 1, "{report}");
}

/// A higher than wide picture of a square one.
fn upright(picture: &Picture) -> Picture {
    let square = scaled(picture.clone(), 240);
    Picture::from_fn(240, 320, |x, y| {
        let inside = y.checked_sub(40).and_then(|y| square.pixel(x, y));
        inside.unwrap_or([128, 128, 128, 255])
    })
}

#[test]
fn cameras_that_are_busy_or_forbidden_are_named_until_they_work() {
    let (Some(avatar), Some(screen)) = (avatar(), Screen::open()) else { return };
    let sandbox = Sandbox::new();
    let Some(cameras) = Cameras::new(&sandbox) else { return };
    cameras.plug("video0", "Test Camera", &driver_frames(1)[0]);
    cameras.put("video0.fails", format!("STREAMON {EBUSY}").as_bytes());
    let mut run = Run::start_in(&screen, &sandbox, &[avatar], &["--camera", "0"], &cameras.environment());
    screen.window("portrait: astronaut.avatar");
    run.says("`Test Camera` is in use by another program");
    cameras.put("video0.fails", format!("OPEN {EACCES}").as_bytes());
    run.says("`/dev/video0` may not be opened");
    cameras.put("video0.fails", format!("OPEN {EBUSY}").as_bytes());
    run.says("`/dev/video0` is in use by another program");
    cameras.put("video0", b"Test Camera\nXYZW 320 240 640\n");
    cameras.remove("video0.fails");
    run.says("XYZW");
    // Its picture is that of a mirror, as everybody knows himself.
    let face = &driver_frames(1)[0];
    cameras.plug("video0", "Test Camera", face);
    shows(&screen, "what it sees once it works", PREVIEW, &small(&fitted(face, SIZE), true));
    screen.key(ESCAPE);
    run.ends();
}

#[test]
fn pictures_go_to_a_virtual_camera() {
    let (Some(_), Some(screen)) = (avatar(), Screen::open()) else { return };
    let sandbox = Sandbox::new();
    let Some(cameras) = Cameras::new(&sandbox) else { return };
    cameras.put("video9", b"Loopback\nOUT 640 480 1280\n");
    let arguments = ["--idle", "--virtual-camera", "/dev/video9"];
    let mut run = Run::start_in(&screen, &sandbox, &[&astronaut()], &arguments, &cameras.environment());
    screen.window("portrait: astronaut.png");
    let first = eventually("a picture", || cameras.written("video9"));
    // What the window shows, all of it, between bars.
    screen.types('h');
    shows(&screen, "what the camera shows", square(WINDOW), &small(&part(&first, [80, 0, 480, 480]), false));
    assert!(first.pixel(40, 240).unwrap()[..3].iter().all(|&value| value < 8), "a bar");
    eventually("it moves", || (difference(&cameras.written("video9")?, &first) > 0.05).then_some(()));
    cameras.remove("video9");
    run.says("`/dev/video9`");
    screen.key(ESCAPE);
    run.ends();
}
