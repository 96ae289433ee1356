// correct_lids: moves the 24 eye points by a linear map of themselves, in the frame of the outer eye corners, and further from
// the neutral pose by the eye gain.
//
// Shapes   raw [106, 2]   map [48, 48] then [48]   state, control: as transfer   y [106, 2]; all f32
// Tile     one workgroup; lane = coordinate of an eye point, then facial point
// CPU twin correct_lids.rs
#import tier

struct Params { eyes: array<vec4<u32>, 6>, corners: vec2<u32>, pad: vec2<u32> }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> raw: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> map: array<f32>;
@group(0) @binding(3) var<storage, read> state: array<f32>;
@group(0) @binding(4) var<storage, read> control: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<vec2<f32>>;

const FACIAL: u32 = 106u;
const COORDS: u32 = 48u;
const NEUTRAL_AT: u32 = 632u;
var<workgroup> q: array<f32, 48>;
var<workgroup> moved: array<f32, 48>;

fn eye(i: u32) -> u32 { return p.eyes[i / 4u][i % 4u]; }
fn neutral(i: u32) -> vec2<f32> {
    let at = NEUTRAL_AT + 4u + 2u * i;
    return vec2<f32>(state[at], state[at + 1u]);
}
// A coordinate of `point` in the frame of the corners: along the line between them, or across it.
fn local(point: vec2<f32>, right: vec2<f32>, left: vec2<f32>, across: bool) -> f32 {
    let u = left - right;
    let n = dot(u, u);
    let d = dot(point - 0.5 * (right + left), select(u, vec2<f32>(-u.y, u.x), across));
    return d * select(0.0, 1.0 / n, n > 1e-12);
}

@compute @workgroup_size(128)
fn main(@builtin(local_invocation_index) lane: u32) {
    let right = raw[p.corners.x];
    let left = raw[p.corners.y];
    let across = lane % 2u == 1u;
    if lane < COORDS { q[lane] = local(raw[eye(lane / 2u)], right, left, across); }
    workgroupBarrier();
    if lane < COORDS {
        var d = map[COORDS * COORDS + lane];
        for (var i = 0u; i < COORDS; i++) { d += map[lane * COORDS + i] * q[i]; }
        let gain = select(0.0, control[7] - 1.0, state[NEUTRAL_AT] > 0.5);
        let rest = local(neutral(eye(lane / 2u)), neutral(p.corners.x), neutral(p.corners.y), across);
        moved[lane] = d + gain * (q[lane] + d - rest);
    }
    if lane < FACIAL { y[lane] = raw[lane]; }
    storageBarrier();
    workgroupBarrier();
    if lane < COORDS / 2u {
        let u = left - right;
        let i = eye(lane);
        y[i] = raw[i] + moved[2u * lane] * u + moved[2u * lane + 1u] * vec2<f32>(-u.y, u.x);
    }
}
