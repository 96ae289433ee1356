//! Convolution: shapes, choice of the shader variant, dispatch. Packing and twin are in `conv_pack.rs`.

use crate::{Activation, Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len, slices};
use bytemuck::{Pod, Zeroable};

/// 2-D convolution with fused nearest ×2 upsampling of the input, bias, residual and activation.
///
/// Bindings: x, residual if any, w ([`Conv::pack`]; of a deep layer halves in every tier), b ([`Activation::pack_bias`]), y.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv {
    /// Shape `[channels, height, width]` of the input, before upsampling.
    pub input: [u32; 3],
    /// Output channels.
    pub outputs: u32,
    /// Side of the kernel.
    pub kernel: u32,
    /// Stride in both directions.
    pub stride: u32,
    /// Rows and columns of zeros around the input: top, left, bottom, right.
    pub pad: [u32; 4],
    /// Whether the input is read through nearest ×2: kernel 3, stride 1 and pad 1 only.
    pub upsample: bool,
    /// Channels of a feature tensor of the output's height and width, added before the activation. If there are fewer than
    /// `outputs`, the others get nothing (BlazeFace's zero-padded skip).
    pub residual: Option<u32>,
    /// Applied last.
    pub act: Activation,
}

/// Mirrors `Params` in `shaders/prelude/conv.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(crate) struct Params {
    pub(crate) in_w: i32,
    pub(crate) in_h: i32,
    pub(crate) in_slices: u32,
    pub(crate) out_slices: u32,
    pub(crate) out_w: i32,
    pub(crate) out_h: i32,
    pub(crate) outputs: u32,
    pub(crate) residual_slices: u32,
    pub(crate) pad_x: i32,
    pub(crate) pad_y: i32,
    pub(crate) kernel: i32,
    pub(crate) stride: i32,
    /// Invocations along x: `tiles`, or `tiles` times the output groups where the image is small. In split convolutions the
    /// tiles of a workgroup.
    pub(crate) span: u32,
    /// Tiles of the image.
    pub(crate) tiles: u32,
    /// Tiles in a row.
    pub(crate) tiles_x: u32,
    /// 2 where the input is read through nearest ×2, 1 elsewhere.
    pub(crate) scale: u32,
}

impl Params {
    /// Invocations along x and rows of workgroups. Large images take a row per output group, so that a workgroup shares its
    /// weights; small ones put everything into one row, so that no workgroup is mostly empty.
    pub(crate) fn spread(tiles: u32, groups: u32, workgroup: u32) -> (u32, u32) {
        if tiles >= workgroup { (tiles, groups) } else { (tiles * groups, 1) }
    }
}

