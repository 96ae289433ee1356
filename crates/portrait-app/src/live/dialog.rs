//! The system's file dialog, in a thread of its own: through the desktop's portal on Linux, by `zenity` where there is none.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Mutex, PoisonError};

use winit::raw_window_handle::{HasDisplayHandle as _, RawDisplayHandle};
use winit::window::Window;

/// What a file is chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Photo,
    Background,
    Driver,
}

/// Clips, of any kind that an installed ffmpeg reads, and motions.
const CLIPS: &[&str] = &[
    "mp4", "mov", "m4v", "mkv", "webm", "gif", "motion", "avi", "3gp", "mpg", "mpeg", "ts", "mts", "wmv", "flv", "ogv",
];

impl Purpose {
    fn title(self) -> &'static str {
        match self {
            Self::Photo => "Whom to show",
            Self::Background => "What is behind the person",
            Self::Driver => "What drives",
        }
    }

    /// Kinds of files and their extensions.
    fn filter(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Photo => ("photos and avatars", &["png", "jpg", "jpeg", "webp", "gif", "avatar"]),
            Self::Background => ("pictures", &["png", "jpg", "jpeg", "webp", "gif"]),
            Self::Driver => ("clips and motions", CLIPS),
        }
    }
}

/// Whether files can be dropped on a window: winit takes none on Wayland.
pub(crate) fn takes_drops(window: &Window) -> bool {
    !matches!(window.display_handle().map(|display| display.as_raw()), Ok(RawDisplayHandle::Wayland(_)))
}

/// A dialog that is open.
pub(crate) struct Dialog {
    purpose: Purpose,
    chosen: Receiver<Result<Option<PathBuf>, String>>,
}

impl Dialog {
    /// Opens a dialog; `wake` is called when something was chosen, or nothing.
    pub(crate) fn open(purpose: Purpose, window: &Window, wake: impl FnOnce() + Send + 'static) -> Self {
        let (sender, chosen) = channel();
        // Fails where there is one already, which is ours from an earlier dialog.
        let _ = log::set_logger(&FAULTS).map(|()| log::set_max_level(log::LevelFilter::Error));
        FAULTS.take();
        let (kind, extensions) = purpose.filter();
        let dialog = rfd::AsyncFileDialog::new().set_title(purpose.title()).set_parent(window);
        let way = if takes_drops(window) { "drop a photo on the window, or " } else { "" };
        let dialog = dialog.add_filter(kind, extensions).add_filter("all files", &["*"]).pick_file();
        std::thread::spawn(move || {
            let file = pollster::block_on(dialog).map(|file| file.path().to_owned());
            let result = match (file, FAULTS.take()) {
                (None, Some(fault)) => Err(format!(
                    "no file dialog can be opened here ({fault}): it takes the desktop's portal \
                     (xdg-desktop-portal) or zenity; {way}name files on the command line"
                )),
                (file, _) => Ok(file),
            };
            // Who asked may be gone.
            let _ = sender.send(result);
            wake();
        });
        Self { purpose, chosen }
    }

    /// What was chosen for what, once it was: `None` for nothing. `Err` is the dialog still open.
    pub(crate) fn taken(self) -> Result<(Purpose, Result<Option<PathBuf>, String>), Self> {
        match self.chosen.try_recv() {
            Ok(result) => Ok((self.purpose, result)),
            Err(TryRecvError::Disconnected) => Ok((self.purpose, Ok(None))),
            Err(TryRecvError::Empty) => Err(self),
        }
    }
}

/// Keeps the last error of the dialogs' library: it tells a failure by the log alone.
struct Faults(Mutex<Option<String>>);

static FAULTS: Faults = Faults(Mutex::new(None));

impl Faults {
    fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl log::Log for Faults {
    fn enabled(&self, about: &log::Metadata<'_>) -> bool {
        about.level() == log::Level::Error && about.target().starts_with("rfd")
    }

    fn log(&self, record: &log::Record<'_>) {
        // That the portal fails does not matter where zenity then works: its failure is the last.
        if self.enabled(record.metadata()) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(record.args().to_string());
        }
    }

    fn flush(&self) {}
}
