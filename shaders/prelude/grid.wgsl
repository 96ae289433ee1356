// Square pictures sampled at points in [-1, 1], the centres of the corner pixels at ±1 (align_corners), clamped to the edge.
fn grid_point(pixel: vec2<u32>, size: u32) -> vec2<f32> {
    return vec2<f32>(pixel) * (2.0 / f32(max(size, 2u) - 1u)) - 1.0;
}
fn pixel_position(z: vec2<f32>, size: u32) -> vec2<f32> { return (z + 1.0) * (0.5 * f32(size - 1u)); }
// The neighbours of a bilinear sample and the weight of `high`. A broken position still yields neighbours inside the picture.
struct Tap { low: vec2<u32>, high: vec2<u32>, t: vec2<f32> }
fn bilinear_tap(at: vec2<f32>, size: u32) -> Tap {
    let last = vec2<u32>(size - 1u);
    let inside = clamp(at, vec2<f32>(0.0), vec2<f32>(last));
    let low = min(vec2<u32>(inside), last);
    return Tap(low, min(low + 1u, last), inside - vec2<f32>(low));
}
fn blend_tap(tap: Tap, a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) -> vec4<f32> {
    return mix(mix(a, b, tap.t.x), mix(c, d, tap.t.x), tap.t.y);
}
