//! `cargo xtask parity`: the engine's networks against the PyTorch reference on the same weights, stage by stage. The comparison is a
//! test of `portrait-runtime` that `cargo xtask test` runs too.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::{setup, shell};

/// Compares on the stored frames, or, with a Python that has PyTorch, on frames made afresh by `weights/make_fixtures.py`.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let (mut python, mut weights) = (None, None);
    for pair in arguments.chunks(2) {
        match pair {
            [name, value] if name == "--python" => python = Some(value.clone()),
            [name, value] if name == "--weights" => weights = Some(std::path::absolute(value)?),
            _ => bail!("`cargo xtask parity` takes --python PYTHON and --weights FILE, found `{}`", pair.join(" ")),
        }
    }
    if weights.is_some() && python.is_none() {
        bail!("--weights FILE needs --python PYTHON, since the stored frames are of the weights of the repository");
    }
    let environment = setup::prepare(setup::Purpose::Run)?;
    let mut test = shell::cargo();
    test.args(["test", "--quiet", "--package", "portrait-runtime", "--lib", "tests::parity", "--"]);
    test.args(["--nocapture", "--test-threads", "1"]).env("PORTRAIT_REQUIRE_GPU", "1").stdout(Stdio::piped());
    environment.apply(&mut test);
    if let Some(python) = python {
        test.env("PORTRAIT_PARITY", frames(&python, weights)?);
    }
    let output = test.output().with_context(|| format!("cannot run `{}`", shell::text(&test)))?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .filter(|line| line.starts_with('|') || line.starts_with("adapter"))
        .for_each(|line| println!("{line}"));
    if !output.status.success() {
        bail!("the engine and the reference differ:\n{text}{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Frames of these weights, or of those of the repository, made by the reference: their folder.
fn frames(python: &str, weights: Option<PathBuf>) -> Result<PathBuf> {
    let folder = shell::target_dir().join("parity");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let mut command = std::process::Command::new(python);
    command.arg(shell::root().join("weights/make_fixtures.py")).arg("--weights");
    command.arg(weights.unwrap_or_else(|| shell::root().join("weights/portrait_s.safetensors")));
    shell::run(command.arg("--out").arg(&folder))?;
    Ok(folder)
}
