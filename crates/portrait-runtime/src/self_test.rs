//! The self-test of `portrait doctor`: every pipeline of the frame path once against its CPU twin, on this very device. Some
//! drivers compile some kernels wrongly (Adreno 840 with 8 × 8 workgroups, executorch #22328), which no other machine shows.

mod presenting;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::first_start::marker::{MARKER, Marker};
use crate::frozen::Compiled;
use crate::glue::Glue;
use crate::inventory::paste;
use crate::options::SessionOptions;
use crate::runner::Runner;
use portrait_graph::{Step, TensorKind};
use portrait_kernels::{Bind, Binding, Paste, ShaderKey};
use std::collections::BTreeMap;

/// Result of one pipeline.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct PipelineTest {
    /// Kernel, which is also its file in `shaders/`.
    pub name: String,
    /// Tier, defines and overrides.
    pub variant: String,
    /// Mean squared difference from the CPU twin relative to the mean square; infinite where the device wrote no number.
    pub error: f32,
    /// Whether that is within the tier's tolerance.
    pub passed: bool,
    /// Whether the device ran it not at all, rather than wrongly: it may have been short of memory.
    pub refused: bool,
}

/// Relative mean squared error allowed for each kind of output: f32, half tiers, 8-bit pictures.
const TOLERANCE: [f32; 3] = [1e-6, 5e-4, 1e-4];

impl Engine {
    /// Runs every pipeline that sessions use once, with noise for input, and compares with the CPU twins; also the pass that draws
    /// pictures on windows. What differs is run a second time, which decides.
    ///
    /// # Errors
    /// When the device fails altogether. A pipeline that computes something else, or that the driver refuses, is a result, not an
    /// error.
    pub fn self_test(&self) -> Result<Vec<PipelineTest>, EngineError> {
        self.self_test_with(&MARKER)
    }

    fn self_test_with(&self, marker: &Marker) -> Result<Vec<PipelineTest>, EngineError> {
        let glue = Glue::new(&self.gpu, &SessionOptions::new(320, 240), &self.preset)?;
        let nets = &self.nets;
        // As small as shows every case.
        let (size, canvas, side, origin, edges) = (64, [128, 96], 90, [8, 4], [Some(0.0); 4]);
        let pasted = |matte| {
            let kernel = Paste { size, canvas, side, origin, fade: 9.0, edges, matte };
            Ok::<_, EngineError>(Compiled::new(&self.gpu, paste(kernel)?))
        };
        let programs = [
            &nets.detector,
            &nets.mesh,
            &nets.segmentation,
            &nets.keypoints,
            &nets.merger,
            &nets.render,
            &nets.motion_bias,
            &glue.unpack,
            &glue.search,
            &glue.decode,
            &glue.look,
            &glue.track,
            &glue.refiner_look,
            &nets.refiner.program,
            &glue.neural_look,
            &glue.transfer,
            &pasted(false)?,
            &pasted(true)?,
        ];
        let mut smallest: BTreeMap<ShaderKey, (&Compiled, &Step)> = BTreeMap::new();
        let views = nets.views.iter().flat_map(|(view, fuse)| [view, fuse]);
        for compiled in programs.into_iter().chain(views) {
            for step in &compiled.program.steps {
                let key = step.kernel.dispatch(self.gpu.tier(), self.gpu.profile()).shader;
                let kept = smallest.entry(key).or_insert((&**compiled, step));
                if step.kernel.macs() < kept.1.kernel.macs() {
                    *kept = (&**compiled, step);
                }
            }
        }
        let kernels = smallest.into_iter().map(|(key, (compiled, step))| {
            self.twice(marker, key.file, variant(&key), || self.test_pipeline(&key, compiled, step))
        });
        let mut tests = kernels.collect::<Result<Vec<_>, _>>()?;
        tests.push(self.twice(marker, "present", String::new(), || presenting::test(&self.gpu))?);
        marker.leave();
        Ok(tests)
    }

    /// One test, and again unless it passes.
    fn twice(
        &self,
        marker: &Marker,
        name: &str,
        variant: String,
        run: impl Fn() -> Result<Outcome, EngineError>,
    ) -> Result<PipelineTest, EngineError> {
        let result = |Outcome { error, passed }, refused| PipelineTest {
            name: name.to_owned(),
            variant: variant.clone(),
            error,
            passed,
            refused,
        };
        if !marker.enter(self.gpu.tier(), name) {
            return Ok(result(Outcome::WRONG, false));
        }
        let once = || match run() {
            Err(EngineError::Device(_)) if self.gpu.forgive() => Ok(result(Outcome::WRONG, true)),
            outcome => outcome.map(|outcome| result(outcome, false)),
        };
        let first = once()?;
        if first.passed {
            return Ok(first);
        }
        if first.refused {
            // It is in the pool, and would be refused for ever.
            self.gpu.forget_pipelines();
        }
        once()
    }

