//! A place to work in, the bundled inputs in small, and what is expected of every run.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use portrait_media::{Picture, VideoReader, VideoWriter, load_photo, save_png};
use tempfile::TempDir;

/// A file of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// The bundled portrait.
pub(crate) fn astronaut() -> PathBuf {
    repository("assets/astronaut.png")
}

/// Two directories: one for inputs, one that holds only what the program writes.
pub(crate) struct Sandbox {
    root: TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let root = TempDir::new().unwrap();
        std::fs::create_dir(root.path().join("in")).unwrap();
        std::fs::create_dir(root.path().join("out")).unwrap();
        Self { root }
    }

    pub(crate) fn input(&self, name: &str) -> PathBuf {
        self.root.path().join("in").join(name)
    }

    pub(crate) fn output(&self, name: &str) -> PathBuf {
        self.root.path().join("out").join(name)
    }

    /// Writes an input.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.input(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Writes a photo.
    pub(crate) fn photo(&self, name: &str, picture: &Picture) -> PathBuf {
        let path = self.input(name);
        save_png(&path, picture).unwrap();
        path
    }

    /// Writes a clip of these pictures, 25 a second.
    pub(crate) fn clip(&self, name: &str, pictures: &[Picture]) -> PathBuf {
        self.clip_at(name, 25.0, pictures)
    }

    /// Writes a clip of these pictures.
    pub(crate) fn clip_at(&self, name: &str, fps: f64, pictures: &[Picture]) -> PathBuf {
        let path = self.input(name);
        let mut writer = VideoWriter::create(&path, pictures[0].width, pictures[0].height, fps).unwrap();
        pictures.iter().for_each(|picture| writer.push(picture).unwrap());
        writer.finish().unwrap();
        path
    }

    /// A clip of the first frames of the bundled one.
    pub(crate) fn short_clip(&self, frames: usize) -> PathBuf {
        self.clip("driver.mp4", &driver_frames(frames))
    }

    /// Names in the output directory, hidden ones too, sorted.
    pub(crate) fn written(&self) -> Vec<String> {
        names(&self.root.path().join("out"))
    }
}

/// Names in a directory, sorted.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The first frames of the bundled clip.
pub(crate) fn driver_frames(frames: usize) -> Vec<Picture> {
    static FRAMES: OnceLock<Vec<Picture>> = OnceLock::new();
    let all = FRAMES.get_or_init(|| frames_of(&repository("assets/driver.mp4"), 8));
    all[..frames].to_vec()
}

/// Up to `limit` frames of a video.
pub(crate) fn frames_of(path: &Path, limit: usize) -> Vec<Picture> {
    let mut reader = VideoReader::open(path).unwrap();
    std::iter::from_fn(|| reader.next_frame().unwrap()).take(limit).map(|frame| frame.picture).collect()
}

/// A picture without a face.
pub(crate) fn landscape(width: u32, height: u32) -> Picture {
    Picture::from_fn(width, height, |x, y| [(x * 255 / width) as u8, 120, (y * 255 / height) as u8, 255])
}

/// The bundled portrait at another size.
pub(crate) fn astronaut_scaled(side: u32) -> Picture {
    scaled(load_photo(astronaut()).unwrap(), side)
}

/// A square picture at another size.
pub(crate) fn scaled(picture: Picture, side: u32) -> Picture {
    let image = image::RgbaImage::from_raw(picture.width, picture.height, picture.rgba).unwrap();
    let scaled = image::imageops::resize(&image, side, side, image::imageops::FilterType::Triangle);
    Picture::new(side, side, scaled.into_raw()).unwrap()
}

/// Makes a clip of another by `ffmpeg`, by words separated by spaces, CLIP for the other; `false` (printed) where there is none.
pub(crate) fn ffmpeg(clip: &Path, words: &str, output: &Path) -> bool {
    let mut ffmpeg = Command::new("ffmpeg");
    let words = words.split_whitespace().map(|word| if word == "CLIP" { clip.as_os_str() } else { word.as_ref() });
    ffmpeg.args(["-v", "error", "-y"]).args(words).arg(output);
    let made = ffmpeg.status().is_ok_and(|status| status.success());
    if !made {
        println!("SKIP: no ffmpeg to make {}", output.display());
    }
    made
}

/// The program.
pub(crate) fn portrait() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portrait"));
    command.stdin(Stdio::null());
    command
}

/// `portrait animate SOURCE --drive CLIP -o OUTPUT`.
pub(crate) fn animate(source: &Path, clip: &Path, output: &Path) -> Command {
    let mut command = portrait();
    command.arg("animate").arg(source).arg("--drive").arg(clip).arg("-o").arg(output);
    command
}

/// What a run left behind.
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Outcome {
    Outcome::of(&command.output().unwrap())
}

impl Outcome {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let outcome = Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) };
        assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
        outcome
    }

    /// The run succeeded.
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// The run failed with a message that holds all these words, and wrote nothing.
    #[track_caller]
    pub(crate) fn fails(self, sandbox: &Sandbox, words: &[&str]) {
        self.refused(words);
        assert_eq!(sandbox.written(), [""; 0], "left behind");
    }

    /// The run failed with a message that holds all these words.
    #[track_caller]
    pub(crate) fn refused(self, words: &[&str]) {
        assert_eq!(self.code, Some(1), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "");
        let errors: Vec<&str> =
            self.stderr.lines().filter(|line| line.starts_with("error: ") && !driver_says(line)).collect();
        assert_eq!(errors.len(), 1, "{}", self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "`{word}` is not in: {}", self.stderr);
        }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.stdout.lines().count(), 1, "{}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// Lines that Vulkan drivers write on their own.
fn driver_says(line: &str) -> bool {
    line.contains("XDG_RUNTIME_DIR")
}

/// An avatar of the bundled portrait, made once; `None` (printed) where there is no adapter, which is a failure with
/// `PORTRAIT_REQUIRE_GPU=1`.
pub(crate) fn avatar() -> Option<&'static Path> {
    static AVATAR: OnceLock<Option<(TempDir, PathBuf)>> = OnceLock::new();
    let made = AVATAR.get_or_init(|| {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("astronaut.avatar");
        let outcome = run(portrait().arg("prepare").arg(astronaut()).arg("-o").arg(&path));
        if outcome.code == Some(1) && outcome.stderr.contains("no Vulkan or Metal adapter found") {
            assert!(std::env::var("PORTRAIT_REQUIRE_GPU").as_deref() != Ok("1"), "{}", outcome.stderr);
            return None;
        }
        outcome.succeeds();
        Some((directory, path))
    });
    if made.is_none() {
        println!("SKIP: no adapter");
    }
    made.as_ref().map(|(_, path)| path.as_path())
}
