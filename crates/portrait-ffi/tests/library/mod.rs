//! The library that cargo has built for a test, and no other.

use std::ffi::OsString;
use std::path::PathBuf;

/// Where it lies.
pub(crate) fn library() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    test.parent().expect("a folder").to_owned()
}

/// Where programs look for libraries: first for the one of this test, where cargo's path leads to what `cargo build` left behind.
pub(crate) fn libraries() -> OsString {
    let path = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let others = std::env::split_paths(&path).filter(|folder| !folder.as_os_str().is_empty());
    std::env::join_paths(std::iter::once(library()).chain(others)).expect("no colons")
}
