// max_pool: largest value of each k×k window; padding never wins. One invocation per output vec4.
//
// Shapes   x [C/4, H, W]·4   y [C/4, Ho, Wo]·4
// Storage  x, y S4
// CPU twin max_pool.rs
#import tier

struct Params { input: vec2<u32>, output: vec2<u32>, kernel: u32, stride: u32, left: u32, top: u32 } // sizes as (w, h)
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<S4>;
@group(0) @binding(2) var<storage, read_write> y: array<S4>;

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= p.output) { return; }
    // The window clipped to the picture: what lies in the padding is not looked at.
    let start = vec2<i32>(id.xy * p.stride) - vec2<i32>(vec2<u32>(p.left, p.top));
    let first = vec2<u32>(clamp(start, vec2<i32>(0), vec2<i32>(p.input) - 1));
    let end = vec2<u32>(clamp(start + i32(p.kernel), vec2<i32>(0), vec2<i32>(p.input)));
    let slice = id.z * p.input.y;
    var best = up4(x[(slice + first.y) * p.input.x + first.x]);
    for (var row = first.y; row < end.y; row++) {
        let at = (slice + row) * p.input.x;
        for (var column = first.x; column < end.x; column++) {
            best = max(best, up4(x[at + column]));
        }
    }
    y[(id.z * p.output.y + id.y) * p.output.x + id.x] = down4(best);
}
