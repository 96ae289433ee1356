//! `org.portrait` on a Java virtual machine, with the machine's own checks of JNI on.

mod compiler;
#[path = "../../portrait-ffi/tests/device/mod.rs"]
mod device;

use std::process::Command;

use compiler::{Compilers, files, library, own, root};
use device::device;
use safetensors::SafeTensors;

/// Two seconds of somebody who speaks, as Java is given sound: 16 bits a sample.
fn sentence() -> Vec<u8> {
    let stored = std::fs::read(root("tests/fixtures/speech.safetensors")).expect("the fixture");
    let stored = SafeTensors::deserialize(&stored).expect("safetensors");
    let halves = stored.tensor("sound").expect("a sound").data();
    let samples = halves.as_chunks::<2>().0.iter().map(|&half| {
        let bits = u16::from_le_bytes(half);
        // A half's fields where a float has them; its exponent counts from another number.
        let size = f32::from_bits(u32::from(bits & 0x7fff) << 13) * 2f32.powi(112);
        (size * if bits > 0x7fff { -32767.0 } else { 32767.0 }) as i16
    });
    samples.flat_map(i16::to_le_bytes).collect()
}

#[test]
fn an_app_on_a_java_virtual_machine() {
    let Some(compilers) = Compilers::find().filter(|_| device()) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let [stand_ins, jar] = ["stand-ins", "scenario.jar"].map(|name| folder.path().join(name));
    compilers.stand_ins(&stand_ins);
    let mut sources = library();
    sources.extend(files(&own("kotlin"), "kt"));
    compilers.kotlin(&[&stand_ins], &sources, &jar);

    let photo = image::open(root("assets/astronaut.png")).expect("the photo").to_rgba8();
    let stored = std::fs::read(root("tests/fixtures/s_frame1.safetensors")).expect("the fixture");
    let stored = SafeTensors::deserialize(&stored).expect("safetensors");
    let rgb = stored.tensor("drv").expect("a driver").data();
    let driver: Vec<u8> = rgb.as_chunks::<3>().0.iter().flat_map(|&[r, g, b]| [r, g, b, 255]).collect();
    let files = ["photo.rgba", "driver.rgba", "sentence.pcm"].map(|name| folder.path().join(name));
    let [photo_file, driver_file, sound_file] = &files;
    std::fs::write(photo_file, photo.as_raw()).expect("written");
    std::fs::write(driver_file, driver).expect("written");
    std::fs::write(sound_file, sentence()).expect("written");

    let native = std::env::current_exe().expect("a path").parent().expect("a folder").to_owned();
    let mut java = Command::new("java");
    java.arg("-Xcheck:jni").arg("-cp").arg(std::env::join_paths([&jar, &stand_ins]).expect("no colon in names"));
    java.arg(format!("-Djava.library.path={}", native.display()));
    // What stands in for an app's assets and folders.
    java.arg(format!("-Dportrait.assets={}", root("weights").display()));
    java.arg(format!("-Dportrait.cache={}", folder.path().display()));
    java.arg("org.portrait.ScenarioKt");
    java.arg(root("weights/portrait_s.safetensors")).args(&files);
    let output = java.output().expect("a machine comes with the compiler");
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    println!("{out}{err}");
    assert!(output.status.success(), "the scenario failed: {}", output.status);
    // What the machine's checks find: references that pile up, calls with an exception pending, wrong types.
    let complaints: Vec<&str> = out.lines().chain(err.lines()).filter(|l| l.contains("in native method")).collect();
    assert!(complaints.is_empty() && !out.contains("JNI local refs"), "{complaints:?}");
}
