//! Transposed convolution with kernel 2 and stride 2.

use crate::conv::Params;
use crate::{Activation, Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len, slices};

/// Transposed convolution, kernel 2, stride 2, no padding: every input pixel makes 2×2 output pixels.
///
/// Bindings: x, w ([`ConvTranspose2x2::pack`]), b ([`Activation::pack_bias`]), y.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvTranspose2x2 {
    /// Shape `[channels, height, width]` of the input.
    pub input: [u32; 3],
    /// Output channels.
    pub outputs: u32,
    /// Applied last.
    pub act: Activation,
}

impl ConvTranspose2x2 {
    /// Shape `[channels, height, width]` of the output.
    pub const fn output(&self) -> [u32; 3] {
        [self.outputs, self.input[1] * 2, self.input[2] * 2]
    }

    /// Packs `weight` `[channels, outputs, 2, 2]` (PyTorch's order) into `[outputs/4][row · 2 + column][channels/4][4 in] × 4 out`.
    pub fn pack(&self, weight: &[f32]) -> Vec<f32> {
        let (ins, outputs) = (slices(self.input[0]) as usize, self.outputs as usize);
        let mut packed = vec![0.0; slices(self.outputs) as usize * 4 * ins * 16];
        for (n, &v) in weight.iter().enumerate() {
            let (i, o, phase) = (n / 4 / outputs, n / 4 % outputs, n % 4);
            packed[(((o / 4 * 4 + phase) * ins + i / 4) * 4 + i % 4) * 4 + o % 4] = v;
        }
        packed
    }
}

impl Kernel for ConvTranspose2x2 {
    fn name(&self) -> &'static str {
        "conv_transpose2x2"
    }

    fn bindings(&self) -> Vec<Binding> {
        let [c, h, w] = self.input;
        let [out, oh, ow] = self.output();
        vec![
            Binding::new(Bind::Feature, feature_len(c, h, w)),
            Binding::new(Bind::Feature, slices(out) as usize * slices(c) as usize * 64),
            Binding::new(Bind::Floats, self.act.bias_len(out)),
            Binding::new(Bind::FeatureOut, feature_len(out, oh, ow)),
        ]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let [c, h, w] = self.input;
        let [out, oh, ow] = self.output();
        let tiles = (h * w).div_ceil(4);
        let (span, rows) = Params::spread(tiles, slices(out), 64);
        let params = Params {
            in_w: w as i32,
            in_h: h as i32,
            in_slices: slices(c),
            out_slices: slices(out),
            out_w: ow as i32,
            out_h: oh as i32,
            outputs: out,
            residual_slices: 0,
            pad_x: 0,
            pad_y: 0,
            kernel: 2,
            stride: 2,
            span,
            tiles,
            tiles_x: tiles,
            scale: 1,
        };
        Dispatch {
            shader: ShaderKey::new("conv_transpose2x2", tier).set("ACT", self.act as u32),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [span.div_ceil(64), rows, 4],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let (x, weight, b) = (inputs[0], inputs[1], inputs[2]);
        let [c, h, w] = self.input.map(|v| v as usize);
        let [out, oh, ow] = self.output().map(|v| v as usize);
        let (ins, outs) = (c.div_ceil(4), out.div_ceil(4));
        for (n, y) in outputs[0].iter_mut().enumerate() {
            let (o, row, column, lane) = (n / 4 / (oh * ow), n / 4 / ow % oh, n / 4 % ow, n % 4);
            let phase = row % 2 * 2 + column % 2;
            let mut sum = b[o * 4 + lane];
            for i in 0..ins * 4 {
                let v = x[((i / 4 * h + row / 2) * w + column / 2) * 4 + i % 4];
                sum += weight[((o * 4 + phase) * ins * 4 + i) * 4 + lane] * v;
            }
            let ch = o * 4 + lane;
            let slope = if self.act == Activation::Prelu { b[outs * 4 + ch] } else { 0.0 };
            *y = if ch < out { self.act.apply(sum, slope) } else { 0.0 };
        }
    }

    fn macs(&self) -> u64 {
        let [out, oh, ow] = self.output();
        [self.input[0], out, oh, ow].into_iter().map(u64::from).product()
    }
}
