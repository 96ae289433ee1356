//! The Java half: which native methods it declares, and its classes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;

const SOURCES: &str = "bindings/android/portrait/src/main/java/org/portrait";
/// Stand-ins for the classes of Android that the sources name.
const STUBS: &str = "crates/portrait-jni/tests/java/stubs";

/// The symbols that a Java virtual machine looks for: one for each native method of `Native.java`.
pub(super) fn entry_points() -> Result<Vec<String>> {
    let file = shell::root().join(SOURCES).join("Native.java");
    let source = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let names = native_methods(&source).map(|name| format!("Java_org_portrait_Native_{name}"));
    let mut names: Vec<String> = names.collect();
    names.sort();
    if names.is_empty() {
        bail!("{} declares no native method", file.display());
    }
    Ok(names)
}

/// Names of native methods; the project's have no underscore, which a symbol would write otherwise.
fn native_methods(source: &str) -> impl Iterator<Item = &str> {
    let declarations = source.lines().filter(|line| line.trim_start().starts_with("static native "));
    declarations.filter_map(|line| line.split('(').next()?.split_whitespace().last())
}

/// Compiles the classes into a folder, against the SDK's `android.jar` or, without one, against stubs.
pub(super) fn compile(android_jar: Option<&Path>, into: &Path) -> Result<()> {
    let mut javac = Command::new("javac");
    javac.args(["-Xlint:all", "-encoding", "UTF-8", "--release", "17", "-d"]).arg(into).arg("-implicit:none");
    match android_jar {
        Some(jar) => javac.arg("-classpath").arg(jar),
        None => javac.arg("-sourcepath").arg(shell::root().join(STUBS)),
    };
    shell::run(javac.args(sources()?))
}

/// Whether there is a compiler for Java.
pub(super) fn has_compiler() -> bool {
    shell::succeeds("javac", &["-version"])
}

fn sources() -> Result<Vec<PathBuf>> {
    let folder = shell::root().join(SOURCES);
    let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "java"));
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_points_are_the_ones_that_the_java_compiler_names() {
        let ours = entry_points().expect("declared");
        if !has_compiler() {
            println!("SKIP: no Java compiler (apt-get install openjdk-17-jdk-headless)");
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let mut javac = Command::new("javac");
        javac.args(["-encoding", "UTF-8", "-h"]).arg(folder.path()).arg("-d").arg(folder.path());
        javac.args(["-implicit:none", "-sourcepath"]);
        javac.arg(shell::root().join(STUBS)).args(sources().expect("sources"));
        shell::run(&mut javac).expect("compiles");
        let header = std::fs::read_to_string(folder.path().join("org_portrait_Native.h")).expect("a header");
        let words = header.split(|c: char| !c.is_alphanumeric() && c != '_');
        let mut theirs: Vec<&str> = words.filter(|word| word.starts_with("Java_")).collect();
        theirs.sort();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn the_classes_compile_without_those_of_android() {
        if !has_compiler() {
            println!("SKIP: no Java compiler (apt-get install openjdk-17-jdk-headless)");
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        compile(None, folder.path()).expect("compiles");
        assert!(folder.path().join("org/portrait/PortraitView.class").exists());
        assert!(!folder.path().join("android").exists(), "stubs are no part of the package");
    }
}
