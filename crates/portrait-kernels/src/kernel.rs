//! The contract between a kernel and whoever dispatches it.

use crate::{DeviceProfile, ShaderKey, Tier};

/// Kind of one binding. Binding 0 is always the uniform block of parameters; the list of a kernel starts at binding 1, and its
/// order is inputs, constants (weights, bias), outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bind {
    /// Read-only storage in the tier's precision (`array<S4>`): features, weights.
    Feature,
    /// Read-only storage of `f16` in every tier, two in a `u32` where the tier has none: weights of deep layers.
    Halves,
    /// Read-only storage of `f32` in every tier: bias, points, coordinates, state.
    Floats,
    /// Sampled texture `texture_2d<f32>`, read by `textureLoad`; RGBA in 0..=1.
    Texture,
    /// Read-write storage in the tier's precision.
    FeatureOut,
    /// Read-write storage of `f32`; may carry state from one dispatch to the next.
    FloatsOut,
    /// Write-only storage texture, `rgba8unorm`.
    TextureOut,
}

impl Bind {
    /// Whether the kernel writes through this binding.
    pub const fn is_output(self) -> bool {
        matches!(self, Bind::FeatureOut | Bind::FloatsOut | Bind::TextureOut)
    }
}

/// One binding of a kernel: its kind and its length in host `f32` values (four per vec4, four per texel).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// What is bound.
    pub kind: Bind,
    /// Length in `f32` values.
    pub len: usize,
}

impl Binding {
    /// A binding of `len` host values.
    pub const fn new(kind: Bind, len: usize) -> Self {
        Self { kind, len }
    }
}

/// Everything a device needs to run a kernel once, besides the buffers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// Which pipeline.
    pub shader: ShaderKey,
    /// Contents of the uniform block (binding 0); a multiple of 16 bytes, at most 256.
    pub params: Vec<u8>,
    /// Workgroups to launch; each dimension at most 65 535.
    pub workgroups: [u32; 3],
}

/// One call of a kernel: shapes and options. Implementors are plain data.
pub trait Kernel: std::fmt::Debug + Send + Sync {
    /// Name of the operation, for labels and tables.
    fn name(&self) -> &'static str;

    /// The bindings after the uniform block, in order.
    fn bindings(&self) -> Vec<Binding>;

    /// The variant for this device, its parameters and its size. Pure.
    fn dispatch(&self, tier: Tier, profile: &DeviceProfile) -> Dispatch;

    /// The CPU twin: the same computation on host values. `inputs` and `outputs` are the bindings in order, read-only ones
    /// and written ones apart; every length is as [`Kernel::bindings`] says.
    ///
    /// # Panics
    /// When a length differs from what [`Kernel::bindings`] says.
    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]);

    /// Overwrites some of the noise that a self-test or a benchmark binds (values of all bindings, in order), so that the kernel does
    /// what it is for: one that waits for a face would see none. Most kernels take any number.
    fn rehearse(&self, _values: &mut [Vec<f32>]) {}

    /// Multiply-accumulates of the mathematical operation, as the literature counts them (a variant may need fewer).
    fn macs(&self) -> u64 {
        0
    }

    /// Multiply-accumulates that the shader executes, without what tiles waste at borders.
    fn executed_macs(&self) -> u64 {
        self.macs()
    }
}
