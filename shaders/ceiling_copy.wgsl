// ceiling_copy: reads and writes every vec4 once. What it moves in a second is the bandwidth that other kernels are held to.
//
// Shapes   x [C/4, pixels]·4   y the same
// Tile     one vec4 an invocation
// Storage  x, y S4
// CPU twin ceiling_copy.rs
#import tier

struct Params { length: u32, row: u32, pad0: u32, pad1: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<S4>;
@group(0) @binding(2) var<storage, read_write> y: array<S4>;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = id.y * p.row + id.x;
    if i >= p.length { return; }
    y[i] = x[i];
}
