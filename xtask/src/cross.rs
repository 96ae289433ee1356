//! Which compiler can build for another target.
//!
//! The one that runs this task, where rustup has installed the target's standard library; else Debian's, which builds that library
//! from source (rustc-web, cargo-web and rust-web-src), since rustup's targets are a download of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;

/// A compiler for one target.
pub(crate) enum Compiler {
    /// The one of this task, for the machine that it runs on.
    Host,
    /// The one of this task, with a standard library for the target.
    Own(&'static str),
    /// Debian's, for the target.
    Debian(&'static str),
}

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_PACKAGES: &str =
    "apt-get install --no-install-recommends rustc-web cargo-web rust-web-src libstd-rust-web-dev";

impl Compiler {
    /// A compiler for the target; where there is none, what would get one.
    pub(crate) fn for_target(target: &'static str) -> Result<Self, String> {
        let own = sysroot("rustc").map(|root| root.join("lib/rustlib").join(target).join("lib"));
        if own.is_some_and(|library| library.exists()) {
            return Ok(Self::Own(target));
        }
        let how = format!("rustup target add {target}, or {DEBIAN_PACKAGES}");
        if ![DEBIAN_RUSTC, DEBIAN_CARGO].iter().all(|program| Path::new(program).exists()) {
            return Err(how);
        }
        let source = sysroot(DEBIAN_RUSTC).map(|root| root.join("lib/rustlib/src/rust/library/std/Cargo.toml"));
        if source.is_some_and(|manifest| manifest.exists()) { Ok(Self::Debian(target)) } else { Err(how) }
    }

    /// `cargo SUBCOMMAND` for the target, in the root of the workspace.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let Self::Debian(target) = self else {
            let mut command = shell::cargo();
            command.arg(subcommand);
            if let Self::Own(target) = self {
                command.args(["--target", target]);
            }
            return command;
        };
        let mut command = Command::new(DEBIAN_CARGO);
        command.current_dir(shell::root()).env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
        command.env("CARGO_TARGET_DIR", self.target_dir());
        // What rustup and the cargo around this set is for another compiler.
        for name in ["RUSTUP_TOOLCHAIN", "RUSTC_WRAPPER", "CARGO", "RUSTDOC"] {
            command.env_remove(name);
        }
        command.args([subcommand, "-Zbuild-std=std,panic_abort", "--target", target]);
        command
    }

    /// Builds a package's library as a static one, in release; its file. Libraries of the workspace that it depends on are linked on
    /// the way, though nobody needs that: without a linker for the target this is left out.
    pub(crate) fn static_library(&self, package: &str, linker: Option<&Path>) -> Result<PathBuf> {
        let mut command = self.cargo("rustc");
        if let Self::Own(target) | Self::Debian(target) = self {
            let variable = format!("CARGO_TARGET_{}_LINKER", target.replace('-', "_").to_uppercase());
            command.env(variable, linker.unwrap_or(Path::new("true")));
        }
        command.args(["--release", "--package", package, "--lib", "--crate-type", "staticlib"]);
        println!("{}", shell::text(&command));
        shell::run(&mut command)?;
        let folder = match self {
            Self::Host => self.target_dir(),
            Self::Own(target) | Self::Debian(target) => self.target_dir().join(target),
        };
        let file = folder.join(format!("release/lib{}.a", package.replace('-', "_")));
        let size = std::fs::metadata(&file).with_context(|| format!("cargo made no {}", file.display()))?.len();
        println!("{} ({:.1} MB before linking)", file.display(), size as f64 / 1e6);
        Ok(file)
    }

    /// Builds a package's WebAssembly module in release; its file.
    pub(crate) fn module(&self, package: &str) -> Result<PathBuf> {
        let mut command = self.cargo("build");
        command.args(["--release", "--package", package]);
        println!("{}", shell::text(&command));
        shell::run(&mut command)?;
        let (Self::Own(target) | Self::Debian(target)) = self else { anyhow::bail!("this machine is no browser") };
        Ok(self.target_dir().join(target).join(format!("release/{}.wasm", package.replace('-', "_"))))
    }

    fn target_dir(&self) -> PathBuf {
        match self {
            Self::Debian(_) => shell::target_dir().join("targets"),
            _ => shell::target_dir(),
        }
    }
}

/// The linker that comes with the compiler of this task, where it does.
pub(crate) fn lld() -> Option<PathBuf> {
    let hosts = std::fs::read_dir(sysroot("rustc")?.join("lib/rustlib")).ok()?;
    hosts.flatten().map(|host| host.path().join("bin/rust-lld")).find(|lld| lld.exists())
}

fn sysroot(rustc: &str) -> Option<PathBuf> {
    shell::output(Command::new(rustc).args(["--print", "sysroot"])).ok().map(|path| PathBuf::from(path.trim()))
}
