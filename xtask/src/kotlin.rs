//! A Kotlin compiler, for the library and the sample app of `bindings/android`.

use std::path::PathBuf;
use std::process::Command;

use crate::shell;

/// The compiler that they are known to compile with, at npm.
const COMPILER: &str = "kotlin-compiler@2.4.20";

/// How to get one by hand.
pub(crate) const HOW: &str = "npm install kotlin-compiler, and KOTLINC=…/bin/kotlinc; it needs Java: apt-get install \
                              openjdk-17-jdk-headless, or https://adoptium.net";

/// `KOTLINC`, or the one on the `PATH`, or else the one that npm brings into the build's own directory; `None` where none is to be had.
pub(crate) fn compiler() -> Option<PathBuf> {
    if !shell::succeeds("java", &["-version"]) {
        return None;
    }
    if let Some(named) = std::env::var_os("KOTLINC") {
        return Some(named.into());
    }
    if shell::succeeds("kotlinc", &["-version"]) {
        return Some("kotlinc".into());
    }
    let directory = shell::target_dir().join("kotlin");
    let compiler = directory.join("node_modules/kotlin-compiler/bin/kotlinc");
    if !compiler.exists() && shell::succeeds("npm", &["--version"]) {
        println!("setup: no Kotlin compiler (bindings/android is in Kotlin); npm brings one into target/kotlin");
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(&directory).arg(COMPILER);
        if let Err(error) = shell::run(&mut npm) {
            // Whoever wants it says what comes of that.
            eprintln!("setup: {error:#}");
        }
    }
    compiler.exists().then_some(compiler)
}
