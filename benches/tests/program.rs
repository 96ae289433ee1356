//! The program as a user runs it: what it writes can be read, compared and looked at; what it cannot measure it says.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_portrait-bench")).args(arguments).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether there is an adapter to measure on; printed where not, a failure where one is required.
fn adapter() -> bool {
    match pollster::block_on(portrait_runtime::Gpu::open(&portrait_runtime::GpuOptions::default())) {
        Ok(gpu) => {
            println!("adapter: {}", gpu.adapter().name);
            true
        }
        Err(error) => {
            assert!(std::env::var("PORTRAIT_REQUIRE_GPU").as_deref() != Ok("1"), "PORTRAIT_REQUIRE_GPU=1: {error}");
            println!("SKIP: {error}");
            false
        }
    }
}

/// A run that succeeds: what it printed.
fn run(arguments: &[&str]) -> String {
    let output = bench(arguments);
    assert!(output.status.success(), "{arguments:?}:\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn json(file: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(file).expect("written")).expect("JSON")
}

#[test]
fn kernels_and_frames_are_measured_kept_and_compared() {
    if !adapter() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let name = |name: &str| folder.path().join(name);
    let [kernels, frames, page] = ["kernels.json", "frames.json", "page.html"].map(name);
    let path = |file: &Path| file.to_str().expect("UTF-8").to_owned();

    let shared = ["--preset", "fast", "--precision", "f32"];
    let asked = path(&kernels);
    let printed = run(&[&["kernels", "--filter", "merger", "--rounds", "3", "--json", &asked], &shared[..]].concat());
    assert!(printed.contains("control: "), "{printed}");
    let report = json(&kernels);
    let rows = report["kernels"].as_array().unwrap();
    assert!(!rows.is_empty() && rows.iter().all(|row| row["median_ms"].as_f64().unwrap() > 0.0), "{rows:?}");
    assert!(report["ceilings"][0]["gflops"].as_f64().unwrap() > 0.0);
    assert!(!report["controls"].as_array().unwrap().is_empty());

    let [asked, drawn, earlier] = [&frames, &page, &kernels].map(|file| path(file));
    let printed = run(&[
        &["frame", "--filter", "frame keypoints", "--frames", "3", "--json", &asked, "--html", &drawn],
        &["--compare", &earlier][..],
        &shared,
    ]
    .concat());
    assert!(
        printed.contains("since then") && printed.contains("nothing"),
        "no row of both files is the same: {printed}"
    );
    let row = &json(&frames)["frame"][0];
    assert_eq!((row["preset"].as_str(), row["driven_by"].as_str()), (Some("fast"), Some("keypoints")));
    assert_eq!((row["frames"].as_u64(), row["objects_created"].as_u64()), (Some(3), Some(0)));
    assert!(row["end_to_end_ms"]["p50"].as_f64().unwrap() > 0.0 && row["times_ms"].as_array().unwrap().len() == 3);
    let page = std::fs::read_to_string(&page).unwrap();
    assert!(page.contains("<svg") && !page.contains("http://") && !page.contains("https://"), "needs nothing else");
}

#[test]
fn what_cannot_be_measured_is_an_error_and_nothing_is_written() {
    if !adapter() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("found.json");
    let asked = file.to_str().expect("UTF-8");
    for (arguments, says) in [
        (&["kernels", "--filter", "no such layer", "--json", asked][..], "no row of these sections is called"),
        (&["frame", "--preset", "huge", "--json", asked], "huge"),
        (&["--compare", "nowhere.json", "--json", asked], "nowhere.json"),
        (&["kernels", "--json", "/nowhere/found.json"], "cannot be written"),
    ] {
        let output = bench(arguments);
        assert!(!output.status.success() && text(&output.stderr).contains(says), "{}", text(&output.stderr));
        assert!(!file.exists(), "{arguments:?}");
    }
}
