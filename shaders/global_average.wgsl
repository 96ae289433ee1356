// global_average: mean over all pixels, one workgroup per slice. The order of the sum is fixed: the result is reproducible.
//
// Shapes   x [C/4, pixels]·4   y [C/4]·4 f32
// Tile     256 invocations, each sums every 256th pixel; then a tree in workgroup memory (4 KiB)
// Storage  x S4   Accumulate f32
// CPU twin global_average.rs
#import tier

struct Params { pixels: u32, weight: f32, pad0: u32, pad1: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<S4>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

const LANES: u32 = 256u;
var<workgroup> partial: array<vec4<f32>, 256>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>) {
    let slice = group.x * p.pixels;
    var sum = vec4<f32>(0.0);
    for (var i = lane; i < p.pixels; i += LANES) {
        sum += up4(x[slice + i]);
    }
    partial[lane] = sum;
    workgroupBarrier();
    for (var reach = LANES / 2u; reach > 0u; reach /= 2u) {
        if lane < reach { partial[lane] += partial[lane + reach]; }
        workgroupBarrier();
    }
    if lane == 0u { y[group.x] = partial[0] * p.weight; }
}
