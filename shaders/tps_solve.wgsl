// tps_solve: K thin-plate splines of five point pairs; 8×8 systems by elimination with partial pivoting. One invocation a group.
//
// Shapes   kp_d, kp_s [K, 5] vec2 f32   tps [K, 8] vec2 f32
// Memory   [8 rows, 8 + 2 columns, 16 lanes] f32; each lane works in its own column, so there is no barrier
// Guard    a singular or non-finite system gives the identity
// CPU twin tps_solve.rs
#import finite
#import thin_plate

struct Params { groups: u32, reg: f32, pad: vec2<u32> }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> kp_d: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> kp_s: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> tps: array<vec2<f32>>;

const LANES = 16u;
const MIN_PIVOT = 1e-6;
var<workgroup> m: array<f32, 1280>;
fn at(row: u32, column: u32, lane: u32) -> u32 { return (row * 10u + column) * LANES + lane; }

fn fill(group: u32, lane: u32) {
    for (var i = 0u; i < 5u; i++) {
        let d = kp_d[group * 5u + i];
        let s = kp_s[group * 5u + i];
        for (var j = 0u; j < 5u; j++) {
            m[at(i, j, lane)] = radial(d - kp_d[group * 5u + j]) + select(0.0, p.reg, i == j);
        }
        m[at(i, 5u, lane)] = d.x;
        m[at(i, 6u, lane)] = d.y;
        m[at(i, 7u, lane)] = 1.0;
        m[at(i, 8u, lane)] = s.x;
        m[at(i, 9u, lane)] = s.y;
        m[at(5u, i, lane)] = d.x;
        m[at(6u, i, lane)] = d.y;
        m[at(7u, i, lane)] = 1.0;
    }
    for (var i = 5u; i < 8u; i++) {
        for (var j = 5u; j < 10u; j++) { m[at(i, j, lane)] = select(0.0, p.reg, i == j); }
    }
}

// Brings the system to upper triangular form; false if a pivot vanishes.
fn eliminate(lane: u32) -> bool {
    for (var c = 0u; c < 8u; c++) {
        var best = c;
        for (var r = c + 1u; r < 8u; r++) {
            if abs(m[at(r, c, lane)]) > abs(m[at(best, c, lane)]) { best = r; }
        }
        for (var j = c; j < 10u; j++) {
            let v = m[at(best, j, lane)];
            m[at(best, j, lane)] = m[at(c, j, lane)];
            m[at(c, j, lane)] = v;
        }
        let pivot = m[at(c, c, lane)];
        if !(abs(pivot) > MIN_PIVOT) { return false; }
        for (var r = c + 1u; r < 8u; r++) {
            let f = m[at(r, c, lane)] / pivot;
            for (var j = c + 1u; j < 10u; j++) { m[at(r, j, lane)] -= f * m[at(c, j, lane)]; }
        }
    }
    return true;
}

@compute @workgroup_size(16)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) part: vec3<u32>) {
    let group = part.x * LANES + lane;
    if group >= p.groups { return; }
    fill(group, lane);
    var solved = eliminate(lane);
    for (var k = 0u; k < 8u; k++) {
        let c = 7u - k;
        var v = vec2<f32>(m[at(c, 8u, lane)], m[at(c, 9u, lane)]);
        for (var j = c + 1u; j < 8u; j++) {
            v -= m[at(c, j, lane)] * vec2<f32>(m[at(j, 8u, lane)], m[at(j, 9u, lane)]);
        }
        v /= m[at(c, c, lane)];
        m[at(c, 8u, lane)] = v.x;
        m[at(c, 9u, lane)] = v.y;
        solved = solved & finite(v.x) & finite(v.y);
    }
    for (var r = 0u; r < 8u; r++) {
        let identity = vec2<f32>(select(0.0, 1.0, r == 5u), select(0.0, 1.0, r == 6u));
        tps[group * 8u + r] = select(identity, vec2<f32>(m[at(r, 8u, lane)], m[at(r, 9u, lane)]), solved);
    }
}
