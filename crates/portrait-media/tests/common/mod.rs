//! Shared by the tests: made-up pictures and small measurements.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod sound;

use std::path::{Path, PathBuf};

use portrait_media::{Frame, MediaError, Picture, VideoReader, VideoWriter};

/// A smooth picture that moves with `t`.
pub(crate) fn moving(width: u32, height: u32, t: u32) -> Picture {
    Picture::from_fn(width, height, |x, y| {
        let wave = |a: u32, b: u32| (128.0 + 100.0 * (f64::from(a + 3 * t) / 17.0 + f64::from(b) / 23.0).sin()) as u8;
        [wave(x, y), wave(y, x), wave(x + y, t), 255]
    })
}

/// Peak signal-to-noise ratio of the colours, in dB.
pub(crate) fn psnr(a: &Picture, b: &Picture) -> f64 {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let rgb = |p: &Picture| p.rgba.chunks_exact(4).flat_map(|c| [c[0], c[1], c[2]]).collect::<Vec<_>>();
    let (a, b) = (rgb(a), rgb(b));
    let sum: f64 = a.iter().zip(&b).map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2)).sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / sum.max(1e-9)).log10()
}

/// The mean difference of the colours, in levels.
pub(crate) fn mean_difference(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let sum: u64 = a.iter().zip(b).map(|(&x, &y)| u64::from(x.abs_diff(y))).sum();
    sum as f64 / a.len() as f64
}

/// Writes `frames` moving pictures.
pub(crate) fn write_moving(path: &Path, width: u32, height: u32, fps: f64, frames: u32) {
    let mut writer = VideoWriter::create(path, width, height, fps).unwrap();
    for t in 0..frames {
        writer.push(&moving(width, height, t)).unwrap();
    }
    writer.finish().unwrap();
}

/// All frames, and the error that ended them.
pub(crate) fn read_all(path: &Path) -> (Vec<Frame>, Option<MediaError>) {
    let mut reader = VideoReader::open(path).unwrap();
    let mut frames = Vec::new();
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, None),
            Err(error) => {
                assert!(matches!(reader.next_frame(), Ok(None)), "nothing follows an error");
                return (frames, Some(error));
            }
        }
    }
}

/// Names in a directory, hidden ones too.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The MP4 files of the folder that `PORTRAIT_CLIPS` names, sorted; says so where there is none.
pub(crate) fn clips() -> Vec<PathBuf> {
    let Some(folder) = std::env::var_os("PORTRAIT_CLIPS") else {
        println!("SKIP: PORTRAIT_CLIPS=FOLDER names no folder of clips");
        return Vec::new();
    };
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("PORTRAIT_CLIPS={}: {e}", folder.to_string_lossy()));
    let mut clips: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    clips.retain(|clip| clip.extension().is_some_and(|extension| extension == "mp4"));
    clips.sort();
    assert!(!clips.is_empty(), "PORTRAIT_CLIPS={} holds no .mp4", folder.to_string_lossy());
    clips
}

/// Whether `ffmpeg` is there; says so where it is not.
pub(crate) fn have_ffmpeg() -> bool {
    let run = |program: &str| std::process::Command::new(program).arg("-version").output().is_ok();
    let found = run("ffmpeg") && run("ffprobe");
    if !found {
        println!("skipped: ffmpeg is not on the PATH");
    }
    found
}

/// Runs `ffmpeg` with words separated by spaces, then an output path.
pub(crate) fn ffmpeg(words: &str, output: &Path) {
    let status = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-y"])
        .args(words.split_whitespace())
        .arg(output)
        .status()
        .unwrap();
    assert!(status.success(), "ffmpeg {words}");
}

/// Position and size of a top-level box of an MP4 file.
pub(crate) fn top_box(data: &[u8], kind: &[u8; 4]) -> Option<std::ops::Range<usize>> {
    let mut at = 0;
    while at + 8 <= data.len() {
        let size = u32::from_be_bytes(data[at..at + 4].try_into().unwrap()) as usize;
        if &data[at + 4..at + 8] == kind {
            return Some(at..at + size);
        }
        at += size.max(8);
    }
    None
}

/// Runs a test once more in a process of its own, which looks for ffmpeg in an empty PATH; `false` in that one.
pub(crate) fn tried_without_ffmpeg(test: &str) -> bool {
    if std::env::var_os("PATH").is_none_or(|path| path.is_empty()) {
        return false;
    }
    again(test, Path::new(""));
    true
}

/// Runs a test once more in a process of its own with another PATH.
pub(crate) fn again(test: &str, programs: &Path) {
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    let out = again.args(["--exact", test]).env("PATH", programs).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    // A test that is not found would be a success as well.
    assert!(out.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&out.stderr));
}
