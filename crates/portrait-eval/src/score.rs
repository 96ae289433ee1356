//! Numbers by name.

use std::collections::BTreeMap;

/// A column of the report.
pub(crate) struct Column {
    /// Name in the JSON file.
    pub(crate) key: &'static str,
    /// Name in tables.
    pub(crate) title: &'static str,
    pub(crate) decimals: usize,
}

const fn column(key: &'static str, title: &'static str, decimals: usize) -> Column {
    Column { key, title, decimals }
}

/// All that is measured, in the order of the tables. `weights/README.md` says what each is.
pub(crate) const COLUMNS: &[Column] = &[
    column("l1", "L1", 4),
    column("psnr", "PSNR", 2),
    column("ssim", "SSIM", 4),
    column("lpips", "LPIPS", 4),
    column("akd", "AKD", 2),
    column("akd_eyes", "eyes", 2),
    column("akd_lips", "lips", 2),
    column("mouth_gap", "mouth gap", 2),
    column("lid_gap", "lid gap", 2),
    column("gaze", "gaze %", 1),
    column("pose", "pose°", 2),
    column("jitter", "jitter", 3),
    column("background", "background", 2),
    column("mouth_psnr", "PSNR mouth", 2),
    column("uncovered_psnr", "PSNR uncovered", 2),
    column("identity", "identity", 4),
    column("found", "found", 2),
];

/// Numbers of one picture, or means.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Score(BTreeMap<&'static str, f64>);

impl Score {
    /// Notes a number, where there is one.
    pub(crate) fn set(&mut self, key: &'static str, value: impl Into<Option<f64>>) {
        debug_assert!(COLUMNS.iter().any(|column| column.key == key), "no column `{key}`");
        if let Some(value) = value.into() {
            self.0.insert(key, value);
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<f64> {
        self.0.get(key).copied()
    }

    /// For each name the mean of what was measured.
    pub(crate) fn mean<'a>(scores: impl IntoIterator<Item = &'a Score> + Clone) -> Score {
        let mean = |key: &str| {
            let known: Vec<f64> = scores.clone().into_iter().filter_map(|score| score.get(key)).collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        };
        Score(COLUMNS.iter().filter_map(|column| Some((column.key, mean(column.key)?))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_of_what_is_known() {
        let [mut a, mut b] = [Score::default(), Score::default()];
        a.set("l1", 1.0);
        a.set("psnr", 20.0);
        b.set("l1", 3.0);
        b.set("psnr", None);
        let mean = Score::mean([&a, &b, &Score::default()]);
        assert_eq!((mean.get("l1"), mean.get("psnr"), mean.get("akd")), (Some(2.0), Some(20.0), None));
    }
}
