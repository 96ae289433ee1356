//! `cargo xtask package-android`, `package-apple` and `package-web`: the libraries as an app or a page takes them.

mod aar;
pub(crate) mod android;
pub(crate) mod apple;
mod classes;
mod elf;
mod link;
mod macho;
mod ndk;
mod size;
pub(crate) mod web;
mod xcframework;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::shell;

/// What a package still lacks.
#[derive(Default)]
struct Missing(usize);

impl Missing {
    /// Says what is missing and how to get it.
    fn say(&mut self, what: &str, how: &str) {
        println!("missing: {what}\n         {how}");
        self.0 += 1;
    }

    /// An error unless everything was there.
    fn none(&self, package: &str) -> Result<()> {
        if self.0 > 0 {
            let things = if self.0 == 1 { "1 thing is".to_owned() } else { format!("{} things are", self.0) };
            bail!("no {package} was made: {things} missing, named above");
        }
        Ok(())
    }
}

/// An empty folder below `target/package`: nothing of an earlier run is taken for this one's.
fn fresh_folder(name: &str) -> Result<PathBuf> {
    let folder = shell::target_dir().join("package").join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}
