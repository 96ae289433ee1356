//! The harness of all kernel tests: every tier and profile on the GPU against the CPU twin.
//!
//! `check(&kernel, &inputs)` is enough for most kernels. State or accumulating outputs: `Check::new(..).initial(..)`; textures
//! that are not square: `.size(binding, [w, h])`. Environment: `PORTRAIT_REQUIRE_GPU=1` makes a missing adapter a failure.
#![allow(dead_code, unreachable_pub, reason = "shared by test binaries, each using its own part")]

mod gpu;
pub mod pins;

pub use gpu::Gpu;
use portrait_kernels::{Bind, Binding, DeviceProfile, Kernel, ShaderKey, Tier};

/// Largest normalised mean squared error against the twin.
pub const NMSE_F32: f64 = 1e-6;
/// The same where features are stored as f16.
pub const NMSE_F16: f64 = 5e-4;
/// Largest difference of a texture value: rounding to 8 bits may fall on either side.
const TEXTURE_STEP: f32 = 1.01 / 255.0;
/// How much further off than the mean may be one value may be.
const ONE_OF_MANY: f64 = 50.0;

/// Checks `kernel` in all tiers and profiles, or prints that there is no adapter.
///
/// # Panics
/// When a result differs from the twin, holds a NaN, or something outside a buffer was written.
pub fn check(kernel: &dyn Kernel, inputs: &[Vec<f32>]) {
    Check::new(kernel, inputs).run();
}

/// One comparison of a kernel with its twin.
pub struct Check<'a> {
    kernel: &'a dyn Kernel,
    inputs: &'a [Vec<f32>],
    initial: Vec<Option<Vec<f32>>>,
    sizes: Vec<(usize, [u32; 2])>,
    perturb: Option<(usize, usize, f32)>,
}

impl<'a> Check<'a> {
    /// `inputs`: one vector per read-only binding, constants included, in the order of [`Kernel::bindings`].
    pub fn new(kernel: &'a dyn Kernel, inputs: &'a [Vec<f32>]) -> Self {
        Self { kernel, inputs, initial: Vec::new(), sizes: Vec::new(), perturb: None }
    }

    /// Contents of the outputs before the dispatch, in order; `None` is NaN.
    pub fn initial(mut self, initial: Vec<Option<Vec<f32>>>) -> Self {
        self.initial = initial;
        self
    }

    /// `[width, height]` of the texture at `index` in [`Kernel::bindings`].
    pub fn size(mut self, index: usize, size: [u32; 2]) -> Self {
        self.sizes.push((index, size));
        self
    }

    /// Adds `by` to one element of what the twin computed: the comparison must then fail.
    pub fn perturb(mut self, output: usize, element: usize, by: f32) -> Self {
        self.perturb = Some((output, element, by));
        self
    }

    /// Runs the comparison and panics with the report if it fails.
    pub fn run(&self) {
        if let Err(report) = self.report() {
            panic!("{report}");
        }
    }

    /// Runs the comparison; the error names kernel, tier, shader, worst element and both values.
    pub fn report(&self) -> Result<(), String> {
        let Some(gpu) = Gpu::open() else { return Ok(()) };
        let bindings = self.kernel.bindings();
        let tiered = |b: &Binding| matches!(b.kind, Bind::Feature | Bind::FeatureOut | Bind::Halves);
        // Without features the shader is the same text in every tier.
        let tiers = if bindings.iter().any(tiered) { &Tier::ALL[..] } else { &[Tier::F32] };
        for &tier in tiers.iter().filter(|&&t| gpu.supports(t)) {
            let inputs = rounded(&bindings, tier, self.inputs, false);
            let initial: Vec<Option<Vec<f32>>> = self.initial_rounded(&bindings, tier);
            let mut expected = twin(self.kernel, &inputs, &initial);
            if let Some((output, element, by)) = self.perturb {
                expected[output][element] += by;
            }
            let mut seen: Vec<(ShaderKey, [u32; 3])> = Vec::new();
            for profile in DeviceProfile::ALL {
                let dispatch = self.kernel.dispatch(tier, &profile);
                let variant = (dispatch.shader.clone(), dispatch.workgroups);
                if seen.contains(&variant) {
                    continue;
                }
                seen.push(variant);
                let context = |what: String| format!("{:?}\n  tier {tier}, {:?}: {what}", self.kernel, dispatch.shader);
                let got = gpu
                    .run(self.kernel, tier, &profile, &inputs, &initial, &self.sizes)
                    .map_err(|e| context(e.clone()))?;
                let outputs = bindings.iter().filter(|b| b.kind.is_output());
                for (i, ((b, got), want)) in outputs.zip(&got).zip(&expected).enumerate() {
                    compare(b.kind, tier, got, want).map_err(|e| context(format!("output {i}: {e}")))?;
                }
            }
        }
        Ok(())
    }

    fn initial_rounded(&self, bindings: &[Binding], tier: Tier) -> Vec<Option<Vec<f32>>> {
        let outputs = bindings.iter().filter(|b| b.kind.is_output()).enumerate();
        outputs
            .map(|(i, b)| {
                let values = self.initial.get(i)?.as_ref()?;
                Some(round(b.kind, tier, values))
            })
            .collect()
    }
}

/// The twin's outputs; a fresh output starts as NaN, as on the GPU.
pub fn twin(kernel: &dyn Kernel, inputs: &[Vec<f32>], initial: &[Option<Vec<f32>>]) -> Vec<Vec<f32>> {
    let bindings = kernel.bindings();
    let outputs = bindings.iter().filter(|b| b.kind.is_output()).enumerate();
    let mut outputs: Vec<Vec<f32>> =
        outputs.map(|(i, b)| initial.get(i).cloned().flatten().unwrap_or_else(|| vec![f32::NAN; b.len])).collect();
    let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
    let mut slices: Vec<&mut [f32]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    kernel.cpu(&inputs, &mut slices);
    outputs
}

