//! The coverage test: errors against how far the driver's head is turned and nodded away from the photo.

use std::collections::BTreeMap;

use crate::moment::{OfMethods, means};
use crate::same::Row;
use crate::score::Score;

/// Width of a bin in degrees.
const BIN: f64 = 5.0;

/// Means over the measured frames of all clips whose turn is in one bin.
pub(crate) struct Bin {
    /// Degrees, from and to.
    pub(crate) range: [f64; 2],
    pub(crate) frames: usize,
    pub(crate) scores: OfMethods<Score>,
}

/// Bins of the size of the turn (`axis` 0) or the nod (1), those without a frame left out.
pub(crate) fn bins(rows: &[Row], axis: usize) -> Vec<Bin> {
    let mut bins: BTreeMap<u32, Vec<&OfMethods<Score>>> = BTreeMap::new();
    for moment in rows.iter().flat_map(|row| &row.moments) {
        if let Some(turn) = moment.turn {
            bins.entry((turn[axis].abs() / BIN) as u32).or_default().push(&moment.scores);
        }
    }
    let bin = |(n, all): (u32, Vec<&OfMethods<Score>>)| Bin {
        range: [f64::from(n) * BIN, f64::from(n + 1) * BIN],
        frames: all.len(),
        scores: means(all.iter().copied()),
    };
    bins.into_iter().map(bin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::same::Moment;

    #[test]
    fn frames_fall_into_bins_of_five_degrees() {
        let moment = |yaw: f64, pitch: f64, l1: f64| {
            let mut scores = OfMethods::<Score>::default();
            scores[0].set("l1", l1);
            Moment { frame: 1, turn: Some([yaw, pitch]), scores }
        };
        let moments = vec![moment(-4.0, 1.0, 1.0), moment(3.0, 12.0, 3.0), moment(-11.0, 0.0, 7.0)];
        let rows = [Row { clip: "a".to_owned(), scores: Default::default(), moments }];
        let yaw = bins(&rows, 0);
        assert_eq!(yaw.iter().map(|b| (b.range, b.frames)).collect::<Vec<_>>(), [([0.0, 5.0], 2), ([10.0, 15.0], 1)]);
        assert_eq!(yaw[0].scores[0].get("l1"), Some(2.0));
        assert_eq!(bins(&rows, 1)[1].range, [10.0, 15.0]);
    }
}
