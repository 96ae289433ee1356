//! `cargo xtask targets`: whether the libraries for other languages compile for phones. Not for the web: objects of wgpu stay in
//! one thread there, and sessions have threads of their own.
//!
//! Needs a compiler whose standard library can be built from source: Debian's rustc-web, cargo-web and rust-web-src, since rustup's
//! targets are a download of their own. Nothing is linked: that takes the NDK or Xcode.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::shell;

/// Target, and the libraries that are for it.
const TARGETS: &[(&str, &[&str])] = &[
    ("aarch64-linux-android", &["portrait-jni", "portrait-ffi"]),
    ("x86_64-linux-android", &["portrait-jni", "portrait-ffi"]),
    ("aarch64-apple-ios", &["portrait-ffi"]),
    ("aarch64-apple-ios-sim", &["portrait-ffi"]),
];

/// Debian's compiler and its standard library.
const COMPILER: [&str; 2] = ["/usr/bin/rustc", "/usr/bin/cargo"];

/// Checks the targets whose names are given, or all; says which could not be tried, and why.
pub(crate) fn run(names: &[String]) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| TARGETS.iter().all(|(target, _)| target != name)) {
        let known: Vec<&str> = TARGETS.iter().map(|(target, _)| *target).collect();
        bail!("no target is called `{unknown}`; there are {}", known.join(", "));
    }
    if let Some(reason) = missing() {
        println!("SKIP: {reason}");
        return Ok(());
    }
    let mut failed = Vec::new();
    for (target, libraries) in TARGETS.iter().filter(|(t, _)| names.is_empty() || names.iter().any(|name| name == t)) {
        let mut command = Command::new(COMPILER[1]);
        command.current_dir(shell::root()).env("RUSTC", COMPILER[0]).env("RUSTC_BOOTSTRAP", "1");
        command.env("CARGO_TARGET_DIR", shell::target_dir().join("targets"));
        // What rustup and the cargo around this set is for another compiler.
        for name in ["RUSTUP_TOOLCHAIN", "RUSTC_WRAPPER", "CARGO", "RUSTDOC"] {
            command.env_remove(name);
        }
        command.args(["check", "-Zbuild-std=std,panic_abort", "--target", target]);
        command.args(libraries.iter().flat_map(|library| ["-p", library]));
        println!("\n── {target} ── {}", shell::text(&command));
        if !shell::status(&mut command)?.success() {
            failed.push(*target);
        }
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

/// What is missing for a try, if anything.
fn missing() -> Option<String> {
    let how = "apt-get install --no-install-recommends rustc-web cargo-web rust-web-src libstd-rust-web-dev";
    if !COMPILER.iter().all(|program| Path::new(program).exists()) {
        return Some(format!("no compiler that builds its standard library: {how}"));
    }
    let source = shell::output(Command::new(COMPILER[0]).args(["--print", "sysroot"])).ok()?;
    let library = Path::new(source.trim()).join("lib/rustlib/src/rust/library/std/Cargo.toml");
    (!library.exists()).then(|| format!("{} is missing: {how}", library.display()))
}
