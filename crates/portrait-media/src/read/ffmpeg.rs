//! Everything that is not decoded here, streamed through an `ffmpeg` on the `PATH`.
//!
//! The child may read local files only: a playlist disguised as a video cannot make it go online.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Opened, Source, VideoInfo, check_size};
use crate::mp4::AudioTrack;
use crate::{MediaError, Picture, Result};

struct FfmpegSource {
    path: PathBuf,
    child: Child,
    /// RGBA pictures, each with a small header of its own (PAM): sizes need no guessing.
    frames: BufReader<ChildStdout>,
    /// What the child complains about, collected so that it never blocks on it.
    complaints: Option<JoinHandle<Complaints>>,
    first: Option<Picture>,
    fps: f64,
    given: u64,
    /// Frames that the file announces.
    expected: Option<u64>,
}

/// What the child wrote on its error output.
#[derive(Default)]
struct Complaints {
    text: String,
    /// Whether it found the end of the file where there should be more.
    cut: bool,
}

impl Complaints {
    /// How much of it is kept.
    const KEPT: usize = 8192;
    /// How Matroska and WebM, and MP4 and MOV, say that. It is no reason for ffmpeg to fail.
    const CUT: [&str; 2] = ["File ended prematurely", ": partial file"];

    /// Reads to the end. What is said of the end may come after more complaints than are kept.
    fn read(stderr: impl Read) -> Self {
        let mut complaints = Self::default();
        let mut lines = BufReader::new(stderr).split(b'\n');
        while let Some(Ok(line)) = lines.next() {
            let line = String::from_utf8_lossy(&line);
            complaints.cut |= Self::CUT.iter().any(|words| line.contains(words));
            if complaints.text.len() + line.len() < Self::KEPT {
                complaints.text.push_str(&line);
                complaints.text.push('\n');
            }
        }
        complaints
    }
}

impl Drop for FfmpegSource {
    fn drop(&mut self) {
        // It may have ended already; either way it must not linger.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The file as a URL that `ffmpeg` takes for nothing but a file, whatever its name.
fn url(path: &Path) -> OsString {
    let mut url = OsString::from("file:");
    url.push(path);
    url
}

fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.args(["-v", "error", "-protocol_whitelist", "file,pipe"]).stdin(Stdio::null());
    command
}

/// Opens through `ffmpeg`. `found` says what could not be decoded without it.
pub(super) fn open(path: &Path, found: &str, audio: Option<AudioTrack>) -> Result<Opened> {
    let missing = || MediaError::UnsupportedVideo { path: path.to_owned(), found: found.to_owned() };
    let probe = command("ffprobe")
        .args(["-of", "default", "-show_entries"])
        .arg("stream=codec_type,codec_name,avg_frame_rate,r_frame_rate,duration:format=duration")
        .arg(url(path))
        .output()
        .map_err(|_| missing())?;
    let text = String::from_utf8_lossy(&probe.stdout);
    // A section for each stream, and what is left is the file's.
    let sections: Vec<&str> = text.split("[/STREAM]").collect();
    let stream = |kind| sections.iter().copied().find(|section| value(section, "codec_type") == Some(kind));
    let has_sound = stream("audio").is_some();
    let Some((video, codec)) = stream("video").and_then(|video| Some((video, value(video, "codec_name")?))) else {
        let complaint = String::from_utf8_lossy(&probe.stderr);
        return Err(match last_line(&complaint) {
            Some(reason) => MediaError::Ffmpeg { path: path.to_owned(), reason },
            None => MediaError::NoFrames { path: path.to_owned(), hint: if has_sound { ", only sound" } else { "" } },
        });
    };
    let mut rates = ["avg_frame_rate", "r_frame_rate"].into_iter().filter_map(|key| ratio(value(video, key)?));
    let fps = rates.find(|fps| (0.1..=1000.0).contains(fps)).unwrap_or(25.0);
    let file = sections.last().copied().unwrap_or_default();
    let mut durations = [video, file].into_iter().filter_map(|section| value(section, "duration")?.parse::<f64>().ok());
    let seconds = durations.find(|seconds| seconds.is_finite() && *seconds > 0.0);
    let frames = seconds.map(|s| (s * fps).round() as u64);

    let mut child = command("ffmpeg")
        .args(["-nostdin", "-i"])
        .arg(url(path))
        .args(["-map", "0:v:0", "-an", "-sn", "-dn", "-vf"])
        .arg(format!("fps={fps}"))
        .args(["-f", "image2pipe", "-c:v", "pam", "-pix_fmt", "rgba", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|_| missing())?;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(missing());
    };
    let complaints = std::thread::spawn(move || Complaints::read(stderr));
    let mut source = FfmpegSource {
        path: path.to_owned(),
        child,
        frames: BufReader::with_capacity(1 << 16, stdout),
        complaints: Some(complaints),
        first: None,
        fps,
        given: 0,
        expected: frames,
    };
    let first = source.read_picture()?;
    let Some(first) = first else {
        let complaint = last_line(&source.complaints().text);
        return Err(match complaint {
            Some(reason) => MediaError::Ffmpeg { path: path.to_owned(), reason },
            None => MediaError::NoFrames { path: path.to_owned(), hint: "" },
        });
    };
    let info = VideoInfo {
        width: first.width,
        height: first.height,
        frames,
        fps,
        duration: seconds.and_then(|s| Duration::try_from_secs_f64(s).ok()),
        has_audio: audio.is_some() || has_sound,
        codec: codec.to_owned(),
    };
    source.first = Some(first);
    Ok(Opened { source: Box::new(source), info, audio })
}

impl FfmpegSource {
    /// What the child wrote on its error output, once it has ended.
    fn complaints(&mut self) -> Complaints {
        self.complaints.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }

