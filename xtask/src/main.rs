//! Tasks of this workspace, one module each. Run as `cargo xtask TASK`.

mod bench;
mod cross;
mod demo;
mod eval;
mod hash;
mod kotlin;
mod package;
mod parity;
mod setup;
mod shell;
mod targets;
mod test;
mod told;

use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
Tasks of the portrait workspace

Usage: cargo xtask TASK

  test            format, clippy, every test, documentation; the whole check that CI runs
  test STAGE…     only these stages: fmt, clippy, test, doc, targets, deny
  bench [ARGS…]   measure kernels, frames and start; `cargo xtask bench --help`, docs/bench.md
  demo            build, animate the bundled portrait with the bundled clip, write demo/
  eval --data DIR measure the weights on the engine itself; `cargo xtask eval --help` has the options
  parity          compare the engine's networks with the stored numbers of the PyTorch reference, stage by stage
  parity --python PYTHON [--weights FILE]
                  the same with numbers that PYTHON, which has PyTorch, makes afresh, for any weights
  targets [NAME…] whether the libraries for other languages compile for Android and iOS, and the engine for the web
  package-android [--weights NAME]…
                  the archive for Android: build, link with the NDK, check and assemble; says what is missing for that
  package-android host
                  the same library for this Linux machine: tries linking and checks without an NDK
  package-apple   the framework for iOS and macOS: build, check, assemble; says which systems it has no compiler for
  package-web     target/package/web: the engine for browsers, and a page that animates a photo from the camera
  package-web serve
                  and shows it on http://localhost:8080/
  package-web try and has Chromium use it, without a window and with a clip for a camera
  hash            check weights/ against weights/SHA256SUMS

Where no Vulkan driver is found, `test`, `bench` and `demo` install Mesa's software driver (Debian and
Ubuntu, as root), or print the command that does.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let Some((task, rest)) = arguments.split_first() else {
        print!("{HELP}");
        return Ok(());
    };
    match (task.as_str(), rest) {
        ("test", stages) => test::run(stages),
        ("bench", arguments) => bench::run(arguments),
        ("demo", []) => demo::run(),
        ("targets", names) => targets::run(names),
        ("package-android", arguments) => package::android::run(arguments),
        ("package-apple", []) => package::apple::run(),
        ("package-web", arguments) => package::web::run(arguments),
        ("hash", []) => hash::run(),
        ("eval", arguments) => eval::run(arguments),
        ("parity", arguments) => parity::run(arguments),
        ("help" | "-h" | "--help", _) => {
            print!("{HELP}");
            Ok(())
        }
        ("demo" | "hash" | "package-apple", [extra, ..]) => {
            bail!("`cargo xtask {task}` takes no argument, found `{extra}`")
        }
        _ => bail!("no task is called `{task}`; `cargo xtask help` lists them"),
    }
}
