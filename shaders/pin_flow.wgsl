// pin_flow: brings a backward flow to the picture's size and leads it from the driver's eyes, lips and irises to the source's. One
// invocation per pixel.
//
// Shapes   loose [m, m], flow [n, n] (x, y, occlusion, 0)   source, driver [46] vec2, in [-1, 1], as `Transfer::pins` lists them; all f32
// Sampling bilinear, align_corners, clamped to the edge
// Sides    opposite points of lids and inner lips act on their own side of the middle between them only: where they meet, the flow
//          shows skin on both sides, not what lies between; irises fade as the eye closes
// Irises   are moved as they are: their weight falls off from the ends of a line along the eye on, not from its middle
// Memory   [46] two vec4 f32, found anew by each workgroup, and which of them reach its tile
// CPU twin pin_flow.rs
#import grid

struct Params { size: u32, motion: u32, sharpness: f32, softness: f32, steepness: f32, open: f32, reach: f32, ratio: f32 }
// sharpness = 1 / (2 sigma²); steepness of a side; opening at which an iris counts in full; ratio = (m - 1) / (n - 1)
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> loose: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> source: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> driver: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> flow: array<vec4<f32>>;

const PINS = 46u;
const UPPER_LIDS_AT = 4u;
const LOWER_LIDS_AT = 14u;
const LIDS = 10u;
const INNER_LIPS_AT = 36u;
const IRISES_AT = 44u;
const IRIS = 0.04; // half of that line, of the distance between the outer corners of the eyes
const TILE = vec2<u32>(16u, 4u);
var<workgroup> pins: array<vec4<f32>, 46>; // the driver's point, what the flow misses there
var<workgroup> sides: array<vec4<f32>, 46>; // weight in the middle, steepness, where the middle is, half a line; below 0: out of reach
var<workgroup> near: array<u32, 46>; // the first of them: pins that reach the tile
var<workgroup> count: u32;

// The point that lies opposite, or the point itself.
fn opposite(i: u32) -> u32 {
    let upper_lid = (i >= UPPER_LIDS_AT) & (i < LOWER_LIDS_AT);
    let lower_lid = (i >= LOWER_LIDS_AT) & (i < LOWER_LIDS_AT + LIDS);
    let lid = select(select(i, i - LIDS, lower_lid), i + LIDS, upper_lid);
    let k = i - INNER_LIPS_AT; // 0 upper, 1 lower middle; 4, 5 upper, 6, 7 lower
    let lip = select(select(i, i + 1u - 2u * k, k < 2u), select(i + 2u, i - 2u, k > 5u), (k > 3u) & (k < 8u));
    return select(lid, lip, (i >= INNER_LIPS_AT) & (i < IRISES_AT));
}

fn side(i: u32, across: vec2<f32>) -> vec3<f32> {
    let other = opposite(i);
    let middle = 0.5 * dot(driver[i] + driver[other], across);
    // Upper points come first.
    let steepness = select(select(-p.steepness, p.steepness, other < i), 0.0, other == i);
    var opening = 0.0;
    for (var k = i % 2u; k < LIDS; k += 2u) {
        opening += dot(driver[LOWER_LIDS_AT + k] - driver[UPPER_LIDS_AT + k], across);
    }
    let iris = clamp(opening / (0.5 * f32(LIDS) * p.open), 0.0, 1.0);
    return vec3<f32>(select(select(0.5, 1.0, other == i), iris, i >= IRISES_AT), steepness, middle);
}

fn loose_at(at: vec2<f32>) -> vec4<f32> {
    let tap = bilinear_tap(at, p.motion);
    let above = tap.low.y * p.motion;
    let below = tap.high.y * p.motion;
    return blend_tap(tap, loose[above + tap.low.x], loose[above + tap.high.x], loose[below + tap.low.x], loose[below + tap.high.x]);
}

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) i: u32, @builtin(workgroup_id) tile: vec3<u32>) {
    let along = driver[1] - driver[0]; // from the right to the left outer corner
    let across = vec2<f32>(-along.y, along.x) / max(length(along), 1e-6);
    if i < PINS {
        let at = driver[i];
        pins[i] = vec4<f32>(at, source[i] - loose_at(pixel_position(at, p.motion)).xy);
        let first = grid_point(tile.xy * TILE, p.size);
        let last = grid_point((tile.xy + 1u) * TILE - 1u, p.size);
        let half = select(0.0, IRIS * length(along), i >= IRISES_AT);
        sides[i] = vec4<f32>(side(i, across), select(-1.0, half, distance(at, clamp(at, first, last)) < p.reach + half));
    }
    workgroupBarrier();
    if i == 0u {
        var found = 0u;
        for (var k = 0u; k < PINS; k++) {
            near[found] = k;
            found += select(0u, 1u, sides[k].w >= 0.0);
        }
        count = found;
    }
    workgroupBarrier();
    if any(id.xy >= vec2<u32>(p.size)) { return; }
    let z = grid_point(id.xy, p.size);
    let height = dot(z, across);
    var total = p.softness;
    var sum = vec2<f32>(0.0);
    for (var k = 0u; k < count; k++) {
        let pin = pins[near[k]];
        let s = sides[near[k]];
        let d = z - pin.xy;
        let away = vec2<f32>(max(abs(d.x * across.y - d.y * across.x) - s.w, 0.0), dot(d, across));
        let weight = exp(-p.sharpness * dot(away, away)) * clamp(s.x + s.y * (height - s.z), 0.0, 1.0);
        total += weight;
        sum += weight * pin.zw;
    }
    let f = loose_at(vec2<f32>(id.xy) * p.ratio);
    flow[id.y * p.size + id.x] = vec4<f32>(f.xy + sum / total, f.zw);
}
