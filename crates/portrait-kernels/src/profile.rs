//! What a device likes: the only input besides shapes to the choice of a kernel variant.

use crate::shader::{shader_count, shader_names};

/// Tuning facts of a device family. The choice of a kernel is a pure function of operation, shapes and this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceProfile {
    /// Output pixels one invocation of a convolution may hold in registers: 4, 8 or 16.
    pub tile_pixels: u32,
    /// Output slices (of four channels) one invocation may hold in registers: 1 or 2.
    pub tile_slices: u32,
    /// Invocations that fill the device: a deep layer whose tiles make fewer is split over its input channels. 0: never split.
    pub lanes: u32,
    /// Shaders that this device computes wrongly: another variant of the same kernel is taken where there is one.
    pub avoid: Avoid,
}

/// A set of shaders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Avoid(u64);

// A bit for each shader.
const _: () = assert!(shader_count() <= u64::BITS as usize);

impl Avoid {
    /// No shader.
    pub const NONE: Avoid = Avoid(0);

    /// This set and the shader of this name; the set itself where no shader is called so.
    pub fn with(self, shader: &str) -> Self {
        Self(self.0 | bit(shader))
    }

    /// Whether the shader of this name is in the set.
    pub fn contains(self, shader: &str) -> bool {
        self.0 & bit(shader) != 0
    }

    /// Names of the shaders in the set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        shader_names().enumerate().filter(move |(at, _)| self.0 >> at & 1 == 1).map(|(_, name)| name)
    }
}

impl DeviceProfile {
    /// Software drivers: every load costs a loop over the lanes and spills are cheap, so the tile cannot be too wide (on
    /// lavapipe 16 × 8 is 1.4 times as fast as 8 × 8).
    pub const SOFTWARE: DeviceProfile = DeviceProfile { tile_pixels: 16, tile_slices: 2, lanes: 0, avoid: Avoid::NONE };
    /// Discrete GPUs.
    pub const WIDE: DeviceProfile = DeviceProfile { tile_pixels: 8, tile_slices: 2, lanes: 4096, avoid: Avoid::NONE };
    /// Adreno and Apple: 4 pixels × 8 channels stay within the register file, and more than 45 % of the compiled instructions of
    /// the large convolutions are multiply-adds (Adreno 740, f32).
    pub const MEDIUM: DeviceProfile = DeviceProfile { tile_pixels: 4, tile_slices: 2, lanes: 2048, avoid: Avoid::NONE };
    /// Mali: anything wider than a row of 4 pixels × 4 channels spills, and so did a split convolution of that tile.
    pub const NARROW: DeviceProfile = DeviceProfile { tile_pixels: 4, tile_slices: 1, lanes: 0, avoid: Avoid::NONE };
    /// Every profile, for tests that cover all variants.
    pub const ALL: [DeviceProfile; 4] = [Self::SOFTWARE, Self::WIDE, Self::MEDIUM, Self::NARROW];
}

/// The shader's place in a set; nothing where no shader is called so.
fn bit(shader: &str) -> u64 {
    shader_names().position(|name| name == shader).map_or(0, |at| 1 << at)
}
