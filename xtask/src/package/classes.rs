//! The half in Kotlin: which native methods it declares, and its classes.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;

const SOURCES: &str = "bindings/android/portrait/src/main/kotlin/org/portrait";
/// Stand-ins for the classes of Android that the sources name.
const STUBS: &str = "crates/portrait-jni/tests/java/stubs";
/// What Gradle's script compiles in, so that apps may have an older Kotlin than the compiler here.
const LANGUAGE: &str = "2.2";

/// The symbols that a Java virtual machine looks for: one for each method of `Native.kt` that is elsewhere.
pub(super) fn entry_points() -> Result<Vec<String>> {
    let file = shell::root().join(SOURCES).join("Native.kt");
    let source = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let names = native_methods(&source).map(|name| format!("Java_org_portrait_Native_{name}"));
    let mut names: Vec<String> = names.collect();
    names.sort();
    if names.is_empty() {
        bail!("{} declares no external function", file.display());
    }
    Ok(names)
}

/// Names of external functions; the project's have no underscore, which a symbol would write otherwise.
fn native_methods(source: &str) -> impl Iterator<Item = &str> {
    let declarations = source.lines().filter_map(|line| line.trim_start().strip_prefix("@JvmStatic external fun "));
    declarations.filter_map(|declaration| declaration.split('(').next())
}

/// Compiles the classes into a folder, against the SDK's `android.jar` or, without one, against stubs.
pub(super) fn compile(kotlinc: &Path, android_jar: Option<&Path>, into: &Path) -> Result<()> {
    let mut command = Command::new(kotlinc);
    command.args(["-Werror", "-language-version", LANGUAGE, "-api-version", LANGUAGE, "-jvm-target", "17"]);
    command.args(["-module-name", "portrait", "-no-reflect", "-d"]).arg(into);
    match android_jar {
        // Java's own classes are among those of Android.
        Some(jar) => command.args(["-no-jdk", "-classpath"]).arg(jar),
        // Sources in Java are read here, and not compiled.
        None => command.arg(shell::root().join(STUBS)),
    };
    shell::run(command.arg(shell::root().join(SOURCES)))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// The classes in a folder, by the compiler that tests are given; `None` (printed) where there is none.
    fn compiled() -> Option<tempfile::TempDir> {
        let kotlinc: PathBuf = std::env::var_os("KOTLINC").unwrap_or_else(|| "kotlinc".into()).into();
        if !shell::succeeds(&kotlinc.to_string_lossy(), &["-version"]) {
            println!("SKIP: no Kotlin compiler ({})", crate::kotlin::HOW);
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        compile(&kotlinc, None, folder.path()).expect("compiles");
        Some(folder)
    }

    #[test]
    fn the_classes_compile_without_those_of_android_and_name_the_entry_points() {
        let ours = entry_points().expect("declared");
        let Some(folder) = compiled() else { return };
        assert!(folder.path().join("org/portrait/PortraitView.class").exists());
        assert!(!folder.path().join("android").exists(), "stubs are no part of the package");

        let mut javap = Command::new("javap");
        javap.args(["-private", "-classpath"]).arg(folder.path()).arg("org.portrait.Native");
        let Ok(told) = shell::output(&mut javap) else {
            println!("SKIP: no javap, which tells the methods of a class (apt-get install openjdk-17-jdk-headless)");
            return;
        };
        let methods = told.lines().filter(|line| line.contains(" static ") && line.contains(" native "));
        let names = methods.filter_map(|line| line.split('(').next()?.split_whitespace().last());
        let mut theirs: Vec<String> = names.map(|name| format!("Java_org_portrait_Native_{name}")).collect();
        theirs.sort();
        assert_eq!(ours, theirs);
    }
}
