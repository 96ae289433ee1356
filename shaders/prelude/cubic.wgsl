// Catmull-Rom samples of square pictures: what moves by parts of a pixel stays sharp, where the averages of a bilinear sample blur it.
// Columns and rows of the four neighbours along each axis, and their weights.
struct CubicTap { x: vec4<u32>, y: vec4<u32>, across: vec4<f32>, down: vec4<f32> }
fn cubic_weights(t: f32) -> vec4<f32> {
    return vec4<f32>(((1.0 - 0.5 * t) * t - 0.5) * t, (1.5 * t - 2.5) * t * t + 1.0, ((2.0 - 1.5 * t) * t + 0.5) * t, (0.5 * t - 0.5) * t * t);
}
fn cubic_tap(at: vec2<f32>, size: u32) -> CubicTap {
    let tap = bilinear_tap(at, size);
    let before = max(tap.low, vec2<u32>(1u)) - 1u;
    let after = min(tap.low + 2u, vec2<u32>(size - 1u));
    return CubicTap(vec4<u32>(before.x, tap.low.x, tap.high.x, after.x), vec4<u32>(before.y, tap.low.y, tap.high.y, after.y),
        cubic_weights(tap.t.x), cubic_weights(tap.t.y));
}
// Held to the four nearest neighbours, so that nothing beside an edge overshoots.
fn held_to(value: vec4<f32>, a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) -> vec4<f32> {
    return clamp(value, min(min(a, b), min(c, d)), max(max(a, b), max(c, d)));
}
