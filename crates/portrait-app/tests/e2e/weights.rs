//! Weights that do not fit.

use serde_json::{Map, Value};

use crate::common::{Sandbox, animate, avatar, repository, run};

/// The bundled weights: header and data.
fn bundled() -> (Map<String, Value>, Vec<u8>) {
    let bytes = std::fs::read(repository("weights/portrait_s.safetensors")).unwrap();
    let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    (serde_json::from_slice(&bytes[8..8 + length]).unwrap(), bytes[8 + length..].to_vec())
}

fn file(header: &Map<String, Value>, data: &[u8]) -> Vec<u8> {
    let header = serde_json::to_vec(header).unwrap();
    [&(header.len() as u64).to_le_bytes()[..], &header, data].concat()
}

/// Animates with weights and other arguments, which must fail.
fn refuse(weights: &[u8], arguments: &[&str], words: &[&str]) {
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    let (weights, clip) = (sandbox.file("w.safetensors", weights), sandbox.short_clip(2));
    let mut command = animate(avatar, &clip, &sandbox.output("me.mp4"));
    run(command.arg("--weights").arg(weights).args(arguments)).fails(&sandbox, words);
}

#[test]
fn missing() {
    let sandbox = Sandbox::new();
    let mut command = animate(&crate::common::astronaut(), &sandbox.short_clip(2), &sandbox.output("me.mp4"));
    run(command.arg("--weights").arg(sandbox.input("gone.safetensors"))).fails(&sandbox, &["gone.safetensors"]);
}

#[test]
fn a_preset_without_bundled_weights() {
    let sandbox = Sandbox::new();
    let mut command = animate(&crate::common::astronaut(), &sandbox.short_clip(2), &sandbox.output("me.mp4"));
    run(command.args(["--preset", "m"])).fails(&sandbox, &["preset `m`", "no bundled weights", "--weights FILE"]);
    let mut command = animate(&crate::common::astronaut(), &sandbox.short_clip(1), &sandbox.output("me.mp4"));
    let words = ["no preset is called `tiny`", "`fast` and `s` have weights"];
    run(command.args(["--preset", "tiny"])).fails(&sandbox, &words);
}

#[test]
fn truncated() {
    let bytes = std::fs::read(repository("weights/portrait_s.safetensors")).unwrap();
    refuse(&bytes[..bytes.len() / 2], &[], &["w.safetensors"]);
    refuse(&bytes[..5], &[], &["w.safetensors", "5 bytes"]);
    refuse(b"", &[], &["w.safetensors"]);
    refuse(b"not weights at all, just some text that is long enough", &[], &["w.safetensors"]);
}

#[test]
fn of_another_preset() {
    let bytes = std::fs::read(repository("weights/portrait_s.safetensors")).unwrap();
    refuse(&bytes, &["--preset", "m"], &["w.safetensors", "preset `s`", "preset `m`"]);
    refuse(&bytes, &["--preset", "enormous"], &["enormous"]);
}

#[test]
fn with_a_nan() {
    let (header, mut data) = bundled();
    let start = header["merger.fc.0.weight"]["data_offsets"][0].as_u64().unwrap() as usize;
    data[start..start + 2].copy_from_slice(&0x7e00_u16.to_le_bytes());
    refuse(&file(&header, &data), &[], &["w.safetensors", "merger.fc.0.weight", "finite"]);
}

#[test]
fn with_a_missing_tensor() {
    let (mut header, data) = bundled();
    let tensor = header.remove("nk.fc.weight").unwrap();
    header.insert("nk.fc.mystery".to_owned(), tensor);
    refuse(&file(&header, &data), &[], &["w.safetensors", "nk.fc.weight"]);
}

#[test]
fn with_an_unknown_tensor() {
    let (mut header, data) = bundled();
    let end = data.len();
    header.insert(
        "extra.weight".to_owned(),
        serde_json::json!({ "dtype": "F16", "shape": [2], "data_offsets": [end, end + 4] }),
    );
    refuse(&file(&header, &[&data[..], &[0; 4]].concat()), &[], &["w.safetensors", "extra.weight"]);
}

#[test]
fn other_than_the_avatars() {
    let (mut header, data) = bundled();
    let metadata = header["__metadata__"].as_object_mut().unwrap();
    metadata.insert("version".to_owned(), "another".into());
    refuse(&file(&header, &data), &[], &["the avatar was made with", "portrait prepare"]);
}
