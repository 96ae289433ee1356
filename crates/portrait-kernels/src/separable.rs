//! The residual block of BlazeFace and the face mesh in one dispatch.

use crate::conv::Params;
use crate::{Activation, Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len, slices};

/// Depthwise 3 × 3 (TensorFlow's `SAME` padding), pointwise convolution, plus the input, activation. At stride 2 the input's
/// 2 × 2 maximum is added; channels that the input lacks get nothing.
///
/// Bindings: x, w ([`Separable::pack`]), b ([`Activation::pack_bias`] of [`Separable::bias`]), y.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Separable {
    /// Shape `[channels, height, width]` of the input: at most [`Separable::CHANNELS`], even sides at stride 2.
    pub input: [u32; 3],
    /// Output channels: at least the input's, at most [`Separable::CHANNELS`].
    pub outputs: u32,
    /// 1 or 2.
    pub stride: u32,
    /// Applied last.
    pub act: Activation,
}

/// Values of `middle` in the shader, in vec4.
const MIDDLE: u32 = 256;

impl Separable {
    /// Most channels that fit: four pixels of them are `middle`.
    pub const CHANNELS: u32 = MIDDLE;

    /// Shape `[channels, height, width]` of the output.
    pub const fn output(&self) -> [u32; 3] {
        let [_, h, w] = self.input;
        [self.outputs, h / self.stride, w / self.stride]
    }

    /// Pixels of a workgroup: a power of two that gives its 64 invocations one piece of work each where the picture is large enough.
    fn pixels(&self) -> u32 {
        let most = MIDDLE / slices(self.input[0]).max(slices(self.outputs));
        (1 << most.ilog2()).clamp(4, 64)
    }

    /// Packs `depthwise` `[channels, 1, 3, 3]` into `[channels/4][tap] × 4`, followed by `pointwise` `[outputs, channels, 1, 1]` in
    /// `[outputs/4][channels/4][4 inputs] × 4 outputs`.
    pub fn pack(&self, depthwise: &[f32], pointwise: &[f32]) -> Vec<f32> {
        let inputs = self.input[0] as usize;
        let ins = inputs.div_ceil(4);
        let taps = ins * 9 * 4;
        let mut packed = vec![0.0; self.packed_len()];
        for (i, &v) in depthwise.iter().enumerate() {
            let (ch, tap) = (i / 9, i % 9);
            packed[(ch / 4 * 9 + tap) * 4 + ch % 4] = v;
        }
        for (i, &v) in pointwise.iter().enumerate() {
            let (o, ch) = (i / inputs, i % inputs);
            packed[taps + ((o / 4 * ins + ch / 4) * 4 + ch % 4) * 4 + o % 4] = v;
        }
        packed
    }

    /// One bias for both convolutions: nothing lies between them, so the first one's goes through the second.
    pub fn bias(&self, depthwise: &[f32], pointwise: &[f32], bias: &[f32]) -> Vec<f32> {
        let through = |row: &[f32]| row.iter().zip(depthwise).map(|(w, b)| w * b).sum::<f32>();
        pointwise.chunks_exact(self.input[0] as usize).zip(bias).map(|(row, b)| b + through(row)).collect()
    }

    fn packed_len(&self) -> usize {
        let (ins, outs) = (slices(self.input[0]) as usize, slices(self.outputs) as usize);
        (ins * 9 + outs * ins * 4) * 4
    }
}

impl Kernel for Separable {
    fn name(&self) -> &'static str {
        "separable"
    }

    fn bindings(&self) -> Vec<Binding> {
        let ([c, h, w], [out, oh, ow]) = (self.input, self.output());
        vec![
            Binding::new(Bind::Feature, feature_len(c, h, w)),
            Binding::new(Bind::Feature, self.packed_len()),
            Binding::new(Bind::Floats, self.act.bias_len(out)),
            Binding::new(Bind::FeatureOut, feature_len(out, oh, ow)),
        ]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let ([c, h, w], [_, oh, ow]) = (self.input, self.output());
        let pixels = self.pixels();
        // `SAME`: one pixel around at stride 1, one to the right and below at stride 2.
        let pad = 2 - self.stride as i32;
        let params = Params {
            in_w: w as i32,
            in_h: h as i32,
            in_slices: slices(c),
            out_slices: slices(self.outputs),
            out_w: ow as i32,
            out_h: oh as i32,
            outputs: self.outputs,
            residual_slices: slices(c),
            pad_x: pad,
            pad_y: pad,
            kernel: 3,
            stride: self.stride as i32,
            span: pixels,
            tiles: (oh * ow).div_ceil(pixels),
            tiles_x: 1,
            scale: 1,
        };
        Dispatch {
            shader: ShaderKey::new("separable", tier).set("ACT", self.act as u32).set("STRIDE", self.stride),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [params.tiles, 1, 1],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [c, h, w] = self.input.map(|v| v as usize);
        let [out, oh, ow] = self.output().map(|v| v as usize);
        let (ins, outs, stride) = (c.div_ceil(4), out.div_ceil(4), self.stride as usize);
        let [x, weight, b] = inputs else { panic!("separable takes x, w and b") };
        let (taps, dense) = weight.split_at(ins * 9 * 4);
        let at = |ch: usize, y: usize, column: usize| x[((ch / 4 * h + y) * w + column) * 4 + ch % 4];
        for (oy, ox) in (0..oh).flat_map(|y| (0..ow).map(move |column| (y, column))) {
            let mut middle = vec![0.0; ins * 4];
            for (ch, sum) in middle.iter_mut().enumerate() {
                for tap in 0..9 {
                    let iy = (oy * stride + tap / 3 + stride).checked_sub(2).filter(|&v| v < h);
                    let ix = (ox * stride + tap % 3 + stride).checked_sub(2).filter(|&v| v < w);
                    if let (Some(iy), Some(ix)) = (iy, ix) {
                        *sum += taps[(ch / 4 * 9 + tap) * 4 + ch % 4] * at(ch, iy, ix);
                    }
                }
            }
            for o in 0..outs * 4 {
                let row = |ch: usize| dense[((o / 4 * ins + ch / 4) * 4 + ch % 4) * 4 + o % 4];
                let mut sum = b[o] + middle.iter().enumerate().map(|(ch, v)| row(ch) * v).sum::<f32>();
                if o < ins * 4 {
                    let corners =
                        (0..stride * stride).map(|n| at(o, oy * stride + n / stride, ox * stride + n % stride));
                    sum += corners.fold(f32::NEG_INFINITY, f32::max);
                }
                let slope = if self.act == Activation::Prelu { b[outs * 4 + o] } else { 0.0 };
                let v = if o < out { self.act.apply(sum, slope) } else { 0.0 };
                outputs[0][((o / 4 * oh + oy) * ow + ox) * 4 + o % 4] = v;
            }
        }
    }

    fn macs(&self) -> u64 {
        let ([c, ..], [out, oh, ow]) = (self.input, self.output());
        u64::from(c) * u64::from(9 + out) * u64::from(oh * ow)
    }
}
