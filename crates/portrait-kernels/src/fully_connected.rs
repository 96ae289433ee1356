//! Fully connected layer: a feature tensor or a vector in, an `f32` vector out.

use crate::{Activation, Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len, slices};
use bytemuck::{Pod, Zeroable};

/// `y = act(W x + b [+ residual])`. Output and bias are `f32` in every tier: coordinates are made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FullyConnected {
    /// Shape `[channels, height, width]` of the input; a vector is `[n, 1, 1]`.
    pub input: [u32; 3],
    /// Number of outputs.
    pub outputs: u32,
    /// Whether the input is an `f32` vector rather than a feature tensor.
    pub float_input: bool,
    /// Whether an `f32` vector of the output's length is added before the activation.
    pub residual: bool,
    /// Applied last.
    pub act: Activation,
}

/// Mirrors `Params` in `shaders/fully_connected.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    in_slices: u32,
    out_slices: u32,
    outputs: u32,
    pad: u32,
}

impl FullyConnected {
    /// Input length in vec4.
    fn in_slices(&self) -> u32 {
        let [c, h, w] = self.input;
        slices(c) * h * w
    }

    /// Packs `weight` `[outputs, channels · height · width]` (row-major, the input flattened as C, H, W) into
    /// `[out/4][in/4][4 in] × 4 out`, the input in layout order.
    pub fn pack(&self, weight: &[f32]) -> Vec<f32> {
        let [c, h, w] = self.input.map(|v| v as usize);
        let (ins, outs) = (self.in_slices() as usize, slices(self.outputs) as usize);
        let mut packed = vec![0.0; ins * outs * 16];
        for o in 0..self.outputs as usize {
            for ch in 0..c {
                for p in 0..h * w {
                    let i = ((ch / 4) * h * w + p) * 4 + ch % 4;
                    packed[(((o / 4) * ins + i / 4) * 4 + i % 4) * 4 + o % 4] = weight[(o * c + ch) * h * w + p];
                }
            }
        }
        packed
    }
}

impl Kernel for FullyConnected {
    fn name(&self) -> &'static str {
        "fully_connected"
    }

    fn bindings(&self) -> Vec<Binding> {
        let [c, h, w] = self.input;
        let out = feature_len(self.outputs, 1, 1);
        let x = if self.float_input { Bind::Floats } else { Bind::Feature };
        let mut list = vec![Binding::new(x, feature_len(c, h, w))];
        if self.residual {
            list.push(Binding::new(Bind::Floats, out));
        }
        list.push(Binding::new(Bind::Feature, self.in_slices() as usize * out * 4));
        list.push(Binding::new(Bind::Floats, self.act.bias_len(self.outputs)));
        list.push(Binding::new(Bind::FloatsOut, out));
        list
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let out_slices = slices(self.outputs);
        let params = Params { in_slices: self.in_slices(), out_slices, outputs: self.outputs, pad: 0 };
        Dispatch {
            shader: ShaderKey::new("fully_connected", tier)
                .define("FLOAT_INPUT", self.float_input)
                .define("RESIDUAL", self.residual)
                .set("ACT", self.act as u32),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [out_slices.div_ceil(64), 1, 1],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let ins = self.in_slices() as usize;
        let x = inputs[0];
        let residual = self.residual.then(|| inputs[1]);
        let [.., w, b] = inputs else { panic!("fully_connected needs weights and bias") };
        let padded = feature_len(self.outputs, 1, 1);
        for o in 0..padded {
            let mut sum = b[o] + residual.map_or(0.0, |r| r[o]);
            for i in 0..ins * 4 {
                sum += w[((o / 4 * ins + i / 4) * 4 + i % 4) * 4 + o % 4] * x[i];
            }
            let slope = if self.act == Activation::Prelu { b[padded + o] } else { 0.0 };
            outputs[0][o] = if o < self.outputs as usize { self.act.apply(sum, slope) } else { 0.0 };
        }
    }

    fn macs(&self) -> u64 {
        self.input.iter().map(|&v| u64::from(v)).product::<u64>() * u64::from(self.outputs)
    }
}
