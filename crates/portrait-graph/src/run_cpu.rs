//! Runs a program on the CPU twins.

use crate::error::GraphError;
use crate::program::{Program, Storage, TensorId};
use std::collections::BTreeMap;

/// Host memory of one program: external tensors by name, plus the values of every tensor after a run.
#[derive(Debug)]
pub struct CpuRun<'p> {
    program: &'p Program,
    values: Vec<Vec<f32>>,
    externals: BTreeMap<String, TensorId>,
}

impl Program {
    /// Host memory for this program; externals start as zero.
    pub fn cpu(&self) -> CpuRun<'_> {
        let values = self
            .tensors
            .iter()
            .map(|t| match &t.storage {
                Storage::View { .. } | Storage::Constant(_) => Vec::new(),
                Storage::Planned | Storage::External(_) => vec![0.0; t.kind.len()],
            })
            .collect();
        let externals = self.externals().map(|(n, id)| (n.to_owned(), id)).collect();
        CpuRun { program: self, values, externals }
    }
}

impl CpuRun<'_> {
    fn id(&self, name: &str) -> Result<TensorId, GraphError> {
        self.externals.get(name).copied().ok_or_else(|| GraphError::Unknown {
            program: self.program.name.clone(),
            tensor: name.to_owned(),
            known: self.externals.keys().cloned().collect(),
        })
    }

    /// Sets an external tensor, in layout order.
    ///
    /// # Errors
    /// When there is no such external, or the length differs.
    pub fn set(&mut self, name: &str, values: &[f32]) -> Result<(), GraphError> {
        let id = self.id(name)?;
        let expected = self.program.tensors[id.0].kind.len();
        if values.len() != expected {
            let (program, tensor) = (self.program.name.clone(), name.to_owned());
            return Err(GraphError::External { program, tensor, expected, found: values.len() });
        }
        self.values[id.0].copy_from_slice(values);
        Ok(())
    }

    /// An external tensor's values, in layout order.
    ///
    /// # Errors
    /// When there is no such external.
    pub fn get(&self, name: &str) -> Result<&[f32], GraphError> {
        Ok(&self.values[self.id(name)?.0])
    }

    /// Runs every step once.
    pub fn run(&mut self) {
        let program = self.program;
        for step in &program.steps {
            let specs = step.kernel.bindings();
            // Output buffers are taken out, so that inputs can be borrowed from the rest.
            let mut taken: Vec<(TensorId, usize, usize, Vec<f32>)> = Vec::new();
            for (&id, spec) in step.bindings.iter().zip(&specs) {
                if spec.kind.is_output() {
                    let (root, offset) = program.root(id);
                    taken.push((root, offset, spec.len, std::mem::take(&mut self.values[root.0])));
                }
            }
            let inputs: Vec<&[f32]> = step
                .bindings
                .iter()
                .zip(&specs)
                .filter(|(_, spec)| !spec.kind.is_output())
                .map(|(&id, spec)| {
                    let (root, offset) = program.root(id);
                    let values = match &program.tensors[root.0].storage {
                        Storage::Constant(data) => data.as_slice(),
                        _ => self.values[root.0].as_slice(),
                    };
                    &values[offset..offset + spec.len]
                })
                .collect();
            let mut outputs: Vec<&mut [f32]> =
                taken.iter_mut().map(|(_, offset, len, v)| &mut v[*offset..*offset + *len]).collect();
            step.kernel.cpu(&inputs, &mut outputs);
            for (root, _, _, values) in taken {
                self.values[root.0] = values;
            }
        }
    }
}
