//! What a device likes: the only input besides shapes to the choice of a kernel variant.

/// Tuning facts of a device family. The choice of a kernel is a pure function of operation, shapes and this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceProfile {
    /// Output pixels one invocation of a convolution may hold in registers: 4, 8 or 16.
    pub tile_pixels: u32,
    /// Output slices (of four channels) one invocation may hold in registers: 1 or 2.
    pub tile_slices: u32,
    /// Invocations that fill the device: a deep layer whose tiles make fewer is split over its input channels. 0: never split.
    pub lanes: u32,
}

impl DeviceProfile {
    /// Software drivers: every load costs a loop over the lanes and spills are cheap, so the tile cannot be too wide (on
    /// lavapipe 16 × 8 is 1.4 times as fast as 8 × 8).
    pub const SOFTWARE: DeviceProfile = DeviceProfile { tile_pixels: 16, tile_slices: 2, lanes: 0 };
    /// Discrete GPUs.
    pub const WIDE: DeviceProfile = DeviceProfile { tile_pixels: 8, tile_slices: 2, lanes: 4096 };
    /// Adreno and Apple: 4 pixels × 8 channels stay within the register file, and more than 45 % of the compiled instructions of
    /// the large convolutions are multiply-adds (Adreno 740, f32).
    pub const MEDIUM: DeviceProfile = DeviceProfile { tile_pixels: 4, tile_slices: 2, lanes: 2048 };
    /// Mali: anything wider than a row of 4 pixels × 4 channels spills, and so did a split convolution of that tile.
    pub const NARROW: DeviceProfile = DeviceProfile { tile_pixels: 4, tile_slices: 1, lanes: 0 };
    /// Every profile, for tests that cover all variants.
    pub const ALL: [DeviceProfile; 4] = [Self::SOFTWARE, Self::WIDE, Self::MEDIUM, Self::NARROW];
}
