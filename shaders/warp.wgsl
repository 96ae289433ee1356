// warp: upsamples flow and occlusion, samples source and mask, lays out the synthesis input. One invocation per output pixel.
//
// Shapes   flow [m, m] (x, y, occlusion, 0) f32   source [1, n, n]·4 (r, g, b, mask)   background [1, n, n]·4 (r, g, b, 0)
//          y [2 FOLD², n/FOLD, n/FOLD]·4: folded (rgb · occlusion, occlusion), (background rgb, warped mask)
//          warped [1, n, n]·4 (rgb, mask)
// Sampling bilinear, align_corners, clamped to the edge, both times
// Storage  source, background, y, warped S4   Accumulate f32
// CPU twin warp.rs
#import tier
#import grid
#import fold

struct Params { size: u32, motion: u32, ratio: f32, pad: u32 } // ratio = (m - 1) / (n - 1)
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
    let coarse = bilinear_tap(vec2<f32>(id.xy) * p.ratio, p.motion);
    let above = coarse.low.y * p.motion;
    let below = coarse.high.y * p.motion;
    let f = blend_tap(coarse, flow[above + coarse.low.x], flow[above + coarse.high.x],
        flow[below + coarse.low.x], flow[below + coarse.high.x]);
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