    fn test_pipeline(&self, key: &ShaderKey, compiled: &Compiled, step: &Step) -> Result<Outcome, EngineError> {
        let tier = self.gpu.tier();
        let specs = step.kernel.bindings();
        let mut noise = Noise(0x5EED);
        let kinds: Vec<TensorKind> = step.bindings.iter().map(|id| compiled.program.tensors[id.0].kind).collect();
        let runner = Runner::of_kernel(&self.gpu, key.file, &step.kernel, &kinds)?;
        let noise_of = |(spec, kind): (&Binding, &TensorKind)| -> Vec<f32> {
            let raw = (0..spec.len).map(|_| noise.next());
            match kind {
                TensorKind::Feature(_) | TensorKind::Halves(_) => raw.collect(),
                // Time steps and sizes are among them: positive.
                TensorKind::Floats(_) => raw.map(f32::abs).collect(),
                TensorKind::Texture(_) => raw.map(|v| ((v * 0.5 + 0.5) * 255.0).round() / 255.0).collect(),
            }
        };
        let mut values: Vec<Vec<f32>> = specs.iter().zip(&kinds).map(noise_of).collect();
        step.kernel.rehearse(&mut values);
        for (i, (values, kind)) in values.iter_mut().zip(&kinds).enumerate() {
            if let TensorKind::Feature(_) | TensorKind::Halves(_) = kind {
                let stored = kind.stored(tier);
                *values = stored.decode(&stored.encode(values));
            }
            runner.set(&Runner::binding(i), values)?;
        }
        runner.submit();
        let split = specs.iter().position(|s| s.kind.is_output()).unwrap_or(specs.len());
        let found = (split..specs.len()).map(|i| runner.get(&Runner::binding(i))).collect::<Result<Vec<_>, _>>()?;

        let (inputs, outputs) = values.split_at_mut(split);
        let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
        let mut outputs: Vec<&mut [f32]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
        step.kernel.cpu(&inputs, &mut outputs);
        let mut worst = Outcome { error: 0.0, passed: true };
        for (((spec, found), expected), kind) in specs[split..].iter().zip(found).zip(&outputs).zip(&kinds[split..]) {
            // An 8-bit picture holds 0..=1; the twin computes what would be stored.
            let stored: Vec<f32> = match spec.kind {
                Bind::TextureOut => expected.iter().map(|v| v.clamp(0.0, 1.0)).collect(),
                _ => expected.to_vec(),
            };
            let error = relative_error(&without_spare_lanes(found, *kind), &without_spare_lanes(stored, *kind));
            let tolerance = match spec.kind {
                Bind::TextureOut => TOLERANCE[2],
                Bind::FeatureOut if tier.bytes() == 2 => TOLERANCE[1],
                _ => TOLERANCE[0],
            };
            worst = Outcome { error: worst.error.max(error), passed: worst.passed && error <= tolerance };
        }
        Ok(worst)
    }
}

/// How far a pipeline is off.
#[derive(Clone, Copy)]
struct Outcome {
    error: f32,
    passed: bool,
}

impl Outcome {
    /// Nothing of what it should have computed is known.
    const WRONG: Self = Self { error: f32::INFINITY, passed: false };
}

/// Tier, defines and overrides of a pipeline.
fn variant(key: &ShaderKey) -> String {
    let overrides = key.overrides.iter().map(|(name, value)| format!("{name}={value}"));
    let parts = key.defines.iter().map(|d| (*d).to_owned()).chain(overrides);
    std::iter::once(key.tier.name().to_owned()).chain(parts).collect::<Vec<_>>().join(" ")
}

/// Zeros in the lanes past the last channel: convolutions leave there what the weights' spare lanes say, which is zero in packed
/// weights and noise in a test.
fn without_spare_lanes(mut values: Vec<f32>, kind: TensorKind) -> Vec<f32> {
    if let TensorKind::Feature([channels, height, width]) = kind {
        let (used, last) =
            (channels as usize % 4, (channels as usize / 4 * (height * width) as usize * 4).min(values.len()));
        if used > 0 {
            values[last..].as_chunks_mut::<4>().0.iter_mut().for_each(|pixel| pixel[used..].fill(0.0));
        }
    }
    values
}

/// Mean squared difference over mean square; infinite where a value is not a number or lengths differ.
fn relative_error(found: &[f32], expected: &[f32]) -> f32 {
    if found.len() != expected.len() {
        return f32::INFINITY;
    }
    let sum = |f: &dyn Fn(f32, f32) -> f32| found.iter().zip(expected).map(|(&a, &b)| f64::from(f(a, b))).sum::<f64>();
    let (difference, scale) = (sum(&|a, b| (a - b) * (a - b)), sum(&|_, b| b * b));
    let error = (difference / scale.max(1e-12)) as f32;
    if error.is_finite() { error } else { f32::INFINITY }
}

