//! `cargo xtask package-apple`: `bindings/apple/CPortrait.xcframework`, which the Swift package takes.
//!
//! Static libraries from cargo, each of them checked, and the framework around those that could be built. None of it takes a Mac or Xcode.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use object::macho::{PLATFORM_IOS, PLATFORM_IOSSIMULATOR, PLATFORM_MACOS, Platform};

use super::{Missing, fresh_folder, macho, size, xcframework};
use crate::cross::{self, Compiler};
use crate::shell;

/// Phones, the simulator on Apple's processors, and the Mac; the linker's name of each, and the smallest version as in `Package.swift`.
const SLICES: [Slice; 3] = [
    Slice { target: "aarch64-apple-ios", platform: PLATFORM_IOS, name: "ios", version: "15.0" },
    Slice { target: "aarch64-apple-ios-sim", platform: PLATFORM_IOSSIMULATOR, name: "ios-simulator", version: "15.0" },
    Slice { target: "aarch64-apple-darwin", platform: PLATFORM_MACOS, name: "macos", version: "12.0" },
];

struct Slice {
    target: &'static str,
    platform: Platform,
    name: &'static str,
    version: &'static str,
}

/// The header as a module of Swift's.
const MODULE: &str = "module CPortrait {\n    header \"portrait.h\"\n    export *\n}\n";

/// Makes the framework for the systems that there is a compiler for, and says which are left out.
pub(crate) fn run() -> Result<()> {
    let folder = fresh_folder("apple")?;
    let header = shell::root().join("crates/portrait-ffi/include/portrait.h");
    let declared = std::fs::read_to_string(&header).with_context(|| format!("cannot read {}", header.display()))?;
    let functions = functions(&declared);

    let mut missing = Missing::default();
    let (mut built, mut left_out): (Vec<(&str, PathBuf)>, Vec<&str>) = (Vec::new(), Vec::new());
    for slice in &SLICES {
        println!("\n── {} ──", slice.target);
        let compiler = match Compiler::for_target(slice.target) {
            Ok(compiler) => compiler,
            Err(how) => {
                missing.say(&format!("a standard library for {}", slice.target), &how);
                left_out.push(slice.name);
                continue;
            }
        };
        let archive = compiler.static_library("portrait-ffi", None)?;
        macho::check(&archive, slice.platform, &functions)?;
        println!(
            "{}: for this platform only, defines the {} functions of portrait.h",
            archive.display(),
            functions.len()
        );
        if let Some(lld) = cross::lld() {
            let trial = Trial { lld: &lld, slice, archive: &archive, functions: &functions, folder: &folder };
            println!("\n{}", size::tables(&trial.link(false)?)?);
            let size = std::fs::metadata(trial.link(true)?)?.len();
            println!("an app that uses all of it grows by about {:.2} MB (linked on trial)", size as f64 / 1e6);
        }
        built.push((slice.name, archive));
    }

    println!();
    if built.is_empty() {
        return missing.none("framework for Apple's systems");
    }
    let libraries: Vec<xcframework::Library<'_>> =
        built.iter().map(|(platform, file)| xcframework::Library { platform, file }).collect();
    let headers = [("portrait.h", declared.as_str()), ("module.modulemap", MODULE)];
    let bundle = shell::root().join("bindings/apple/CPortrait.xcframework");
    xcframework::write(&libraries, &headers, &bundle)?;
    let names: Vec<&str> = libraries.iter().map(|library| library.platform).collect();
    println!("{}: for {}", bundle.display(), names.join(", "));
    if !left_out.is_empty() {
        println!("not in it, for want of what is named above: {}", left_out.join(", "));
    }
    Ok(())
}

/// A library of what the functions reach: what an app takes over of the static one. Linked without Apple's frameworks, so it cannot be
/// loaded.
struct Trial<'a> {
    lld: &'a Path,
    slice: &'a Slice,
    archive: &'a Path,
    functions: &'a [String],
    folder: &'a Path,
}

impl Trial<'_> {
    /// The file; with the names that only debuggers and [`size`] look at, or without.
    fn link(&self, stripped: bool) -> Result<PathBuf> {
        let Slice { name, version, .. } = self.slice;
        let file = self.folder.join(format!("trial-{name}{}.dylib", if stripped { "" } else { "-symbols" }));
        let mut command = Command::new(self.lld);
        command.args(["-flavor", "darwin", "-arch", "arm64", "-platform_version", name, version, version]);
        command.args(["-dylib", "-dead_strip", "-undefined", "dynamic_lookup", "-S"]);
        command.args(stripped.then_some("-x"));
        command.args(self.functions.iter().flat_map(|name| ["-exported_symbol".to_owned(), format!("_{name}")]));
        shell::run(command.arg(self.archive).arg("-o").arg(&file))?;
        Ok(file)
    }
}

/// Names of the functions that the header declares.
fn functions(header: &str) -> Vec<String> {
    let code = header.lines().filter(|line| !line.starts_with("//"));
    let names = code.filter_map(|line| {
        let before = line.split('(').next().filter(|before| before.len() < line.len())?;
        before.split([' ', '*']).next_back().filter(|name| name.starts_with("portrait_"))
    });
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_in_the_header() {
        let header = shell::root().join("crates/portrait-ffi/include/portrait.h");
        let header = std::fs::read_to_string(header).expect("the header");
        let names = functions(&header);
        for name in ["portrait_abi_version", "portrait_last_error", "portrait_session_push"] {
            assert!(names.iter().any(|n| n == name), "{name} in {names:?}");
        }
        assert!(names.is_sorted_by(|a, b| a < b), "once each: {names:?}");
    }
}
