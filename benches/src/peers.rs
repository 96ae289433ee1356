//! `--peers`: the same networks, weights and inputs in other engines, taking turns with ours in the same minutes.
//!
//! Outputs are compared first: an engine that computes something else is no comparison. Ours is timed from submission to done, a
//! peer around its call with the input in host memory and the output back there; on the CPU it is another class.

use crate::args::Args;
use crate::report::{PeerRow, Report};
use crate::stats::median;
use anyhow::{Context, Result, bail};
use portrait_graph::{Conv2d, Graph, Value, Weights};
use portrait_kernels::{Activation, Tier, slices};
use portrait_runtime::{Gpu, Runner, TensorKind};
use serde::Deserialize;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

const NETWORKS: [&str; 4] = ["dense_motion", "synthesis", "unet4", "unet15"];
const PEERS: [(&str, &str); 3] = [("ncnn-vulkan", "same adapter"), ("onnxruntime-cpu", "cpu"), ("openvino-cpu", "cpu")];
/// Largest difference, relative to the largest value, that rounding explains.
const TOLERANCE: f64 = 1e-3;

/// What peers.py writes about a network.
#[derive(Debug, Deserialize)]
struct Network {
    input: [u32; 3],
    layers: Vec<Layer>,
}

#[derive(Debug, Deserialize)]
struct Layer {
    op: String,
    r#in: Vec<String>,
    out: String,
    #[serde(default)]
    outputs: u32,
    #[serde(default)]
    kernel: u32,
    #[serde(default)]
    stride: u32,
    #[serde(default)]
    relu: bool,
    #[serde(default)]
    fused: bool,
}

