//! Ctrl-C, and a polite request to end: the work in progress is finished properly, unless the user asks twice.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Exit code of a program that was interrupted, as shells expect it.
pub(crate) const EXIT_CODE: u8 = 130;

/// From here on the first Ctrl-C only sets a flag.
///
/// The second ends the program at once. A hidden temporary file may stay then; nothing half-written has the final name,
/// since outputs are renamed when they are complete.
pub(crate) fn listen() -> Result<()> {
    let on_signal = || {
        if REQUESTED.swap(true, Ordering::Relaxed) {
            std::process::exit(EXIT_CODE.into());
        }
    };
    ctrlc::set_handler(on_signal).context("cannot listen for Ctrl-C")
}

/// Whether Ctrl-C was pressed.
pub(crate) fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}