    /// One PAM picture: `P7`, header lines, `ENDHDR`, pixels.
    fn read_picture(&mut self) -> Result<Option<Picture>> {
        let broken = |what: &str| MediaError::Ffmpeg { path: self.path.clone(), reason: what.to_owned() };
        let (mut width, mut height) = (0u32, 0u32);
        for number in 0.. {
            let mut line = Vec::new();
            let read = self.frames.by_ref().take(256).read_until(b'\n', &mut line);
            let read = read.map_err(|e| MediaError::read(&self.path, e))?;
            if read == 0 && number == 0 {
                return Ok(None);
            }
            let line = String::from_utf8_lossy(&line);
            match line.trim_end().split_once(' ') {
                Some(("WIDTH", value)) => width = value.parse().unwrap_or(0),
                Some(("HEIGHT", value)) => height = value.parse().unwrap_or(0),
                None if line.starts_with("ENDHDR") => break,
                _ if read == 0 || number > 16 => return Err(broken("its picture stream is cut or not understood")),
                _ => {}
            }
        }
        check_size(&self.path, width, height)?;
        let mut rgba = vec![0; width as usize * height as usize * 4];
        match self.frames.read_exact(&mut rgba) {
            Ok(()) => Ok(Some(Picture { width, height, rgba })),
            Err(_) => Err(broken("its picture stream ends in the middle of a frame")),
        }
    }
}

impl Source for FfmpegSource {
    fn next(&mut self) -> Result<Option<(Picture, f64)>> {
        let picture = match self.first.take() {
            Some(first) => Some(first),
            None => self.read_picture()?,
        };
        let Some(picture) = picture else {
            let failed = self.child.wait().is_ok_and(|status| !status.success());
            let (complaints, path, found) = (self.complaints(), self.path.clone(), self.given);
            // Other complaints about a stream that decodes to its end are no errors: only the exit status is.
            return match last_line(&complaints.text) {
                _ if complaints.cut => {
                    let expected = self.expected.filter(|expected| *expected > found);
                    Err(MediaError::TruncatedVideo { path, found, expected })
                }
                Some(reason) if failed => Err(MediaError::Ffmpeg { path, reason }),
                _ => Ok(None),
            };
        };
        let seconds = self.given as f64 / self.fps;
        self.given += 1;
        Ok(Some((picture, seconds)))
    }
}

/// What a section of ffprobe's answer says of something.
fn value<'a>(section: &'a str, key: &str) -> Option<&'a str> {
    section.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
}

fn last_line(text: &str) -> Option<String> {
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
}

/// `30000/1001` as a number.
fn ratio(text: &str) -> Option<f64> {
    let (p, q) = text.split_once('/')?;
    let (p, q): (f64, f64) = (p.parse().ok()?, q.parse().ok()?);
    (p > 0.0 && q > 0.0).then_some(p / q)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_parts() {
        assert_eq!(ratio("25/1"), Some(25.0));
        assert_eq!(ratio("0/0"), None);
        assert_eq!(value("[STREAM]\ncodec=a\ncodec_type=audio\n", "codec_type"), Some("audio"));
        assert_eq!(last_line("a\nb \n\n").as_deref(), Some("b"));
        assert_eq!(url(Path::new("-odd name.mkv")), "file:-odd name.mkv");
    }
}
