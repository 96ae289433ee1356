// Catmull-Rom sample of `source`, a square picture of side `p.size`, at a position in pixels: what moves by parts of a pixel stays sharp, where
// the averages of a bilinear sample blur it. Held to its four nearest neighbours, so that nothing beside an edge overshoots.
fn cubic_weights(t: f32) -> vec4<f32> {
    return vec4<f32>(((1.0 - 0.5 * t) * t - 0.5) * t, (1.5 * t - 2.5) * t * t + 1.0, ((2.0 - 1.5 * t) * t + 0.5) * t, (0.5 * t - 0.5) * t * t);
}
fn source_row(y: u32, x: vec4<u32>, weights: vec4<f32>) -> vec4<f32> {
    let row = y * p.size;
    return weights.x * up4(source[row + x.x]) + weights.y * up4(source[row + x.y]) + weights.z * up4(source[row + x.z])
        + weights.w * up4(source[row + x.w]);
}
fn source_at(position: vec2<f32>) -> vec4<f32> {
    let tap = bilinear_tap(position, p.size);
    let before = max(tap.low, vec2<u32>(1u)) - 1u;
    let after = min(tap.low + 2u, vec2<u32>(p.size - 1u));
    let x = vec4<u32>(before.x, tap.low.x, tap.high.x, after.x);
    let across = cubic_weights(tap.t.x);
    let down = cubic_weights(tap.t.y);
    let value = down.x * source_row(before.y, x, across) + down.y * source_row(tap.low.y, x, across)
        + down.z * source_row(tap.high.y, x, across) + down.w * source_row(after.y, x, across);
    let upper = tap.low.y * p.size;
    let lower = tap.high.y * p.size;
    let a = up4(source[upper + x.y]);
    let b = up4(source[upper + x.z]);
    let c = up4(source[lower + x.y]);
    let d = up4(source[lower + x.z]);
    return clamp(value, min(min(a, b), min(c, d)), max(max(a, b), max(c, d)));
}
