//! Names that may be written to.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Refuses an output that is one of the inputs.
pub(crate) fn refuse_inputs(output: &Path, inputs: &[&Path]) -> Result<()> {
    if let Some(input) = inputs.iter().find(|input| same_file(output, input) || numbered(output, input)) {
        bail!("the output `{}` is also an input (`{}`); choose another name", output.display(), input.display());
    }
    Ok(())
}

/// Refuses two outputs of one name: the later one would replace the earlier.
pub(crate) fn refuse_equal(outputs: &[&Path]) -> Result<()> {
    for (index, output) in outputs.iter().enumerate() {
        if outputs[..index].iter().any(|other| same_place(output, other) || numbered(other, output)) {
            bail!("two results would be called `{}`; give each a name of its own", output.display());
        }
    }
    Ok(())
}

/// Whether two names are one, of files that need not be there yet.
fn same_place(a: &Path, b: &Path) -> bool {
    a.file_name() == b.file_name() && directory(a).is_some_and(|parent| directory(b) == Some(parent))
}

/// The directory of a file.
fn directory(path: &Path) -> Option<PathBuf> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::canonicalize(parent).ok()
}

/// Whether two names lead to one existing file.
fn same_file(a: &Path, b: &Path) -> bool {
    match (std::fs::canonicalize(a), std::fs::canonicalize(b)) {
        (Ok(a), Ok(b)) => a == b || same_inode(&a, &b),
        _ => false,
    }
}

#[cfg(unix)]
fn same_inode(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (a.metadata(), b.metadata()) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn same_inode(_a: &Path, _b: &Path) -> bool {
    false
}

/// Whether a file has one of the names that a pattern like `name_%05d.png` gives to frames.
fn numbered(pattern: &Path, file: &Path) -> bool {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some((before, after)) = split_pattern(&name(pattern)) else { return false };
    let file_name = name(file);
    let number = file_name.strip_prefix(&before).and_then(|rest| rest.strip_suffix(&after));
    number.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
        && directory(pattern).is_some_and(|parent| directory(file) == Some(parent))
}

/// What stands around `%05d`.
fn split_pattern(name: &str) -> Option<(String, String)> {
    let (before, rest) = name.split_once('%')?;
    let (digits, after) = rest.split_once('d')?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| (before.to_owned(), after.to_owned()))
}

/// The name of the picture of several moments beside an output: `out.mp4` → `out-compare.png`.
pub(crate) fn compare_path(output: &Path) -> PathBuf {
    let name = output.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = match split_pattern(&name) {
        Some((before, _)) => before.trim_end_matches(['_', '-', '.']).to_owned(),
        None => Path::new(&name).file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default(),
    };
    let separator = if stem.is_empty() { "" } else { "-" };
    output.with_file_name(format!("{stem}{separator}compare.png"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_compare_pictures() {
        let of = |name: &str| compare_path(Path::new(name)).to_string_lossy().into_owned();
        assert_eq!(of("demo/demo.mp4"), "demo/demo-compare.png");
        assert_eq!(of("a.b.gif"), "a.b-compare.png");
        assert_eq!(of("frames/"), "frames-compare.png");
        assert_eq!(of("x/frame_%05d.png"), "x/frame-compare.png");
        assert_eq!(of("%d.png"), "compare.png");
    }

    #[test]
    fn an_input_is_no_output() {
        let directory = std::env::temp_dir().join(format!("portrait-output-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let input = directory.join("in_007.png");
        std::fs::write(&input, "x").unwrap();
        let refused = |name: &str| refuse_inputs(&directory.join(name), &[&input]).is_err();
        let results = [refused("in_007.png"), refused("./in_007.png"), refused("in_%03d.png"), refused("out_%03d.png")];
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!(results, [true, true, true, false]);
    }

    #[test]
    fn outputs_differ() {
        let equal = |names: &[&str]| refuse_equal(&names.iter().map(Path::new).collect::<Vec<_>>()).is_err();
        assert!(equal(&["a.mp4", "b.png", "./a.mp4"]) && equal(&["a_%d.png", "a_7.png"]) && equal(&["a", "a/"]));
        assert!(!equal(&["a.mp4", "b.mp4"]) && !equal(&["src/a.mp4", "a.mp4"]) && !equal(&["a_%d.png", "a_x.png"]));
        // That a directory is not there is told by who writes to it.
        assert!(!equal(&["none/a.mp4", "none/a.mp4"]));
    }
}
