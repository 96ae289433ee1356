// compose: m · warped + (1 - m) · sigmoid(rgb), m = max(sigmoid(blend logit), given), alpha 1. One invocation per pixel.
//
// Shapes   head [FOLD², n/FOLD, n/FOLD]·4: folded (r, g, b, blend logits)   warped [1, n, n]·4 (r, g, b, given)   picture [n, n] texture
// Storage  head, warped S4   Accumulate f32
// CPU twin compose.rs
#import tier
#import fold

struct Params { size: u32, pad_a: u32, pad_b: u32, pad_c: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> head: array<S4>;
@group(0) @binding(2) var<storage, read> warped: array<S4>;
@group(0) @binding(3) var picture: texture_storage_2d<rgba8unorm, write>;

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= vec2<u32>(p.size)) { return; }
    let h = 1.0 / (1.0 + exp(-up4(head[folded(id.xy, p.size)])));
    let v = up4(warped[id.y * p.size + id.x]);
    textureStore(picture, id.xy, vec4<f32>(mix(h.rgb, v.rgb, max(h.w, v.w)), 1.0));
}
