//! Work in a process of its own: starts, and pipelines on drivers that replace the usual one.

use crate::phones::compile::Compile;
use crate::start::Start;
use anyhow::{Context, Result, bail};
use portrait_kernels::{Avoid, DeviceProfile};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::process::{Command, Stdio};

/// What a child does, as the value of `--child`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Task {
    Start(Start),
    Compile(Compile),
}

/// A profile on its way to a child: pixels and slices of the tiles, and lanes; nothing to avoid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tiles([u32; 3]);

impl From<DeviceProfile> for Tiles {
    fn from(profile: DeviceProfile) -> Self {
        Self([profile.tile_pixels, profile.tile_slices, profile.lanes])
    }
}

impl From<Tiles> for DeviceProfile {
    fn from(Tiles([tile_pixels, tile_slices, lanes]): Tiles) -> Self {
        Self { tile_pixels, tile_slices, lanes, avoid: Avoid::NONE }
    }
}

/// Marks the line of stdout that holds the result.
pub(crate) const MARK: &str = "result: ";

/// This program as a child that does `task`.
pub(crate) fn command(task: &Task) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--child").arg(serde_json::to_string(task)?).stdin(Stdio::null());
    Ok(command)
}

/// Runs the child; what it answered.
pub(crate) fn result<T: DeserializeOwned>(command: &mut Command) -> Result<T> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("a child process failed ({})", output.status);
    }
    parse(&String::from_utf8(output.stdout)?)
}

/// The answer in a child's stdout.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T> {
    let line = text.lines().find_map(|line| line.strip_prefix(MARK)).context("a child process said nothing")?;
    Ok(serde_json::from_str(line)?)
}

/// The child's answer.
pub(crate) fn answer(value: &impl Serialize) -> Result<()> {
    println!("{MARK}{}", serde_json::to_string(value)?);
    Ok(())
}

/// The child's work.
pub(crate) fn run(task: &str) -> Result<()> {
    match serde_json::from_str(task)? {
        Task::Start(start) => start.run(),
        Task::Compile(compile) => compile.run(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_reach_the_child() {
        for profile in DeviceProfile::ALL {
            let sent = serde_json::to_string(&Tiles::from(profile)).unwrap();
            assert_eq!(DeviceProfile::from(serde_json::from_str::<Tiles>(&sent).unwrap()), profile);
        }
    }
}
