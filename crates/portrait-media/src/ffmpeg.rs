//! What is not decoded here goes through an `ffmpeg` on the `PATH`: asking it, running it, understanding what it says.
//!
//! The child may read local files only: a playlist disguised as a video cannot make it go online.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

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

/// What `ffprobe` knows of a file.
pub(crate) struct Probe {
    text: String,
    /// Its last complaint.
    pub(crate) complaint: Option<String>,
}

impl Probe {
    /// Asks for entries, in the words of `-show_entries`. An error where there is no `ffprobe`.
    pub(crate) fn of(path: &Path, entries: &str) -> io::Result<Self> {
        let mut command = command("ffprobe");
        let said = command.args(["-of", "default", "-show_entries", entries]).arg(url(path)).output()?;
        Ok(Self {
            text: String::from_utf8_lossy(&said.stdout).into_owned(),
            complaint: last_line(&String::from_utf8_lossy(&said.stderr)),
        })
    }

    /// A section for each stream, and what is left is the file's.
    fn sections(&self) -> impl Iterator<Item = &str> {
        self.text.split("[/STREAM]")
    }

    /// What is said of the first stream of a kind: `video`, `audio`.
    pub(crate) fn stream(&self, kind: &str) -> Option<&str> {
        self.sections().find(|section| value(section, "codec_type") == Some(kind))
    }

    /// How long a stream is, or else the file, in seconds.
    pub(crate) fn seconds(&self, stream: &str) -> Option<f64> {
        let file = self.sections().last().unwrap_or_default();
        let mut durations = [stream, file].into_iter().filter_map(|part| value(part, "duration")?.parse::<f64>().ok());
        durations.find(|seconds| seconds.is_finite() && *seconds > 0.0)
    }
}

/// A running `ffmpeg`, ended when it is dropped.
pub(crate) struct Running {
    child: Child,
    /// What it decodes.
    pub(crate) output: BufReader<ChildStdout>,
    /// What it complains about, collected so that it never blocks on it.
    complaints: Option<JoinHandle<Complaints>>,
}

impl Running {
    /// Decodes a file to the standard output as `arguments` say. An error where there is no `ffmpeg`.
    pub(crate) fn start(path: &Path, arguments: &[&str]) -> io::Result<Self> {
        let mut child = command("ffmpeg")
            .args(["-nostdin", "-i"])
            .arg(url(path))
            .args(arguments)
            .arg("-")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let pipes = child.stdout.take().zip(child.stderr.take());
        let (stdout, stderr) = pipes.ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))?;
        let complaints = std::thread::spawn(move || Complaints::read(stderr));
        Ok(Self { child, output: BufReader::with_capacity(1 << 16, stdout), complaints: Some(complaints) })
    }

    /// How it ended, once its output has.
    pub(crate) fn ending(&mut self) -> Ending {
        let status = self.child.wait();
        let complaints = self.complaints.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let complaint = last_line(&complaints.text);
        let failure = match status {
            Ok(status) if status.success() => None,
            // Whoever is killed says nothing.
            Ok(status) => Some(complaint.clone().unwrap_or_else(|| format!("it ended with {status}"))),
            Err(error) => Some(error.to_string()),
        };
        Ending { failure, cut: complaints.cut, complaint }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; either way it must not linger.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How `ffmpeg` ended. Complaints about a stream that decodes to its end are no errors: only the exit status is.
pub(crate) struct Ending {
    /// Why it failed.
    pub(crate) failure: Option<String>,
    /// Whether it found the end of the file where there should be more.
    pub(crate) cut: bool,
    /// Its last complaint.
    pub(crate) complaint: Option<String>,
}

/// What the child wrote on its error output.
#[derive(Default)]
struct Complaints {
    text: String,
    cut: bool,
}

impl Complaints {
    /// How much of it is kept.
    const KEPT: usize = 8192;
    /// How Matroska and WebM, and MP4 and MOV, say that they end early. It is no reason for ffmpeg to fail.
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

/// What a section of ffprobe's answer says of something.
pub(crate) fn value<'a>(section: &'a str, key: &str) -> Option<&'a str> {
    section.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
}

fn last_line(text: &str) -> Option<String> {
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_parts() {
        assert_eq!(value("[STREAM]\ncodec=a\ncodec_type=audio\n", "codec_type"), Some("audio"));
        assert_eq!(last_line("a\nb \n\n").as_deref(), Some("b"));
        assert_eq!(url(Path::new("-odd name.mkv")), "file:-odd name.mkv");
    }
}