/// Runs the section; what is missing is said and left out.
pub(crate) fn run(args: &Args, report: &mut Report) -> Result<()> {
    let script = crate::root("benches/peers.py");
    let python = |words: &[&str]| {
        let mut command = Command::new(&args.python);
        command.arg(&script).args(words);
        command
    };
    let (present, missing): (Vec<_>, Vec<_>) = PEERS.into_iter().partition(|(peer, _)| {
        python(&["has", peer]).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    });
    for (peer, _) in missing {
        println!(
            "\npeers: {peer} skipped: `{}` lacks it (pip install ncnn onnx onnxruntime openvino)",
            args.python.display()
        );
    }
    if present.is_empty() {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().to_str().context("a temporary folder whose name is text")?;
    if !python(&["make", path]).status()?.success() {
        bail!("peers.py could not write the networks");
    }
    let gpu = pollster::block_on(Gpu::open(&args.gpu(Tier::F32)))?;
    println!("\npeers, f32: medians of {} runs that took turns", args.rounds);
    for name in NETWORKS.into_iter().filter(|name| args.wants(name)) {
        let ours = Ours::open(&gpu, folder.path(), name)?;
        let mut theirs = Vec::new();
        for (peer, class) in &present {
            theirs.push((*peer, *class, Peer::start(&mut python(&["serve", peer, name, path]))?, Vec::new()));
        }
        let output = ours.run()?;
        let mut times = Vec::new();
        for _ in 0..args.rounds {
            times.push(ours.runner.time(1)?.host);
            for (_, _, peer, seconds) in &mut theirs {
                seconds.push(peer.time()?);
            }
        }
        for (peer, class, _, seconds) in &theirs {
            let max_diff = difference(&output, &read(&folder.path().join(format!("{name}.{peer}")))?);
            let row = PeerRow {
                network: name.into(),
                peer: (*peer).into(),
                class: (*class).into(),
                adapter: if *class == "cpu" { "cpu".into() } else { gpu.adapter().name.clone() },
                precision: gpu.tier().name().into(),
                ours_ms: 1e3 * median(&times),
                peer_ms: 1e3 * median(seconds),
                max_diff,
            };
            print(&row);
            if max_diff <= TOLERANCE {
                report.peers.push(row);
            }
        }
    }
    Ok(())
}

fn print(row: &PeerRow) {
    let ratio = row.peer_ms / row.ours_ms;
    let verdict = match row.max_diff <= TOLERANCE {
        true => format!("{ratio:.2}×"),
        false => "NOT compared: another output".to_owned(),
    };
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

/// A network on our engine.
struct Ours {
    runner: Runner,
    input: Vec<f32>,
    output: [u32; 3],
}

impl Ours {
    fn open(gpu: &Arc<Gpu>, folder: &Path, name: &str) -> Result<Self> {
        let network: Network = serde_json::from_slice(&std::fs::read(folder.join(format!("{name}.json")))?)?;
        let weights = Weights::load(folder.join(format!("{name}.safetensors")))?;
        let mut g = Graph::new(name);
        g.use_weights(&weights);
        let mut values = HashMap::from([("x".to_owned(), g.external("x", TensorKind::Feature(network.input)))]);
        for layer in &network.layers {
            let inputs = layer
                .r#in
                .iter()
                .map(|name| values.get(name).copied().context("a value"))
                .collect::<Result<Vec<_>>>()?;
            let value = add(&mut g, layer, &inputs);
            values.insert(layer.out.clone(), value);
        }
        let last =
            network.layers.last().and_then(|layer| values.get(&layer.out)).context("a network without layers")?;
        g.output("y", *last);
        let output = g.shape(*last);
        let runner = Runner::new(gpu, g.build()?)?;
        let input = pack(&read(&folder.join(format!("{name}.x")))?, network.input);
        Ok(Self { runner, input, output })
    }

    /// The output, NCHW.
    fn run(&self) -> Result<Vec<f32>> {
        self.runner.set("x", &self.input)?;
        self.runner.time(1)?;
        let found = self.runner.get("y")?;
        let [c, h, w] = self.output.map(|v| v as usize);
        let at = |i: usize| ((i / (h * w) / 4) * h * w + i % (h * w)) * 4 + i / (h * w) % 4;
        Ok((0..c * h * w).map(|i| found[at(i)]).collect())
    }
}

fn add(g: &mut Graph<'_>, layer: &Layer, inputs: &[Value]) -> Value {
    match (layer.op.as_str(), inputs) {
        ("conv", [x, ..]) => {
            let y = g.conv(*x, &layer.out, layer.outputs, Conv2d::same(layer.kernel, layer.stride));
            if layer.relu { g.activate(y, Activation::Relu) } else { y }
        }
        ("up", [x, ..]) if layer.fused => g.upsample(*x),
        ("up", [x, ..]) => g.conv_transpose(*x, &layer.out, layer.outputs),
        ("add", [a, b]) => g.add(*a, *b),
        _ => g.concat(inputs),
    }
}

/// NCHW to slices of four channels.
fn pack(values: &[f32], [c, h, w]: [u32; 3]) -> Vec<f32> {
    let area = (h * w) as usize;
    let mut out = vec![0.0; slices(c) as usize * 4 * area];
    for (i, &v) in values.iter().enumerate() {
        out[(i / area / 4 * area + i % area) * 4 + i / area % 4] = v;
    }
    out
}

/// A peer that waits for its turn.
struct Peer {
    child: Child,
    turn: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let turn = child.stdin.take().context("a pipe")?;
        let lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
        let mut peer = Self { child, turn, lines };
        peer.answer("ready")?;
        Ok(peer)
    }

    /// The rest of the next line that begins with `word`; engines print lines of their own.
    fn answer(&mut self, word: &str) -> Result<String> {
        for line in self.lines.by_ref() {
            if let Some(rest) = line?.strip_prefix(word) {
                return Ok(rest.trim().to_owned());
            }
        }
        bail!("a peer ended before it answered")
    }

    /// Seconds of one run.
    fn time(&mut self) -> Result<f64> {
        writeln!(self.turn)?;
        self.turn.flush()?;
        Ok(self.answer("took")?.parse()?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
}