/// A shader of a family: file, pixels `[width, height]` of its tile, output slices of its tile. A flat tile takes consecutive
/// pixels regardless of rows and is written with height 0.
type Variant = (&'static str, [u32; 2], u32);
/// The variants of one family, widest tile first.
type Family = &'static [Variant];
const CONV3X3: Family = &[
    ("conv3x3_16x8", [4, 4], 2),
    ("conv3x3_16x4", [4, 4], 1),
    ("conv3x3_8x8", [4, 2], 2),
    ("conv3x3_4x8", [2, 2], 2),
    ("conv3x3_4x4", [4, 1], 1),
];
const CONV3X3_S2: Family = &[
    ("conv3x3_s2_16x8", [4, 4], 2),
    ("conv3x3_s2_8x8", [4, 2], 2),
    ("conv3x3_s2_4x8", [2, 2], 2),
    ("conv3x3_s2_4x4", [4, 1], 1),
];
const CONV_UP2: Family = &[
    ("conv_up2_16x8", [4, 4], 2),
    ("conv_up2_8x8", [4, 2], 2),
    ("conv_up2_4x8", [2, 2], 2),
    ("conv_up2_4x4", [4, 1], 1),
];
const CONV1X1: Family =
    &[("conv1x1_16x8", [16, 0], 2), ("conv1x1_8x8", [8, 0], 2), ("conv1x1_4x8", [4, 0], 2), ("conv1x1_4x4", [4, 0], 1)];
const CONV_KXK: Family = &[
    ("conv_kxk_16x8", [16, 0], 2),
    ("conv_kxk_8x8", [8, 0], 2),
    ("conv_kxk_4x8", [4, 0], 2),
    ("conv_kxk_4x4", [4, 0], 1),
];
/// For few pixels and many channels, any kernel side up to [`SPLIT_SIDE`].
const SPLIT: Family = &[("conv_split_4x8", [4, 0], 2)];
/// Larger kernels see few channels.
const SPLIT_SIDE: u32 = 5;
/// Input slices times taps from which on a layer is deep: less does not pay for adding up the parts.
const SPLIT_DEPTH: u32 = 128;

/// Output pixels up to which a deep layer waits for its weights, not for arithmetic: they are stored as halves whatever the tier.
/// Published weights hold no more than that.
const HALVES_PIXELS: u32 = 64;

/// Invocations of a workgroup. The widest tiles are for software drivers, whose only lanes are those of a few cores.
const fn workgroup([tw, th]: [u32; 2]) -> u32 {
    if tw == 16 || tw * th == 16 { 16 } else { 64 }
}

impl Conv {
    /// Shape `[channels, height, width]` of the output.
    pub const fn output(&self) -> [u32; 3] {
        let [_, h, w] = self.input;
        let scale = if self.upsample { 2 } else { 1 };
        let [top, left, bottom, right] = self.pad;
        let oh = (h * scale + top + bottom - self.kernel) / self.stride + 1;
        let ow = (w * scale + left + right - self.kernel) / self.stride + 1;
        [self.outputs, oh, ow]
    }

    /// Height and width of what the tiles cover: the output, or one phase of it.
    fn domain(&self) -> [u32; 2] {
        let [_, h, w] = self.output();
        if self.upsample { [h / 2, w / 2] } else { [h, w] }
    }

    fn family(&self) -> Family {
        match (self.kernel, self.stride, self.upsample) {
            (_, _, true) => CONV_UP2,
            (3, 1, _) => CONV3X3,
            (3, 2, _) => CONV3X3_S2,
            (1, 1, _) if self.pad == [0; 4] => CONV1X1,
            _ => CONV_KXK,
        }
    }

    /// Tiles in a row and in the image.
    fn tiles(&self, [tw, th]: [u32; 2]) -> [u32; 2] {
        let [h, w] = self.domain();
        if th == 0 {
            let n = (h * w).div_ceil(tw);
            [n, n]
        } else {
            let tiles_x = w.div_ceil(tw);
            [tiles_x, tiles_x * h.div_ceil(th)]
        }
    }

    /// Pixels and weights that an invocation reads per input slice. Loads bound a convolution, so this is its cost.
    fn loads(&self, &(_, [tw, th], count): &Variant) -> u32 {
        let (k, s) = if self.upsample { (2, 1) } else { (self.kernel, self.stride) };
        let pixels = if th == 0 { tw * k * k } else { ((tw - 1) * s + k) * ((th - 1) * s + k) };
        pixels + 4 * k * k * count
    }

    /// The shader variant: of the tiles that the device holds and that still make enough invocations to keep it busy, the one
    /// with the fewest loads over the whole image; if none makes enough, the smallest. A deep layer, whose invocations walk a long
    /// way, is to fill the device: by tiles as small as a split one's or, where even these do not, split.
    fn choose(&self, profile: &DeviceProfile) -> Variant {
        let family = self.family();
        let right = |v: &&Variant| !profile.avoid.contains(v.0);
        let fits =
            |v: &&Variant| right(v) && v.1[0] * v.1[1].max(1) <= profile.tile_pixels && v.2 <= profile.tile_slices;
        let phases = if self.upsample { 4 } else { 1 };
        let invocations = |v: &Variant| self.tiles(v.1)[1] * slices(self.outputs).div_ceil(v.2) * phases;
        let enough = if profile.tile_pixels >= 16 { 32 } else { 256 };
        let busy = |enough: u32, count: u32| {
            let those = family.iter().filter(fits).filter(move |v| invocations(v) >= enough && v.2 >= count);
            those.min_by_key(|v| invocations(v) * self.loads(v)).copied()
        };
        // Where all are to be avoided, one as good as the others: the smallest.
        let smallest = family.iter().rfind(right).unwrap_or(&family[family.len() - 1]);
        let whole = busy(enough, 1).unwrap_or(*smallest);
        let splits = self.split_side() <= SPLIT_SIDE && self.deep();
        if !splits || invocations(&whole) >= profile.lanes {
            return whole;
        }
        let split = SPLIT.iter().find(fits);
        split.map_or(whole, |split| busy(profile.lanes, split.2).unwrap_or(*split))
    }

    /// Whether each output sums up many inputs.
    fn deep(&self) -> bool {
        slices(self.input[0]) * self.split_side().pow(2) >= SPLIT_DEPTH
    }

    /// Whether the weights are stored as halves whatever the tier.
    fn halves(&self) -> bool {
        let [_, h, w] = self.output();
        self.deep() && h * w <= HALVES_PIXELS
    }

    /// Side of the kernel as split convolutions see it: that of a phase where the input is upsampled.
    fn split_side(&self) -> u32 {
        if self.upsample { 2 } else { self.kernel }
    }

    /// Tiles that a workgroup of a split convolution takes: all of a small picture, and no more than leave an invocation for each
    /// of their sums.
    fn split_tiles(&self, &(_, tile, count): &Variant) -> u32 {
        self.tiles(tile)[1].next_power_of_two().min(workgroup(tile) / (tile[0] * count))
    }
}

impl Kernel for Conv {
    fn name(&self) -> &'static str {
        "conv"
    }

    fn bindings(&self) -> Vec<Binding> {
        let [c, h, w] = self.input;
        let [out, oh, ow] = self.output();
        let mut list = vec![Binding::new(Bind::Feature, feature_len(c, h, w))];
        if let Some(channels) = self.residual {
            list.push(Binding::new(Bind::Feature, feature_len(channels, oh, ow)));
        }
        let weights = if self.halves() { Bind::Halves } else { Bind::Feature };
        list.push(Binding::new(weights, self.packed_len()));
        list.push(Binding::new(Bind::Floats, self.act.bias_len(out)));
        list.push(Binding::new(Bind::FeatureOut, feature_len(out, oh, ow)));
        list
    }

    fn dispatch(&self, tier: Tier, profile: &DeviceProfile) -> Dispatch {
        let [c, h, w] = self.input;
        let [_, oh, ow] = self.output();
        let variant @ (file, tile, per_invocation) = self.choose(profile);
        let split = SPLIT.contains(&variant);
        let [tiles_x, tiles] = self.tiles(tile);
        let groups = slices(self.outputs).div_ceil(per_invocation);
        let (span, rows) =
            if split { (self.split_tiles(&variant), groups) } else { Params::spread(tiles, groups, workgroup(tile)) };
        let params = Params {
            in_w: w as i32,
            in_h: h as i32,
            in_slices: slices(c),
            out_slices: slices(self.outputs),
            out_w: ow as i32,
            out_h: oh as i32,
            outputs: self.outputs,
            residual_slices: slices(self.residual.unwrap_or(0)).min(slices(self.outputs)),
            pad_x: self.pad[1] as i32,
            pad_y: self.pad[0] as i32,
            kernel: self.kernel as i32,
            stride: self.stride as i32,
            span,
            tiles,
            tiles_x,
            scale: if self.upsample { 2 } else { 1 },
        };
        let shader = ShaderKey::new(file, tier)
            .define("RESIDUAL", self.residual.is_some())
            .define("HALVES", tier == Tier::F32 && self.halves())
            .set("ACT", self.act as u32);
        Dispatch {
            shader: if split { shader.set("SIDE", self.split_side()) } else { shader },
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [
                if split { tiles.div_ceil(span) } else { span.div_ceil(workgroup(tile)) },
                rows,
                if self.upsample { 4 } else { 1 },
            ],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        self.twin(inputs, outputs[0]);
    }

    fn macs(&self) -> u64 {
        let [out, oh, ow] = self.output();
        [self.input[0], self.kernel, self.kernel, out, oh, ow].into_iter().map(u64::from).product()
    }

    /// Four ninths of the mathematical ones where the input is upsampled.
    fn executed_macs(&self) -> u64 {
        if self.upsample { self.macs() / 9 * 4 } else { self.macs() }
    }
}
