//! `cargo xtask hash`: the bundled weights are the published ones.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::shell;

/// Checks `weights/` and says so.
pub(crate) fn run() -> Result<()> {
    let files = verify(&shell::root().join("weights"))?;
    println!("weights: {files} files match weights/SHA256SUMS");
    Ok(())
}

/// Checks every line of `SHA256SUMS` in a directory; how many files it lists.
pub(crate) fn verify(directory: &Path) -> Result<usize> {
    let list = directory.join("SHA256SUMS");
    let text = std::fs::read_to_string(&list).with_context(|| format!("cannot read `{}`", list.display()))?;
    let mut files = 0;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let Some((expected, name)) = line.split_once("  ") else {
            bail!("`{}` has a line that is not `HASH  FILE`: {line}", list.display());
        };
        let path = directory.join(name);
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let found = hex(&Sha256::digest(&bytes));
        if found != expected {
            bail!(
                "`{}` is not the published file: SHA-256 {found}, expected {expected}; restore it with `git checkout -- {}`",
                path.display(),
                path.display()
            );
        }
        files += 1;
    }
    if files == 0 {
        bail!("`{}` lists no file", list.display());
    }
    Ok(files)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_changed_byte_is_found() {
        let directory = std::env::temp_dir().join(format!("portrait-xtask-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let list = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  abc\n";
        std::fs::write(directory.join("SHA256SUMS"), list).unwrap();
        std::fs::write(directory.join("abc"), "abc").unwrap();
        let good = verify(&directory);
        std::fs::write(directory.join("abc"), "abd").unwrap();
        let bad = verify(&directory);
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!(good.unwrap(), 1);
        assert!(bad.unwrap_err().to_string().contains("not the published file"));
    }
}
