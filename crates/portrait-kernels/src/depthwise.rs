//! Depthwise convolution.

use crate::conv::Params;
use crate::{Activation, Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len, slices};

/// 2-D convolution of each channel with its own kernel, fused bias, residual and activation.
///
/// Bindings: x, residual if any, w ([`Depthwise::pack`]), b ([`Activation::pack_bias`]), y.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Depthwise {
    /// Shape `[channels, height, width]` of the input.
    pub input: [u32; 3],
    /// Side of the kernel.
    pub kernel: u32,
    /// Stride in both directions.
    pub stride: u32,
    /// Rows and columns of zeros around the input: top, left, bottom, right.
    pub pad: [u32; 4],
    /// Channels of a feature tensor of the output's height and width, added before the activation; at most the input's.
    pub residual: Option<u32>,
    /// Applied last.
    pub act: Activation,
}

impl Depthwise {
    /// Shape `[channels, height, width]` of the output.
    pub const fn output(&self) -> [u32; 3] {
        let [c, h, w] = self.input;
        let [top, left, bottom, right] = self.pad;
        [c, (h + top + bottom - self.kernel) / self.stride + 1, (w + left + right - self.kernel) / self.stride + 1]
    }

    /// Packs `weight` `[channels, 1, kernel, kernel]` into `[channels/4][tap] × 4`.
    pub fn pack(&self, weight: &[f32]) -> Vec<f32> {
        let taps = (self.kernel * self.kernel) as usize;
        let mut packed = vec![0.0; slices(self.input[0]) as usize * taps * 4];
        for (i, &v) in weight.iter().enumerate() {
            let (ch, tap) = (i / taps, i % taps);
            packed[(ch / 4 * taps + tap) * 4 + ch % 4] = v;
        }
        packed
    }
}

impl Kernel for Depthwise {
    fn name(&self) -> &'static str {
        "depthwise"
    }

    fn bindings(&self) -> Vec<Binding> {
        let [c, h, w] = self.input;
        let [_, oh, ow] = self.output();
        let mut list = vec![Binding::new(Bind::Feature, feature_len(c, h, w))];
        if let Some(channels) = self.residual {
            list.push(Binding::new(Bind::Feature, feature_len(channels, oh, ow)));
        }
        list.push(Binding::new(Bind::Feature, feature_len(c, self.kernel, self.kernel)));
        list.push(Binding::new(Bind::Floats, self.act.bias_len(c)));
        list.push(Binding::new(Bind::FeatureOut, feature_len(c, oh, ow)));
        list
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let [c, h, w] = self.input;
        let [_, oh, ow] = self.output();
        let tiles_x = ow.div_ceil(4);
        let tiles = tiles_x * oh;
        let (span, rows) = Params::spread(tiles, slices(c), 64);
        let params = Params {
            in_w: w as i32,
            in_h: h as i32,
            in_slices: slices(c),
            out_slices: slices(c),
            out_w: ow as i32,
            out_h: oh as i32,
            outputs: c,
            residual_slices: slices(self.residual.unwrap_or(0)).min(slices(c)),
            pad_x: self.pad[1] as i32,
            pad_y: self.pad[0] as i32,
            kernel: self.kernel as i32,
            stride: self.stride as i32,
            span,
            tiles,
            tiles_x,
            scale: 1,
        };
        Dispatch {
            shader: ShaderKey::new("depthwise", tier)
                .define("RESIDUAL", self.residual.is_some())
                .set("ACT", self.act as u32),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [span.div_ceil(64), rows, 1],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [c, h, w] = self.input.map(|v| v as usize);
        let [_, oh, ow] = self.output().map(|v| v as usize);
        let (k, stride) = (self.kernel as usize, self.stride as usize);
        let [top, left] = [self.pad[0] as usize, self.pad[1] as usize];
        let x = inputs[0];
        let residual = self.residual.map(|channels| (slices(channels) as usize, inputs[1]));
        let [.., weight, b] = inputs else { panic!("depthwise needs weights and bias") };
        let outs = c.div_ceil(4);
        for (i, y) in outputs[0].iter_mut().enumerate() {
            let (o, row, column, lane) = (i / 4 / (oh * ow), i / 4 / ow % oh, i / 4 % ow, i % 4);
            let mut sum = 0.0;
            for (tap, m) in weight[o * k * k * 4..][..k * k * 4].chunks_exact(4).enumerate() {
                let iy = (row * stride + tap / k).checked_sub(top).filter(|&v| v < h);
                let ix = (column * stride + tap % k).checked_sub(left).filter(|&v| v < w);
                if let (Some(iy), Some(ix)) = (iy, ix) {
                    sum += m[lane] * x[((o * h + iy) * w + ix) * 4 + lane];
                }
            }
            let ch = o * 4 + lane;
            sum += b[ch] + residual.filter(|r| o < r.0).map_or(0.0, |r| r.1[i]);
            let slope = if self.act == Activation::Prelu { b[outs * 4 + ch] } else { 0.0 };
            *y = if ch < c { self.act.apply(sum, slope) } else { 0.0 };
        }
    }

    fn macs(&self) -> u64 {
        let [c, oh, ow] = self.output();
        [c, oh, ow, self.kernel, self.kernel].into_iter().map(u64::from).product()
    }
}
