// warp: samples source and mask by the flow, lays out the synthesis input. One invocation per output pixel.
//
// Shapes   flow [n, n] (x, y, occlusion, 0) f32   source [1, n, n]·4 (r, g, b, mask)   background [1, n, n]·4 (r, g, b, 0)
//          y [2 FOLD², n/FOLD, n/FOLD]·4: folded (rgb · occlusion, occlusion), (background rgb, warped mask)
//          warped [1, n, n]·4 (rgb, mask)
// Sampling bilinear, align_corners, clamped to the edge
// Storage  source, background, y, warped S4   Accumulate f32
// CPU twin warp.rs
#import tier
#import grid
#import fold

struct Params { size: u32, pad_a: u32, pad_b: u32, pad_c: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> flow: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> source: array<S4>;
@group(0) @binding(3) var<storage, read> background: array<S4>;
@group(0) @binding(4) var<storage, read_write> y: array<S4>;
@group(0) @binding(5) var<storage, read_write> warped: array<S4>;

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= vec2<u32>(p.size)) { return; }
    let pixel = id.y * p.size + id.x;
    let f = flow[pixel];
    let tap = bilinear_tap(pixel_position(f.xy, p.size), p.size);
    let upper = tap.low.y * p.size;
    let lower = tap.high.y * p.size;
    let v = blend_tap(tap, up4(source[upper + tap.low.x]), up4(source[upper + tap.high.x]),
        up4(source[lower + tap.low.x]), up4(source[lower + tap.high.x]));
    warped[pixel] = down4(v);
    let to = folded(id.xy, p.size);
    y[to] = down4(vec4<f32>(v.rgb * f.z, f.z));
    y[p.size * p.size + to] = down4(vec4<f32>(up4(background[pixel]).rgb, v.w));
}
