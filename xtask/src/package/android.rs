//! `cargo xtask package-android`: `target/package/android/portrait.aar`.
//!
//! Classes from `kotlinc`, static libraries from cargo, shared ones from the NDK's clang, each of them checked. Where the NDK is
//! missing, lld links on trial, so that sizes, symbols and alignment are known all the same; then no archive is made.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use object::elf::{EM_AARCH64, EM_X86_64, Machine};

use super::{Missing, aar, classes, elf, fresh_folder, link, ndk, size};
use crate::cross::{self, Compiler};
use crate::{hash, kotlin, shell};

/// Processors of phones and of the emulator.
const INTERFACES: [Interface; 2] = [
    Interface { target: "aarch64-linux-android", name: "arm64-v8a", machine: EM_AARCH64 },
    Interface { target: "x86_64-linux-android", name: "x86_64", machine: EM_X86_64 },
];

struct Interface {
    target: &'static str,
    /// Android's name of it.
    name: &'static str,
    machine: Machine,
}

/// Libraries that every device has, and this one uses.
const SYSTEM: [&str; 5] = ["libandroid.so", "libc.so", "libdl.so", "liblog.so", "libm.so"];

const LIBRARY: &str = "libportrait_jni.so";

/// Makes the archive, or says what is missing for it; with `host` only tries linking and checks on this machine.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if words == ["host"] {
        return host();
    }
    let mut assets = Vec::new();
    for pair in words.chunks(2) {
        let ["--weights", name] = pair else {
            bail!("expected `--weights NAME` or `host`, found `{}`", pair.join(" "));
        };
        let file = shell::root().join(format!("weights/{name}.safetensors"));
        if !file.exists() {
            bail!(
                "there is no {}; `portrait_s` and `portrait_fast` are the ones to show pictures with",
                file.display()
            );
        }
        assets.push(file);
    }
    hash::run()?;

    let folder = fresh_folder("android")?;
    let mut missing = Missing::default();
    let compiled = folder.join("classes");
    if let Some(kotlinc) = kotlin::compiler() {
        let android_jar = ndk::android_jar();
        if android_jar.is_none() {
            missing.say("android.jar; the classes were compiled against stubs only", ndk::HOW_SDK);
        }
        classes::compile(&kotlinc, android_jar.as_deref(), &compiled)?;
    } else {
        missing.say("a Kotlin compiler", kotlin::HOW);
    }

    let sdk = minimum_sdk()?;
    if ndk::clang(INTERFACES[0].target, sdk).is_none() {
        missing.say("the NDK, to link for Android", ndk::HOW_NDK);
    }
    let exports = classes::entry_points()?;
    let mut libraries: Vec<(&str, PathBuf)> = Vec::new();
    for interface in &INTERFACES {
        println!("\n── {} ──", interface.target);
        let compiler = match Compiler::for_target(interface.target) {
            Ok(compiler) => compiler,
            Err(how) => {
                missing.say(&format!("a standard library for {}", interface.target), &how);
                continue;
            }
        };
        let clang = ndk::clang(interface.target, sdk);
        let archive = compiler.static_library("portrait-jni", clang.as_deref())?;
        let (linker, place) = match (clang, cross::lld()) {
            (Some(program), _) => (link::Linker::Driver { program, libraries: &["android", "log", "m"] }, "jni"),
            (None, Some(lld)) => (link::Linker::Trial { lld }, "trial"),
            (None, None) => continue,
        };
        let files = [place, "symbols"].map(|place| folder.join(place).join(interface.name).join(LIBRARY));
        let expected =
            elf::Expected { machine: interface.machine, exports: &exports, libraries: &SYSTEM, page: link::PAGE };
        make(&linker, &archive, &files, &expected)?;
        libraries.push((interface.name, files[0].clone()));
    }

    println!();
    missing.none("archive for Android")?;
    let rules = shell::root().join("bindings/android/portrait/consumer-rules.pro");
    let parts = aar::Parts {
        minimum_sdk: sdk,
        classes: &compiled,
        rules: &std::fs::read_to_string(&rules).with_context(|| format!("cannot read {}", rules.display()))?,
        libraries: libraries.iter().map(|(name, file)| (*name, file.as_path())).collect(),
        assets: assets.iter().map(PathBuf::as_path).collect(),
    };
    let file = folder.join("portrait.aar");
    aar::write(&parts, &file)?;
    println!("{}: {:.1} MB", file.display(), std::fs::metadata(&file)?.len() as f64 / 1e6);
    Ok(())
}

/// Links twice, with symbols for debuggers and the table of sizes and without for the app, and checks the latter.
fn make(
    linker: &link::Linker,
    archive: &Path,
    [file, symbols]: &[PathBuf; 2],
    expected: &elf::Expected<'_>,
) -> Result<()> {
    let shared = link::Shared { archive, exports: expected.exports, page: expected.page, stripped: true };
    linker.link(&shared, file)?;
    linker.link(&link::Shared { stripped: false, ..shared }, symbols)?;
    let found = elf::check(file, expected)?;
    println!("\n{}", size::tables(symbols)?);
    let trial = if matches!(linker, link::Linker::Trial { .. }) { "; linked on trial, cannot be loaded" } else { "" };
    println!(
        "{}: {:.2} MB, p_align {:#x}, exports the {} entry points and nothing else, needs {:?}{trial}",
        file.display(),
        std::fs::metadata(file)?.len() as f64 / 1e6,
        found.alignment,
        expected.exports.len(),
        found.needed
    );
    Ok(())
}

/// Linking and checks with this machine's own library and linker, and a proof that the check of the pages can fail.
fn host() -> Result<()> {
    let machine = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => EM_X86_64,
        ("linux", "aarch64") => EM_AARCH64,
        (os, arch) => bail!("`host` is for Linux on x86-64 or aarch64, this is {os} on {arch}"),
    };
    let folder = fresh_folder("host")?;
    let exports = classes::entry_points()?;
    let libraries = ["libgcc_s.so.1", "libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"];
    let expected = elf::Expected { machine, exports: &exports, libraries: &libraries, page: link::PAGE };
    let linker = link::Linker::Driver { program: "cc".into(), libraries: &["gcc_s", "m", "dl", "pthread"] };
    let archive = Compiler::Host.static_library("portrait-jni", None)?;
    make(&linker, &archive, &[folder.join(LIBRARY), folder.join("symbols").join(LIBRARY)], &expected)?;

    let small = folder.join("small-pages").join(LIBRARY);
    linker.link(&link::Shared { archive: &archive, exports: &exports, page: 0x1000, stripped: true }, &small)?;
    match elf::check(&small, &expected) {
        Ok(_) => bail!("{} is for pages of 4 KiB, and the check did not notice", small.display()),
        Err(fault) => println!("\nThe same for pages of 4 KiB is refused, as it should be: {fault:#}"),
    }
    Ok(())
}

/// The smallest version of Android, from where Gradle reads it.
fn minimum_sdk() -> Result<u32> {
    let file = shell::root().join("bindings/android/portrait/build.gradle.kts");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let value = text.lines().find_map(|line| line.trim().strip_prefix("minSdk = "));
    value.and_then(|number| number.parse().ok()).with_context(|| format!("no `minSdk = NUMBER` in {}", file.display()))
}
