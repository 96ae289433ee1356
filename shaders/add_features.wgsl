// add_features: y = act(a + b), for the rare addition that no convolution can take in. One invocation per vec4.
//
// Shapes   a, b, y [C/4, pixels]·4
// Storage  a, b, y S4   Accumulate f32
// CPU twin add_features.rs
#import tier
#import activation

struct Params { pixels: u32, channels: u32, pad0: u32, pad1: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<S4>;
@group(0) @binding(2) var<storage, read> b: array<S4>;
@group(0) @binding(3) var<storage, read_write> y: array<S4>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= p.pixels { return; }
    let at = id.y * p.pixels + id.x;
    let lanes = vec4<u32>(0u, 1u, 2u, 3u) + id.y * 4u;
    let v = activate(up4(a[at]) + up4(b[at]), vec4<f32>(0.0));
    y[at] = down4(select(vec4<f32>(0.0), v, lanes < vec4<u32>(p.channels)));
}
