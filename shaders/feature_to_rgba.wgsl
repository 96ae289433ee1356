// feature_to_rgba: channels 0..3 (or 0..4) of a feature tensor as a picture, clamped to 0..1. One invocation per pixel.
//
// Shapes   x [C/4, H, W]·4   y [H, W] rgba8unorm
// Storage  x S4
// CPU twin feature_to_rgba.rs
#import tier

struct Params { size: vec2<u32>, alpha: u32, pad: u32 } // size as (w, h)
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<S4>;
@group(0) @binding(2) var y: texture_storage_2d<rgba8unorm, write>;

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= p.size) { return; }
    let v = up4(x[id.y * p.size.x + id.x]);
    let rgba = vec4<f32>(v.rgb, select(1.0, v.a, p.alpha != 0u));
    textureStore(y, id.xy, clamp(rgba, vec4<f32>(0.0), vec4<f32>(1.0)));
}
