//! A network of peers.py as a graph of ours.

use anyhow::{Context, Result, bail};
use portrait_graph::{Conv2d, Graph, Value, Weights};
use portrait_kernels::{Activation, slices};
use portrait_runtime::{Gpu, Runner, TensorKind};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

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
}

/// A value of the description. Nearest ×2 is nothing by itself here: the convolution that reads it takes it in.
#[derive(Clone, Copy)]
enum Known {
    Plain(Value),
    Twice(Value),
    /// Twice the size and joined with another; a convolution of it is the sum of two.
    Joined([Value; 2]),
}

/// A network on our engine.
pub(super) struct Ours {
    runner: Runner,
    /// NCHW, as every peer is given it.
    given: Vec<f32>,
    input: [u32; 3],
    output: [u32; 3],
}

impl Ours {
    pub(super) fn open(gpu: &Arc<Gpu>, folder: &Path, name: &str) -> Result<Self> {
        let network: Network = serde_json::from_slice(&std::fs::read(folder.join(format!("{name}.json")))?)?;
        let weights = Weights::load(folder.join(format!("{name}.safetensors")))?;
        let mut g = Graph::new(name);
        g.use_weights(&weights);
        let x = g.external("x", TensorKind::Feature(network.input));
        let mut values = HashMap::from([("x".to_owned(), Known::Plain(x))]);
        for layer in &network.layers {
            let inputs: Option<Vec<Known>> = layer.r#in.iter().map(|name| values.get(name).copied()).collect();
            let value = add(&mut g, layer, &inputs.context("a layer reads what no layer before it writes")?)?;
            values.insert(layer.out.clone(), value);
        }
        let last = network.layers.last().and_then(|layer| values.get(&layer.out));
        let Some(&Known::Plain(last)) = last else { bail!("a network that ends in no layer of its own") };
        g.output("y", last);
        let output = g.shape(last);
        let runner = Runner::new(gpu, g.build()?)?;
        let given = super::read(&folder.join(format!("{name}.x")))?;
        Ok(Self { runner, given, input: network.input, output })
    }

    /// The output, NCHW, and the seconds from the input in host memory to the output there. Both are turned from and into our layout
    /// inside the clock; reading back the timestamps of the run, which no peer has, is not.
    pub(super) fn run(&self) -> Result<(Vec<f32>, f64)> {
        let start = Instant::now();
        self.runner.set("x", &pack(&self.given, self.input))?;
        let before = start.elapsed().as_secs_f64();
        let run = self.runner.time(1)?.host;
        let start = Instant::now();
        let found = unpack(&self.runner.get("y")?, self.output);
        Ok((found, before + run + start.elapsed().as_secs_f64()))
    }
}

fn add(g: &mut Graph<'_>, layer: &Layer, inputs: &[Known]) -> Result<Known> {
    let conv = |g: &mut Graph<'_>, x: Value, name: &str| {
        g.conv(x, name, layer.outputs, Conv2d::same(layer.kernel, layer.stride))
    };
    Ok(match (layer.op.as_str(), inputs) {
        ("conv", [x]) => {
            let y = match *x {
                Known::Plain(x) => conv(g, x, &layer.out),
                Known::Twice(x) => {
                    let x = g.upsample(x);
                    conv(g, x, &layer.out)
                }
                Known::Joined([x, skip]) => {
                    let x = g.upsample(x);
                    let above = conv(g, x, &format!("{}.up", layer.out));
                    let below = conv(g, skip, &format!("{}.skip", layer.out));
                    g.add(below, above)
                }
            };
            Known::Plain(if layer.relu { g.activate(y, Activation::Relu) } else { y })
        }
        ("up", [Known::Plain(x)]) => Known::Twice(*x),
        ("add" | "concat", [Known::Twice(x), Known::Plain(skip)]) => Known::Joined([*x, *skip]),
        ("add", [Known::Plain(a), Known::Plain(b)]) => Known::Plain(g.add(*a, *b)),
        ("concat", [Known::Plain(a), Known::Plain(b)]) => Known::Plain(g.concat(&[*a, *b])),
        (other, _) => bail!("`{other}` of such inputs is written in no way here"),
    })
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

/// Slices of four channels to NCHW.
fn unpack(values: &[f32], [c, h, w]: [u32; 3]) -> Vec<f32> {
    let area = (h * w) as usize;
    (0..c as usize * area).map(|i| values[(i / area / 4 * area + i % area) * 4 + i / area % 4]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_each_others_inverse() {
        let shape = [5, 2, 3];
        let values: Vec<f32> = (0..30u8).map(f32::from).collect();
        let packed = pack(&values, shape);
        assert_eq!(packed[..4], [0.0, 6.0, 12.0, 18.0]);
        assert_eq!(unpack(&packed, shape), values);
    }
}