/// How a buffer of this kind is encoded where features are stored as `tier` says.
pub(crate) fn stored_as(kind: Bind, tier: Tier) -> Tier {
    match kind {
        Bind::Feature | Bind::FeatureOut => tier,
        Bind::Halves => tier.halved(),
        _ => Tier::F32,
    }
}

/// Values as the GPU will see them: features through the tier's storage, textures through 8 bits.
fn rounded(bindings: &[Binding], tier: Tier, values: &[Vec<f32>], outputs: bool) -> Vec<Vec<f32>> {
    let bindings = bindings.iter().filter(|b| b.kind.is_output() == outputs);
    bindings.zip(values).map(|(b, v)| round(b.kind, tier, v)).collect()
}

fn round(kind: Bind, tier: Tier, values: &[f32]) -> Vec<f32> {
    match kind {
        Bind::Feature | Bind::FeatureOut | Bind::Halves | Bind::Floats | Bind::FloatsOut => {
            let stored = stored_as(kind, tier);
            stored.decode(&stored.encode(values))
        }
        Bind::Texture | Bind::TextureOut => {
            values.iter().map(|v| (v.clamp(0.0, 1.0) * 255.0).round() / 255.0).collect()
        }
    }
}

/// Compares one output with the twin's.
fn compare(kind: Bind, tier: Tier, got: &[f32], want: &[f32]) -> Result<(), String> {
    if got.len() != want.len() {
        return Err(format!("{} values, the twin has {}", got.len(), want.len()));
    }
    let nan = |v: &[f32]| v.iter().position(|x| x.is_nan());
    if let Some(i) = nan(want) {
        return Err(format!("the twin left a NaN at {i} of {}", want.len()));
    }
    if let Some(i) = nan(got) {
        return Err(format!("NaN at {i} of {}, the twin has {}", got.len(), want[i]));
    }
    let error = |i: usize| (f64::from(got[i]) - f64::from(want[i])).abs();
    let Some(worst) = (0..got.len()).max_by(|&a, &b| error(a).total_cmp(&error(b))) else { return Ok(()) };
    let squares: f64 = (0..got.len()).map(|i| error(i).powi(2)).sum();
    let energy: f64 = want.iter().map(|&v| f64::from(v).powi(2)).sum();
    let (value, limit) = if kind == Bind::TextureOut {
        (error(worst), f64::from(TEXTURE_STEP))
    } else {
        (squares / energy.max(1e-12), if tier == Tier::F32 { NMSE_F32 } else { NMSE_F16 })
    };
    // The mean of many values drowns a single one, and a wrong corner.
    let rms = (energy.max(1e-12) / got.len() as f64).sqrt();
    if value <= limit && (kind == Bind::TextureOut || error(worst) <= ONE_OF_MANY * limit.sqrt() * rms) {
        return Ok(());
    }
    let wrong = (0..got.len()).filter(|&i| error(i) > 0.01 * (energy / got.len() as f64).sqrt()).count();
    Err(format!(
        "error {value:.3e}, limit {limit:.0e}; {wrong} of {} values off by over 1 % of the mean; worst at {worst}: GPU {}, twin {}",
        got.len(),
        got[worst],
        want[worst]
    ))
}

/// A small seeded generator (SplitMix64) for inputs.
pub struct Rng(u64);

impl Rng {
    /// A generator; equal seeds give equal sequences.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A value in `low..high`.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// `len` values in `-1..1`.
    pub fn vec(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.range(-1.0, 1.0)).collect()
    }

    /// A feature tensor `[channels, height, width]` in layout order, values in `-1..1`, lanes past the last channel zero.
    pub fn feature(&mut self, [c, h, w]: [u32; 3]) -> Vec<f32> {
        let nchw = self.vec((c * h * w) as usize);
        to_layout(&nchw, [c, h, w])
    }
}

/// NCHW (one image) to the engine's layout, lanes past the last channel zero.
pub fn to_layout(nchw: &[f32], [c, h, w]: [u32; 3]) -> Vec<f32> {
    let (c, area) = (c as usize, (h * w) as usize);
    let mut out = vec![0.0; c.div_ceil(4) * 4 * area];
    for (i, &v) in nchw.iter().enumerate() {
        let (ch, p) = (i / area, i % area);
        out[((ch / 4) * area + p) * 4 + ch % 4] = v;
    }
    out
}

/// The engine's layout to NCHW.
pub fn from_layout(values: &[f32], [c, h, w]: [u32; 3]) -> Vec<f32> {
    let (c, area) = (c as usize, (h * w) as usize);
    (0..c * area).map(|i| values[((i / area / 4) * area + i % area) * 4 + (i / area) % 4]).collect()
}

/// Panics unless `got` and `want` agree to an NMSE of `limit`, for twins against formulas written in a test.
pub fn assert_close(got: &[f32], want: &[f32], limit: f64) {
    assert_eq!(got.len(), want.len());
    let error = |i: usize| (f64::from(got[i]) - f64::from(want[i])).powi(2);
    let squares: f64 = (0..got.len()).map(error).sum();
    let energy: f64 = want.iter().map(|&v| f64::from(v).powi(2)).sum();
    let nmse = squares / energy.max(1e-12);
    let worst = (0..got.len()).max_by(|&a, &b| error(a).total_cmp(&error(b)));
    assert!(nmse <= limit, "NMSE {nmse:.3e} over {limit:.0e}; worst {:?}", worst.map(|i| (i, got[i], want[i])));
}
