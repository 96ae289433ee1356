//! The flat result of a graph: kernel calls in order, over tensors with known storage.

use portrait_kernels::{Bind, Kernel, Tier, feature_len};
use std::sync::Arc;

/// What a tensor holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TensorKind {
    /// `[channels, height, width]` in the tier's precision.
    Feature([u32; 3]),
    /// A vector of `f16` in every tier: weights.
    Halves(u32),
    /// A vector of `f32` in every tier.
    Floats(u32),
    /// RGBA texture, `[width, height]`.
    Texture([u32; 2]),
}

impl TensorKind {
    /// Length in host `f32` values.
    pub fn len(self) -> usize {
        match self {
            TensorKind::Feature([c, h, w]) => feature_len(c, h, w),
            TensorKind::Halves(n) | TensorKind::Floats(n) => n as usize,
            TensorKind::Texture([w, h]) => 4 * w as usize * h as usize,
        }
    }

    /// Whether it holds no value.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Size on the device in bytes.
    pub fn bytes(self, tier: Tier) -> usize {
        match self {
            TensorKind::Texture(_) => self.len(),
            _ => self.len() * self.stored(tier).bytes(),
        }
    }

    /// How a buffer of this kind is encoded where features are stored as `tier` says.
    pub const fn stored(self, tier: Tier) -> Tier {
        match self {
            TensorKind::Feature(_) => tier,
            TensorKind::Halves(_) => tier.halved(),
            TensorKind::Floats(_) | TensorKind::Texture(_) => Tier::F32,
        }
    }

    /// Whether a binding of this kind accepts the tensor.
    pub fn fits(self, bind: Bind) -> bool {
        matches!(
            (self, bind),
            (TensorKind::Feature(_), Bind::Feature | Bind::FeatureOut)
                | (TensorKind::Halves(_), Bind::Halves)
                | (TensorKind::Floats(_), Bind::Floats | Bind::FloatsOut)
                | (TensorKind::Texture(_), Bind::Texture | Bind::TextureOut)
        )
    }
}

/// Index of a tensor in a [`Program`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TensorId(pub usize);

/// Where a tensor's values live.
#[derive(Clone, Debug, PartialEq)]
pub enum Storage {
    /// Its own range, placed by the memory plan.
    Planned,
    /// Given by whoever runs the program, by name: inputs, outputs, state.
    External(String),
    /// Fixed values: weights and bias, packed for the kernel that reads them.
    Constant(Arc<Vec<f32>>),
    /// Part of another tensor, from `offset` (in `f32` values) on.
    View {
        /// The tensor it is a part of.
        of: TensorId,
        /// First value.
        offset: usize,
    },
}

/// One tensor of a program.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Name for errors and labels.
    pub label: String,
    /// What it holds.
    pub kind: TensorKind,
    /// Where it lives.
    pub storage: Storage,
}

/// One kernel call.
#[derive(Clone, Debug)]
pub struct Step {
    /// Name for labels and timings: the layer.
    pub label: String,
    /// The call.
    pub kernel: Arc<dyn Kernel>,
    /// Tensors in the order of [`Kernel::bindings`].
    pub bindings: Vec<TensorId>,
}

/// A list of kernel calls over tensors. Made by [`crate::Graph::build`].
#[derive(Clone, Debug)]
pub struct Program {
    /// Name for labels and errors.
    pub name: String,
    /// All tensors.
    pub tensors: Vec<Tensor>,
    /// Calls, in order.
    pub steps: Vec<Step>,
}

impl Program {
    /// The tensor that owns the storage of `id`, and the offset into it in `f32` values.
    pub fn root(&self, id: TensorId) -> (TensorId, usize) {
        match self.tensors[id.0].storage {
            Storage::View { of, offset } => {
                let (root, base) = self.root(of);
                (root, base + offset)
            }
            _ => (id, 0),
        }
    }

    /// External tensors by name, in order of creation.
    pub fn externals(&self) -> impl Iterator<Item = (&str, TensorId)> {
        self.tensors.iter().enumerate().filter_map(|(i, t)| match &t.storage {
            Storage::External(name) => Some((name.as_str(), TensorId(i))),
            _ => None,
        })
    }

    /// Multiply-accumulates of one run as the literature counts them.
    pub fn macs(&self) -> u64 {
        self.steps.iter().map(|s| s.kernel.macs()).sum()
    }

    /// Bytes of weights and bias on the device.
    pub fn constant_bytes(&self, tier: Tier) -> usize {
        self.tensors.iter().filter(|t| matches!(t.storage, Storage::Constant(_))).map(|t| t.kind.bytes(tier)).sum()
    }
}
