//! `cargo xtask package-android` and `package-apple`: the libraries as an app takes them.

mod aar;
pub(crate) mod android;
mod elf;
mod java;
mod link;
mod ndk;
mod size;

use anyhow::{Result, bail};

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
