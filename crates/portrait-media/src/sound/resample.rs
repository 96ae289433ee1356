//! Another rate, at the same time: what the filter delays is cut off, and its end is waited for.

use std::error::Error;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Indexing, Resampler as _, SincInterpolationParameters, WindowFunction};

/// Frames that are taken at a time.
const BLOCK: usize = 1024;

/// Changes the rate of one channel, in pieces of any length.
pub(super) struct Resampler {
    /// Nothing where the rate stays.
    filter: Option<Async<f32>>,
    ratio: f64,
    /// Samples that wait for a full block.
    waiting: Vec<f32>,
    /// Samples taken so far.
    taken: u64,
    /// Samples given so far.
    given: u64,
    /// Samples still to drop, from before the start.
    early: usize,
}

impl Resampler {
    /// From a rate to another, both in Hz and not zero.
    pub(super) fn new(from: u32, to: u32) -> Result<Self, Box<dyn Error>> {
        let ratio = f64::from(to) / f64::from(from);
        // 128 samples of the lower rate: what that rate can hold passes but for its last tenth.
        let length = ((128.0 / ratio.min(1.0)) as usize).next_multiple_of(8);
        let sinc = SincInterpolationParameters::new(length, WindowFunction::BlackmanHarris2);
        let filter =
            (from != to).then(|| Async::new_sinc(ratio, 1.0, &sinc, BLOCK, 1, FixedAsync::Input)).transpose()?;
        // Half the filter, and one sample less: rubato's `output_delay` tells one too many, and rounds down.
        let early = filter.as_ref().map_or(0, |_| (length as f64 * ratio / 2.0).round() as usize - 1);
        Ok(Self { filter, ratio, waiting: Vec::new(), taken: 0, given: 0, early })
    }

    /// Takes samples and appends what is ready.
    pub(super) fn push(
        &mut self,
        samples: impl Iterator<Item = f32>,
        out: &mut Vec<f32>,
    ) -> Result<(), Box<dyn Error>> {
        let before = self.waiting.len();
        self.waiting.extend(samples);
        self.taken += (self.waiting.len() - before) as u64;
        while self.waiting.len() >= BLOCK {
            self.block(BLOCK, out)?;
        }
        Ok(())
    }

    /// Appends what has not come out yet.
    pub(super) fn finish(&mut self, out: &mut Vec<f32>) -> Result<(), Box<dyn Error>> {
        let due = (self.taken as f64 * self.ratio).round() as u64;
        while self.given < due {
            // Behind the last samples silence pushes them out.
            self.block(self.waiting.len(), out)?;
        }
        out.truncate(out.len().saturating_sub((self.given - due) as usize));
        Ok(())
    }

    /// Puts up to a block of what waits through the filter, with silence up to a full one.
    fn block(&mut self, length: usize, out: &mut Vec<f32>) -> Result<(), Box<dyn Error>> {
        let samples = self.waiting.drain(..length);
        let Some(filter) = &mut self.filter else {
            self.given += length as u64;
            out.extend(samples);
            return Ok(());
        };
        let input = InterleavedSlice::new(samples.as_slice(), 1, length)?;
        let got = filter.process(&input, Some(&Indexing::new().partial_len(length)))?.take_data();
        let early = self.early.min(got.len());
        self.early -= early;
        self.given += (got.len() - early) as u64;
        out.extend_from_slice(&got[early..]);
        Ok(())
    }
}
