//! `--peers`: the same networks, weights and inputs in other engines, taking turns with ours in the same minutes.
//!
//! Outputs are compared first: an engine that computes something else is no comparison, nor is one that runs on another adapter.
//! Every clock holds the same: the input from host memory to the device, the network, the output back. On the CPU it is another class.

mod ours;
mod process;

use crate::args::Args;
use crate::report::{PeerRow, Report};
use crate::stats::median;
use anyhow::{Context, Result, bail};
use ours::Ours;
use portrait_kernels::Tier;
use portrait_runtime::Gpu;
use process::Peer;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

const NETWORKS: [&str; 4] = ["dense_motion", "synthesis", "unet4", "unet15"];
/// Peers and their class.
const PEERS: [(&str, &str); 4] = [(NCNN, SAME), (BURN, SAME), ("onnxruntime-cpu", "cpu"), ("openvino-cpu", "cpu")];
const SAME: &str = "same adapter";
const NCNN: &str = "ncnn-vulkan";
/// The one that is no Python package: benches/burn-peer.
const BURN: &str = "burn-wgpu";
/// What both clocks hold.
const CLOCK: &str = "host to host: upload, run, download";

/// Whether a peer computes in this precision of ours: where features and weights are stored as halves, only ncnn does the same.
fn computes(peer: &str, tier: Tier) -> bool {
    tier == Tier::F32 || peer == NCNN
}

/// Largest difference, relative to the largest value, that rounding explains.
fn tolerance(precision: &str) -> f64 {
    if precision == Tier::F32.name() { 1e-3 } else { 2e-2 }
}

/// Programs that peers run in.
struct Programs<'a> {
    python: &'a Path,
    script: PathBuf,
    burn: PathBuf,
}

impl Programs<'_> {
    fn python(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.python);
        command.arg(&self.script).args(words);
        command
    }

    /// Why a peer cannot be used, if so.
    fn lacks(&self, peer: &str) -> Option<String> {
        if peer == BURN {
            let way = "`cargo xtask bench --peers` builds it where crates can be fetched";
            return (!self.burn.exists()).then(|| format!("there is no `{}`; {way}", self.burn.display()));
        }
        let asked = self.python(&["has", peer]).output();
        let said = match asked {
            Ok(output) if output.status.success() => return None,
            Ok(output) => String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("it fails").to_owned(),
            Err(error) => error.to_string(),
        };
        let program = self.python.display();
        Some(format!("`{program}`: {said} (pip install ncnn onnx onnxruntime openvino)"))
    }

    fn serve(&self, peer: &str, network: &str, folder: &str, gpu: &Gpu) -> Result<Peer> {
        let mut command = match peer {
            BURN => Command::new(&self.burn),
            _ => self.python(&["serve", peer, gpu.tier().name()]),
        };
        Peer::start(command.args([network, folder, &gpu.adapter().name]))
    }
}

