//! What can be wrong with weights and graphs.

use std::path::PathBuf;

/// One thing wrong with a weight file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsFault {
    /// The network needs a tensor that the file lacks.
    #[error("`{tensor}` is missing (expected shape {expected:?})")]
    Missing {
        /// Name in the file.
        tensor: String,
        /// Shape the network needs.
        expected: Vec<usize>,
    },
    /// A tensor has another shape than the network needs.
    #[error("`{tensor}` has shape {found:?}, expected {expected:?}")]
    Shape {
        /// Name in the file.
        tensor: String,
        /// Shape the network needs.
        expected: Vec<usize>,
        /// Shape in the file.
        found: Vec<usize>,
    },
    /// A tensor is of another type, or of bytes without the scales of their rows.
    #[error("`{tensor}` has type {found}, expected F32, F16, or I8 with a scale for each row")]
    Type {
        /// Name in the file.
        tensor: String,
        /// Type in the file.
        found: String,
    },
    /// A tensor holds NaN or infinity.
    #[error("`{tensor}` holds a value that is not finite at index {index}")]
    NotFinite {
        /// Name in the file.
        tensor: String,
        /// First such index.
        index: usize,
    },
    /// The file holds a tensor that no network asked for.
    #[error("`{tensor}` is not part of the network")]
    Unknown {
        /// Name in the file.
        tensor: String,
    },
}

/// A weight file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file cannot be read.
    #[error("cannot read weights {file}: {source}", file = file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not safetensors, is truncated or has an oversized header.
    #[error("{origin} is not a usable safetensors file: {reason}; fetch or convert the weights again")]
    Format {
        /// File or label.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// The file says that it was made for another preset.
    #[error(
        "{origin} has the weights of preset `{made_for}`, and preset `{wanted}` was asked for: ask for `{made_for}`, or give weights made for `{wanted}`"
    )]
    Preset {
        /// File or label.
        origin: String,
        /// What it was made for.
        made_for: String,
        /// What was asked for.
        wanted: String,
    },
    /// Tensors do not fit the network. All faults are listed.
    #[error("{origin} does not fit the network `{network}`:\n{}\nuse weights made for this preset", list(faults))]
    Mismatch {
        /// File or label.
        origin: String,
        /// Which network.
        network: String,
        /// Everything that is wrong.
        faults: Vec<WeightsFault>,
    },
}

fn list(faults: &[WeightsFault]) -> String {
    const SHOWN: usize = 12;
    let mut lines: Vec<String> = faults.iter().take(SHOWN).map(|f| format!("  - {f}")).collect();
    if faults.len() > SHOWN {
        lines.push(format!("  … and {} more", faults.len() - SHOWN));
    }
    lines.join("\n")
}

/// A graph that cannot be turned into a program.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// The weights do not fit.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Operand shapes do not fit an operation.
    #[error("graph `{graph}`, `{node}`: {reason}")]
    Shape {
        /// The graph's name.
        graph: String,
        /// The operation.
        node: String,
        /// What does not fit.
        reason: String,
    },
    /// A combination of operations that no kernel covers.
    #[error("graph `{graph}`, `{node}`: {reason}")]
    Unsupported {
        /// The graph's name.
        graph: String,
        /// The operation.
        node: String,
        /// What is not covered, and what to do instead.
        reason: String,
    },
    /// The host names a tensor that a program does not have.
    #[error("program `{program}` has no tensor `{tensor}`; the host's are: {}", known.join(", "))]
    Unknown {
        /// The program.
        program: String,
        /// What was asked for.
        tensor: String,
        /// Names of its external tensors.
        known: Vec<String>,
    },
    /// A host buffer given to a program has the wrong length, or is missing.
    #[error("program `{program}`: tensor `{tensor}` needs {expected} values, got {found}")]
    External {
        /// The program.
        program: String,
        /// The tensor.
        tensor: String,
        /// Values needed.
        expected: usize,
        /// Values given; 0 when missing.
        found: usize,
    },
}
