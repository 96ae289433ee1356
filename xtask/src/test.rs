//! `cargo xtask test`: everything that must hold before a commit.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::targets::{self, Checked};
use crate::told::Told;
use crate::{hash, setup, shell};

struct Stage {
    name: &'static str,
    /// Of cargo; none where the stage is another task.
    arguments: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
}

const TARGETS: &str = "targets";
const TEST: &str = "test";
/// Stages that read formatting or licences alone, and need nothing installed.
const READING: [&str; 2] = ["fmt", "deny"];

const STAGES: &[Stage] = &[
    Stage { name: "fmt", arguments: &["fmt", "--all", "--check"], environment: &[] },
    Stage {
        name: "clippy",
        arguments: &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
        environment: &[],
    },
    // A test that needs an adapter fails where there is none, instead of being skipped.
    Stage { name: TEST, arguments: &["test", "--workspace"], environment: &[("PORTRAIT_REQUIRE_GPU", "1")] },
    Stage {
        name: "doc",
        arguments: &["doc", "--workspace", "--no-deps"],
        environment: &[("RUSTDOCFLAGS", "-D warnings")],
    },
    // For phones and the web: nothing is linked, and nothing run.
    Stage { name: TARGETS, arguments: &[], environment: &[] },
    Stage { name: "deny", arguments: &["deny", "check", "licenses", "bans", "sources"], environment: &[] },
];

enum Outcome {
    Passed,
    Failed,
    Skipped(String),
}

/// Runs the stages whose names are given, or all; fails at the end with the names of those that failed.
pub(crate) fn run(names: &[String]) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| STAGES.iter().all(|stage| stage.name != name.as_str())) {
        let known: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
        bail!("no stage is called `{unknown}`; there are {}", known.join(", "));
    }
    let chosen: Vec<&Stage> =
        STAGES.iter().filter(|stage| names.is_empty() || names.iter().any(|name| name == stage.name)).collect();
    let has = |name: &str| chosen.iter().any(|stage| stage.name == name);
    let environment = if chosen.iter().all(|stage| READING.contains(&stage.name)) {
        setup::Environment::default()
    } else {
        hash::run()?;
        setup::prepare(if has(TEST) { setup::Purpose::Test } else { setup::Purpose::Run })?
    };

    let mut told = Told::default();
    let mut results: Vec<(&Stage, Outcome, Duration)> = Vec::new();
    for stage in chosen {
        let mut command = shell::cargo();
        command.args(stage.arguments).envs(stage.environment.iter().copied());
        environment.apply(&mut command);
        let start = Instant::now();
        let outcome = if stage.name == TARGETS {
            outcome_of(targets::check(&targets::OF_EACH_SYSTEM)?)
        } else {
            println!("\n── {} ── {}", stage.name, shell::text(&command));
            if stage.name == TEST {
                let (passed, by_tests) = Told::by(&mut command)?;
                told = by_tests;
                if passed { Outcome::Passed } else { Outcome::Failed }
            } else {
                outcome(stage, &mut command)?
            }
        };
        results.push((stage, outcome, start.elapsed()));
    }

    println!();
    told.print();
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
        return Ok(Outcome::Skipped("cargo-deny is not installed (cargo install cargo-deny)".to_owned()));
    }
    Ok(if shell::status(command)?.success() { Outcome::Passed } else { Outcome::Failed })
}

/// A stage that tried nothing is not one that passed.
fn outcome_of(checked: Checked) -> Outcome {
    match checked {
        Checked { failed, .. } if !failed.is_empty() => Outcome::Failed,
        Checked { passed, mut skipped, .. } if passed.is_empty() => {
            let how = skipped.pop().map(|(target, how)| format!(": {how} (for {target})")).unwrap_or_default();
            Outcome::Skipped(format!("no compiler for any of them{how}"))
        }
        _ => Outcome::Passed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_a_stage_that_passes_only_where_something_was_tried() {
        assert!(STAGES.iter().any(|stage| stage.name == TARGETS));
        let skipped = || vec![("aarch64-apple-ios", "rustup target add aarch64-apple-ios".to_owned())];
        let some = Checked { passed: vec!["aarch64-linux-android"], skipped: skipped(), ..Checked::default() };
        assert!(matches!(outcome_of(some), Outcome::Passed));
        let Outcome::Skipped(reason) = outcome_of(Checked { skipped: skipped(), ..Checked::default() }) else {
            panic!("nothing was tried")
        };
        assert!(reason.contains("rustup target add aarch64-apple-ios"), "{reason}");
        let broken =
            Checked { passed: vec!["aarch64-linux-android"], failed: vec!["aarch64-apple-ios"], skipped: skipped() };
        assert!(matches!(outcome_of(broken), Outcome::Failed));
    }

    #[test]
    fn the_help_names_every_stage_in_order() {
        let names: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
        assert!(crate::HELP.contains(&format!("only these stages: {}\n", names.join(", "))), "{names:?}");
    }
}
