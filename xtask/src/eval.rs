//! `cargo xtask eval`: the weights, measured on the engine itself. The measuring is in `crates/portrait-eval`.

use anyhow::Result;

use crate::{setup, shell};

/// Builds `portrait-eval` and runs it with these arguments, in the directory the task was called from.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let environment = setup::prepare(setup::Purpose::Run)?;
    let mut command = shell::cargo();
    // The development profile is optimised, and built already where tests have run.
    command.args(["run", "--quiet", "--package", "portrait-eval", "--manifest-path"]);
    command.arg(shell::root().join("Cargo.toml")).arg("--").args(arguments).current_dir(std::env::current_dir()?);
    environment.apply(&mut command);
    shell::run(&mut command)
}
