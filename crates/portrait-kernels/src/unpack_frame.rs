//! A camera's frame, as it comes, made an upright picture: any of the usual byte layouts, turned and mirrored.

use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len};
use bytemuck::{Pod, Zeroable};

/// Bytes in, `rgba8unorm` texture out, alpha 1.
///
/// Bindings: the frame's bytes, four to a value, read as bits and not as numbers; a [`FrameLayout`], also bits; the picture. The
/// layout is data and no option of the pipeline, so that a camera may turn from frame to frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnpackFrame {
    /// `[width, height]` of the upright picture.
    pub size: [u32; 2],
}

/// Where a pixel's three samples lie and what they mean. Mirrors `Layout` in `shaders/unpack_frame.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct FrameLayout {
    /// Of the upright pixel (x, y), the column in the camera's frame is `x · column[0] + y · column[1] + column[2]`; then the frame's
    /// width.
    pub column: [i32; 4],
    /// The same downwards; then the frame's height.
    pub row: [i32; 4],
    /// Of each sample: first byte, bytes from row to row, bytes from sample to sample, 1 where its plane has half the width and height.
    pub planes: [[u32; 4]; 3],
    /// Red, green and blue of the three samples in 0..=1 and of 1.
    pub colour: [[f32; 4]; 3],
}

impl FrameLayout {
    /// Values of the layout's binding.
    pub const LEN: usize = size_of::<Self>() / 4;

    /// The `[column, row]` in the camera's frame of the upright pixel (x, y).
    fn place(&self, x: u32, y: u32) -> [u32; 2] {
        [self.column, self.row].map(|[a, b, c, n]| {
            let at = a.wrapping_mul(x as i32).wrapping_add(b.wrapping_mul(y as i32)).wrapping_add(c);
            at.clamp(0, (n - 1).max(0)) as u32
        })
    }

    /// The three samples of a place in the camera's frame, 0..=1; `byte` reads one that may lie behind the last.
    fn samples(&self, [x, y]: [u32; 2], byte: impl Fn(u32) -> u8) -> [f32; 3] {
        self.planes.map(|[first, row, step, halved]| {
            let [x, y] = [x, y].map(|v| v >> (halved & 1));
            f32::from(byte(first.wrapping_add(y.wrapping_mul(row)).wrapping_add(x.wrapping_mul(step)))) / 255.0
        })
    }
}

/// Mirrors `Params` in `shaders/unpack_frame.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    size: [u32; 2],
    bytes: u32,
    pad: u32,
}

impl UnpackFrame {
    /// Bytes of the largest frame: one with four bytes a pixel.
    pub const fn bytes(&self) -> u32 {
        4 * self.size[0] * self.size[1]
    }
}

impl Kernel for UnpackFrame {
    fn name(&self) -> &'static str {
        "unpack_frame"
    }

    fn bindings(&self) -> Vec<Binding> {
        vec![
            Binding::new(Bind::Floats, self.bytes() as usize / 4),
            Binding::new(Bind::Floats, FrameLayout::LEN),
            Binding::new(Bind::TextureOut, feature_len(4, self.size[1], self.size[0])),
        ]
    }

    /// RGBA, upright.
    fn rehearse(&self, values: &mut [Vec<f32>]) {
        let [width, height] = self.size.map(|side| side as i32);
        let layout = FrameLayout {
            column: [1, 0, 0, width],
            row: [0, 1, 0, height],
            planes: [0, 1, 2].map(|first| [first, 4 * self.size[0], 4, 0]),
            colour: [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]],
        };
        values[1].copy_from_slice(bytemuck::cast_slice(bytemuck::bytes_of(&layout)));
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let params = Params { size: self.size, bytes: self.bytes(), pad: 0 };
        Dispatch {
            shader: ShaderKey::new("unpack_frame", tier),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [self.size[0].div_ceil(16), self.size[1].div_ceil(4), 1],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let bytes: &[u8] = bytemuck::cast_slice(inputs[0]);
        let layout: FrameLayout = bytemuck::pod_read_unaligned(bytemuck::cast_slice(inputs[1]));
        let [width, _] = self.size;
        for (i, texel) in outputs[0].as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let at = layout.place(i as u32 % width, i as u32 / width);
            let [a, b, c] = layout.samples(at, |byte| bytes[(byte as usize).min(bytes.len() - 1)]);
            let colour = layout.colour.map(|[ka, kb, kc, k]| (ka * a + kb * b + kc * c + k).clamp(0.0, 1.0));
            *texel = [colour[0], colour[1], colour[2], 1.0];
        }
    }
}
