//! The self-test of `portrait doctor`: every pipeline of the frame path once against its CPU twin, on this very device. Some
//! drivers compile some kernels wrongly (Adreno 840 with 8 × 8 workgroups, executorch #22328), which no other machine shows.

use crate::engine::Engine;
use crate::error::EngineError;
use crate::frozen::Compiled;
use crate::glue::Glue;
use crate::options::SessionOptions;
use crate::runner::Runner;
use portrait_graph::{Step, TensorKind};
use portrait_kernels::{Bind, ShaderKey};
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
}

/// Relative mean squared error allowed for each kind of output: f32, half tiers, 8-bit pictures.
const TOLERANCE: [f32; 3] = [1e-6, 5e-4, 1e-4];

impl Engine {
    /// Runs every pipeline that sessions use once, with noise for input, and compares with the CPU twins.
    ///
    /// # Errors
    /// When the device fails altogether. A pipeline that computes something else, or that the driver refuses, is a result, not an
    /// error.
    pub fn self_test(&self) -> Result<Vec<PipelineTest>, EngineError> {
        let glue = Glue::new(&self.gpu, &SessionOptions::new(320, 240), &self.preset)?;
        let nets = &self.nets;
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
        let test =
            |(key, (compiled, step)): (ShaderKey, (&Compiled, &Step))| match self.test_pipeline(&key, compiled, step) {
                Err(EngineError::Device(_)) if self.gpu.forgive() => Ok(PipelineTest {
                    name: key.file.to_owned(),
                    variant: variant(&key),
                    error: f32::INFINITY,
                    passed: false,
                }),
                result => result,
            };
        smallest.into_iter().map(test).collect()
    }

    fn test_pipeline(&self, key: &ShaderKey, compiled: &Compiled, step: &Step) -> Result<PipelineTest, EngineError> {
        let tier = self.gpu.tier();
        let specs = step.kernel.bindings();
        let mut noise = Noise(0x5EED);
        let mut values: Vec<Vec<f32>> = Vec::new();
        let kinds: Vec<TensorKind> = step.bindings.iter().map(|id| compiled.program.tensors[id.0].kind).collect();
        let runner = Runner::of_kernel(&self.gpu, key.file, &step.kernel, &kinds)?;
        for (i, (spec, kind)) in specs.iter().zip(&kinds).enumerate() {
            let raw: Vec<f32> = (0..spec.len).map(|_| noise.next()).collect();
            values.push(match kind {
                TensorKind::Feature(_) => tier.decode(&tier.encode(&raw)),
                // Time steps and sizes are among them: positive.
                TensorKind::Floats(_) => raw.iter().map(|v| v.abs()).collect(),
                TensorKind::Texture(_) => raw.iter().map(|v| ((v * 0.5 + 0.5) * 255.0).round() / 255.0).collect(),
            });
            runner.set(&Runner::binding(i), &values[i])?;
        }
        runner.submit();
        let split = specs.iter().position(|s| s.kind.is_output()).unwrap_or(specs.len());
        let found = (split..specs.len()).map(|i| runner.get(&Runner::binding(i))).collect::<Result<Vec<_>, _>>()?;

        let (inputs, outputs) = values.split_at_mut(split);
        let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
        let mut outputs: Vec<&mut [f32]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
        step.kernel.cpu(&inputs, &mut outputs);
        let mut worst = (0.0f32, true);
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
            worst = (worst.0.max(error), worst.1 && error <= tolerance);
        }
        Ok(PipelineTest { name: key.file.to_owned(), variant: variant(key), error: worst.0, passed: worst.1 })
    }
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
