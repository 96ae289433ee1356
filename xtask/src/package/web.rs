//! `cargo xtask package-web`: `target/package/web`, the engine for JavaScript and a page that uses it.
//!
//! `serve` shows that page, for browsers take modules from servers only; `try` has Chromium open it, with a clip for a camera.

mod server;
mod trial;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Missing, fresh_folder};
use crate::cross::Compiler;
use crate::{hash, shell};

const TARGET: &str = "wasm32-unknown-unknown";
/// What the page fetches, and what it calls that.
const ASSETS: [(&str, &str); 3] = [
    ("weights/portrait_fast.safetensors", "portrait_fast.safetensors"),
    ("weights/portrait_s.safetensors", "portrait_s.safetensors"),
    ("assets/astronaut.png", "portrait.png"),
];
const PAGE: [&str; 2] = ["index.html", "page.js"];
/// Where `serve` listens.
const PORT: u16 = 8080;

/// Makes the folder; then nothing, or one of `serve` and `try`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if !matches!(words[..], [] | ["serve"] | ["try"]) {
        bail!("expected nothing, `serve` or `try`, found `{}`", words.join(" "));
    }
    let folder = package()?;
    match words[..] {
        ["serve"] => {
            println!("http://localhost:{PORT}/ until this is stopped (Ctrl+C)");
            server::serve(PORT, &folder, |_| None)
        }
        ["try"] => trial::run(&folder),
        _ => {
            println!("`cargo xtask package-web serve` shows it; any server of files does");
            Ok(())
        }
    }
}

fn package() -> Result<PathBuf> {
    hash::run()?;
    let mut missing = Missing::default();
    let compiler = Compiler::for_target(TARGET);
    if let Err(how) = &compiler {
        missing.say(&format!("a standard library for {TARGET}"), how);
    }
    let wanted = locked("wasm-bindgen")?;
    if binder().as_deref() != Some(&*wanted) {
        let how = format!("cargo install wasm-bindgen-cli --version {wanted}");
        missing.say(&format!("wasm-bindgen {wanted}"), &how);
    }
    missing.none("page")?;
    let compiler = compiler.map_err(anyhow::Error::msg)?;

    let module = compiler.module("portrait-web")?;
    let folder = fresh_folder("web")?;
    let mut bind = Command::new("wasm-bindgen");
    shell::run(bind.args(["--target", "web", "--out-dir"]).arg(&folder).arg(&module))?;
    let assets = ASSETS.map(|(from, to)| (shell::root().join(from), to));
    let page = PAGE.map(|name| (shell::root().join("bindings/web/page").join(name), name));
    for (from, to) in page.iter().chain(&assets) {
        std::fs::copy(from, folder.join(to)).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    println!("\n{}:", folder.display());
    for (name, size) in sizes(&folder)? {
        println!("{:>9.2} MB  {name}", size as f64 / 1e6);
    }
    Ok(folder)
}

fn sizes(folder: &Path) -> Result<Vec<(String, u64)>> {
    let mut sizes = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        sizes.push((entry.file_name().to_string_lossy().into_owned(), entry.metadata()?.len()));
    }
    sizes.sort();
    Ok(sizes)
}

/// The version of a package in the lock file. The module and the program that binds it must be of one.
fn locked(package: &str) -> Result<String> {
    let file = shell::root().join("Cargo.lock");
    let lock = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let entry = lock.split_once(&format!("name = \"{package}\"\nversion = \""));
    let version = entry.and_then(|(_, rest)| rest.split('"').next());
    version.map(str::to_owned).with_context(|| format!("{} has no {package}", file.display()))
}

/// The version of the program that is installed.
fn binder() -> Option<String> {
    let output = Command::new("wasm-bindgen").arg("--version").output().ok()?;
    String::from_utf8(output.stdout).ok()?.split_whitespace().nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_names_the_version_that_binds() {
        let version = locked("wasm-bindgen").expect("a dependency");
        assert_eq!(version.split('.').count(), 3, "{version}");
        assert!(locked("no such package").is_err());
    }

    #[test]
    fn what_the_page_fetches_is_there() {
        for (file, name) in ASSETS {
            assert!(shell::root().join(file).exists(), "{file}");
            let page = std::fs::read_to_string(shell::root().join("bindings/web/page/page.js")).expect("the page");
            let fetched = name.replace("_fast", "_${preset}").replace("_s.", "_${preset}.");
            assert!(page.contains(&fetched), "{fetched}");
        }
    }
}
