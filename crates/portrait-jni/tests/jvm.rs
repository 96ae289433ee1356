//! `org.portrait` on a Java virtual machine, with the machine's own checks of JNI on.

#[path = "../../portrait-ffi/tests/device/mod.rs"]
mod device;

use std::path::{Path, PathBuf};
use std::process::Command;

use device::device;
use safetensors::SafeTensors;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn java_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of Java sources");
    entries
        .map(|entry| entry.expect("readable").path())
        .filter(|p| p.extension().is_some_and(|e| e == "java"))
        .collect()
}

#[test]
fn an_app_on_a_java_virtual_machine() {
    if !["javac", "java"].iter().all(|tool| Command::new(tool).arg("-version").output().is_ok()) {
        println!("SKIP: no Java compiler (apt-get install openjdk-17-jdk-headless)");
        return;
    }
    if !device() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut sources = java_files(&root("bindings/android/portrait/src/main/java/org/portrait"));
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/java");
    sources.extend(["Scenario.java", "Following.java", "Borrowed.java"].map(|name| own.join(name)));
    let compiled = Command::new("javac")
        .args(["-Xlint:all", "-Werror", "-encoding", "UTF-8", "--release", "17", "-d"])
        .arg(folder.path())
        .args(&sources)
        .arg("-sourcepath")
        .arg(own.join("stubs"))
        .output()
        .expect("javac was there a moment ago");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));

    let photo = image::open(root("assets/astronaut.png")).expect("the photo").to_rgba8();
    let stored = std::fs::read(root("tests/fixtures/s_frame1.safetensors")).expect("the fixture");
    let stored = SafeTensors::deserialize(&stored).expect("safetensors");
    let rgb = stored.tensor("drv").expect("a driver").data();
    let driver: Vec<u8> = rgb.as_chunks::<3>().0.iter().flat_map(|&[r, g, b]| [r, g, b, 255]).collect();
    let [photo_file, driver_file] = ["photo.rgba", "driver.rgba"].map(|name| folder.path().join(name));
    std::fs::write(&photo_file, photo.as_raw()).expect("written");
    std::fs::write(&driver_file, driver).expect("written");

    let library = std::env::current_exe().expect("a path").parent().expect("a folder").to_owned();
    let mut java = Command::new("java");
    java.arg("-Xcheck:jni").arg("-cp").arg(folder.path());
    java.arg(format!("-Djava.library.path={}", library.display()));
    // What stands in for an app's assets and folders.
    java.arg(format!("-Dportrait.assets={}", root("weights").display()));
    java.arg(format!("-Dportrait.cache={}", folder.path().display()));
    java.arg("org.portrait.Scenario");
    java.arg(root("weights/portrait_s.safetensors")).args([&photo_file, &driver_file]);
    let output = java.output().expect("java was there a moment ago");
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    println!("{out}{err}");
    assert!(output.status.success(), "the scenario failed: {}", output.status);
    // What the machine's checks find: references that pile up, calls with an exception pending, wrong types.
    let complaints: Vec<&str> = out.lines().chain(err.lines()).filter(|l| l.contains("in native method")).collect();
    assert!(complaints.is_empty() && !out.contains("JNI local refs"), "{complaints:?}");
}
