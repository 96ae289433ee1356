//! Precision tiers: how feature tensors and weights are stored. Accumulation is f32 in every tier.

use half::f16;

/// Storage precision of feature tensors and weights (`S4` in the shaders).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// `vec4<f32>`: 16 bytes a vec4.
    F32,
    /// Two halves in a `u32`, `vec2<u32>`, unpacked by `unpack2x16float`: needs no device feature.
    F16Packed,
    /// `vec4<f16>`: needs `SHADER_F16`.
    F16,
}

impl Tier {
    /// Every tier, in order.
    pub const ALL: [Tier; 3] = [Tier::F32, Tier::F16Packed, Tier::F16];

    /// The tier's name, which is also the stem of its prelude in `shaders/prelude/`.
    pub const fn name(self) -> &'static str {
        match self {
            Tier::F32 => "f32",
            Tier::F16Packed => "f16_packed",
            Tier::F16 => "f16",
        }
    }

    /// The tier itself where it stores halves, else the one that packs them: what they are encoded by.
    pub const fn halved(self) -> Tier {
        match self {
            Tier::F32 => Tier::F16Packed,
            Tier::F16Packed | Tier::F16 => self,
        }
    }

    /// Bytes of one stored value.
    pub const fn bytes(self) -> usize {
        match self {
            Tier::F32 => 4,
            Tier::F16Packed | Tier::F16 => 2,
        }
    }

    /// Encodes host values as this tier stores them.
    pub fn encode(self, values: &[f32]) -> Vec<u8> {
        match self {
            Tier::F32 => bytemuck::cast_slice(values).to_vec(),
            Tier::F16Packed | Tier::F16 => {
                let halves: Vec<f16> = values.iter().map(|&v| f16::from_f32(v)).collect();
                bytemuck::cast_slice(&halves).to_vec()
            }
        }
    }

    /// Decodes what [`Tier::encode`] or a kernel wrote.
    pub fn decode(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Tier::F32 => bytemuck::allocation::pod_collect_to_vec(bytes),
            Tier::F16Packed | Tier::F16 => {
                bytemuck::allocation::pod_collect_to_vec::<u8, f16>(bytes).into_iter().map(f16::to_f32).collect()
            }
        }
    }
}

impl std::fmt::Display for Tier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
