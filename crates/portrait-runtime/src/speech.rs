//! Speech that moves a mouth: sound in, lips out, on the CPU. `portrait_training.speech` trained the network.

mod gru;
mod mel;

use crate::error::EngineError;
use gru::Gru;
use mel::{BANDS, HEARD, Mel, STEP};
use portrait_graph::{Weights, WeightsError, WeightsFault};
use portrait_models::bundled;
use std::collections::VecDeque;

/// Units of both layers.
const UNITS: usize = 96;
/// Steps that the network hears of what follows before it says what the mouth does.
const DELAY: usize = 8;
/// Steps a second.
const RATE: f64 = Speech::SAMPLE_RATE as f64 / STEP as f64;

/// What speech does to a mouth; all zero is the mouth of the photo.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lips {
    /// How far lips part in the middle that would else be shut, in distances of the outer eye corners; 0.2 is a wide vowel.
    pub open: f32,
    /// How much wider apart than at rest the corners are, in the same unit; rounded lips are narrower, at −0.1.
    pub wide: f32,
    /// How far lips are shut that part at rest, 0..=1.
    pub shut: f32,
}

impl Lips {
    fn between(self, other: Self, share: f32) -> Self {
        let mix = |a: f32, b: f32| a + (b - a) * share;
        Self { open: mix(self.open, other.open), wide: mix(self.wide, other.wide), shut: mix(self.shut, other.shut) }
    }
}

/// Reads lips from speech of any language as it comes. Silence is a mouth at rest.
///
/// ```
/// # fn main() -> Result<(), portrait_runtime::EngineError> {
/// use portrait_runtime::{Lips, Speech};
///
/// let mut speech = Speech::new()?;
/// speech.push(&[0.0; 16_000]);
/// assert!(speech.lips(0.5).is_some_and(|lips: Lips| lips.open < 0.02));
/// assert!(speech.lips(2.0).is_none(), "not heard yet");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Speech {
    mel: Mel,
    layers: [Gru; 2],
    /// Rows of weights and a bias for opening, width, shut.
    out: Vec<f32>,
    out_bias: Vec<f32>,
    /// What the mouth does at steps from `first` on.
    lips: VecDeque<Lips>,
    first: usize,
    /// Steps heard.
    heard: usize,
}

impl Speech {
    /// Samples a second of what [`Speech::push`] takes, of one channel.
    pub const SAMPLE_RATE: u32 = 16_000;

    /// Seconds of sound after a moment that must be heard before [`Speech::lips`] knows what the mouth does then.
    pub const LATENCY: f64 = ((DELAY + 1) * STEP + HEARD) as f64 / Self::SAMPLE_RATE as f64;

    /// Nobody has spoken yet.
    ///
    /// # Errors
    /// A build whose weights are damaged.
    pub fn new() -> Result<Self, EngineError> {
        let weights = Weights::from_bytes("speech.safetensors", bundled::SPEECH)?;
        let fault = |fault: WeightsFault| {
            let (origin, network) = (weights.origin().to_owned(), "speech".to_owned());
            WeightsError::Mismatch { origin, network, faults: vec![fault] }
        };
        let layer = |k: usize, inputs: usize| -> Result<Gru, WeightsError> {
            let tensor = |name: &str, shape: &[usize]| {
                weights.tensor(&format!("speech.gru.{name}_l{k}"), shape).map_err(fault)
            };
            Ok(Gru::new(
                tensor("weight_ih", &[3 * UNITS, inputs])?,
                tensor("weight_hh", &[3 * UNITS, UNITS])?,
                tensor("bias_ih", &[3 * UNITS])?,
                tensor("bias_hh", &[3 * UNITS])?,
            ))
        };
        let layers = [layer(0, 2 * BANDS)?, layer(1, UNITS)?];
        let out = weights.tensor("speech.out.weight", &[3, UNITS]).map_err(fault)?;
        let out_bias = weights.tensor("speech.out.bias", &[3]).map_err(fault)?;
        Ok(Self { mel: Mel::new(), layers, out, out_bias, lips: VecDeque::new(), first: 0, heard: 0 })
    }

    /// Takes the next samples, −1..=1. What is no number counts as silence.
    pub fn push(&mut self, samples: &[f32]) {
        for &sample in samples {
            if let Some(features) = self.mel.push(if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 }) {
                self.step(&features);
            }
        }
    }

    /// What the mouth does `seconds` after the first sample; `None` while too little is heard. What lies further back than the last
    /// answer is forgotten, so that memory does not grow: ask in order of time, and not for times before the last one.
    pub fn lips(&mut self, seconds: f64) -> Option<Lips> {
        let at = (seconds * RATE).max(self.first as f64);
        let step = at.floor() as usize;
        let (a, b) = (*self.lips.get(step - self.first)?, *self.lips.get(step - self.first + 1)?);
        self.lips.drain(..step - self.first);
        self.first = step;
        Some(a.between(b, (at - at.floor()) as f32))
    }

    fn step(&mut self, features: &[f32]) {
        let [first, second] = &mut self.layers;
        let hidden = second.step(first.step(features));
        let row = |k: usize| -> f32 {
            let row = &self.out[k * UNITS..(k + 1) * UNITS];
            self.out_bias[k] + row.iter().zip(hidden).map(|(w, h)| w * h).sum::<f32>()
        };
        let lips = Lips { open: row(0).max(0.0), wide: row(1), shut: row(2).clamp(0.0, 1.0) };
        if self.heard >= DELAY {
            self.lips.push_back(lips);
        }
        self.heard += 1;
    }
}
