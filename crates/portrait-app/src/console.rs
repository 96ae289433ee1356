//! What goes to which stream: results to stdout, everything else to stderr. A closed pipe is no error.

use std::fmt::Display;
use std::io::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use portrait_media::MediaError;
use portrait_runtime::EngineError;

/// A line of the result, on stdout.
pub(crate) fn line(text: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Something that happened, on stderr.
pub(crate) fn note(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Something the user should know although the work goes on, on stderr.
pub(crate) fn warning(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "warning: {text}");
}

/// The error that ended the program, with its causes and what would help, on stderr.
pub(crate) fn error(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr().lock(), "error: {}", chain(error));
    let of_media = |error: &MediaError| match error {
        MediaError::NotAVideo { .. } => Some("a sound (WAV, MP3, FLAC, Ogg, M4A) and a recorded .motion drive, too"),
        _ => None,
    };
    let ways = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref().and_then(way_out).or_else(|| cause.downcast_ref().and_then(of_media))
    };
    if let Some(way) = error.chain().find_map(ways) {
        note(way);
    }
}

/// What of the command line helps against an error of the engine, which knows no command line.
fn way_out(error: &EngineError) -> Option<&'static str> {
    Some(match error {
        EngineError::AdapterLimits { .. } | EngineError::WrongResults { .. } | EngineError::Surface { .. } => {
            "`--adapter` chooses one of those that `portrait doctor` lists"
        }
        EngineError::SeveralFaces { .. } => "`--face N` chooses one",
        EngineError::AvatarFormat { .. } => "`portrait prepare PHOTO -o FILE.avatar` makes it again",
        EngineError::AvatarWeights { .. } => {
            "`portrait prepare PHOTO -o FILE.avatar` makes it again, `--preset` and `--weights` choose what runs"
        }
        EngineError::MotionFormat { .. } => "`--record-motion FILE.motion` of `portrait animate` makes it again",
        _ => return None,
    })
}

/// An error with its causes.
///
/// Causes whose text the error above them already shows are left out.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// A spinner for work of unknown length; nothing where stderr is no terminal.
pub(crate) fn spinner(text: &str) -> ProgressBar {
    let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    spinner.set_style(style("{spinner} {msg} {elapsed}"));
    spinner.set_message(text.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// A bar with frames per second and time left; nothing where stderr is no terminal.
pub(crate) fn bar(frames: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(frames, ProgressDrawTarget::stderr());
    bar.set_style(match frames {
        Some(_) => style("{bar:30} {pos}/{len} frames  {msg} frames/s  {eta} left"),
        None => style("{spinner} {pos} frames  {msg} frames/s  {elapsed}"),
    });
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    #[test]
    fn causes_are_told_once() {
        let inner = anyhow!("disk full").context("cannot write `a`: disk full").context("animating");
        assert_eq!(super::chain(&inner), "animating: cannot write `a`: disk full");
    }
}
