// resize_bilinear: bilinear resize, edges clamped; output pixel i reads at i · scale + offset. One invocation per output vec4.
//
// Shapes   x [C/4, H, W]·4   y [C/4, Ho, Wo]·4
// Storage  x, y S4   Accumulate f32
// CPU twin resize_bilinear.rs
#import tier

struct Params { input: vec2<u32>, output: vec2<u32>, scale: vec2<f32>, offset: vec2<f32> } // all as (x, y)
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<S4>;
@group(0) @binding(2) var<storage, read_write> y: array<S4>;

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= p.output) { return; }
    let last = p.input - 1u;
    let at = clamp(vec2<f32>(id.xy) * p.scale + p.offset, vec2<f32>(0.0), vec2<f32>(last));
    let low = min(vec2<u32>(at), last);
    let high = min(low + 1u, last);
    let t = at - vec2<f32>(low);
    let upper = (id.z * p.input.y + low.y) * p.input.x;
    let lower = (id.z * p.input.y + high.y) * p.input.x;
    let a = mix(up4(x[upper + low.x]), up4(x[upper + high.x]), t.x);
    let b = mix(up4(x[lower + low.x]), up4(x[lower + high.x]), t.x);
    y[(id.z * p.output.y + id.y) * p.output.x + id.x] = down4(mix(a, b, t.y));
}
