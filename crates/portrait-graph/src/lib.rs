//! From checked weights to a flat program.
//!
//! [`Weights`] reads a safetensors file; a network is a function that adds operations to a [`Graph`]; [`Graph::build`] fuses what a
//! convolution can absorb (bias, residual, activation, nearest ×2, concatenation) and yields a [`Program`]: a list of kernel calls over
//! planned tensors. A program names no device; [`CpuRun`] runs it on the CPU twins, and `portrait-runtime` freezes it into GPU objects.

mod build;
mod error;
mod graph;
mod plan;
mod program;
mod run_cpu;
mod weights;

pub use error::{GraphError, WeightsError, WeightsFault};
pub use graph::{Conv2d, Graph, Value};
pub use plan::{MemoryPlan, Placement};
pub use program::{Program, Step, Storage, Tensor, TensorId, TensorKind};
pub use run_cpu::CpuRun;
pub use weights::Weights;