/// Uniform values in -1..1 (SplitMix64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

#[cfg(test)]
mod unit {
    use super::*;
    use crate::{Backdrop, EngineOptions, Frame, Framing, GpuOptions, Picture, PrepareOptions, WeightsSource};
    use portrait_kernels::Tier;
    use std::path::Path;
    use std::sync::Arc;

    fn engine() -> Option<Engine> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let weights = WeightsSource::File(root.join("weights/portrait_fast.safetensors"));
        let gpu = GpuOptions { tier: Some(Tier::F32), ..GpuOptions::default() };
        let options = EngineOptions { gpu, preset: "fast".to_owned(), ..EngineOptions::new(weights) };
        match Engine::open(&options) {
            Ok(engine) => Some(engine),
            Err(error) => {
                assert!(std::env::var("PORTRAIT_REQUIRE_GPU").as_deref() != Ok("1"), "PORTRAIT_REQUIRE_GPU=1: {error}");
                println!("SKIP: {error}");
                None
            }
        }
    }

    #[test]
    fn sessions_use_no_pipeline_that_is_not_tested() {
        let Some(engine) = engine() else { return };
        let tests = engine.self_test().expect("the device works");
        assert!(tests.iter().all(|test| test.passed), "{tests:?}");
        assert!(["paste", "present"].iter().all(|name| tests.iter().any(|test| test.name == *name)));
        let tested = engine.gpu().pipelines_created();
        let photo = image::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/astronaut.png"));
        let photo = photo.expect("the fixture is a picture").to_rgba8();
        let photo = Picture { width: photo.width(), height: photo.height(), rgba: photo.into_raw() };
        let avatar = engine.prepare(photo.frame(), &PrepareOptions::default()).expect("an avatar");
        let framings = [
            (Framing::Crop, None),
            (Framing::Crop, Some(512)),
            (Framing::Photo(Arc::new(photo.clone())), None),
            (Framing::Cutout(Backdrop::Transparent), None),
        ];
        for (framing, side) in framings {
            let options = SessionOptions { framing, side, ..SessionOptions::new(640, 480) };
            let mut session = engine.session(&avatar, &options).expect("a session");
            let grey = vec![128; 4 * 640 * 480];
            session.animate(Frame { width: 640, height: 480, rgba: &grey }, 0.04).expect("animated");
            assert_eq!(engine.gpu().pipelines_created(), tested, "{:?}", options.framing);
        }
    }

    #[test]
    fn what_took_the_process_along_is_not_run_and_fails() {
        let Some(engine) = engine() else { return };
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("x.testing");
        for (name, times) in [("paste", 2), ("transfer", 1)] {
            let left = serde_json::json!({ "now": { "tier": "f32", "shader": name }, "lost": if times < 2 {
                serde_json::json!([])
            } else {
                serde_json::json!([[{ "tier": "f32", "shader": name }, times - 1]])
            }});
            std::fs::write(&file, left.to_string()).expect("written");
            let marker = Marker::default();
            let watch = marker.watch(Some(&file));
            let failed = engine.self_test_with(&marker).expect("the device works");
            let failed: Vec<String> = failed.into_iter().filter(|test| !test.passed).map(|test| test.name).collect();
            assert!(failed.iter().all(|failed| failed == name), "{failed:?}");
            assert_eq!(!failed.is_empty(), times > 1);
            watch.end(true);
        }
    }

    #[test]
    fn spare_lanes_of_the_last_slice_do_not_count() {
        let noise: Vec<f32> = (1..=16).map(|v| v as f32).collect();
        let kept = without_spare_lanes(noise.clone(), TensorKind::Feature([6, 1, 2]));
        assert_eq!(kept[..8], noise[..8]);
        assert_eq!(kept[8..], [9.0, 10.0, 0.0, 0.0, 13.0, 14.0, 0.0, 0.0]);
        assert_eq!(without_spare_lanes(noise.clone(), TensorKind::Feature([8, 1, 2])), noise);
    }

    #[test]
    fn a_wrong_value_or_a_nan_is_an_error() {
        let a = [0.5, -0.25, 0.75];
        assert_eq!(relative_error(&a, &a), 0.0);
        assert!(relative_error(&[0.5, -0.25, 0.70], &a) > TOLERANCE[1]);
        assert_eq!(relative_error(&[0.5, f32::NAN, 0.75], &a), f32::INFINITY);
        assert_eq!(relative_error(&a[..2], &a), f32::INFINITY);
    }
}
