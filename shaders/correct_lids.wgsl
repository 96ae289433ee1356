// correct_lids: moves the 24 eye points by a linear map of themselves, in the frame of the outer eye corners.
//
// Shapes   raw [106, 2] f32   map [48, 48] then [48] f32   y [106, 2] f32
// Tile     one workgroup; lane = coordinate of an eye point, then facial point
// CPU twin correct_lids.rs
#import tier

struct Params { eyes: array<vec4<u32>, 6>, corners: vec2<u32>, pad: vec2<u32> }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> raw: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> map: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec2<f32>>;

const FACIAL: u32 = 106u;
const COORDS: u32 = 48u;
var<workgroup> q: array<f32, 48>;
var<workgroup> moved: array<f32, 48>;

fn eye(i: u32) -> u32 { return p.eyes[i / 4u][i % 4u]; }

@compute @workgroup_size(128)
fn main(@builtin(local_invocation_index) lane: u32) {
    let right = raw[p.corners.x];
    let left = raw[p.corners.y];
    let middle = 0.5 * (right + left);
    let u = left - right;
    let v = vec2<f32>(-u.y, u.x);
    let n = dot(u, u);
    let scale = select(0.0, 1.0 / n, n > 1e-12);
    if lane < COORDS {
        let d = raw[eye(lane / 2u)] - middle;
        q[lane] = dot(d, select(u, v, lane % 2u == 1u)) * scale;
    }
    workgroupBarrier();
    if lane < COORDS {
        var sum = map[COORDS * COORDS + lane];
        for (var i = 0u; i < COORDS; i++) { sum += map[lane * COORDS + i] * q[i]; }
        moved[lane] = sum;
    }
    if lane < FACIAL { y[lane] = raw[lane]; }
    storageBarrier();
    workgroupBarrier();
    if lane < COORDS / 2u {
        let i = eye(lane);
        y[i] = raw[i] + moved[2u * lane] * u + moved[2u * lane + 1u] * v;
    }
}
