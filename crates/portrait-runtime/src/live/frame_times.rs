//! How long frames take: a window of the newest durations with its percentiles, and pictures a second.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Frames that percentiles are taken of.
const KEPT: usize = 240;
/// Seconds that a rate is taken of.
const RATE_SECONDS: f64 = 3.0;

/// Durations and times of the newest frames.
#[derive(Clone, Debug, Default)]
pub struct FrameTimes {
    durations: VecDeque<Duration>,
    ends: VecDeque<Instant>,
    count: u64,
}

impl FrameTimes {
    /// Notes a frame that took this long and ended now.
    pub fn add(&mut self, duration: Duration, now: Instant) {
        self.count += 1;
        self.durations.push_back(duration);
        self.ends.push_back(now);
        if self.durations.len() > KEPT {
            self.durations.pop_front();
        }
        while self.ends.len() > 2 && now.duration_since(self.ends[0]).as_secs_f64() > RATE_SECONDS {
            self.ends.pop_front();
        }
    }

    /// The duration that this share (0..=1) of the newest 240 frames stayed below; `None` before the first.
    pub fn percentile(&self, share: f64) -> Option<Duration> {
        let mut sorted: Vec<Duration> = self.durations.iter().copied().collect();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        sorted.get((share * last as f64).round() as usize).copied()
    }

    /// How many frames there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Frames a second in the last three seconds; 0 where there were fewer than two.
    pub fn rate(&self) -> f64 {
        match (self.ends.front(), self.ends.back()) {
            (Some(first), Some(last)) if last > first => {
                (self.ends.len() - 1) as f64 / last.duration_since(*first).as_secs_f64()
            }
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_rates() {
        let mut times = FrameTimes::default();
        assert_eq!((times.percentile(0.5), times.rate()), (None, 0.0));
        let start = Instant::now();
        for i in 0..=100u64 {
            times.add(Duration::from_millis(i), start + Duration::from_millis(10 * i));
        }
        assert_eq!(times.percentile(0.5), Some(Duration::from_millis(50)));
        assert_eq!(times.percentile(0.95), Some(Duration::from_millis(95)));
        assert!((times.rate() - 100.0).abs() < 1e-6 && times.count() == 101);
        (0..1000).for_each(|_| times.add(Duration::from_secs(1), start + Duration::from_secs(9)));
        assert_eq!((times.durations.len(), times.percentile(0.0)), (KEPT, Some(Duration::from_secs(1))));
    }
}
