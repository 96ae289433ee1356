// avg_pool: mean of each k×k window, no padding. One invocation per output vec4.
//
// Shapes   x [C/4, H, W]·4   y [C/4, Ho, Wo]·4
// Storage  x, y S4   Accumulate f32
// CPU twin avg_pool.rs
#import tier

struct Params { input: vec2<u32>, output: vec2<u32>, kernel: u32, stride: u32, weight: f32, pad: u32 } // sizes as (w, h)
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<S4>;
@group(0) @binding(2) var<storage, read_write> y: array<S4>;

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= p.output) { return; }
    let first = id.xy * p.stride;
    var sum = vec4<f32>(0.0);
    for (var row = 0u; row < p.kernel; row++) {
        let at = (id.z * p.input.y + first.y + row) * p.input.x + first.x;
        for (var column = 0u; column < p.kernel; column++) {
            sum += up4(x[at + column]);
        }
    }
    y[(id.z * p.output.y + id.y) * p.output.x + id.x] = down4(sum * p.weight);
}
