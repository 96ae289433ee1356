//! Reading `tests/fixtures/*.safetensors`, and a device to test on.

use crate::avatar::{Avatar, AvatarInfo};
use crate::{Engine, Gpu, GpuOptions, Picture, WeightsSource};
use portrait_kernels::Tier;
use portrait_models::Preset;
use safetensors::{Dtype, SafeTensors};
use std::path::PathBuf;
use std::sync::Arc;

/// A file of stored numbers.
pub(crate) struct Fixture {
    bytes: Vec<u8>,
    name: String,
}

pub(crate) fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

impl Fixture {
    pub(crate) fn open(name: &str) -> Self {
        let folder = std::env::var("PORTRAIT_FIXTURES").map_or_else(|_| root("tests/fixtures"), PathBuf::from);
        Self::read(folder.join(format!("{name}.safetensors")))
    }

    pub(crate) fn read(file: PathBuf) -> Self {
        let bytes = std::fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        Self { bytes, name: file.display().to_string() }
    }

    /// Whether there is a tensor of this name.
    pub(crate) fn has(&self, tensor: &str) -> bool {
        SafeTensors::deserialize(&self.bytes).expect("fixtures are safetensors").tensor(tensor).is_ok()
    }

    /// A note of the file's header.
    pub(crate) fn note(&self, key: &str) -> Option<String> {
        let (_, header) = SafeTensors::read_metadata(&self.bytes).expect("fixtures are safetensors");
        header.metadata().as_ref()?.get(key).cloned()
    }

    /// A tensor as `f32`; bytes count from 0 to 255.
    pub(crate) fn get(&self, tensor: &str) -> Vec<f32> {
        let file = SafeTensors::deserialize(&self.bytes).expect("fixtures are safetensors");
        let view = file.tensor(tensor).unwrap_or_else(|e| panic!("{} {tensor}: {e}", self.name));
        match view.dtype() {
            Dtype::U8 => view.data().iter().map(|&v| f32::from(v)).collect(),
            Dtype::F32 => view.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Dtype::F16 => view.data().as_chunks().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect(),
            other => panic!("{} {tensor}: unexpected type {other:?}", self.name),
        }
    }

    /// How many inputs `network.0.input`, `network.1.input`, … there are.
    pub(crate) fn count(&self, network: &str) -> usize {
        let file = SafeTensors::deserialize(&self.bytes).expect("fixtures are safetensors");
        let count = (0..).take_while(|i| file.tensor(&format!("{network}.{i}.input")).is_ok()).count();
        assert!(count > 0, "{} holds no inputs of {network}", self.name);
        count
    }

    /// A tensor as points.
    pub(crate) fn points(&self, tensor: &str) -> Vec<[f32; 2]> {
        self.get(tensor).as_chunks().0.to_vec()
    }

    /// An 8-bit picture `[h, w, 3]` as one slice of a feature tensor, mapped by `v · scale + offset`.
    pub(crate) fn picture(&self, tensor: &str, scale: f32, offset: f32) -> Vec<f32> {
        let values = self.get(tensor);
        values
            .as_chunks::<3>()
            .0
            .iter()
            .flat_map(|p| [p[0], p[1], p[2], f32::NAN])
            .map(|v| if v.is_nan() { 0.0 } else { v * scale + offset })
            .collect()
    }
}

/// A device of this precision; `None` (printed) where there is no adapter.
pub(crate) fn gpu(tier: Tier) -> Option<Arc<Gpu>> {
    match pollster::block_on(Gpu::open(&GpuOptions { tier: Some(tier), ..GpuOptions::default() })) {
        Ok(gpu) => {
            println!("adapter: {} ({}), tier {tier}", gpu.adapter().name, gpu.adapter().driver);
            Some(gpu)
        }
        Err(error) => {
            assert!(std::env::var("PORTRAIT_REQUIRE_GPU").as_deref() != Ok("1"), "PORTRAIT_REQUIRE_GPU=1: {error}");
            println!("SKIP: {error}");
            None
        }
    }
}

/// Preset S with the committed weights.
pub(crate) fn engine(tier: Tier) -> Option<Engine> {
    let weights = WeightsSource::File(root("weights/portrait_s.safetensors"));
    gpu(tier).map(|gpu| Engine::with_gpu(gpu, "s", &weights).expect("the committed weights fit preset s"))
}

