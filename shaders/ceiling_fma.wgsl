// ceiling_fma: eight independent chains of multiply-adds an invocation, no memory. What it computes in a second is the
// arithmetic that other kernels are held to.
//
// Shapes   x [n]·4 f32   y [n]·4 f32
// Tile     one vec4 an invocation; a round is 8 chains × 4 multiply-adds × 4 lanes
// Storage  f32
// CPU twin ceiling_fma.rs
#import tier

struct Params { length: u32, rounds: u32, scale: f32, offset: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= p.length { return; }
    let v = x[id.x];
    let s = vec4<f32>(p.scale);
    let t = vec4<f32>(p.offset);
    var a = v; var b = v + 1.0; var c = v + 2.0; var d = v + 3.0;
    var e = v + 4.0; var f = v + 5.0; var g = v + 6.0; var h = v + 7.0;
    for (var round = 0u; round < p.rounds; round++) {
        a = a * s + t; b = b * s + t; c = c * s + t; d = d * s + t;
        e = e * s + t; f = f * s + t; g = g * s + t; h = h * s + t;
        a = a * s + t; b = b * s + t; c = c * s + t; d = d * s + t;
        e = e * s + t; f = f * s + t; g = g * s + t; h = h * s + t;
        a = a * s + t; b = b * s + t; c = c * s + t; d = d * s + t;
        e = e * s + t; f = f * s + t; g = g * s + t; h = h * s + t;
        a = a * s + t; b = b * s + t; c = c * s + t; d = d * s + t;
        e = e * s + t; f = f * s + t; g = g * s + t; h = h * s + t;
    }
    y[id.x] = a + b + c + d + e + f + g + h;
}
