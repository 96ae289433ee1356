//! Bilinear resizing.

use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len, slices};
use bytemuck::{Pod, Zeroable};

/// Bilinear resize of a feature tensor. Pixels are areas: output pixel i reads at `(i + 0.5) · in / out − 0.5` along an axis (TFLite's half
/// pixel centres); positions outside are clamped to the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ResizeBilinear {
    /// Shape `[channels, height, width]` of the input; no dimension is zero.
    pub input: [u32; 3],
    /// Height of the output, not zero.
    pub height: u32,
    /// Width of the output, not zero.
    pub width: u32,
}

/// Mirrors `Params` in `shaders/resize_bilinear.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    input: [u32; 2],
    output: [u32; 2],
    scale: [f32; 2],
    offset: [f32; 2],
}

/// `(scale, offset)` of the input position `i · scale + offset` along an axis.
fn line(input: u32, output: u32) -> (f32, f32) {
    let ratio = input as f32 / output as f32;
    (ratio, 0.5 * ratio - 0.5)
}

impl ResizeBilinear {
    /// Shape `[channels, height, width]` of the output.
    pub fn output(&self) -> [u32; 3] {
        [self.input[0], self.height, self.width]
    }
}

impl Kernel for ResizeBilinear {
    fn name(&self) -> &'static str {
        "resize_bilinear"
    }

    fn bindings(&self) -> Vec<Binding> {
        let [c, h, w] = self.input;
        let out = feature_len(c, self.height, self.width);
        vec![Binding::new(Bind::Feature, feature_len(c, h, w)), Binding::new(Bind::FeatureOut, out)]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let [c, h, w] = self.input;
        let (x, y) = (line(w, self.width), line(h, self.height));
        let output = [self.width, self.height];
        let params = Params { input: [w, h], output, scale: [x.0, y.0], offset: [x.1, y.1] };
        Dispatch {
            shader: ShaderKey::new("resize_bilinear", tier),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [self.width.div_ceil(16), self.height.div_ceil(4), slices(c)],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [c, h, w] = self.input;
        let mix = |a: f32, b: f32, t: f32| a * (1.0 - t) + b * t;
        // Two neighbours along an axis and the share of the second.
        let place = |i: u32, input: u32, output: u32| {
            let (scale, offset) = line(input, output);
            let at = (i as f32 * scale + offset).clamp(0.0, (input - 1) as f32);
            let low = (at as u32).min(input - 1);
            (low, (low + 1).min(input - 1), at - low as f32)
        };
        let mut out = outputs[0].iter_mut();
        for slice in 0..slices(c) {
            for y in 0..self.height {
                let (top, bottom, ty) = place(y, h, self.height);
                for x in 0..self.width {
                    let (left, right, tx) = place(x, w, self.width);
                    for lane in 0..4 {
                        let at =
                            |row: u32, column: u32| inputs[0][((slice * h + row) * w + column) as usize * 4 + lane];
                        let upper = mix(at(top, left), at(top, right), tx);
                        let lower = mix(at(bottom, left), at(bottom, right), tx);
                        if let Some(out) = out.next() {
                            *out = mix(upper, lower, ty);
                        }
                    }
                }
            }
        }
    }
}
