//! `cargo xtask package-apple`: `bindings/apple/CPortrait.xcframework`, which the Swift package takes.
//!
//! Static libraries from cargo, each of them checked, which takes neither a Mac nor Xcode; the framework from `xcodebuild`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use object::macho::{PLATFORM_IOS, PLATFORM_IOSSIMULATOR, PLATFORM_MACOS, Platform};

use super::{Missing, fresh_folder, macho};
use crate::cross::Compiler;
use crate::shell;

/// Phones, the simulator on Apple's processors, and the Mac.
const SLICES: [(&str, Platform); 3] = [
    ("aarch64-apple-ios", PLATFORM_IOS),
    ("aarch64-apple-ios-sim", PLATFORM_IOSSIMULATOR),
    ("aarch64-apple-darwin", PLATFORM_MACOS),
];

/// The header as a module of Swift's.
const MODULE: &str = "module CPortrait {\n    header \"portrait.h\"\n    export *\n}\n";

/// Makes the framework, or says what is missing for it.
pub(crate) fn run() -> Result<()> {
    let folder = fresh_folder("apple")?;
    let headers = folder.join("Headers");
    std::fs::create_dir(&headers)?;
    let header = shell::root().join("crates/portrait-ffi/include/portrait.h");
    let declared = std::fs::read_to_string(&header).with_context(|| format!("cannot read {}", header.display()))?;
    std::fs::write(headers.join("portrait.h"), &declared)?;
    std::fs::write(headers.join("module.modulemap"), MODULE)?;
    let functions = functions(&declared);

    let mut missing = Missing::default();
    if !shell::succeeds("xcodebuild", &["-version"]) {
        missing.say("Xcode, to assemble the framework", "a Mac with Xcode from the App Store");
    }
    let mut libraries: Vec<PathBuf> = Vec::new();
    for (target, platform) in SLICES {
        println!("\n── {target} ──");
        let compiler = match Compiler::for_target(target) {
            Ok(compiler) => compiler,
            Err(how) => {
                missing.say(&format!("a standard library for {target}"), &how);
                continue;
            }
        };
        let archive = compiler.static_library("portrait-ffi", None)?;
        macho::check(&archive, platform, &functions)?;
        println!(
            "{}: for this platform only, defines the {} functions of portrait.h",
            archive.display(),
            functions.len()
        );
        libraries.push(archive);
    }

    println!();
    missing.none("framework for Apple's systems")?;
    assemble(&libraries, &headers, &folder.join("CPortrait.xcframework"))
}

/// Lets Xcode make the framework, then puts it where the Swift package looks.
fn assemble(libraries: &[PathBuf], headers: &Path, made: &Path) -> Result<()> {
    let mut command = Command::new("xcodebuild");
    command.arg("-create-xcframework");
    for library in libraries {
        command.arg("-library").arg(library).arg("-headers").arg(headers);
    }
    shell::run(command.arg("-output").arg(made))?;
    let place = shell::root().join("bindings/apple/CPortrait.xcframework");
    if place.exists() {
        std::fs::remove_dir_all(&place).with_context(|| format!("cannot replace {}", place.display()))?;
    }
    // A copy, since the folder that cargo builds into may be on another disk.
    shell::run(Command::new("cp").arg("-R").args([made, &place]))?;
    println!("{}", place.display());
    Ok(())
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
