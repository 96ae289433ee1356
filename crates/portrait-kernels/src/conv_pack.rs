//! Packing of convolution weights and the CPU twin of [`Conv`].

use crate::{Activation, Conv, slices};

/// Which of the three taps of a 3-wide kernel fall on each of the two low-resolution pixels that an output phase sees.
const PHASE_TAPS: [[&[usize]; 2]; 2] = [[&[0], &[1, 2]], [&[0, 1], &[2]]];

impl Conv {
    /// Taps per output pixel that the shaders compute: the four of a phase where the input is upsampled.
    fn taps(&self) -> usize {
        if self.upsample { 4 } else { (self.kernel * self.kernel) as usize }
    }

    fn phases(&self) -> usize {
        if self.upsample { 4 } else { 1 }
    }

    /// Length of the packed weights.
    pub(crate) fn packed_len(&self) -> usize {
        // An even number of output slices, so that tiles of two slices need no bounds check.
        let outs = slices(self.outputs).next_multiple_of(2) as usize;
        outs * self.phases() * slices(self.input[0]) as usize * self.taps() * 16
    }

    /// Packs `weight` `[outputs, channels, kernel, kernel]` into `[out/4][phase][in/4][tap][4 in] × 4 out`.
    ///
    /// Nearest ×2 before a 3×3 convolution equals one 2×2 convolution of the small image per output phase (row parity · 2 +
    /// column parity), whose weights are sums of the nine: 16 taps instead of 36 for four pixels.
    pub fn pack(&self, weight: &[f32]) -> Vec<f32> {
        let (c, k) = (self.input[0] as usize, self.kernel as usize);
        let (ins, taps, phases) = (slices(self.input[0]) as usize, self.taps(), self.phases());
        let mut packed = vec![0.0; self.packed_len()];
        for o in 0..self.outputs as usize {
            for i in 0..c {
                let plane = &weight[(o * c + i) * k * k..][..k * k];
                for phase in 0..phases {
                    for tap in 0..taps {
                        let value = if self.upsample { phase_weight(plane, phase, tap) } else { plane[tap] };
                        let block = ((o / 4 * phases + phase) * ins + i / 4) * taps + tap;
                        packed[(block * 4 + i % 4) * 4 + o % 4] = value;
                    }
                }
            }
        }
        packed
    }

    /// The CPU twin, on packed weights.
    pub(crate) fn twin(&self, inputs: &[&[f32]], y: &mut [f32]) {
        let x = inputs[0];
        let residual = self.residual.map(|channels| (slices(channels) as usize, inputs[1]));
        let [.., w, b] = inputs else { panic!("conv needs weights and bias") };
        let [outputs, oh, ow] = self.output().map(|v| v as usize);
        let (outs, step) = (outputs.div_ceil(4), if self.upsample { 2 } else { 1 });
        let block = slices(self.input[0]) as usize * self.taps() * 16;
        let mut sums = vec![[0.0f32; 4]; ow / step + 1];
        for o in 0..outs {
            for row in 0..oh {
                for column_phase in 0..step {
                    let phase = row % step * 2 + column_phase;
                    let weights = &w[(o * self.phases() + phase) * block..][..block];
                    sums.fill([0.0; 4]);
                    let pad = if self.upsample {
                        [1 - row % 2, 1 - column_phase]
                    } else {
                        [self.pad[0], self.pad[1]].map(|v| v as usize)
                    };
                    self.accumulate(x, weights, pad, row / step, &mut sums[..ow / step]);
                    for (i, sum) in sums[..ow / step].iter().enumerate() {
                        let to = (o * oh + row) * ow + i * step + column_phase;
                        for lane in 0..4 {
                            let ch = o * 4 + lane;
                            let mut v = sum[lane] + b[ch];
                            if let Some((_, r)) = residual.filter(|r| o < r.0) {
                                v += r[to * 4 + lane];
                            }
                            let slope = if self.act == Activation::Prelu { b[outs * 4 + ch] } else { 0.0 };
                            y[to * 4 + lane] = if ch < outputs { self.act.apply(v, slope) } else { 0.0 };
                        }
                    }
                }
            }
        }
    }

    /// Adds to one row of output pixels (of one slice) the products of all taps and inputs.
    fn accumulate(&self, x: &[f32], weights: &[f32], pad: [usize; 2], row: usize, sums: &mut [[f32; 4]]) {
        let [_, h, w] = self.input.map(|v| v as usize);
        let k = if self.upsample { 2 } else { self.kernel as usize };
        let stride = self.stride as usize;
        for (n, m) in weights.chunks_exact(16).enumerate() {
            let (slice, ky, kx) = (n / (k * k), n / k % k, n % k);
            let Some(iy) = (row * stride + ky).checked_sub(pad[0]).filter(|&iy| iy < h) else { continue };
            let line = &x[(slice * h + iy) * w * 4..][..w * 4];
            for (i, sum) in sums.iter_mut().enumerate() {
                let Some(ix) = (i * stride + kx).checked_sub(pad[1]).filter(|&ix| ix < w) else { continue };
                let v = &line[ix * 4..][..4];
                for lane in 0..4 {
                    sum[lane] += m[lane] * v[0] + m[4 + lane] * v[1] + m[8 + lane] * v[2] + m[12 + lane] * v[3];
                }
            }
        }
    }
}

/// Sum of the weights of `plane` (3×3) that fall on tap `tap` (2×2) of output phase `phase`.
fn phase_weight(plane: &[f32], phase: usize, tap: usize) -> f32 {
    let rows = PHASE_TAPS[phase / 2][tap / 2];
    let columns = PHASE_TAPS[phase % 2][tap % 2];
    rows.iter().flat_map(|r| columns.iter().map(move |c| f64::from(plane[r * 3 + c]))).sum::<f64>() as f32
}
