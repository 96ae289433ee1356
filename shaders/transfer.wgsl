// transfer: One-Euro filter, calibration and motion transfer of the driver's points, and the merger's base. One workgroup.
//
// Shapes   fk [106] vec2, nk01 [50] vec2 in 0..1   source [316]: fk, nk, sqrt of fk's hull area   control [8]   status [4]
//          state [948]: filter (started, 3 spare, value [312], rate [312], 4 spare), neutral (valid, score, scale, 0, point [312])
//          y [420]: merger input (fk, nk) [312], 8 spare, base [100]; all f32
// Hold     without a face (status.y = 0) the state stays, and y is made from it; before the first face y is the source
// CPU twin transfer.rs (one_euro.rs, pose_distance.rs, convex_hull.rs)
#import finite

struct Params { base: array<vec4<u32>, 10> } // which facial points the first 40 mixed keypoints start from
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> fk: array<f32>;
@group(0) @binding(2) var<storage, read> nk01: array<f32>;
@group(0) @binding(3) var<storage, read> source: array<f32>;
@group(0) @binding(4) var<storage, read> control: array<vec4<f32>>; // (dt, relative, calibrate, min cutoff), (beta, strength, filter, eye gain)
@group(0) @binding(5) var<storage, read> status: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> state: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;

const LANES = 128u;
const FACIAL = 106u;
const COORDS = 312u;
const VALUE_AT = 4u;
const RATE_AT = 316u;
const NEUTRAL_AT = 632u;
const POINT_AT = 636u;
const BASE_AT = 320u;
const RATE_CUTOFF = 1.0; // Hz
var<workgroup> pose: array<f32, 312>; // the filtered driver, then what is sent on
var<workgroup> sums: array<vec4<f32>, 128>;
var<workgroup> decision: vec4<f32>; // (take this frame as neutral, a neutral is valid, scale, 0)

fn driver(i: u32) -> vec2<f32> { return vec2<f32>(pose[i * 2u], pose[i * 2u + 1u]); }
fn reading(i: u32) -> f32 {
    if i < FACIAL * 2u { return fk[i]; }
    return 2.0 * nk01[i - FACIAL * 2u] - 1.0;
}
fn smoothing(cutoff: f32, dt: f32) -> f32 {
    let r = 6.2831853 * cutoff * dt;
    return r / (r + 1.0);
}

// One coordinate of the filter: advances its state if there is a face, and returns its value.
fn filtered(i: u32, found: bool, started: bool) -> f32 {
    let before = select(source[i], state[VALUE_AT + i], started);
    if !found { return before; }
    let given = reading(i);
    let raw = select(before, given, finite(given));
    let dt = max(control[0].x, 1e-4);
    var value = raw;
    var rate = 0.0;
    if started & (control[1].z > 0.5) {
        let last = state[RATE_AT + i];
        rate = last + smoothing(RATE_CUTOFF, dt) * ((raw - before) / dt - last);
        value = before + smoothing(control[0].w + control[1].x * abs(rate), dt) * (raw - before);
    }
    state[VALUE_AT + i] = value;
    state[RATE_AT + i] = rate;
    return value;
}

// Sum over the workgroup, in every lane.
fn total(lane: u32, v: vec4<f32>) -> vec4<f32> {
    workgroupBarrier();
    sums[lane] = v;
    workgroupBarrier();
    for (var half = LANES / 2u; half > 0u; half >>= 1u) {
        if lane < half { sums[lane] += sums[lane + half]; }
        workgroupBarrier();
    }
    return sums[0];
}

// RMS distance of the driver's and the source's facial points, each without its mean and RMS radius.
fn pose_distance(lane: u32) -> f32 {
    let used = lane < FACIAL;
    let i = min(lane, FACIAL - 1u);
    let both = select(vec4<f32>(0.0), vec4<f32>(driver(i), source[i * 2u], source[i * 2u + 1u]), used);
    let centred = select(vec4<f32>(0.0), both - total(lane, both) / f32(FACIAL), used);
    let squares = vec4<f32>(dot(centred.xy, centred.xy), dot(centred.zw, centred.zw), 0.0, 0.0);
    let radius = max(sqrt(total(lane, squares).xy / f32(FACIAL)), vec2<f32>(1e-6));
    let d = centred.xy / radius.x - centred.zw / radius.y;
    return sqrt(total(lane, vec4<f32>(dot(d, d), 0.0, 0.0, 0.0)).x / f32(FACIAL));
}

fn cross2(a: vec2<f32>, b: vec2<f32>) -> f32 { return a.x * b.y - a.y * b.x; }

// Area of the convex hull of the driver's facial points, by Jarvis' march.
fn hull_area() -> f32 {
    var start = driver(0u);
    for (var i = 1u; i < FACIAL; i++) {
        let q = driver(i);
        if (q.x < start.x) | ((q.x == start.x) & (q.y < start.y)) { start = q; }
    }
    var corner = start;
    var second = start;
    var twice = 0.0;
    for (var step = 0u; step < FACIAL; step++) {
        var next = corner;
        for (var i = 0u; i < FACIAL; i++) {
            let edge = next - corner;
            let other = driver(i) - corner;
            let side = cross2(edge, other);
            if (side < 0.0) | ((side == 0.0) & (dot(other, other) > dot(edge, edge))) { next = driver(i); }
        }
        if step == 0u {
            second = next;
        } else if all(next == start) | all(next == second) {
            break;
        }
        twice += cross2(corner - start, next - start);
        corner = next;
    }
    return 0.5 * twice;
}

@compute @workgroup_size(128)
fn main(@builtin(local_invocation_index) lane: u32) {
    let found = status[0].y > 0.5;
    let started = state[0] > 0.5;
    for (var i = lane; i < COORDS; i += LANES) { pose[i] = filtered(i, found, started); }
    workgroupBarrier();
    let score = pose_distance(lane);
    let relative = control[0].y > 0.5;
    if lane == 0u {
        let request = control[0].z;
        let valid = state[NEUTRAL_AT] > 0.5;
        let better = (request > 1.5) & (!valid | (score < state[NEUTRAL_AT + 1u]));
        let take = found & (((request > 0.5) & (request < 1.5)) | better | (relative & !valid));
        if found { state[0] = 1.0; }
        if take {
            let area = hull_area();
            state[NEUTRAL_AT] = 1.0;
            state[NEUTRAL_AT + 1u] = score;
            state[NEUTRAL_AT + 3u] = 0.0;
            state[NEUTRAL_AT + 2u] = select(1.0, source[COORDS] / sqrt(max(area, 1e-6)), area > 1e-6);
        }
        decision = vec4<f32>(select(0.0, 1.0, take), state[NEUTRAL_AT], state[NEUTRAL_AT + 2u], 0.0);
    }
    workgroupBarrier();
    for (var i = lane; i < COORDS; i += LANES) {
        var v = pose[i];
        if decision.x > 0.5 { state[POINT_AT + i] = v; }
        if relative {
            let moved = control[1].y * decision.z * (v - state[POINT_AT + i]);
            v = source[i] + select(0.0, moved, decision.y > 0.5);
        }
        pose[i] = v;
        y[i] = v;
    }
    workgroupBarrier();
    if lane >= 100u { return; }
    let i = lane / 2u;
    var origin = FACIAL + i;
    if i < 40u { origin = p.base[i / 4u][i % 4u]; }
    y[BASE_AT + lane] = pose[origin * 2u + lane % 2u];
    if lane < 8u { y[COORDS + lane] = 0.0; }
}
