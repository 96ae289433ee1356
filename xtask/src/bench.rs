//! `cargo xtask bench`: a release build of `benches/`, and its arguments.

use anyhow::Result;

use crate::{setup, shell};

/// Builds the program and hands it the arguments. Relative files are those of the workspace's root.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let environment = setup::prepare(setup::Purpose::Run)?;
    let mut command = shell::cargo();
    command.args(["run", "--release", "--quiet", "--package", "portrait-bench", "--"]).args(arguments);
    environment.apply(&mut command);
    shell::run(&mut command)
}
