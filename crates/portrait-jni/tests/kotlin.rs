//! The sample app and the first lines of the README in Kotlin, compiled against `org.portrait` and stand-ins for the classes of Android
//! and CameraX that it uses; and Gradle's scripts against stand-ins for Gradle and its plugins.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Every file below a folder whose name ends like this.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of sources").map(|entry| entry.expect("readable").path());
    let mut found = Vec::new();
    for path in entries {
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found
}

/// A compiler that knows the Java of its time: `KOTLINC`, or the one on the `PATH`. `None` (printed) where there is none.
fn compiler() -> Option<PathBuf> {
    let program = std::env::var_os("KOTLINC").unwrap_or_else(|| "kotlinc".into());
    let told = Command::new(&program).arg("-version").output();
    let told = told.map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).unwrap_or_default();
    let version = told.split("kotlinc-jvm ").nth(1).and_then(|text| text.split('.').next()?.parse::<u32>().ok());
    if version.is_none_or(|version| version < 2) {
        println!("SKIP: no Kotlin compiler of version 2 (npm install kotlin-compiler, and KOTLINC=…/bin/kotlinc)");
        return None;
    }
    Some(program.into())
}

/// The lines that a developer pastes, as a function of what he has.
fn pasted() -> String {
    let readme = std::fs::read_to_string(root("bindings/android/README.md")).expect("the README");
    let lines = readme.split("```kotlin\n").nth(1).and_then(|text| text.split("```").next()).expect("lines in Kotlin");
    let has = "context: android.content.Context, photo: android.graphics.Bitmap, portraitView: PortraitView, \
               imageAnalysis: androidx.camera.core.ImageAnalysis, executor: java.util.concurrent.Executor, \
               show: (String?) -> Unit";
    format!("package readme\nimport org.portrait.*\nfun pasted({has}): AutoCloseable {{\n{lines}return portrait\n}}\n")
}

#[test]
fn the_sample_app_compiles_against_stand_ins() {
    if Command::new("javac").arg("-version").output().is_err() {
        println!("SKIP: no Java compiler (apt-get install openjdk-17-jdk-headless)");
        return;
    }
    let Some(kotlinc) = compiler() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let [classes, app] = ["classes", "app"].map(|name| folder.path().join(name));
    let mut java = files(&root("bindings/android/portrait/src/main/java"), "java");
    java.extend(files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/java/stubs"), "java"));
    let output =
        Command::new("javac").args(["-encoding", "UTF-8", "--release", "17", "-d"]).arg(&classes).args(java).output();
    let output = output.expect("javac was there a moment ago");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let mut command = Command::new(kotlinc);
    command.args(["-Werror", "-jvm-target", "17", "-cp"]).arg(&classes).arg("-d").arg(&app);
    let readme = folder.path().join("Readme.kt");
    std::fs::write(&readme, pasted()).expect("written");
    let output = command.args(files(&root("bindings/android/sample"), "kt")).arg(readme).output();
    let output = output.expect("kotlinc was there a moment ago");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(app.join("org/portrait/sample/SampleActivity.class").exists());
}

#[test]
fn the_build_scripts_compile_against_stand_ins() {
    let Some(kotlinc) = compiler() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let scripts: [(&str, &[&str], &[&str]); 3] = [
        ("whole", &["Settings"], &["settings.gradle.kts", "build.gradle.kts"]),
        ("library", &["Project", "Library"], &["portrait/build.gradle.kts"]),
        ("app", &["Project", "Application"], &["sample/build.gradle.kts"]),
    ];
    for (name, seen, scripts) in scripts {
        let stand_in = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/gradle/{name}.kt"));
        let made = folder.path().join(name);
        let mut command = Command::new(&kotlinc);
        command.args(["-Werror", "-jvm-target", "17", "-d"]).arg(&made).arg(stand_in("Script"));
        command.args(seen.iter().map(|name| stand_in(name)));
        let output = command.args(scripts.iter().map(|script| root("bindings/android").join(script))).output();
        let output = output.expect("kotlinc was there a moment ago");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // A file that is no script to the compiler would leave no class.
        assert!(made.join("Build_gradle.class").exists(), "{scripts:?}");
    }
}
