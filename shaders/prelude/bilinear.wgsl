// Bilinear sample of a frame: needs `texel` and the frame's size as `p.frame`. `at` counts texels, texel 0 at 0. Beyond one texel outside
// nothing changes, so far or broken positions stay there.
fn bilinear(at: vec2<f32>) -> vec3<f32> {
    let near = min(max(at, vec2<f32>(-1.0)), vec2<f32>(p.frame));
    let low = floor(near);
    let t = near - low;
    let i = vec2<i32>(low);
    let upper = mix(texel(i), texel(i + vec2<i32>(1, 0)), t.x);
    let lower = mix(texel(i + vec2<i32>(0, 1)), texel(i + vec2<i32>(1, 1)), t.x);
    return mix(upper, lower, t.y);
}
