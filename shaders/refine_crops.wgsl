// refine_crops: both eyes and the mouth, upright, from the driver's frame: what the refiner sees. One invocation per 2×2 pixels.
//
// Shapes   frame texture   crop (cx, cy, side, 0) f32, frame pixels   raw [106] vec2 f32, in [-1, 1] of the crop
//          y [9, 24, 24]·4: crop by crop red, green, blue; lanes = the 2×2 pixels
// Sampling mean of taps × taps bilinear samples, as many as frame pixels fall on a pixel (1 to 4); edges repeated
// Storage  y S4   Accumulate f32
// CPU twin refine_crops.rs
#import tier
#import bilinear
#import face
#import refiner

struct Params { frame: vec2<u32>, scale: f32, pad: u32 } // scale: crop sides per unit of a point
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var frame: texture_2d<f32>;
@group(0) @binding(2) var<storage, read> crop: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> raw: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<S4>;

const SIDE = 48u;
const HALF = 24u;

fn texel(at: vec2<i32>) -> vec3<f32> {
    return textureLoad(frame, clamp(at, vec2<i32>(0), vec2<i32>(p.frame) - 1), 0).rgb;
}

@compute @workgroup_size(8, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= vec2<u32>(HALF)) { return; }
    let r = region(id.z);
    let scale = crop[0].z * p.scale; // frame pixels per unit
    let x = r.x * (scale / f32(SIDE));
    let y_step = r.y * (scale / f32(SIDE));
    let taps = u32(clamp(ceil(length(x)), 1.0, 4.0));
    let origin = crop[0].xy + r.centre * scale - 0.5;
    var red = vec4<f32>(0.0);
    var green = vec4<f32>(0.0);
    var blue = vec4<f32>(0.0);
    for (var lane = 0u; lane < 4u; lane++) {
        let corner = vec2<f32>(id.xy * 2u + vec2<u32>(lane % 2u, lane / 2u)) - f32(HALF);
        var sum = vec3<f32>(0.0);
        for (var row = 0u; row < taps; row++) {
            for (var column = 0u; column < taps; column++) {
                let q = corner + (vec2<f32>(vec2<u32>(column, row)) + 0.5) / f32(taps);
                sum += bilinear(origin + q.x * x + q.y * y_step);
            }
        }
        let only = select(vec4<f32>(0.0), vec4<f32>(1.0 / f32(taps * taps)), vec4<u32>(0u, 1u, 2u, 3u) == vec4<u32>(lane));
        red += only * sum.r;
        green += only * sum.g;
        blue += only * sum.b;
    }
    let at = id.z * 3u * HALF * HALF + id.y * HALF + id.x;
    y[at] = down4(red);
    y[at + HALF * HALF] = down4(green);
    y[at + 2u * HALF * HALF] = down4(blue);
}
