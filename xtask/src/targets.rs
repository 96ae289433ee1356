//! `cargo xtask targets`: whether the libraries for other languages compile for phones and for Windows, and the engine for the web. Not
//! the C interface there: its sessions have threads of their own.
//!
//! Nothing is linked: `package-android` and `package-apple` do.

use anyhow::{Result, bail};

use crate::cross::Compiler;
use crate::shell;

/// Target, and the libraries that are for it.
const TARGETS: &[(&str, &[&str])] = &[
    ("aarch64-linux-android", &["portrait-jni", "portrait-ffi"]),
    ("aarch64-apple-ios", &["portrait-ffi"]),
    ("wasm32-unknown-unknown", &["portrait-web"]),
    ("x86_64-linux-android", &["portrait-jni", "portrait-ffi"]),
    ("aarch64-apple-ios-sim", &["portrait-ffi"]),
    ("x86_64-pc-windows-gnu", &["portrait-ffi"]),
];

/// One of each system: what `cargo xtask test` checks. The others take minutes more and differ from these in nothing of ours.
pub(crate) const OF_EACH_SYSTEM: [&str; 4] =
    ["aarch64-linux-android", "aarch64-apple-ios", "wasm32-unknown-unknown", "x86_64-pc-windows-gnu"];

/// What came of checking targets.
#[derive(Default)]
pub(crate) struct Checked {
    pub(crate) passed: Vec<&'static str>,
    pub(crate) failed: Vec<&'static str>,
    /// What there was no compiler for, and what would get one.
    pub(crate) skipped: Vec<(&'static str, String)>,
}

/// Checks the targets whose names are given, or all; says which could not be tried, and why.
pub(crate) fn run(names: &[String]) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| TARGETS.iter().all(|(target, _)| target != name)) {
        let known: Vec<&str> = TARGETS.iter().map(|(target, _)| *target).collect();
        bail!("no target is called `{unknown}`; there are {}", known.join(", "));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let Checked { failed, .. } = check(&names)?;
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

/// Checks the targets of these names, or all where there are none.
pub(crate) fn check(names: &[&str]) -> Result<Checked> {
    let mut checked = Checked::default();
    for (target, libraries) in TARGETS.iter().filter(|(target, _)| names.is_empty() || names.contains(target)) {
        let compiler = match Compiler::for_target(target) {
            Ok(compiler) => compiler,
            Err(how) => {
                println!("SKIP {target}: no standard library for it: {how}");
                checked.skipped.push((target, how));
                continue;
            }
        };
        let mut command = compiler.cargo("check");
        command.args(libraries.iter().flat_map(|library| ["-p", library]));
        println!("\n── {target} ── {}", shell::text(&command));
        let passed = shell::status(&mut command)?.success();
        if passed { &mut checked.passed } else { &mut checked.failed }.push(target);
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stage_of_the_test_checks_known_targets() {
        for name in OF_EACH_SYSTEM {
            assert!(TARGETS.iter().any(|(target, _)| *target == name), "{name}");
        }
    }
}
