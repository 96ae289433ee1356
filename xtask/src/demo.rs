//! `cargo xtask demo`: from a checkout to a video.

use std::time::Instant;

use anyhow::{Context, Result};

use crate::{hash, setup, shell};

/// Builds the program, animates the bundled portrait with the bundled clip, says where the results are.
pub(crate) fn run() -> Result<()> {
    let environment = setup::prepare(setup::Purpose::Run)?;
    hash::run()?;

    println!("demo: building (a few minutes the first time)");
    let start = Instant::now();
    shell::run(shell::cargo().args(["build", "--release", "--package", "portrait-app"]))?;
    println!("demo: built in {:.0} s", start.elapsed().as_secs_f64());

    let root = shell::root();
    std::fs::create_dir_all(root.join("demo"))?;
    let mut command = shell::cargo();
    command.args(["run", "--release", "--quiet", "--package", "portrait-app", "--"]);
    command.args([
        "animate",
        "assets/astronaut.png",
        "--drive",
        "assets/driver.mp4",
        "--compare",
        "-o",
        "demo/demo.mp4",
        "--json",
    ]);
    environment.apply(&mut command);
    println!("demo: {}", shell::text(&command));
    let report: serde_json::Value = serde_json::from_str(&shell::output(&mut command)?).context("not a report")?;
    std::fs::rename(root.join("demo/demo-compare.png"), root.join("demo/compare.png"))?;
    let word = |key: &str| report[key].as_str().unwrap_or("?").to_owned();
    println!(
        "demo: {} frames, {:.2} frames/s end to end on {} ({}, {})",
        report["frames"],
        report["fps"].as_f64().unwrap_or_default(),
        word("adapter"),
        word("backend"),
        word("tier")
    );
    println!("demo: {}", root.join("demo/demo.mp4").display());
    println!("demo: {} (source | driver | result)", root.join("demo/compare.png").display());
    Ok(())
}