/// The source of a frame of preset S as an avatar, with these keypoints.
pub(crate) fn avatar(engine: &Engine, stored: &Fixture, neural: Vec<[f32; 2]>, mixed: Vec<[f32; 2]>) -> Avatar {
    let bytes = |name: &str| stored.get(name).into_iter().map(|v| v as u8).collect::<Vec<u8>>();
    let (rgb, mask) = (bytes("src"), bytes("smask"));
    let facial = stored.points("fk_s");
    let mut avatar = Avatar {
        info: AvatarInfo {
            preset: engine.preset().name.clone(),
            weights: engine.weights_id().to_owned(),
            image: 256,
            photo: [256; 2],
            crop: [0, 0, 256],
            face_size: 140.0,
            yaw: 0.0,
            warnings: Vec::new(),
        },
        source: rgb.as_chunks::<3>().0.iter().zip(&mask).map(|(&[r, g, b], &m)| [r, g, b, m]).collect(),
        detail: None,
        background: bytes("back").as_chunks().0.to_vec(),
        facial: facial.clone(),
        neural,
        mixed,
        motion_bias: Vec::new(),
        view_bias: Vec::new(),
    };
    let facial3: Vec<[f32; 3]> = facial.iter().map(|&[x, y]| [x, y, 0.0]).collect();
    pollster::block_on(engine.add_bias_maps(&mut avatar, &facial3)).expect("bias maps");
    avatar
}

/// Colours of a picture, interleaved, in 0..=1.
pub(crate) fn colours(picture: &Picture) -> Vec<f32> {
    let pixels = picture.rgba.as_chunks::<4>().0;
    pixels.iter().flat_map(|p| [p[0], p[1], p[2]]).map(|v| f32::from(v) / 255.0).collect()
}

/// Planes to interleaved pixels.
pub(crate) fn interleaved(planes: &[f32], channels: usize) -> Vec<f32> {
    let n = planes.len() / channels;
    (0..n).flat_map(|p| (0..channels).map(move |c| planes[c * n + p])).collect()
}

/// Of a flow as large as the picture what the fixtures store: x and y of every fourth pixel, across and down.
pub(crate) fn sparse(flow: &[[f32; 4]]) -> Vec<f32> {
    let rows = flow.chunks(flow.len().isqrt()).step_by(4);
    rows.flat_map(|row| row.iter().step_by(4).flat_map(|v| [v[0], v[1]])).collect()
}

/// Largest absolute difference; infinite where lengths differ or a value is not a number.
pub(crate) fn max_difference(a: &[f32], b: &[f32]) -> f32 {
    if a.len() != b.len() {
        return f32::INFINITY;
    }
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).map(|d| if d.is_nan() { f32::INFINITY } else { d }).fold(0.0, f32::max)
}

/// Peak signal-to-noise ratio in dB of values in 0..=1.
pub(crate) fn psnr(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let mse = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>() / a.len() as f64;
    (-10.0 * mse.log10()) as f32
}

#[test]
fn the_comparisons_can_fail() {
    let a = vec![0.5; 64];
    let mut b = a.clone();
    assert_eq!(max_difference(&a, &b), 0.0);
    b[40] = 0.6;
    assert!(max_difference(&a, &b) > 0.09 && psnr(&a, &b) < 50.0);
    b[40] = f32::NAN;
    assert_eq!(max_difference(&a, &b), f32::INFINITY);
    assert_eq!(max_difference(&a, &b[..63]), f32::INFINITY);
}

/// The bundled portrait.
pub(crate) fn photo() -> Picture {
    let picture = image::open(root("assets/astronaut.png")).expect("the fixture is a picture").to_rgba8();
    Picture { width: picture.width(), height: picture.height(), rgba: picture.into_raw() }
}

/// The photo's face, as large as the stored drivers' and where theirs is.
pub(crate) fn photo_s_face() -> Picture {
    let Picture { width, height, rgba } = photo();
    let large = image::RgbaImage::from_raw(width, height, rgba).expect("a picture");
    let face = image::imageops::crop_imm(&large, 132, 30, 180, 180).to_image();
    let rgba = image::imageops::resize(&face, 256, 256, image::imageops::FilterType::Triangle).into_raw();
    Picture { width: 256, height: 256, rgba }
}

/// The stored driver frame of a fixture.
pub(crate) fn driver(name: &str) -> Picture {
    let rgb = Fixture::open(name).get("drv");
    let rgba = rgb.as_chunks::<3>().0.iter().flat_map(|p| [p[0] as u8, p[1] as u8, p[2] as u8, 255]).collect();
    Picture { width: 256, height: 256, rgba }
}

/// A preset small enough for a test, with views that matter.
pub(crate) fn tiny(fold: u32) -> Preset {
    let text = include_str!("../../../../weights/presets/s.toml")
        .replace("image = 256", "image = 64")
        .replace("motion = 64", "motion = 32")
        .replace("input = 128", "input = 64")
        .replace("widths = [32, 64, 128, 256]", "widths = [8, 8, 16, 16]")
        .replace("stem = 32", "stem = 8")
        .replace("down = [64, 128, 256, 512, 512]", "down = [16, 16]")
        .replace("stem = 16", "stem = 8")
        .replace("down = [32, 64, 128, 256, 512]", &format!("fold = {fold}\ndown = [16, 16, 16]"));
    Preset::parse(&text).expect("the tiny preset is consistent")
}
