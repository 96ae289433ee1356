//! Networks of the host's own, on the engine's device.

use crate::engine::Engine;
use crate::error::EngineError;
use crate::frozen::Compiled;
use portrait_graph::Program;
use std::sync::Arc;

/// A network whose weights are on the device. Not part of a frame: measurements use it.
#[derive(Debug)]
pub struct Network(Arc<Compiled>);

impl Engine {
    /// Uploads the weights of a program.
    pub fn network(&self, program: Program) -> Network {
        Network(Compiled::new(&self.gpu, program))
    }

    /// Runs a network once: values of its external tensors in, the named external tensors out, all as
    /// [`portrait_graph::TensorKind`] lays them out.
    ///
    /// # Errors
    /// A failing device.
    pub fn run(
        &self,
        network: &Network,
        inputs: &[(&str, &[f32])],
        outputs: &[&str],
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        pollster::block_on(self.run_once(&network.0, inputs, outputs))
    }
}
