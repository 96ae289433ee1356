//! Quantiles of samples.

use crate::report::Quantiles;

/// The value below which the share `q` of the samples lies (nearest rank); 0 without samples.
pub(crate) fn quantile(samples: &[f64], q: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

pub(crate) fn median(samples: &[f64]) -> f64 {
    quantile(samples, 0.5)
}

pub(crate) fn quantiles(samples: &[f64]) -> Quantiles {
    let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|q| quantile(samples, q));
    Quantiles { p50, p95, p99 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_ranks() {
        let samples: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let q = quantiles(&samples);
        assert_eq!((q.p50, q.p95, q.p99), (50.0, 95.0, 99.0));
        assert_eq!(quantile(&[3.0], 0.01), 3.0);
        assert_eq!(median(&[]), 0.0);
    }
}
