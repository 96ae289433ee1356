//! LPIPS (Zhang et al. 2018): distance of AlexNet's features, weighed as people judge it. The weights are the user's own file;
//! `weights/convert_lpips.py` makes it.

use std::path::Path;

use anyhow::{Context, Result};
use portrait_graph::{Conv2d, Graph, TensorKind, Weights};
use portrait_kernels::Activation;
use portrait_media::Picture;
use portrait_runtime::{Engine, Network};

use crate::clip::resized;

/// Side at which pictures are compared.
const SIDE: u32 = 256;
/// Mean and spread of the colours in -1..=1, of the reference implementation.
const SHIFT: [f32; 3] = [-0.030, -0.088, -0.188];
const SCALE: [f32; 3] = [0.458, 0.448, 0.450];
/// Channels, geometry, and whether a max pooling comes before it, of each convolution.
const LAYERS: [(u32, Conv2d, bool); 5] = [
    (64, Conv2d { kernel: 11, stride: 4, pad: [2; 4] }, false),
    (192, Conv2d::same(5, 1), true),
    (384, Conv2d::same(3, 1), true),
    (256, Conv2d::same(3, 1), false),
    (256, Conv2d::same(3, 1), false),
];
const NAMES: [&str; 5] = ["relu1", "relu2", "relu3", "relu4", "relu5"];

/// AlexNet on the engine's device, and the heads.
pub(crate) struct Perceptual<'e> {
    engine: &'e Engine,
    network: Network,
    /// Weight of each channel of each layer.
    heads: Vec<Vec<f32>>,
}

/// What AlexNet sees in a picture: for each layer a unit vector per pixel, channels last.
pub(crate) struct Features(Vec<Vec<f32>>);

impl Features {
    /// Mean vector of each of the last three layers, one after the other.
    pub(crate) fn mean(&self) -> Vec<f64> {
        let layers = self.0.iter().zip(LAYERS).skip(2);
        layers.flat_map(|(layer, (channels, ..))| mean_vector(layer, channels as usize)).collect()
    }
}

impl<'e> Perceptual<'e> {
    /// Reads the weights and puts them on the device.
    pub(crate) fn open(engine: &'e Engine, file: &Path) -> Result<Self> {
        let wrong = || format!("`{}` is not what weights/convert_lpips.py makes", file.display());
        let weights = Weights::load(file)?;
        let mut g = Graph::new("alexnet");
        g.use_weights(&weights);
        let mut x = g.external("picture", TensorKind::Feature([3, SIDE, SIDE]));
        let mut heads = Vec::new();
        for (n, (channels, geometry, pooled)) in LAYERS.into_iter().enumerate() {
            if pooled {
                x = g.max_pool(x, Conv2d::valid(3, 2));
            }
            x = g.conv(x, &format!("conv.{n}"), channels, geometry);
            x = g.activate(x, Activation::Relu);
            g.output(NAMES[n], x);
            let head = weights.tensor(&format!("lin.{n}.weight"), &[channels as usize]);
            heads.push(head.map_err(|fault| anyhow::anyhow!("{fault}")).with_context(wrong)?);
        }
        let network = engine.network(g.build().with_context(wrong)?);
        Ok(Self { engine, network, heads })
    }

    /// Runs AlexNet on a picture, which is resized to 256 × 256.
    pub(crate) fn features(&self, picture: &Picture) -> Result<Features> {
        let picture = resized(picture.clone(), SIDE, SIDE);
        let colour = |c: usize, v: u8| (f32::from(v) / 127.5 - 1.0 - SHIFT[c]) / SCALE[c];
        let pixels = picture.rgba.as_chunks::<4>().0.iter();
        let input: Vec<f32> = pixels.flat_map(|p| [colour(0, p[0]), colour(1, p[1]), colour(2, p[2]), 0.0]).collect();
        let layers = self.engine.run(&self.network, &[("picture", &input)], &NAMES)?;
        Ok(Features(layers.iter().zip(LAYERS).map(|(layer, (channels, ..))| units(layer, channels as usize)).collect()))
    }

