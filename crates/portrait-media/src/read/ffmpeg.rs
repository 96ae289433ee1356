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
    complaints: Option<JoinHandle<String>>,
    first: Option<Picture>,
    fps: f64,
    given: u64,
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
        .args(["-select_streams", "v:0", "-of", "default=nw=1", "-show_entries"])
        .arg("stream=codec_name,avg_frame_rate,r_frame_rate,duration:format=duration,nb_streams")
        .arg(url(path))
        .output()
        .map_err(|_| missing())?;
    let text = String::from_utf8_lossy(&probe.stdout);
    let values = |key: &str| {
        let key = format!("{key}=");
        text.lines().filter_map(move |line| line.strip_prefix(&key).map(str::to_owned)).collect::<Vec<_>>()
    };
    let Some(codec) = values("codec_name").pop() else {
        let complaint = String::from_utf8_lossy(&probe.stderr);
        return Err(match last_line(&complaint) {
            Some(reason) => MediaError::Ffmpeg { path: path.to_owned(), reason },
            None => MediaError::NoFrames { path: path.to_owned(), hint: "" },
        });
    };
    let rates = values("avg_frame_rate").into_iter().chain(values("r_frame_rate"));
    let fps = rates.filter_map(|r| ratio(&r)).find(|fps| (0.1..=1000.0).contains(fps)).unwrap_or(25.0);
    let seconds = values("duration").iter().filter_map(|d| d.parse::<f64>().ok()).find(|d| d.is_finite() && *d > 0.0);
    let streams = values("nb_streams").iter().filter_map(|n| n.parse::<u32>().ok()).max().unwrap_or(1);

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
    let complaints = std::thread::spawn(move || {
        let mut kept = Vec::new();
        let mut stderr = BufReader::new(stderr);
        // The first complaint names the cause; the rest is read away.
        let _ = stderr.by_ref().take(8192).read_to_end(&mut kept);
        let _ = std::io::copy(&mut stderr, &mut std::io::sink());
        String::from_utf8_lossy(&kept).into_owned()
    });
    let mut source = FfmpegSource {
        path: path.to_owned(),
        child,
        frames: BufReader::with_capacity(1 << 16, stdout),
        complaints: Some(complaints),
        first: None,
        fps,
        given: 0,
    };
    let first = source.read_picture()?;
    let Some(first) = first else {
        return Err(source.complaint().unwrap_or(MediaError::NoFrames { path: path.to_owned(), hint: "" }));
    };
    let info = VideoInfo {
        width: first.width,
        height: first.height,
        frames: seconds.map(|s| (s * fps).round() as u64),
        fps,
        duration: seconds.and_then(|s| Duration::try_from_secs_f64(s).ok()),
        has_audio: audio.is_some() || streams > 1,
        codec,
    };
    source.first = Some(first);
    Ok(Opened { source: Box::new(source), info, audio })
}

impl FfmpegSource {
    /// What the child wrote on its error output, once it has ended.
    fn complaint(&mut self) -> Option<MediaError> {
        let text = self.complaints.take()?.join().ok()?;
        last_line(&text).map(|reason| MediaError::Ffmpeg { path: self.path.clone(), reason })
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
            // Warnings about a stream that decodes to its end are not errors: only the exit status is.
            let failed = self.child.wait().is_ok_and(|status| !status.success());
            return match self.complaint().filter(|_| failed) {
                Some(error) => Err(error),
                None => Ok(None),
            };
        };
        let seconds = self.given as f64 / self.fps;
        self.given += 1;
        Ok(Some((picture, seconds)))
    }
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
        assert_eq!(last_line("a\nb \n\n").as_deref(), Some("b"));
        assert_eq!(url(Path::new("-odd name.mkv")), "file:-odd name.mkv");
    }
}
