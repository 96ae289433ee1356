//! Global average pooling: a feature tensor in, one `f32` per channel out.

use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len, slices};
use bytemuck::{Pod, Zeroable};

/// Mean of every channel over all pixels, as an `f32` vector of `feature_len(channels, 1, 1)` values in every tier. The sum
/// has one fixed order, so equal inputs give equal bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GlobalAverage {
    /// Shape `[channels, height, width]` of the input; no dimension is zero.
    pub input: [u32; 3],
}

/// Mirrors `Params` in `shaders/global_average.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    pixels: u32,
    weight: f32,
    pad: [u32; 2],
}

/// Invocations of a workgroup: `LANES` in the shader.
const LANES: usize = 256;

impl GlobalAverage {
    fn pixels(&self) -> u32 {
        let [_, h, w] = self.input;
        h * w
    }

    fn weight(&self) -> f32 {
        1.0 / self.pixels() as f32
    }
}

impl Kernel for GlobalAverage {
    fn name(&self) -> &'static str {
        "global_average"
    }

    fn bindings(&self) -> Vec<Binding> {
        let [c, h, w] = self.input;
        vec![Binding::new(Bind::Feature, feature_len(c, h, w)), Binding::new(Bind::FloatsOut, feature_len(c, 1, 1))]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let params = Params { pixels: self.pixels(), weight: self.weight(), pad: [0; 2] };
        Dispatch {
            shader: ShaderKey::new("global_average", tier),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [slices(self.input[0]), 1, 1],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let pixels = self.pixels() as usize;
        for (i, y) in outputs[0].iter_mut().enumerate() {
            let (slice, lane) = (i / 4, i % 4);
            let mut partial = [0.0f32; LANES];
            for pixel in 0..pixels {
                partial[pixel % LANES] += inputs[0][(slice * pixels + pixel) * 4 + lane];
            }
            let mut reach = LANES / 2;
            while reach > 0 {
                for at in 0..reach {
                    partial[at] += partial[at + reach];
                }
                reach /= 2;
            }
            *y = partial[0] * self.weight();
        }
    }
}