    /// LPIPS of two pictures: 0 for equal ones, about 0.7 for unrelated ones.
    pub(crate) fn distance(&self, a: &Features, b: &Features) -> f64 {
        a.0.iter().zip(&b.0).zip(&self.heads).map(|((a, b), head)| layer_distance(a, b, head)).sum()
    }
}

/// Slices of four channels to unit vectors per pixel.
fn units(slices: &[f32], channels: usize) -> Vec<f32> {
    let pixels = slices.len() / channels;
    let mut units = Vec::with_capacity(slices.len());
    for pixel in 0..pixels {
        let at = |channel: usize| slices[(channel / 4 * pixels + pixel) * 4 + channel % 4];
        let norm = (0..channels).map(|c| at(c).powi(2)).sum::<f32>().sqrt() + 1e-10;
        units.extend((0..channels).map(|c| at(c) / norm));
    }
    units
}

/// Mean over the pixels of vectors of this length.
fn mean_vector(vectors: &[f32], channels: usize) -> Vec<f64> {
    let mut mean = vec![0.0; channels];
    for vector in vectors.chunks(channels) {
        mean.iter_mut().zip(vector).for_each(|(m, &v)| *m += f64::from(v));
    }
    let pixels = (vectors.len() / channels) as f64;
    mean.iter().map(|m| m / pixels).collect()
}

/// Mean over the pixels of the weighed squared difference.
fn layer_distance(a: &[f32], b: &[f32], head: &[f32]) -> f64 {
    let pixels = a.chunks(head.len()).zip(b.chunks(head.len()));
    let one = |(a, b): (&[f32], &[f32])| a.iter().zip(b).zip(head).map(|((a, b), w)| w * (a - b).powi(2)).sum::<f32>();
    pixels.map(|pair| f64::from(one(pair))).sum::<f64>() / (a.len() / head.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use portrait_runtime::{EngineOptions, GpuOptions, Tier, WeightsSource};

    #[test]
    fn channels_become_unit_vectors_and_are_weighed() {
        // Two pixels of eight channels: channel 0 of the first is 3 and channel 5 is 4, of the second only channel 7 is there.
        let mut slices = vec![0.0; 16];
        (slices[0], slices[8 + 1], slices[8 + 4 + 3]) = (3.0, 4.0, 9.0);
        let a = units(&slices, 8);
        assert_eq!((a[0], a[5], a[15]), (0.6, 0.8, 1.0));
        let b = units(&[0.0; 16], 8);
        let mut head = vec![0.0; 8];
        (head[0], head[5], head[7]) = (1.0, 0.5, 4.0);
        // (0.36 + 0.5 · 0.64 + 4) / 2 pixels.
        assert!((layer_distance(&a, &b, &head) - 2.34).abs() < 1e-6);
        assert_eq!(layer_distance(&a, &a, &head), 0.0);
        assert_eq!(mean_vector(&a, 8)[7], 0.5);
    }

    #[test]
    fn as_pytorch_has_it() {
        let Some(file) = std::env::var_os("PORTRAIT_LPIPS") else {
            println!("SKIP: PORTRAIT_LPIPS names no file of weights/convert_lpips.py");
            return;
        };
        let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../weights/portrait_s.safetensors");
        let gpu = GpuOptions { tier: Some(Tier::F32), ..GpuOptions::default() };
        let options = EngineOptions { gpu, ..EngineOptions::new(WeightsSource::File(weights)) };
        let engine = Engine::open(&options).unwrap();
        let perceptual = Perceptual::open(&engine, Path::new(&file)).unwrap();
        let a = |x, y, c| x * 11 + y * 7 + c * 40;
        let b = |x, y, c| a(x, y, c) + (x * y + 5 * c) % 23;
        let features = |v: &dyn Fn(u32, u32, u32) -> u32| {
            let rgba = |x, y| [v(x, y, 0) as u8, v(x, y, 1) as u8, v(x, y, 2) as u8, 255];
            perceptual.features(&Picture::from_fn(SIDE, SIDE, rgba)).unwrap()
        };
        let found = perceptual.distance(&features(&a), &features(&b));
        // The same weights and pictures in PyTorch 2.15.
        println!("LPIPS {found}");
        assert!((found - 0.107_464_98).abs() < 1e-5, "{found}");
    }
}
