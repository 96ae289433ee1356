//! A peer as a process: it writes its output to a file, says that it is ready, and then runs once for every line it is given.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A peer that waits for its turn.
pub(super) struct Peer {
    /// Where it really runs.
    pub(super) adapter: String,
    child: Child,
    turn: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    /// Starts it and waits until its first run is done.
    pub(super) fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let turn = child.stdin.take().context("a pipe")?;
        let lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        let mut peer = Self { adapter: String::new(), child, turn, lines };
        peer.adapter = peer.answer("ready ")?;
        Ok(peer)
    }

    /// The rest of the next line that begins with `word`; engines print lines of their own.
    fn answer(&mut self, word: &str) -> Result<String> {
        for line in self.lines.by_ref() {
            if let Some(rest) = line?.strip_prefix(word) {
                return Ok(rest.trim().to_owned());
            }
        }
        bail!("it ended before it answered")
    }

    /// Seconds of one run, by its own clock.
    pub(super) fn time(&mut self) -> Result<f64> {
        writeln!(self.turn)?;
        self.turn.flush()?;
        Ok(self.answer("took ")?.parse()?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn peers_speak_in_turns() {
        let talk = |script: &str| Peer::start(Command::new("sh").args(["-c", script]));
        let mut peer = talk("echo chatter; echo ready llvmpipe; read turn; echo took 0.25; read turn").unwrap();
        assert_eq!(peer.adapter, "llvmpipe");
        assert_eq!(peer.time().unwrap(), 0.25);
        assert!(talk("exit 1").is_err());
    }
}
