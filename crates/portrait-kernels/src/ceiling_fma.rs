//! Multiply-adds without memory: the arithmetic that other kernels are held to in benches.

use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier};
use bytemuck::{Pod, Zeroable};

/// Chains, multiply-adds of each in a round, and lanes; as in the shader.
const PER_ROUND: u64 = 8 * 4 * 4;
const SCALE: f32 = 0.5;
const OFFSET: f32 = 0.25;

/// Eight chains `a = a · 0.5 + 0.25` that start at x, x + 1, … x + 7, summed. Bindings: x, y.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CeilingFma {
    /// Invocations.
    pub length: u32,
    /// Four multiply-adds of each chain a round.
    pub rounds: u32,
}

/// Mirrors `Params` in `shaders/ceiling_fma.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    length: u32,
    rounds: u32,
    scale: f32,
    offset: f32,
}

impl Kernel for CeilingFma {
    fn name(&self) -> &'static str {
        "ceiling_fma"
    }

    fn bindings(&self) -> Vec<Binding> {
        let len = 4 * self.length as usize;
        vec![Binding::new(Bind::Floats, len), Binding::new(Bind::FloatsOut, len)]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let params = Params { length: self.length, rounds: self.rounds, scale: SCALE, offset: OFFSET };
        Dispatch {
            shader: ShaderKey::new("ceiling_fma", tier),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [self.length.div_ceil(256), 1, 1],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        for (y, &x) in outputs[0].iter_mut().zip(inputs[0]) {
            let chain = |start: f32| (0..4 * self.rounds).fold(start, |a, _| a * SCALE + OFFSET);
            *y = (0..8).map(|k| chain(x + k as f32)).sum();
        }
    }

    fn macs(&self) -> u64 {
        PER_ROUND * u64::from(self.length) * u64::from(self.rounds)
    }
}
