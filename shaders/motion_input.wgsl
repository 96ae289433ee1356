// motion_input: the source warped by each transform, and keypoint heat differences. One invocation per (pixel, slice).
//
// Shapes   source [1, n, n]·4 (r, g, b, 0)   tps [K, 8] vec2 f32   kp_d, kp_s [P] vec2 f32   y [S, n, n]·4
// Slices   t ≤ K: (r, g, b through transform t, heat t), transform 0 = identity; then four heats a slice, past the last zero
// Storage  source, y S4   Accumulate f32
// CPU twin motion_input.rs
#import tier
#import grid
#import thin_plate

struct Params { size: u32, groups: u32, keypoints: u32, falloff: f32 } // falloff = -1 / (2 variance)
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> source: array<S4>;
@group(0) @binding(2) var<storage, read> tps: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> kp_d: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read> kp_s: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> y: array<S4>;

fn heat(i: u32, z: vec2<f32>) -> f32 {
    if i >= p.keypoints { return 0.0; }
    let d = z - kp_d[i];
    let s = z - kp_s[i];
    return exp(p.falloff * dot(d, d)) - exp(p.falloff * dot(s, s));
}

fn sample(z: vec2<f32>) -> vec4<f32> {
    let tap = bilinear_tap(pixel_position(z, p.size), p.size);
    let upper = tap.low.y * p.size;
    let lower = tap.high.y * p.size;
    return blend_tap(tap, up4(source[upper + tap.low.x]), up4(source[upper + tap.high.x]),
        up4(source[lower + tap.low.x]), up4(source[lower + tap.high.x]));
}

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(workgroup_id) part: vec3<u32>) {
    if any(id.xy >= vec2<u32>(p.size)) { return; }
    let slice = part.z;
    let z = grid_point(id.xy, p.size);
    var v: vec4<f32>;
    if slice <= p.groups {
        var at = z;
        if slice > 0u { at = transform(slice - 1u, z); }
        v = vec4<f32>(sample(at).rgb, heat(slice, z));
    } else {
        let i = slice * 4u - p.groups * 3u - 3u; // K + 1 heats stand in the first slices
        v = vec4<f32>(heat(i, z), heat(i + 1u, z), heat(i + 2u, z), heat(i + 3u, z));
    }
    y[(slice * p.size + id.y) * p.size + id.x] = down4(v);
}
