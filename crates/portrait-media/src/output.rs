//! Outputs appear whole or not at all: a temporary name beside the target, renamed at the end.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile, TempDir};

use crate::{MediaError, Result};

/// The directory a target lives in.
pub(crate) fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Refuses a name that no file can be written to, before any work is done: one whose directory is missing or takes no files, or
/// that is itself a directory. Leaves nothing behind.
///
/// # Errors
/// [`MediaError::MissingParent`], [`MediaError::InTheWay`], [`MediaError::Write`].
pub fn check_target(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let parent = parent_of(path);
    if !parent.is_dir() {
        return Err(MediaError::MissingParent { path: path.to_owned(), parent: parent.to_owned() });
    }
    if path.is_dir() {
        let reason = "a directory of that name exists; choose another name";
        return Err(MediaError::InTheWay { path: path.to_owned(), reason });
    }
    TempFile::beside(path).map(drop)
}

/// How the names of what is not complete end.
const UNFINISHED: &str = ".part";

fn builder(prefix: &str) -> Builder<'_, 'static> {
    let mut builder = Builder::new();
    builder.prefix(prefix).suffix(UNFINISHED);
    builder
}

/// Whether a name in a directory is one of those: a run that was killed leaves it behind.
pub(crate) fn is_unfinished(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".") && name.ends_with(UNFINISHED.as_bytes())
}

fn prefix(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Long names plus the random part must stay below the 255 bytes a name may have.
    let name: String = name.chars().take(40).collect();
    format!(".{name}.")
}

/// A file that takes its name only when it is complete, and vanishes when dropped before that.
pub(crate) struct TempFile {
    temp: NamedTempFile,
    target: PathBuf,
}

impl TempFile {
    pub(crate) fn beside(target: &Path) -> Result<Self> {
        let prefix = prefix(target);
        let mut builder = builder(&prefix);
        // A temporary file is private by default; what it becomes is an ordinary file.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let temp = builder.tempfile_in(parent_of(target)).map_err(|e| MediaError::write(target, bare(e)))?;
        Ok(Self { temp, target: target.to_owned() })
    }

    pub(crate) fn file(&self) -> &File {
        self.temp.as_file()
    }

    /// Gives the file its name, replacing an older one in one step.
    pub(crate) fn publish(self) -> Result<()> {
        self.temp.persist(&self.target).map_err(|e| MediaError::write(&self.target, bare(e.error)))?;
        Ok(())
    }
}

/// A file without a name in the directory of the target, gone when it is closed.
pub(crate) fn scratch_file(target: &Path) -> Result<File> {
    tempfile::tempfile_in(parent_of(target)).map_err(|e| MediaError::write(target, bare(e)))
}

/// A hidden directory in a directory, named after the target, gone with its contents when dropped.
pub(crate) fn scratch_dir(target: &Path, directory: &Path) -> Result<TempDir> {
    let prefix = prefix(target);
    let mut builder = builder(&prefix);
    // Private by default; what it may become is an ordinary directory.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    builder.tempdir_in(directory).map_err(|e| MediaError::write(target, bare(e)))
}

/// The error without the temporary path that `tempfile` appends: the user asked for another name.
fn bare(error: std::io::Error) -> std::io::Error {
    if error.get_ref().is_some() { error.kind().into() } else { error }
}
