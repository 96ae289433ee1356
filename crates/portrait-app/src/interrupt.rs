//! Ctrl-C, and a polite request to end: the work in progress is finished properly.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Exit code of a program that was interrupted, as shells expect it.
pub(crate) const EXIT_CODE: u8 = 130;

/// From here on Ctrl-C only sets a flag.
pub(crate) fn listen() -> Result<()> {
    ctrlc::set_handler(|| REQUESTED.store(true, Ordering::Relaxed)).context("cannot listen for Ctrl-C")
}

/// Whether Ctrl-C was pressed.
pub(crate) fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}
