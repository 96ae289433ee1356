//! What tests say on their way: the adapters they ran on, and what they left out and why. Cargo keeps that of tests that pass to itself.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::shell;

/// Beginnings of lines that are told again at the end.
const KEPT: [&str; 2] = ["SKIP", "adapter: "];

/// Lines of tests, and how many said each.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Told(BTreeMap<String, usize>);

impl Told {
    /// Runs `cargo test` with this process's output, without what tests that pass print; whether all passed, and what they told.
    pub(crate) fn by(command: &mut Command) -> Result<(bool, Self)> {
        command.args(["--", "--show-output"]).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot run `{}`", shell::text(command)))?;
        let output = BufReader::new(child.stdout.take().context("a pipe")?);
        let mut told = Self::default();
        let mut listener = Listener::default();
        for line in output.split(b'\n') {
            let line = line.context("cannot read what the tests print")?;
            let line = String::from_utf8_lossy(&line);
            if listener.shows(&line, &mut told) {
                println!("{line}");
            }
        }
        Ok((child.wait()?.success(), told))
    }

    /// Prints it, a line each.
    pub(crate) fn print(&self) {
        for (line, tests) in &self.0 {
            let times = if *tests > 1 { format!(" ({tests} times)") } else { String::new() };
            println!("{line}{times}");
        }
    }
}

/// Follows the report of a test binary: what passing tests printed stands between `successes:` and what comes after.
#[derive(Default)]
struct Listener {
    passing: bool,
}

impl Listener {
    /// Whether the line is to be shown; takes down what is told.
    fn shows(&mut self, line: &str, told: &mut Told) -> bool {
        if line == "successes:" {
            self.passing = true;
        } else if line == "failures:" || line.starts_with("test result: ") {
            self.passing = false;
        }
        if self.passing && KEPT.iter().any(|kept| line.starts_with(kept)) {
            *told.0.entry(line.to_owned()).or_default() += 1;
        }
        !self.passing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passing_tests_are_heard_and_only_failing_ones_shown() {
        let report = "
running 3 tests
test a ... ok
test b ... ok
test c ... FAILED

successes:

---- a stdout ----
adapter: llvmpipe
SKIP: no ffmpeg

---- b stdout ----
adapter: llvmpipe
noise

successes:
    a
    b

failures:

---- c stdout ----
adapter: llvmpipe
thread 'c' panicked

failures:
    c

test result: FAILED. 2 passed; 1 failed";
        let (mut told, mut listener) = (Told::default(), Listener::default());
        let shown: Vec<&str> = report.lines().filter(|line| listener.shows(line, &mut told)).collect();
        let lines = [("SKIP: no ffmpeg".to_owned(), 1), ("adapter: llvmpipe".to_owned(), 2)];
        assert_eq!(told, Told(BTreeMap::from(lines)));
        assert!(shown.contains(&"thread 'c' panicked") && shown.contains(&"test c ... FAILED"), "{shown:?}");
        assert!(!shown.contains(&"noise") && !shown.contains(&"successes:"), "{shown:?}");
    }
}
