//! Square pictures sampled at points in [-1, 1]: the host side of `shaders/prelude/grid.wgsl` and `cubic.wgsl`.

/// The point of a pixel: corner pixels' centres lie at ±1 (`align_corners`).
pub(crate) fn grid_point(x: usize, y: usize, size: usize) -> [f32; 2] {
    let step = 2.0 / (size.max(2) - 1) as f32;
    [x as f32 * step - 1.0, y as f32 * step - 1.0]
}

/// The inverse: where in pixels, pixel 0 at 0, a point lies.
pub(crate) fn pixel_position(z: [f32; 2], size: usize) -> [f32; 2] {
    z.map(|v| (v + 1.0) * (0.5 * (size - 1) as f32))
}

/// Bilinear sample of a square picture of vec4 at a pixel position, clamped to the edge.
pub(crate) fn bilinear(picture: &[f32], size: usize, at: [f32; 2]) -> [f32; 4] {
    let last = size - 1;
    // `max` first: a NaN becomes 0.
    let inside = at.map(|v| v.max(0.0).min(last as f32));
    let [x0, y0] = inside.map(|v| v as usize);
    let (x1, y1) = ((x0 + 1).min(last), (y0 + 1).min(last));
    let [tx, ty] = [inside[0] - x0 as f32, inside[1] - y0 as f32];
    let mix = |a: f32, b: f32, t: f32| a * (1.0 - t) + b * t;
    std::array::from_fn(|lane| {
        let texel = |x: usize, y: usize| picture[(y * size + x) * 4 + lane];
        mix(mix(texel(x0, y0), texel(x1, y0), tx), mix(texel(x0, y1), texel(x1, y1), tx), ty)
    })
}

/// Catmull-Rom sample of a square picture of vec4 at a pixel position, clamped to the edge and to the four nearest neighbours.
pub(crate) fn cubic(picture: &[f32], size: usize, at: [f32; 2]) -> [f32; 4] {
    let last = size - 1;
    // `max` first: a NaN becomes 0.
    let inside = at.map(|v| v.max(0.0).min(last as f32));
    let low = inside.map(|v| v as usize);
    let weights = [0, 1].map(|c| {
        let t = inside[c] - low[c] as f32;
        let near = |d: f32| (1.5 * d - 2.5) * d * d + 1.0;
        let far = |d: f32| ((-0.5 * d + 2.5) * d - 4.0) * d + 2.0;
        [far(1.0 + t), near(t), near(1.0 - t), far(2.0 - t)]
    });
    let place = |c: usize, k: usize| (low[c] + k).saturating_sub(1).min(last);
    std::array::from_fn(|lane| {
        let texel = |j: usize, k: usize| picture[(place(1, j) * size + place(0, k)) * 4 + lane];
        let row = |j: usize| (0..4).map(|k| weights[0][k] * texel(j, k)).sum::<f32>();
        let value: f32 = (0..4).map(|j| weights[1][j] * row(j)).sum();
        let nearest = [texel(1, 1), texel(1, 2), texel(2, 1), texel(2, 2)];
        let (least, most) =
            (nearest.iter().copied().fold(f32::MAX, f32::min), nearest.iter().copied().fold(f32::MIN, f32::max));
        value.max(least).min(most)
    })
}

/// Workgroups of 16×4 invocations over a square picture.
pub(crate) const fn picture_workgroups(size: u32, depth: u32) -> [u32; 3] {
    [size.div_ceil(16), size.div_ceil(4), depth]
}
