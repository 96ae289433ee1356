// rgba_to_feature: a picture as a feature tensor of the channels r, g, b, a. One invocation per pixel.
//
// Shapes   x [H, W] texture   y [1, H, W]·4
// Storage  y S4
// CPU twin rgba_to_feature.rs
#import tier

struct Params { size: vec2<u32>, pad: vec2<u32> } // size as (w, h)
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var x: texture_2d<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<S4>;

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= p.size) { return; }
    y[id.y * p.size.x + id.x] = down4(textureLoad(x, id.xy, 0));
}
