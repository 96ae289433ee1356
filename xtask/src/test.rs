//! `cargo xtask test`: everything that must hold before a commit.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::{hash, setup, shell};

struct Stage {
    name: &'static str,
    arguments: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
}

const STAGES: &[Stage] = &[
    Stage { name: "fmt", arguments: &["fmt", "--all", "--check"], environment: &[] },
    Stage {
        name: "clippy",
        arguments: &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
        environment: &[],
    },
    // A test that needs an adapter fails where there is none, instead of being skipped.
    Stage { name: "test", arguments: &["test", "--workspace"], environment: &[("PORTRAIT_REQUIRE_GPU", "1")] },
    Stage {
        name: "doc",
        arguments: &["doc", "--workspace", "--no-deps"],
        environment: &[("RUSTDOCFLAGS", "-D warnings")],
    },
    Stage { name: "deny", arguments: &["deny", "check", "licenses", "bans", "sources"], environment: &[] },
];

enum Outcome {
    Passed,
    Failed,
    Skipped(&'static str),
}

/// Runs the stages whose names are given, or all; fails at the end with the names of those that failed.
pub(crate) fn run(names: &[String]) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| STAGES.iter().all(|stage| stage.name != name.as_str())) {
        let known: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
        bail!("no stage is called `{unknown}`; there are {}", known.join(", "));
    }
    hash::run()?;
    let windows = names.is_empty() || names.iter().any(|name| name == "test");
    let environment = setup::prepare(if windows { setup::Purpose::Test } else { setup::Purpose::Run })?;

    let mut results: Vec<(&Stage, Outcome, Duration)> = Vec::new();
    for stage in STAGES.iter().filter(|stage| names.is_empty() || names.iter().any(|name| name == stage.name)) {
        let mut command = shell::cargo();
        command.args(stage.arguments).envs(stage.environment.iter().copied());
        environment.apply(&mut command);
        println!("\n── {} ── {}", stage.name, shell::text(&command));
        let start = Instant::now();
        let outcome = outcome(stage, &mut command)?;
        results.push((stage, outcome, start.elapsed()));
    }

    println!();
    for (stage, outcome, time) in &results {
        let seconds = time.as_secs_f64();
        match outcome {
            Outcome::Passed => println!("{:<8} ok      {seconds:>7.1} s", stage.name),
            Outcome::Failed => println!("{:<8} FAILED  {seconds:>7.1} s", stage.name),
            Outcome::Skipped(reason) => println!("{:<8} skipped: {reason}", stage.name),
        }
    }
    let failed = results.iter().filter(|(_, outcome, _)| matches!(outcome, Outcome::Failed));
    let failed: Vec<&str> = failed.map(|(stage, ..)| stage.name).collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn outcome(stage: &Stage, command: &mut Command) -> Result<Outcome> {
    if stage.name == "deny" && !shell::succeeds("cargo", &["deny", "--version"]) {
        return Ok(Outcome::Skipped("cargo-deny is not installed (cargo install cargo-deny)"));
    }
    Ok(if shell::status(command)?.success() { Outcome::Passed } else { Outcome::Failed })
}
