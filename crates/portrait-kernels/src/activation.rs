//! Activation functions, fused into whatever kernel produces the value.

/// Activation applied after bias and residual. The discriminants are the values of `ACT` in `shaders/prelude/activation.wgsl`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Activation {
    /// The identity.
    #[default]
    None = 0,
    /// `max(x, 0)`.
    Relu = 1,
    /// `x` where `x ≥ 0`, else `slope · x`, one slope per channel (stored behind the bias).
    Prelu = 2,
    /// `x · clamp(x + 3, 0, 6) / 6`.
    HardSwish = 3,
    /// `1 / (1 + e^-x)`.
    Sigmoid = 4,
}

impl Activation {
    /// Every activation, for tests.
    pub const ALL: [Activation; 5] = [Self::None, Self::Relu, Self::Prelu, Self::HardSwish, Self::Sigmoid];

    /// Applies the function to one value; `slope` is read by PReLU only.
    pub fn apply(self, v: f32, slope: f32) -> f32 {
        match self {
            Self::None => v,
            Self::Relu => v.max(0.0),
            Self::Prelu => {
                if v >= 0.0 {
                    v
                } else {
                    v * slope
                }
            }
            Self::HardSwish => v * (v + 3.0).clamp(0.0, 6.0) / 6.0,
            Self::Sigmoid => 1.0 / (1.0 + (-v).exp()),
        }
    }

    /// Length of the bias binding of a layer with `channels` outputs: padded bias, then padded slopes for PReLU.
    pub const fn bias_len(self, channels: u32) -> usize {
        let padded = crate::slices(channels) as usize * 4;
        match self {
            Self::Prelu => 2 * padded,
            _ => padded,
        }
    }

    /// Packs bias (and PReLU slopes) into the bias binding; missing slopes are zero.
    pub fn pack_bias(self, channels: u32, bias: &[f32], slopes: &[f32]) -> Vec<f32> {
        let padded = crate::slices(channels) as usize * 4;
        let mut packed = vec![0.0; self.bias_len(channels)];
        packed[..bias.len()].copy_from_slice(bias);
        if self == Self::Prelu {
            packed[padded..padded + slopes.len()].copy_from_slice(slopes);
        }
        packed
    }
}
