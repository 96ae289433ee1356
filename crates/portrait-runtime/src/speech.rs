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
/// Steps of silence that it has heard when somebody begins to speak: out of nothing it would begin with an open mouth.
const WARM_UP: usize = 25;
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

/// Reads lips from speech as it comes: from its sounds, not its words. Silence is a mouth at rest.
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
    /// Steps that are heard before the first of them is known.
    to_come: usize,
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
            let tensor =
                |name: &str, shape: &[usize]| weights.tensor(&format!("speech.gru.{name}_l{k}"), shape).map_err(fault);
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
        let mut speech =
            Self { mel: Mel::new(), layers, out, out_bias, lips: VecDeque::new(), first: 0, to_come: WARM_UP + DELAY };
        speech.push(&[0.0; WARM_UP * STEP]);
        Ok(speech)
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
        let ahead = (at - self.first as f64) as usize;
        let (a, b) = (*self.lips.get(ahead)?, *self.lips.get(ahead.checked_add(1)?)?);
        self.lips.drain(..ahead);
        self.first += ahead;
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
        match self.to_come {
            0 => self.lips.push_back(lips),
            _ => self.to_come -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fixtures::Fixture;

    fn spoken() -> (Vec<f32>, Vec<f32>) {
        let fixture = Fixture::open("speech");
        (fixture.get("sound"), fixture.get("lips"))
    }

    /// Lips of all steps that are known, by pieces of this many samples.
    fn heard(sound: &[f32], piece: usize) -> Vec<Lips> {
        let mut speech = Speech::new().expect("the network is part of the build");
        let mut lips = Vec::new();
        for piece in sound.chunks(piece) {
            speech.push(piece);
            while let Some(next) = speech.lips(lips.len() as f64 / RATE) {
                lips.push(next);
            }
        }
        lips
    }

    #[test]
    fn it_is_the_network_that_was_trained() {
        let (sound, wanted) = spoken();
        let lips = heard(&sound, sound.len());
        assert!(lips.len() > 80, "{} steps", lips.len());
        let mut far = 0.0f32;
        for (lips, &[open, wide, shut]) in lips.iter().zip(wanted.as_chunks().0) {
            let off = [lips.open - open.max(0.0), lips.wide - wide, lips.shut - shut.clamp(0.0, 1.0)];
            far = off.iter().fold(far, |far, off| far.max(off.abs()));
        }
        assert!(far < 2e-3, "{far}");
        assert!(wanted.as_chunks::<3>().0.iter().any(|w| w[0] > 0.15) && wanted.iter().any(|w| *w > 0.8), "it speaks");
        // Another sound is another mouth: the bound above means something.
        let quieter = heard(&sound.iter().map(|s| -s * 0.5).rev().collect::<Vec<_>>(), 400);
        assert!(quieter.iter().zip(&lips).any(|(a, b)| (a.open - b.open).abs() > 0.05));
    }

    #[test]
    fn pieces_do_not_matter_and_memory_stays() {
        let (sound, _) = spoken();
        let whole = heard(&sound, sound.len());
        assert_eq!(heard(&sound, 1), whole);
        assert_eq!(heard(&sound, 333), whole);
        let mut speech = Speech::new().expect("the network is part of the build");
        for second in 0..30 {
            speech.push(&[0.01; 16_000]);
            assert!(speech.lips(f64::from(second)).is_some());
            assert!(speech.lips.len() < 80, "{} steps are kept", speech.lips.len());
        }
        // What was asked for is forgotten: an earlier time is the last one.
        assert_eq!(speech.lips(0.0), speech.lips(29.0));
    }

    #[test]
    fn it_knows_as_soon_as_it_says() {
        let mut speech = Speech::new().expect("the network is part of the build");
        let mut pushed = 0;
        for frame in 0..50 {
            let seconds = f64::from(frame) / 30.0;
            let enough = ((seconds + Speech::LATENCY) * f64::from(Speech::SAMPLE_RATE)).ceil() as usize;
            speech.push(&vec![0.0; enough - pushed]);
            pushed = enough;
            assert!(speech.lips(seconds).is_some(), "{seconds}");
        }
        assert!(speech.lips(50.0 / 30.0 + 0.05).is_none());
    }

    #[test]
    fn silence_and_nonsense_rest() {
        for sound in [[0.0; 32_000], [f32::NAN; 32_000]] {
            for lips in heard(&sound, 640) {
                assert!(lips.open < 0.02 && lips.wide.abs() < 0.02 && lips.shut < 0.1, "{lips:?}");
            }
        }
        for sound in [[f32::INFINITY; 32_000], [1e30; 32_000], [1.0; 32_000]] {
            let finite = |lips: &Lips| [lips.open, lips.wide, lips.shut].into_iter().all(f32::is_finite);
            assert!(heard(&sound, 640).iter().all(finite));
        }
        let mut speech = Speech::new().expect("the network is part of the build");
        speech.push(&[0.0; 16_000]);
        for seconds in [f64::NAN, -1.0, f64::NEG_INFINITY] {
            assert!(speech.lips(seconds).is_some(), "a time before the first is the first");
        }
        assert!(speech.lips(f64::INFINITY).is_none() && speech.lips(1e300).is_none());
    }
}
