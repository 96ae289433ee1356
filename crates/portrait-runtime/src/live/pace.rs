//! How many pictures a second: as many as asked for, fewer as the device gets hot.

use std::time::{Duration, Instant};

/// How hot a device is, in the steps that Android and iOS tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thermal {
    /// As usual.
    #[default]
    Nominal,
    /// Warm: at most 30 pictures a second.
    Fair,
    /// Hot: at most 15.
    Serious,
    /// About to be throttled: at most 10, and of a smaller preset where there is one.
    Critical,
}

impl Thermal {
    /// Most pictures a second.
    fn rate(self) -> Option<f32> {
        match self {
            Self::Nominal => None,
            Self::Fair => Some(30.0),
            Self::Serious => Some(15.0),
            Self::Critical => Some(10.0),
        }
    }
}

/// Pictures a second where neither host nor camera says how many.
const ALONE: f32 = 30.0;

/// When the next picture may begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    rate: Option<f32>,
    begun: Option<Instant>,
}

impl Pace {
    pub(super) fn new(rate: Option<f32>) -> Self {
        Self { rate: rate.filter(|rate| *rate > 0.0), begun: None }
    }

    /// How long to wait for the next picture of a camera.
    pub(super) fn wait(&self, thermal: Thermal, now: Instant) -> Duration {
        let rate = self.rate.into_iter().chain(thermal.rate()).reduce(f32::min);
        // A tenth of leniency: cameras are not exact, and 30 pictures of 30 frames are not to become 15.
        rate.map_or(Duration::ZERO, |rate| self.left(0.9 / rate.max(0.01), now))
    }

    /// How long to wait for the next picture that no frame calls for.
    pub(super) fn wait_alone(&self, thermal: Thermal, now: Instant) -> Duration {
        let rate = self.rate.unwrap_or(ALONE).min(thermal.rate().unwrap_or(f32::MAX));
        self.left(1.0 / rate.max(0.01), now)
    }

    /// What is left of so many seconds from picture to picture.
    fn left(&self, seconds: f32, now: Instant) -> Duration {
        let next = self.begun.map(|begun| begun + Duration::from_secs_f32(seconds));
        next.map_or(Duration::ZERO, |next| next.saturating_duration_since(now))
    }

    pub(super) fn begin(&mut self, now: Instant) {
        self.begun = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heat_slows_down_and_the_host_s_own_limit_stays() {
        let start = Instant::now();
        let mut pace = Pace::new(None);
        assert_eq!(pace.wait(Thermal::Critical, start), Duration::ZERO, "the first one at once");
        pace.begin(start);
        let ms = |pace: Pace, thermal| (1e3 * pace.wait(thermal, start).as_secs_f64()).round() as u64;
        assert_eq!(ms(pace, Thermal::Nominal), 0);
        assert_eq!([Thermal::Fair, Thermal::Serious, Thermal::Critical].map(|t| ms(pace, t)), [30, 60, 90]);
        let mut slow = Pace::new(Some(20.0));
        slow.begin(start);
        assert_eq!([Thermal::Nominal, Thermal::Fair, Thermal::Serious].map(|t| ms(slow, t)), [45, 45, 60]);
        assert_eq!(slow.wait(Thermal::Nominal, start + Duration::from_millis(50)), Duration::ZERO);
        assert_eq!(ms(Pace { begun: Some(start), ..Pace::new(Some(-1.0)) }, Thermal::Nominal), 0);
        assert_eq!(Pace::new(None).wait_alone(Thermal::Critical, start), Duration::ZERO);
        let alone = |pace: Pace, thermal| (1e3 * pace.wait_alone(thermal, start).as_secs_f64()).round() as u64;
        assert_eq!([Thermal::Nominal, Thermal::Serious, Thermal::Critical].map(|t| alone(pace, t)), [33, 67, 100]);
        assert_eq!([Thermal::Nominal, Thermal::Fair, Thermal::Serious].map(|t| alone(slow, t)), [50, 50, 67]);
    }
}
