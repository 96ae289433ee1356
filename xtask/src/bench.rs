//! `cargo xtask bench`: a release build of `benches/`, and its arguments.

use std::ffi::OsString;

use anyhow::Result;

use crate::{setup, shell};

/// Builds the program and hands it the arguments. Relative files are those of the workspace's root.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let environment = setup::prepare(setup::Purpose::Run)?;
    let mut command = shell::cargo();
    if arguments.iter().any(|argument| argument == "--peers") {
        command.env("PORTRAIT_BURN_PEER", burn_peer());
    }
    command.args(["run", "--release", "--quiet", "--package", "portrait-bench", "--"]).args(arguments);
    environment.apply(&mut command);
    shell::run(&mut command)
}

/// Builds the peer that is a crate of a workspace of its own; the bench says that it skips where this fails.
fn burn_peer() -> OsString {
    let directory = shell::target_dir().join("burn-peer");
    println!("bench: building burn, one of the peers (the first time some ten minutes)");
    let mut build = shell::cargo();
    build.args(["build", "--release", "--quiet", "--locked", "--manifest-path", "benches/burn-peer/Cargo.toml"]);
    build.arg("--target-dir").arg(&directory);
    if let Err(error) = shell::run(&mut build) {
        eprintln!("bench: {error:#}");
    }
    directory.join("release").join(format!("burn-peer{}", std::env::consts::EXE_SUFFIX)).into_os_string()
}
