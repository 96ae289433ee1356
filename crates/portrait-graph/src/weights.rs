//! Safetensors in: every tensor checked by name, shape, type and finiteness, all mismatches reported at once.
//!
//! Tensors are `F32`, `F16`, or `I8` with a tensor `NAME_scale` of floats, one for each row of the first dimension: halved files
//! at 70 dB of the picture.

use crate::error::{WeightsError, WeightsFault};
use half::f16;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// Largest header accepted: real files have some tens of kilobytes.
const MAX_HEADER: u64 = 4 << 20;

/// What follows a tensor's name in that of its scales.
const SCALE: &str = "_scale";

#[derive(Debug)]
struct Entry {
    shape: Vec<usize>,
    data: Result<Vec<f32>, String>,
}

#[derive(Debug)]
enum Source {
    File(HashMap<String, Entry>),
    Seeded(u64),
}

/// Named tensors of one file, as `f32`. Remembers which were asked for, so that a file made for another network is noticed.
#[derive(Debug)]
pub struct Weights {
    origin: String,
    source: Source,
    metadata: BTreeMap<String, String>,
    used: RefCell<BTreeSet<String>>,
}

impl Weights {
    /// Reads a safetensors file.
    ///
    /// # Errors
    /// When the file cannot be read, is truncated, or its header is malformed or larger than 4 MiB.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, WeightsError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| WeightsError::Read { file: path.to_owned(), source })?;
        Self::from_bytes(&path.display().to_string(), &bytes)
    }

    /// Reads safetensors from memory; `origin` names it in errors.
    ///
    /// # Errors
    /// As [`Weights::load`].
    pub fn from_bytes(origin: &str, bytes: &[u8]) -> Result<Self, WeightsError> {
        let format = |reason: String| WeightsError::Format { origin: origin.to_owned(), reason };
        let length = bytes.first_chunk::<8>().map(|b| u64::from_le_bytes(*b));
        match length {
            None => return Err(format(format!("{} bytes are too few for a header", bytes.len()))),
            Some(n) if n > MAX_HEADER => {
                return Err(format(format!("it claims a header of {n} bytes; at most {MAX_HEADER} are accepted")));
            }
            Some(_) => {}
        }
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| format(e.to_string()))?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| format(e.to_string()))?;
        let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
        let mut entries: HashMap<String, Entry> = tensors
            .iter()
            .map(|(name, view)| (name.to_owned(), Entry { shape: view.shape().to_vec(), data: floats(&view) }))
            .collect();
        for (name, view) in tensors.iter().filter(|(_, view)| view.dtype() == Dtype::I8) {
            let scale = entries.remove(&format!("{name}{SCALE}"));
            let data = eight_bits(&view, scale.as_ref());
            entries.insert(name.to_owned(), Entry { shape: view.shape().to_vec(), data });
        }
        Ok(Self { origin: origin.to_owned(), source: Source::File(entries), metadata, used: RefCell::default() })
    }

    /// Weights that answer every request with seeded noise of He scale: for benches and tests of shapes that nobody trained.
    pub fn seeded(seed: u64) -> Self {
        Self {
            origin: format!("seeded weights {seed}"),
            source: Source::Seeded(seed),
            metadata: BTreeMap::new(),
            used: RefCell::default(),
        }
    }

    /// File or label, for messages.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The header's `__metadata__`.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Number of dimensions of a tensor, if the file holds it; seeded weights have no opinion.
    pub fn rank(&self, name: &str) -> Option<usize> {
        match &self.source {
            Source::File(entries) => entries.get(name).map(|e| e.shape.len()),
            Source::Seeded(_) => Some(2),
        }
    }

    /// The tensor `name`, which must have exactly this shape.
    ///
    /// # Errors
    /// The fault that makes it unusable.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsFault> {
        let entries = match &self.source {
            Source::Seeded(seed) => return Ok(noise(*seed, name, shape)),
            Source::File(entries) => entries,
        };
        let tensor = name.to_owned();
        let Some(entry) = entries.get(name) else {
            return Err(WeightsFault::Missing { tensor, expected: shape.to_vec() });
        };
        self.used.borrow_mut().insert(tensor.clone());
        if entry.shape != shape {
            return Err(WeightsFault::Shape { tensor, expected: shape.to_vec(), found: entry.shape.clone() });
        }
        let data = entry.data.as_ref().map_err(|t| WeightsFault::Type { tensor: tensor.clone(), found: t.clone() })?;
        match data.iter().position(|v| !v.is_finite()) {
            Some(index) => Err(WeightsFault::NotFinite { tensor, index }),
            None => Ok(data.clone()),
        }
    }

    /// A fault for each tensor that nothing asked for so far, in order of name.
    pub fn unknown(&self) -> Vec<WeightsFault> {
        let Source::File(entries) = &self.source else { return Vec::new() };
        let used = self.used.borrow();
        let mut names: Vec<&String> = entries.keys().filter(|n| !used.contains(*n)).collect();
        names.sort();
        names.into_iter().map(|n| WeightsFault::Unknown { tensor: n.clone() }).collect()
    }
}

/// Values of a tensor of floats; otherwise the name of its type. The bytes may be unaligned, so values are collected one by one.
fn floats(view: &TensorView<'_>) -> Result<Vec<f32>, String> {
    match view.dtype() {
        Dtype::F32 => Ok(view.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        Dtype::F16 => Ok(view.data().as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect()),
        other => Err(format!("{other:?}")),
    }
}

/// Values of a tensor of bytes: each times the scale of its row, the first dimension.
fn eight_bits(view: &TensorView<'_>, scale: Option<&Entry>) -> Result<Vec<f32>, String> {
    let Some(&rows) = view.shape().first() else {
        return Err("I8 of shape [], which has no rows".to_owned());
    };
    let scales = match scale {
        Some(Entry { shape, data: Ok(scales) }) if shape[..] == [rows] => scales,
        _ => return Err(format!("I8 without a `{SCALE}` tensor of {rows} floats")),
    };
    let row = view.data().len() / rows.max(1);
    let values = view.data().iter().map(|&b| f32::from(b.cast_signed()));
    Ok(values.enumerate().map(|(i, v)| v * scales[i / row]).collect())
}

/// Uniform noise of variance 2 / fan-in (zero mean), a function of seed, name and shape alone.
fn noise(seed: u64, name: &str, shape: &[usize]) -> Vec<f32> {
    let mut state =
        name.bytes().fold(seed ^ 0x9E37_79B9_7F4A_7C15, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01B3));
    let fan_in: usize = shape.iter().skip(1).product::<usize>().max(1);
    let range = if shape.len() > 1 { (6.0 / fan_in as f32).sqrt() } else { 0.1 };
    (0..shape.iter().product())
        .map(|_| {
            // SplitMix64.
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            let unit = ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32;
            (2.0 * unit - 1.0) * range
        })
        .collect()
}
