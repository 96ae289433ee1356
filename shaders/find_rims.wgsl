// find_rims: what a flow misses along the driver's lids and lips, and at its irises. One workgroup, an invocation for each point.
//
// Shapes   loose [m, m] (x, y, occlusion, 0)   source, driver [46] vec2, in [-1, 1], as `Transfer::pins` lists them
//          found [61] vec4: the rims as prelude/openings.wgsl lists them. A point: where the driver has it along its opening and across
//          the face, what the flow misses there
// Sampling bilinear, align_corners, clamped to the edge
// Lids     that close are closed further than they are seen to be
// Irises   are what the lids have left to do there; they fade as the eye closes
// Storage  f32 (keypoints)   Accumulate f32
// Memory   61 vec4 f32
// CPU twin find_rims.rs, opening.rs
#import grid
#import rims
#import openings

struct Params { motion: u32, pixel: f32, open: f32, unused: u32 }
// pixel: side of a pixel of the picture in [-1, 1]; opening at which an iris counts in full
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> loose: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> source: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> driver: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> found: array<vec4<f32>>;

const CORNERS = 4u; // outer, inner; of the right and the left eye in turn
const LIDS = 10u; // upper, then as many lower ones
const IRIS_PINS_AT = 44u;
const CLOSING = 0.5; // see opening.rs for these
const SHUT = 0.2;
const WIDER = vec2<f32>(0.06, 0.2);

fn missed(source: vec2<f32>, driver: vec2<f32>) -> vec2<f32> { return source - loose_at(pixel_position(driver, p.motion)).xy; }

// The pin of the k-th point of an eye's upper (0) or lower (1) lid.
fn lid_pin(eye: u32, lower: u32, k: u32) -> u32 {
    return select(select(2u + LIDS * lower + 2u * k + eye, 2u + eye, k == 6u), eye, k == 0u);
}

// A lid's point or a corner, once lids that close are closed further.
fn lid_point(eye: u32, lower: u32, k: u32, f: Face) -> vec4<f32> {
    let i = lid_pin(eye, lower, k);
    let corner = i < CORNERS;
    let upper_at = select(i - LIDS * lower, 0u, corner);
    let gap = source[upper_at + LIDS] - source[upper_at];
    let s = face(source[0], source[1]);
    let rest = max(dot(gap, s.across), 1e-4) * f.size / s.size;
    let opening = dot(driver[upper_at + LIDS] - driver[upper_at], f.across);
    let closing = select(clamp(1.0 - opening / (rest * CLOSING), 0.0, 1.0), 0.0, corner);
    let inwards = select(1.0, -1.0, lower == 1u);
    let at = driver[i] + inwards * 0.5 * min(SHUT * rest * closing, max(opening, 0.0)) * f.across;
    let wider = closing * select(-WIDER.x, WIDER.y, lower == 1u);
    return vec4<f32>(dot(at, f.along) * sense(eye), dot(at, f.across), missed(source[i] + wider * gap, at));
}

// The k-th point of a rim of the lips.
fn lip_point(rim: u32, k: u32, f: Face) -> vec4<f32> {
    let i = lip_pin(rim, k);
    return vec4<f32>(dot(driver[i], f.along), dot(driver[i], f.across), missed(source[i], driver[i]));
}

// From an opening's first to its last corner along it, and what it may reach across.
fn box_of(opening: u32, f: Face) -> vec4<f32> {
    let start = rim_start(opening, 0u);
    let first = rims[start];
    var box = vec4<f32>(first.x, rims[start + 6u].x, first.y, first.y);
    for (var i = start; i < rim_start(opening, 3u) + 7u; i++) {
        box = vec4<f32>(box.xy, min(box.z, rims[i].y), max(box.w, rims[i].y));
    }
    return box + (REACH.y + LASHES) * f.size * vec4<f32>(0.0, 0.0, -1.0, 1.0);
}

// What the lids leave to be done for an iris, and how much of it counts.
fn iris_of(eye: u32, f: Face) -> vec4<f32> {
    var opening = 0.0;
    for (var k = CORNERS + eye; k < CORNERS + LIDS; k += 2u) {
        opening += dot(driver[LIDS + k] - driver[k], f.across);
    }
    let at = driver[IRIS_PINS_AT + eye];
    let left = missed(source[IRIS_PINS_AT + eye], at) - by_rims(eye, at, f).xy;
    return vec4<f32>(left, clamp(opening / (0.5 * f32(LIDS) * p.open), 0.0, 1.0), 0.0);
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) i: u32) {
    let f = face(driver[0], driver[1]);
    let lip = max(i, 28u) - 28u;
    if i < 28u { rims[i] = lid_point(i / 14u, (i / 7u) % 2u, i % 7u, f); }
    if (i >= 28u) & (i < POINTS) { rims[i] = lip_point(lip / 7u, lip % 7u, f); }
    workgroupBarrier();
    if i <= MOUTH { rims[BOXES_AT + i] = box_of(i, f); }
    workgroupBarrier();
    if i < MOUTH { rims[IRISES_AT + i] = iris_of(i, f); }
    workgroupBarrier();
    if i < RIMS { found[i] = rims[i]; }
}