/// Runs the section; what is missing is said and left out.
pub(crate) fn run(args: &Args, report: &mut Report) -> Result<()> {
    let burn = args.burn_peer.clone().unwrap_or_else(|| crate::root("target/burn-peer/release/burn-peer"));
    let programs = Programs { python: &args.python, script: crate::root("benches/peers.py"), burn };
    let networks: Vec<&str> = NETWORKS.into_iter().filter(|name| args.wants(name)).collect();
    if networks.is_empty() {
        args.nothing("peers");
        return Ok(());
    }
    let mut present = Vec::new();
    for (peer, class) in PEERS {
        match programs.lacks(peer) {
            None => present.push((peer, class)),
            Some(reason) => println!("\npeers: {peer} skipped: {reason}"),
        }
    }
    if present.is_empty() {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().to_str().context("a temporary folder whose name is text")?;
    match programs.python(&["make", path]).status() {
        Ok(status) if status.success() => {}
        _ if present.iter().all(|(peer, _)| *peer == BURN) => {
            println!("\npeers: skipped: `{}` cannot write the networks (pip install onnx)", args.python.display());
            return Ok(());
        }
        _ => bail!("peers.py could not write the networks"),
    }
    let tiers = match args.tiers() {
        given if given.is_empty() => vec![Tier::F32],
        given => given,
    };
    for tier in tiers {
        let gpu = pollster::block_on(Gpu::open(&args.gpu(tier)))?;
        let present: Vec<_> = present.iter().copied().filter(|(peer, _)| computes(peer, tier)).collect();
        println!("\npeers, {tier}: medians of {} runs that took turns; every clock: {CLOCK}", args.rounds);
        for network in &networks {
            compare(&gpu, &programs, &present, network, folder.path(), args.rounds, report)?;
        }
    }
    Ok(())
}

/// One network on our engine and in every peer that is present, in turns.
fn compare(
    gpu: &Arc<Gpu>,
    programs: &Programs<'_>,
    present: &[(&'static str, &'static str)],
    network: &str,
    folder: &Path,
    rounds: u32,
    report: &mut Report,
) -> Result<()> {
    let path = folder.to_str().context("a temporary folder whose name is text")?;
    let ours = Ours::open(gpu, folder, network)?;
    let mut theirs = Vec::new();
    for &(peer, class) in present {
        match programs.serve(peer, network, path, gpu) {
            Ok(found) => theirs.push((peer, class, found, Vec::new())),
            Err(error) => println!("  {network:14} {peer} skipped: {error:#}"),
        }
    }
    let (output, _) = ours.run()?;
    let mut times = Vec::new();
    for _ in 0..rounds {
        times.push(ours.run()?.1);
        for (_, _, peer, seconds) in &mut theirs {
            seconds.push(peer.time()?);
        }
    }
    for (name, class, peer, seconds) in &theirs {
        let row = PeerRow {
            network: network.into(),
            peer: (*name).into(),
            class: (*class).into(),
            adapter: peer.adapter.clone(),
            precision: gpu.tier().name().into(),
            clock: CLOCK.into(),
            ours_ms: 1e3 * median(&times),
            peer_ms: 1e3 * median(seconds),
            max_diff: difference(&output, &read(&folder.join(format!("{network}.{name}")))?),
        };
        let refused = refused(&row, &gpu.adapter().name);
        print(&row, refused.as_deref());
        if refused.is_none() {
            report.peers.push(row);
        }
    }
    Ok(())
}

/// Why a row is no comparison, if so.
fn refused(row: &PeerRow, adapter: &str) -> Option<String> {
    if row.max_diff > tolerance(&row.precision) {
        return Some("another output".to_owned());
    }
    (row.class == SAME && row.adapter != adapter).then(|| format!("it ran on `{}`, ours on `{adapter}`", row.adapter))
}

fn print(row: &PeerRow, refused: Option<&str>) {
    let ratio = row.peer_ms / row.ours_ms;
    let verdict = refused.map_or_else(|| format!("{ratio:.2}×"), |reason| format!("NOT compared: {reason}"));
    println!(
        "  {:14} ours {:8.2} ms, {:16} {:8.2} ms ({}): {verdict}, outputs differ by {:.1e}",
        row.network, row.ours_ms, row.peer, row.peer_ms, row.class, row.max_diff
    );
}

/// Largest difference over the largest value; infinite where lengths differ or something is no number.
fn difference(ours: &[f32], theirs: &[f32]) -> f64 {
    if ours.len() != theirs.len() || ours.iter().chain(theirs).any(|v| !v.is_finite()) {
        return f64::INFINITY;
    }
    let largest = |values: &mut dyn Iterator<Item = f32>| f64::from(values.fold(0.0f32, |a, v| a.max(v.abs())));
    let differ = largest(&mut ours.iter().zip(theirs).map(|(a, b)| a - b));
    differ / largest(&mut theirs.iter().copied()).max(1e-12)
}

fn read(file: &Path) -> Result<Vec<f32>> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    Ok(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_different_output_is_seen() {
        assert_eq!(difference(&[1.0, -4.0], &[1.0, -4.0]), 0.0);
        assert_eq!(difference(&[1.0, -4.0], &[2.0, -4.0]), 0.25);
        assert_eq!(difference(&[1.0], &[1.0, 2.0]), f64::INFINITY);
        assert_eq!(difference(&[f32::NAN], &[1.0]), f64::INFINITY);
    }

    #[test]
    fn another_adapter_is_no_comparison() {
        let row = |class: &str, adapter: &str, max_diff| PeerRow {
            class: class.into(),
            adapter: adapter.into(),
            precision: "f32".into(),
            max_diff,
            ..PeerRow::default()
        };
        assert_eq!(refused(&row(SAME, "a", 0.0), "a"), None);
        assert!(refused(&row(SAME, "b", 0.0), "a").unwrap().contains("`b`"));
        assert_eq!(refused(&row("cpu", "cpu", 0.0), "a"), None);
        assert!(refused(&row("cpu", "cpu", 0.1), "a").is_some());
        // Halves round more.
        let halves = |max_diff| PeerRow { precision: "f16_packed".into(), ..row("cpu", "cpu", max_diff) };
        assert!(refused(&row("cpu", "cpu", 0.01), "a").is_some() && refused(&halves(0.01), "a").is_none());
        assert!(refused(&halves(0.1), "a").is_some());
    }
}
