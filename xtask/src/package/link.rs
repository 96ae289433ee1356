//! A shared library of a static one: with exactly the wanted symbols, for pages of a given size.
//!
//! Cargo makes the static library, which takes no NDK, and not the shared one: that would also export the C interface.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;

/// Pages of 16 KiB: what Android asks for since version 15.
pub(super) const PAGE: u64 = 0x4000;

/// What links.
pub(super) enum Linker {
    /// A C compiler with the platform's libraries. What it does not find there is an error.
    Driver { program: PathBuf, libraries: &'static [&'static str] },
    /// lld alone, to see sizes, symbols and alignment where the platform's libraries are missing: what is made names no library
    /// that it needs and cannot be loaded.
    Trial { lld: PathBuf },
}

/// What to link.
pub(super) struct Shared<'a> {
    /// The static library.
    pub(super) archive: &'a Path,
    /// Symbols to export.
    pub(super) exports: &'a [String],
    /// Alignment of segments in bytes.
    pub(super) page: u64,
    /// Leaves out the symbols that only debuggers and [`super::size`] look at.
    pub(super) stripped: bool,
}

impl Linker {
    /// Links into a file, whose name becomes the library's.
    pub(super) fn link(&self, shared: &Shared<'_>, file: &Path) -> Result<()> {
        let folder = file.parent().context("a file in a folder")?;
        std::fs::create_dir_all(folder)?;
        let script = folder.join("exports.ld");
        std::fs::write(&script, format!("{{ global: {}; local: *; }};\n", shared.exports.join("; ")))?;

        let mut words: Vec<String> = vec!["--gc-sections".into(), "--build-id".into(), "--hash-style=both".into()];
        words.extend(["--as-needed", "-z", "relro", "-z", "now", "-z"].map(Into::into));
        words.push(format!("max-page-size={}", shared.page));
        words.push(format!("--version-script={}", script.display()));
        words.push(format!("-soname={}", file.file_name().unwrap_or_default().to_string_lossy()));
        words.extend(shared.stripped.then(|| "--strip-all".to_owned()));
        // Nothing in the archive is taken but what these reach.
        words.extend(shared.exports.iter().map(|name| format!("--undefined={name}")));

        let mut command = match self {
            Self::Driver { program, libraries } => {
                let mut command = Command::new(program);
                words.extend(["-z", "defs"].map(Into::into));
                command.arg("-shared").args(words.iter().map(|word| format!("-Wl,{word}")));
                command.arg(shared.archive).args(libraries.iter().map(|library| format!("-l{library}")));
                command
            }
            Self::Trial { lld } => {
                let mut command = Command::new(lld);
                command.args(["-flavor", "gnu", "-shared"]).args(words).arg(shared.archive);
                command
            }
        };
        shell::run(command.arg("-o").arg(file))?;
        std::fs::remove_file(script)?;
        Ok(())
    }
}
