//! `bindings/apple` with a Swift compiler: the sources run against this machine's library, and what is of Apple's is held against
//! stand-ins for its frameworks (`tests/swift/stubs`), which were written after their documentation.

mod device;
mod library;

use std::path::{Path, PathBuf};
use std::process::Command;

use device::device;
use library::{libraries, library};
use safetensors::SafeTensors;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn own(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/swift").join(path)
}

fn swift_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of Swift sources");
    let files = entries.map(|entry| entry.expect("readable").path());
    let mut files: Vec<PathBuf> = files.filter(|file| file.extension().is_some_and(|e| e == "swift")).collect();
    files.sort();
    files
}

/// Whether there is a compiler; printed where not.
fn compiler() -> bool {
    let found = Command::new("swiftc").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        println!("SKIP: no Swift compiler (apt-get install swiftlang on Debian 13, or https://swift.org/install)");
    }
    found
}

/// Runs the compiler with modules that lie in `folder`; what it says against the sources fails the test.
fn swiftc(folder: &Path, arguments: &[&str], files: &[PathBuf]) {
    let mut command = Command::new("swiftc");
    command.current_dir(folder).arg("-I").arg(folder).arg("-I").arg(root("bindings/apple/Sources/CPortrait"));
    let output = command.args(arguments).args(files).output().expect("it was there a moment ago");
    let said = String::from_utf8_lossy(&output.stderr);
    let complaint = said.lines().any(|line| line.contains(".swift:") && line.contains("warning:"));
    assert!(output.status.success() && !complaint, "swiftc {arguments:?}:\n{said}");
}

const MODULE: [&str; 4] = ["-parse-as-library", "-emit-module", "-module-name", "Portrait"];

#[test]
fn an_app_in_swift() {
    if !compiler() || !device() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let sources = swift_files(&root("bindings/apple/Sources/Portrait"));
    let static_library = ["-emit-library", "-static", "-o", "libPortrait.a", "-swift-version", "6"];
    swiftc(folder.path(), &[&MODULE[..], &static_library].concat(), &sources);
    let library = library();
    let link = ["-L", ".", "-lPortrait", "-L", library.to_str().expect("UTF-8"), "-o", "scenario"];
    swiftc(folder.path(), &link, &[own("main.swift")]);

    let photo = image::open(root("assets/astronaut.png")).expect("the photo").to_rgba8();
    let stored = std::fs::read(root("tests/fixtures/s_frame1.safetensors")).expect("the fixture");
    let stored = SafeTensors::deserialize(&stored).expect("safetensors");
    let rgb = stored.tensor("drv").expect("a driver").data();
    let driver: Vec<u8> = rgb.as_chunks::<3>().0.iter().flat_map(|&[r, g, b]| [r, g, b, 255]).collect();
    let [photo_file, driver_file] = ["photo.rgba", "driver.rgba"].map(|name| folder.path().join(name));
    std::fs::write(&photo_file, photo.as_raw()).expect("written");
    std::fs::write(&driver_file, driver).expect("written");

    let mut scenario = Command::new(folder.path().join("scenario"));
    scenario.arg(root("weights/portrait_s.safetensors")).args([&photo_file, &driver_file]);
    let output = scenario.env("LD_LIBRARY_PATH", libraries()).output().expect("the program starts");
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    println!("{out}{err}");
    assert!(output.status.success(), "the scenario failed: {}", output.status);
}

/// The lines that a developer pastes, as a function of what he has.
fn pasted() -> String {
    let readme = std::fs::read_to_string(root("bindings/apple/README.md")).expect("the README");
    let lines = readme.split("```swift\n").nth(1).and_then(|text| text.split("```").next()).expect("lines in Swift");
    format!(
        "import AVFoundation\nimport Portrait\nimport UIKit\n\n@MainActor\n\
         func pasted(image: UIImage, portraitView: PortraitView) async throws -> Any {{\n{lines}return captureOutput\n}}\n"
    )
}

/// View, camera frames, life of the app, the sample app and the README's first lines; in both of the language's versions.
#[test]
fn what_is_of_apples_compiles_against_stand_ins() {
    if cfg!(target_vendor = "apple") || !compiler() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    // In the order in which they need one another.
    for name in ["Metal", "CoreGraphics", "CoreVideo", "CoreMedia", "QuartzCore", "UIKit", "SwiftUI", "AVFoundation"] {
        let file = own(&format!("stubs/{name}.swift"));
        swiftc(folder.path(), &["-parse-as-library", "-emit-module", "-module-name", name], &[file]);
    }
    let sources = swift_files(&root("bindings/apple/Sources/Portrait"));
    let sample = swift_files(&root("bindings/apple/Sample/Sources"));
    let readme = folder.path().join("Readme.swift");
    std::fs::write(&readme, pasted()).expect("written");
    for version in ["5", "6"] {
        swiftc(folder.path(), &[&MODULE[..], &["-swift-version", version]].concat(), &sources);
        let app = ["-parse-as-library", "-typecheck", "-module-name", "Sample", "-swift-version", version];
        swiftc(folder.path(), &app, &sample);
        let typecheck = ["-parse-as-library", "-typecheck", "-module-name", "Readme", "-swift-version", version];
        swiftc(folder.path(), &typecheck, std::slice::from_ref(&readme));
    }
}
