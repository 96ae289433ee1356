// scale_channels: y = x · s[channel], the multiplication of squeeze-and-excitation. One invocation per vec4.
//
// Shapes   x, y [C/4, pixels]·4   s [C/4]·4 f32
// Storage  x, y S4   Accumulate f32
// CPU twin scale_channels.rs
#import tier

struct Params { pixels: u32, channels: u32, pad0: u32, pad1: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<S4>;
@group(0) @binding(2) var<storage, read> s: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<S4>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= p.pixels { return; }
    let at = id.y * p.pixels + id.x;
    let lanes = vec4<u32>(0u, 1u, 2u, 3u) + id.y * 4u;
    y[at] = down4(select(vec4<f32>(0.0), up4(x[at]) * s[id.y], lanes < vec4<u32>(p.channels)));
}
