//! Sound as the network hears it: log mel energies against the loudness of the last seconds. `features` of `portrait_training.speech`.

use microfft::real::rfft_512;
use std::f64::consts::TAU;

/// Bands of a hop.
pub(super) const BANDS: usize = 40;
/// Samples between two hops, and of a step of two.
const HOP: usize = 160;
pub(super) const STEP: usize = 2 * HOP;
const WINDOW: usize = 400;
/// Samples from the beginning of a step to the end of what its features are made of.
pub(super) const HEARD: usize = HOP + WINDOW / 2;
const FFT: usize = 512;
/// Frequencies of the lowest and the highest band's far edges, in hertz.
const EDGES: [f64; 2] = [60.0, 7600.0];
/// Powers, against a sine at full scale: what is added to each, and the loudness that silence counts as.
const QUIET: f32 = 1e-9;
const FLOOR: f32 = 1e-6;
/// How much of the loudness is forgotten in a hop, in nepers.
const FORGET: f32 = 0.01;

#[derive(Debug)]
pub(super) struct Mel {
    window: Vec<f32>,
    /// For each band the first frequency it hears, and the weights from there on.
    bands: Vec<(usize, Vec<f32>)>,
    /// The last samples, oldest first, those before the first sample being silent.
    samples: Vec<f32>,
    /// Loudness of the last seconds, logarithm of a power.
    level: f32,
    /// Bands of the first hop of a step, while the second is to come.
    half: Vec<f32>,
}

impl Mel {
    pub(super) fn new() -> Self {
        let hann = |n: usize| (0.5 - 0.5 * (TAU * n as f64 / WINDOW as f64).cos()) as f32;
        Self {
            window: (0..WINDOW).map(hann).collect(),
            bands: bands(),
            // A hop's window begins half its length before the hop.
            samples: vec![0.0; WINDOW / 2],
            level: FLOOR.ln(),
            half: Vec::with_capacity(2 * BANDS),
        }
    }

    /// Takes a sample; the features of a step, of twice [`BANDS`], whenever one is complete.
    pub(super) fn push(&mut self, sample: f32) -> Option<Vec<f32>> {
        self.samples.push(sample);
        if self.samples.len() < WINDOW {
            return None;
        }
        self.hop();
        self.samples.drain(..HOP);
        (self.half.len() == 2 * BANDS).then(|| std::mem::replace(&mut self.half, Vec::with_capacity(2 * BANDS)))
    }

    fn hop(&mut self) {
        let mut frame = [0.0; FFT];
        frame.iter_mut().zip(self.samples.iter().zip(&self.window)).for_each(|(to, (s, w))| *to = s * w);
        let spectrum = rfft_512(&mut frame);
        // A sine at full scale has the power 1.
        let scale = (2.0 / self.window.iter().sum::<f32>()).powi(2);
        let energy = |(first, weights): &(usize, Vec<f32>)| -> f32 {
            weights.iter().zip(&spectrum[*first..]).map(|(w, c)| w * (c.re * c.re + c.im * c.im) * scale).sum()
        };
        let energies: Vec<f32> = self.bands.iter().map(energy).collect();
        let loudness = (energies.iter().sum::<f32>() / BANDS as f32 + QUIET).ln();
        self.level = loudness.max(self.level - FORGET).max(FLOOR.ln());
        let level = self.level;
        self.half.extend(energies.iter().map(|e| (((e + QUIET).ln() - level) / 4.0).clamp(-3.0, 1.0)));
    }
}

/// Triangles between points that are even on the mel scale (O'Shaughnessy 1987).
fn bands() -> Vec<(usize, Vec<f32>)> {
    let [low, high] = EDGES.map(|f| 2595.0 * (1.0 + f / 700.0).log10());
    let edge = |k: usize| {
        let mel = low + (high - low) * k as f64 / (BANDS + 1) as f64;
        700.0 * (10f64.powf(mel / 2595.0) - 1.0)
    };
    let band = |k: usize| {
        let [left, middle, right] = [edge(k), edge(k + 1), edge(k + 2)];
        let weight = |bin: usize| {
            let f = bin as f64 * 16_000.0 / FFT as f64;
            ((f - left) / (middle - left)).min((right - f) / (right - middle)).max(0.0) as f32
        };
        // The first is none but the constant, and shares its place with the last, which lies above all bands.
        let heard: Vec<usize> = (1..FFT / 2).filter(|&bin| weight(bin) > 0.0).collect();
        (heard.first().copied().unwrap_or(0), heard.into_iter().map(weight).collect())
    };
    (0..BANDS).map(band).collect()
}
