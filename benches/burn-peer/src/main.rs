//! `burn-peer NETWORK FOLDER ADAPTER`: one network of benches/peers.py in burn, on the adapter of that name, f32.
//!
//! Reads NETWORK.json (layers), NETWORK.safetensors (weights) and NETWORK.x (input) in FOLDER, writes its output as
//! NETWORK.burn-wgpu, prints `ready` and the adapter, and then for each line on stdin `took` and the seconds of one run. Inside
//! that clock, as in every peer: the input from host memory to the device, the network, the output back.

use burn::backend::Wgpu;
use burn::backend::wgpu::{RuntimeOptions, WgpuDevice, graphics::AutoGraphicsApi, graphics::GraphicsApi, init_setup};
use burn::tensor::activation::relu;
use burn::tensor::module::{conv2d, interpolate};
use burn::tensor::ops::{ConvOptions, InterpolateMode, InterpolateOptions};
use burn::tensor::{Tensor, TensorData};
use safetensors::SafeTensors;
use serde::Deserialize;
use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

type Picture = Tensor<Wgpu, 4>;

#[derive(Deserialize)]
struct Network {
    input: [usize; 3],
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Layer {
    op: String,
    r#in: Vec<String>,
    out: String,
    #[serde(default)]
    kernel: usize,
    #[serde(default)]
    stride: usize,
    #[serde(default)]
    relu: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, folder, adapter] = words.as_slice() else { return Err("burn-peer NETWORK FOLDER ADAPTER".into()) };
    let folder = Path::new(folder);
    let file = |end: &str| folder.join(format!("{name}.{end}"));

    let device = choose(adapter)?;
    let found = init_setup::<AutoGraphicsApi>(&device, RuntimeOptions::default()).adapter.get_info().name;

    let network: Network = serde_json::from_slice(&std::fs::read(file("json"))?)?;
    let bytes = std::fs::read(file("safetensors"))?;
    let weights = Weights { tensors: SafeTensors::deserialize(&bytes)?, device: &device }.read(&network)?;
    let input = floats(&std::fs::read(file("x"))?);

    let run = || {
        let [c, h, w] = network.input;
        let x = Picture::from_data(TensorData::new(input.clone(), [1, c, h, w]), &device);
        forward(&network, &weights, x).and_then(|y| Ok(y.into_data().to_vec::<f32>().map_err(|e| format!("{e:?}"))?))
    };
    let output: Vec<u8> = run()?.iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(file("burn-wgpu"), output)?;
    println!("ready {found}");
    for line in std::io::stdin().lock().lines() {
        line?;
        let start = Instant::now();
        run()?;
        println!("took {}", start.elapsed().as_secs_f64());
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// The device of this name, as burn counts devices: by kind, in the order of enumeration.
fn choose(name: &str) -> Result<WgpuDevice, Box<dyn Error>> {
    let backends = AutoGraphicsApi::backend().into();
    let descriptor = wgpu::InstanceDescriptor { backends, ..wgpu::InstanceDescriptor::new_without_display_handle() };
    let adapters = pollster::block_on(wgpu::Instance::new(descriptor).enumerate_adapters(backends));
    let infos: Vec<wgpu::AdapterInfo> = adapters.iter().map(wgpu::Adapter::get_info).collect();
    let Some(at) = infos.iter().position(|info| info.name == name) else {
        let names: Vec<&str> = infos.iter().map(|info| info.name.as_str()).collect();
        return Err(format!("burn finds no adapter `{name}`, only {names:?}").into());
    };
    let index = infos[..at].iter().filter(|info| info.device_type == infos[at].device_type).count();
    Ok(match infos[at].device_type {
        wgpu::DeviceType::DiscreteGpu => WgpuDevice::DiscreteGpu(index),
        wgpu::DeviceType::IntegratedGpu => WgpuDevice::IntegratedGpu(index),
        wgpu::DeviceType::VirtualGpu => WgpuDevice::VirtualGpu(index),
        wgpu::DeviceType::Cpu => WgpuDevice::Cpu,
        wgpu::DeviceType::Other => WgpuDevice::DefaultDevice,
    })
}

/// Weight and bias of every convolution, by the name of its output.
type Convolutions = HashMap<String, (Picture, Tensor<Wgpu, 1>)>;

struct Weights<'a> {
    tensors: SafeTensors<'a>,
    device: &'a WgpuDevice,
}

impl Weights<'_> {
    fn read(&self, network: &Network) -> Result<Convolutions, Box<dyn Error>> {
        let layers = network.layers.iter().filter(|layer| layer.op == "conv");
        layers
            .map(|layer| {
                let tensor = |part: &str| self.tensors.tensor(&format!("{}.{part}", layer.out));
                let data =
                    |part: &str| tensor(part).map(|view| TensorData::new(floats(view.data()), view.shape().to_vec()));
                let weight = Tensor::from_data(data("weight")?, self.device);
                let bias = Tensor::from_data(data("bias")?, self.device);
                Ok((layer.out.clone(), (weight, bias)))
            })
            .collect()
    }
}

fn forward(network: &Network, weights: &Convolutions, x: Picture) -> Result<Picture, Box<dyn Error>> {
    // A value is handed over to its last reader, so that burn may work in place as it would in a model of its own.
    let mut readers: HashMap<&str, usize> = HashMap::new();
    for name in network.layers.iter().flat_map(|layer| &layer.r#in) {
        *readers.entry(name).or_default() += 1;
    }
    let mut values = HashMap::from([("x", x)]);
    let mut take = |values: &mut HashMap<&str, Picture>, name: &str| {
        let left = readers.get_mut(name)?;
        *left -= 1;
        if *left == 0 { values.remove(name) } else { values.get(name).cloned() }
    };
    let mut last = "x";
    for layer in &network.layers {
        let inputs: Option<Vec<Picture>> = layer.r#in.iter().map(|name| take(&mut values, name)).collect();
        let mut inputs = inputs.ok_or("a layer reads what no layer before it writes")?.into_iter();
        let mut next = || inputs.next().ok_or("a layer with too few inputs");
        let value = match layer.op.as_str() {
            "conv" => {
                let (weight, bias) = weights.get(&layer.out).ok_or("a convolution without weights")?.clone();
                let options = ConvOptions::new([layer.stride; 2], [layer.kernel / 2; 2], [1, 1], 1);
                let y = conv2d(next()?, weight, Some(bias), options);
                if layer.relu { relu(y) } else { y }
            }
            "up" => {
                let x = next()?;
                let [_, _, h, w] = x.dims();
                interpolate(x, [2 * h, 2 * w], InterpolateOptions::new(InterpolateMode::Nearest))
            }
            "add" => next()? + next()?,
            "concat" => Tensor::cat(inputs.collect(), 1),
            other => return Err(format!("no operation is called `{other}`").into()),
        };
        values.insert(&layer.out, value);
        last = &layer.out;
    }
    values.remove(last).ok_or_else(|| "a network without layers".into())
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}
