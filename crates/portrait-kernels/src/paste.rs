//! The animated picture at another size, with the photo's detail: by itself, put back where it was cut out, or cut out along the person.

use crate::grid::{bilinear, cubic, picture_workgroups, pixel_position};
use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier, feature_len};
use bytemuck::{Pod, Zeroable};

/// Brings the finished picture to `side` pixels and lays it over the photo or a backdrop.
///
/// Inputs: `flow` `[size, size, 4]` of [`crate::PinFlow`]; source `[4, size, size]` (r, g, b, person mask); background
/// `[4, size, size]` (r, g, b, hole); the picture,
/// a texture `size × size`; the photo's own square, a texture `side × side`; with `matte` the backdrop, a texture `side × side`. Output:
/// the canvas, a texture of which the square at `origin` is written.
///
/// What the photo shows beyond `source` (its fine detail) is carried along by the flow wherever the networks kept what they warped; where
/// the flow carries nothing, the detail is that of the background at that place, outside of the hole. The photo is read by Catmull-Rom
/// splines as [`crate::Warp`] reads the source, all else bilinear.
/// Without `matte` the result blends into the photo over `fade` pixels along `edges`; outside of them the canvas is left as it is. With
/// `matte` the person is laid over the backdrop by the warped mask; a transparent backdrop leaves straight alpha.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paste {
    /// Side of the picture in pixels.
    pub size: u32,
    /// Width and height of the canvas in pixels.
    pub canvas: [u32; 2],
    /// Side of the square on the canvas in pixels.
    pub side: u32,
    /// Left and top of the square on the canvas.
    pub origin: [u32; 2],
    /// Width of the blend in pixels of the canvas, above 0.
    pub fade: f32,
    /// How far inside the square's left, top, right and bottom side the blend begins, in pixels of the canvas; `None`: the side is
    /// not blended. Without `matte`.
    pub edges: [Option<f32>; 4],
    /// Cuts out the person instead.
    pub matte: bool,
}

/// Where the blend of a side begins that is not blended: so far outside that nothing of it reaches the square.
const FAR_OUTSIDE: f32 = -1e9;

/// Mirrors `Params` in `shaders/paste.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    origin: [u32; 2],
    side: u32,
    size: u32,
    fade: f32,
    pad: [u32; 3],
    insets: [f32; 4],
}

fn smoothstep(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

impl Paste {
    fn insets(&self) -> [f32; 4] {
        self.edges.map(|inset| inset.unwrap_or(FAR_OUTSIDE))
    }

    /// The person over the backdrop, with straight alpha.
    fn cut_out(made: [f32; 3], behind: [f32; 4], mask: f32) -> [f32; 4] {
        let alpha = smoothstep(0.25, 0.75, mask);
        let total = alpha + behind[3] * (1.0 - alpha);
        let colour = |c: usize| {
            let blended = (behind[c] * behind[3] * (1.0 - alpha) + made[c] * alpha) / total.max(1e-4);
            if behind[3] > 0.0 { blended } else { made[c] }
        };
        [colour(0), colour(1), colour(2), total]
    }
}

impl Kernel for Paste {
    fn name(&self) -> &'static str {
        "paste"
    }

    fn bindings(&self) -> Vec<Binding> {
        let [picture, square] = [self.size, self.side].map(|side| feature_len(4, side, side));
        let mut list = vec![
            Binding::new(Bind::Floats, picture),
            Binding::new(Bind::Feature, picture),
            Binding::new(Bind::Feature, picture),
            Binding::new(Bind::Texture, picture),
            Binding::new(Bind::Texture, square),
        ];
        list.extend(self.matte.then(|| Binding::new(Bind::Texture, square)));
        list.push(Binding::new(Bind::TextureOut, feature_len(4, self.canvas[1], self.canvas[0])));
        list
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let Self { size, side, origin, fade, .. } = *self;
        let params = Params { origin, side, size, fade, pad: [0; 3], insets: self.insets() };
        Dispatch {
            shader: ShaderKey::new("paste", tier).define("MATTE", self.matte),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: picture_workgroups(self.side, 1),
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let [flow, source, background, picture, photo, rest @ ..] = inputs else {
            panic!("paste needs flow, source, background, picture and photo")
        };
        let backdrop = rest.first().unwrap_or(photo);
        let [canvas] = outputs else { panic!("paste writes the canvas") };
        let (size, side) = (self.size as usize, self.side as usize);
        let [left, top] = self.origin.map(|v| v as usize);
        let (width, scale, insets) = (self.canvas[0] as usize, size as f32 / side as f32, self.insets());
        for pixel in 0..side * side {
            let (x, y) = (pixel % side, pixel / side);
            let low = [x as f32 + 0.5, y as f32 + 0.5];
            let position = low.map(|v| v * scale - 0.5);
            let last = (size - 1) as f32;
            let held = position.map(|v| v.clamp(0.0, last));
            let [fx, fy, occlusion, carried] = bilinear(flow, size, held);
            let near = pixel_position([fx, fy], size);
            let origin: [f32; 2] = std::array::from_fn(|c| near[c] + position[c] - held[c]);
            let moved = bilinear(source, size, origin);
            let made = bilinear(picture, size, position);
            let behind: [f32; 4] = std::array::from_fn(|c| backdrop[4 * pixel + c]);
            let still = bilinear(background, size, position);
            let mix = |a: f32, b: f32| a * (1.0 - carried) + b * carried;
            let off = (0..3).map(|c| (made[c] - mix(still[c], moved[c])).abs()).fold(0.0, f32::max);
            let trust = 1.0 - smoothstep(0.08, 0.3, off);
            let [seen, known] = [occlusion.clamp(0.0, 1.0), 1.0 - (2.0 * still[3] - 1.0).clamp(0.0, 1.0)];
            let there = cubic(photo, side, origin.map(|v| (v + 0.5) / scale - 0.5));
            let here = &photo[4 * pixel..];
            let fine = |c: usize| mix(known * (here[c] - still[c]), seen * (there[c] - moved[c]));
            let detailed = [0, 1, 2].map(|c| (made[c] + fine(c) * trust).clamp(0.0, 1.0));
            let result = if self.matte {
                Self::cut_out(detailed, behind, moved[3] * carried)
            } else {
                let far = side as f32;
                let sides = [low[0], low[1], far - low[0], far - low[1]];
                let gaps: [f32; 4] = std::array::from_fn(|k| (sides[k] - insets[k]) / self.fade);
                if gaps.iter().any(|&gap| gap < 0.0) {
                    continue;
                }
                let weight: f32 = gaps.iter().map(|&gap| smoothstep(0.0, 1.0, gap)).product();
                let colour = |c: usize| behind[c] * (1.0 - weight) + detailed[c] * weight;
                [colour(0), colour(1), colour(2), behind[3]]
            };
            let to = 4 * ((top + y) * width + left + x);
            canvas[to..to + 4].copy_from_slice(&result);
        }
    }
}
