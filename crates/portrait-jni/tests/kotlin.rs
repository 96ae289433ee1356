//! The sample app and the first lines of the README, and a class in Java, compiled against `org.portrait` and stand-ins for the classes
//! of Android and CameraX that they use; and Gradle's scripts against stand-ins for Gradle and its plugins.

mod compiler;

use compiler::{Compilers, files, library, own, root};

/// The lines that a developer pastes, as functions of what he has.
fn pasted() -> String {
    let readme = std::fs::read_to_string(root("bindings/android/README.md")).expect("the README");
    let lines = readme.split("```kotlin\n").skip(1).filter_map(|text| text.split("```").next()).collect::<Vec<_>>();
    let [lines, speech] = lines.try_into().expect("lines in Kotlin, of a camera and of speech");
    let has = "context: android.content.Context, photo: android.graphics.Bitmap, portraitView: PortraitView, \
               imageAnalysis: androidx.camera.core.ImageAnalysis, executor: java.util.concurrent.Executor, \
               show: (String?) -> Unit";
    let says = "session: Session, recorded: ShortArray, count: Int";
    let pasted = format!("fun pasted({has}): AutoCloseable {{\n{lines}return portrait\n}}\n");
    format!("package readme\nimport org.portrait.*\n{pasted}fun speech({says}) {{\n{speech}}}\n")
}

#[test]
fn apps_compile_against_stand_ins() {
    let Some(compilers) = Compilers::find() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let [stand_ins, jar, app, java] = ["stand-ins", "portrait.jar", "app", "java"].map(|name| folder.path().join(name));
    compilers.stand_ins(&stand_ins);
    compilers.kotlin(&[&stand_ins], &library(), &jar);

    let readme = folder.path().join("Readme.kt");
    std::fs::write(&readme, pasted()).expect("written");
    let mut sources = files(&root("bindings/android/sample/src"), "kt");
    sources.push(readme);
    compilers.kotlin(&[&jar, &stand_ins], &sources, &app);
    assert!(app.join("org/portrait/sample/SampleActivity.class").exists());
    compilers.java(&[&jar, &stand_ins], &[own("java/FromJava.java")], &java);
}

#[test]
fn the_build_scripts_compile_against_stand_ins() {
    let Some(compilers) = Compilers::find() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let scripts: [(&str, &[&str], &[&str]); 3] = [
        ("whole", &["Settings"], &["settings.gradle.kts", "build.gradle.kts"]),
        ("library", &["Project", "Kotlin", "Library"], &["portrait/build.gradle.kts"]),
        ("app", &["Project", "Kotlin", "Application"], &["sample/build.gradle.kts"]),
    ];
    for (name, seen, scripts) in scripts {
        let made = folder.path().join(name);
        let stand_ins = ["Script"].iter().chain(seen).map(|name| own(&format!("gradle/{name}.kt")));
        let scripts = scripts.iter().map(|script| root("bindings/android").join(script));
        compilers.kotlin(&[], &stand_ins.chain(scripts).collect::<Vec<_>>(), &made);
        // A file that is no script to the compiler would leave no class.
        assert!(made.join("Build_gradle.class").exists(), "{name}");
    }
}
