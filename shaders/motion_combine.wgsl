// motion_combine: softmax over the transforms, weighted sum + residual, occlusion. One invocation per pixel.
//
// Shapes   head [(K + 4)/4, n, n]·4: K + 1 logits, occlusion logit, residual x, y   tps [K, 8] vec2 f32   kp_d [K, 5] vec2 f32
//          flow [n, n] (x, y, occlusion, 0) f32, backward, points in [-1, 1]
// Storage  head S4   Accumulate f32
// CPU twin motion_combine.rs
#import tier
#import grid
#import thin_plate

struct Params { size: u32, groups: u32, pad: vec2<u32> }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> head: array<S4>;
@group(0) @binding(2) var<storage, read> tps: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> kp_d: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> flow: array<vec4<f32>>;

fn channel(c: u32, pixel: u32) -> f32 {
    let v = up4(head[(c / 4u) * p.size * p.size + pixel]);
    let pair = select(v.xy, v.zw, (c & 2u) != 0u);
    return select(pair.x, pair.y, (c & 1u) != 0u);
}

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= vec2<u32>(p.size)) { return; }
    let pixel = id.y * p.size + id.x;
    let z = grid_point(id.xy, p.size);
    let still = channel(0u, pixel);
    var top = still;
    for (var k = 1u; k <= p.groups; k++) { top = max(top, channel(k, pixel)); }
    var total = exp(still - top); // at least one term of the sum is 1
    var sum = total * z;
    for (var k = 1u; k <= p.groups; k++) {
        let weight = exp(channel(k, pixel) - top);
        total += weight;
        sum += weight * transform(k - 1u, z);
    }
    let occlusion = 1.0 / (1.0 + exp(-channel(p.groups + 1u, pixel)));
    let residual = vec2<f32>(channel(p.groups + 2u, pixel), channel(p.groups + 3u, pixel));
    flow[pixel] = vec4<f32>(sum / total + residual, occlusion, 0.0);
}
