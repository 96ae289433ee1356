//! Compilers for the library's Kotlin and for Java beside it; `None` (printed) where there is none.

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// What lies below `tests` of this crate.
pub(crate) fn own(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

/// Every file below a folder whose name ends like this.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of sources").map(|entry| entry.expect("readable").path());
    let mut found = Vec::new();
    for path in entries {
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Everything in Kotlin that the library is made of.
pub(crate) fn library() -> Vec<PathBuf> {
    files(&root("bindings/android/portrait/src/main/kotlin"), "kt")
}

pub(crate) struct Compilers {
    kotlinc: PathBuf,
}

impl Compilers {
    /// `KOTLINC`, or the one on the `PATH`, and the `javac` there.
    pub(crate) fn find() -> Option<Self> {
        if Command::new("javac").arg("-version").output().is_err() {
            println!("SKIP: no Java compiler (apt-get install openjdk-17-jdk-headless)");
            return None;
        }
        let kotlinc = std::env::var_os("KOTLINC").unwrap_or_else(|| "kotlinc".into());
        let told = Command::new(&kotlinc).arg("-version").output();
        let told = told.map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).unwrap_or_default();
        let version = told.split("kotlinc-jvm ").nth(1).and_then(|text| text.split('.').next()?.parse::<u32>().ok());
        if version.is_none_or(|version| version < 2) {
            println!("SKIP: no Kotlin compiler of version 2 (npm install kotlin-compiler, and KOTLINC=…/bin/kotlinc)");
            return None;
        }
        Some(Self { kotlinc: kotlinc.into() })
    }

    /// Compiles Kotlin, in which nothing may be left to warn of, for a class path: into a folder, or with Kotlin's own library into a
    /// `.jar`.
    pub(crate) fn kotlin(&self, class_path: &[&Path], sources: &[PathBuf], into: &Path) {
        let mut command = Command::new(&self.kotlinc);
        command.args(["-Werror", "-no-reflect", "-jvm-target", "17", "-d"]).arg(into).arg("-include-runtime");
        if !class_path.is_empty() {
            command.arg("-cp").arg(std::env::join_paths(class_path).expect("no colon in names"));
        }
        run(command.args(sources));
    }

    /// Compiles Java.
    pub(crate) fn java(&self, class_path: &[&Path], sources: &[PathBuf], into: &Path) {
        let mut command = Command::new("javac");
        command.args(["-Xlint:all", "-Werror", "-encoding", "UTF-8", "--release", "17", "-d"]).arg(into);
        if !class_path.is_empty() {
            command.arg("-cp").arg(std::env::join_paths(class_path).expect("no colon in names"));
        }
        run(command.args(sources));
    }

    /// Compiles what stands in for Android and CameraX.
    pub(crate) fn stand_ins(&self, into: &Path) {
        self.java(&[], &files(&own("java/stubs"), "java"), into);
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("the compiler was there a moment ago");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
