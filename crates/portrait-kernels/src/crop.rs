//! Crop of a rotated square region of a picture: the input of every network that looks at a face.

use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len};
use bytemuck::{Pod, Zeroable};

/// What lies outside the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Border {
    /// Black: texels outside are 0 before bilinear mixing, scale and offset (OpenCV's constant border). A network whose input
    /// is in −1..1 thus sees −1 there.
    Zero,
    /// The nearest texel of the frame.
    Clamp,
}

/// Bindings: the frame (texture), the region `(cx, cy, side, angle)` (`f32`), the crop (feature tensor of the channels r, g, b).
///
/// The region is in frame pixels, pixel 0 having its centre at 0.5; the angle is in radians, turning x towards y. Output pixel
/// `(i, j)` of an n × m crop lies at `c + R(angle) · (u, v) · side` with `u = (i + 0.5) / n − 0.5`,
/// `v = ((j + 0.5) / m − 0.5) · m / n`: `side` is the width and pixels stay square.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crop {
    /// `[width, height]` of the frame, not zero.
    pub frame: [u32; 2],
    /// `[width, height]` of the crop, not zero.
    pub size: [u32; 2],
    /// An output pixel is the mean of `taps × taps` bilinear samples on a grid inside it; 1 to 4. At a reduction of k : 1,
    /// `taps = k` is the area mean.
    pub taps: u32,
    /// `y = v · scale + offset` for v in 0..1.
    pub scale: f32,
    /// See `scale`.
    pub offset: f32,
    /// What lies outside the frame.
    pub border: Border,
}

/// Mirrors `Params` in `shaders/crop.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    frame: [u32; 2],
    size: [u32; 2],
    taps: u32,
    clamp_edge: u32,
    scale: f32,
    offset: f32,
}

impl Crop {
    /// Shape of the output: three channels.
    pub fn output(&self) -> [u32; 3] {
        [3, self.size[1], self.size[0]]
    }

    /// `texel` in the shader.
    fn texel(&self, frame: &[f32], [x, y]: [i32; 2]) -> [f32; 3] {
        let [w, h] = self.frame.map(|v| v as i32);
        let (cx, cy) = (x.clamp(0, w - 1), y.clamp(0, h - 1));
        if self.border == Border::Zero && (cx, cy) != (x, y) {
            return [0.0; 3];
        }
        let at = (cy * w + cx) as usize * 4;
        [frame[at], frame[at + 1], frame[at + 2]]
    }

    /// `bilinear` in the shader.
    fn bilinear(&self, frame: &[f32], [x, y]: [f32; 2]) -> [f32; 3] {
        let [w, h] = self.frame.map(|v| v as f32);
        let (x, y) = (x.max(-1.0).min(w), y.max(-1.0).min(h));
        let (tx, ty) = (x - x.floor(), y - y.floor());
        let [i, j] = [x.floor() as i32, y.floor() as i32];
        let mix = |a: [f32; 3], b: [f32; 3], t: f32| [0, 1, 2].map(|k| a[k] * (1.0 - t) + b[k] * t);
        let upper = mix(self.texel(frame, [i, j]), self.texel(frame, [i + 1, j]), tx);
        let lower = mix(self.texel(frame, [i, j + 1]), self.texel(frame, [i + 1, j + 1]), tx);
        mix(upper, lower, ty)
    }
}

impl Kernel for Crop {
    fn name(&self) -> &'static str {
        "crop"
    }

    fn bindings(&self) -> Vec<Binding> {
        let ([w, h], [n, m]) = (self.frame, self.size);
        vec![
            Binding::new(Bind::Texture, 4 * w as usize * h as usize),
            Binding::new(Bind::Floats, 4),
            Binding::new(Bind::FeatureOut, feature_len(3, m, n)),
        ]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let Self { frame, size, taps, scale, offset, border } = *self;
        let params = Params { frame, size, taps, clamp_edge: u32::from(border == Border::Clamp), scale, offset };
        Dispatch {
            shader: ShaderKey::new("crop", tier),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [size[0].div_ceil(16), size[1].div_ceil(4), 1],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [n, m] = self.size;
        let taps = self.taps;
        let (frame, roi) = (inputs[0], inputs[1]);
        let step = roi[2] / (n * taps) as f32;
        let (ax, ay) = (roi[3].cos() * step, roi[3].sin() * step);
        // In samples from the centre of the crop: exact, so a crop of the whole frame returns its texels.
        let place = |i: u32, tap: u32, side: u32| (i * taps + tap) as f32 + 0.5 - 0.5 * (side * taps) as f32;
        for j in 0..m {
            for i in 0..n {
                let mut sum = [0.0; 3];
                for (row, column) in (0..taps).flat_map(|row| (0..taps).map(move |column| (row, column))) {
                    let (u, v) = (place(i, column, n), place(j, row, m));
                    let at = [roi[0] - 0.5 + (ax * u - ay * v), roi[1] - 0.5 + (ay * u + ax * v)];
                    let sample = self.bilinear(frame, at);
                    sum = [0, 1, 2].map(|k| sum[k] + sample[k]);
                }
                let weight = self.scale / (taps * taps) as f32;
                let at = (j * n + i) as usize * 4;
                let [r, g, b] = sum.map(|v| v * weight + self.offset);
                outputs[0][at..at + 4].copy_from_slice(&[r, g, b, 0.0]);
            }
        }
    }
}
