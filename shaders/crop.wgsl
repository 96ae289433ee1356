// crop: rotated square region of a picture to a feature tensor (r, g, b, 0), v · scale + offset. One invocation per pixel.
//
// Shapes   frame [H, W] texture   roi (cx, cy, side, angle) f32, frame pixels, pixel 0 centred at 0.5   y [1, m, n]·4
// Sampling taps × taps bilinear samples on a grid inside the output pixel; outside the frame black (clamp_edge = 0) or the edge
// Storage  y S4   Accumulate f32
// CPU twin crop.rs
#import tier
#import bilinear

struct Params { frame: vec2<u32>, size: vec2<u32>, taps: u32, clamp_edge: u32, scale: f32, offset: f32 } // sizes as (w, h)
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var frame: texture_2d<f32>;
@group(0) @binding(2) var<storage, read> roi: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<S4>;

fn texel(at: vec2<i32>) -> vec3<f32> {
    let inside = clamp(at, vec2<i32>(0), vec2<i32>(p.frame) - 1);
    let v = textureLoad(frame, inside, 0).rgb;
    return select(vec3<f32>(0.0), v, (p.clamp_edge != 0u) | all(at == inside));
}

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= p.size) { return; }
    // In samples from the centre of the crop: exact, so a crop of the whole frame returns its texels.
    let first = vec2<f32>(id.xy * p.taps) + 0.5 - 0.5 * vec2<f32>(p.size * p.taps);
    let r = roi[0];
    let axis = vec2<f32>(cos(r.w), sin(r.w)) * (r.z / f32(p.size.x * p.taps));
    let origin = r.xy - 0.5;
    var sum = vec3<f32>(0.0);
    for (var row = 0u; row < p.taps; row++) {
        for (var column = 0u; column < p.taps; column++) {
            let q = first + vec2<f32>(vec2<u32>(column, row));
            sum += bilinear(origin + vec2<f32>(axis.x * q.x - axis.y * q.y, axis.y * q.x + axis.x * q.y));
        }
    }
    let v = sum * (p.scale / f32(p.taps * p.taps)) + p.offset;
    y[id.y * p.size.x + id.x] = down4(vec4<f32>(v, 0.0));
}
