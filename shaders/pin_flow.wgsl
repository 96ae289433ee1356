// pin_flow: corrects a backward flow so that it leads from the driver's eyes, lips and irises to the source's. One invocation per pixel.
//
// Shapes   loose, flow [n, n] (x, y, occlusion, 0)   source, driver [46] vec2, in [-1, 1], as `Transfer::pins` lists them; all f32
// Sides    opposite points of lids and inner lips act on their own side of the middle between them only: where they meet, the flow
//          shows skin on both sides, not what lies between; irises fade as the eye closes
// Memory   [46] two vec4 f32, found anew by each workgroup
// CPU twin pin_flow.rs
#import grid

struct Params { size: u32, sharpness: f32, softness: f32, steepness: f32, open: f32, pad0: f32, pad1: f32, pad2: f32 }
@group(0) @binding(0) var<uniform> p: Params; // sharpness = 1 / (2 sigma²); steepness of a side; opening at which an iris counts in full
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
var<workgroup> pins: array<vec4<f32>, 46>; // the driver's point, what the flow misses there
var<workgroup> sides: array<vec4<f32>, 46>; // weight in the middle, steepness, where the middle is

// The point that lies opposite, or the point itself.
fn opposite(i: u32) -> u32 {
    let upper_lid = (i >= UPPER_LIDS_AT) & (i < LOWER_LIDS_AT);
    let lower_lid = (i >= LOWER_LIDS_AT) & (i < LOWER_LIDS_AT + LIDS);
    let lid = select(select(i, i - LIDS, lower_lid), i + LIDS, upper_lid);
    let k = i - INNER_LIPS_AT; // 0 upper, 1 lower middle; 4, 5 upper, 6, 7 lower
    let lip = select(select(i, i + 1u - 2u * k, k < 2u), select(i + 2u, i - 2u, k > 5u), (k > 3u) & (k < 8u));
    return select(lid, lip, (i >= INNER_LIPS_AT) & (i < IRISES_AT));
}

fn side(i: u32, across: vec2<f32>) -> vec4<f32> {
    let other = opposite(i);
    let middle = 0.5 * dot(driver[i] + driver[other], across);
    // Upper points come first.
    let steepness = select(select(-p.steepness, p.steepness, other < i), 0.0, other == i);
    var opening = 0.0;
    for (var k = i % 2u; k < LIDS; k += 2u) {
        opening += dot(driver[LOWER_LIDS_AT + k] - driver[UPPER_LIDS_AT + k], across);
    }
    let iris = clamp(opening / (0.5 * f32(LIDS) * p.open), 0.0, 1.0);
    return vec4<f32>(select(select(0.5, 1.0, other == i), iris, i >= IRISES_AT), steepness, middle, 0.0);
}

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let along = driver[1] - driver[0]; // from the right to the left outer corner
    let across = vec2<f32>(-along.y, along.x) / max(length(along), 1e-6);
    if i < PINS {
        let tap = bilinear_tap(pixel_position(driver[i], p.size), p.size);
        let above = tap.low.y * p.size;
        let below = tap.high.y * p.size;
        let there = blend_tap(tap, loose[above + tap.low.x], loose[above + tap.high.x],
            loose[below + tap.low.x], loose[below + tap.high.x]);
        pins[i] = vec4<f32>(driver[i], source[i] - there.xy);
        sides[i] = side(i, across);
    }
    workgroupBarrier();
    if any(id.xy >= vec2<u32>(p.size)) { return; }
    let z = grid_point(id.xy, p.size);
    let height = dot(z, across);
    var total = p.softness;
    var sum = vec2<f32>(0.0);
    for (var k = 0u; k < PINS; k++) {
        let pin = pins[k];
        let s = sides[k];
        let d = z - pin.xy;
        let weight = exp(-p.sharpness * dot(d, d)) * clamp(s.x + s.y * (height - s.z), 0.0, 1.0);
        total += weight;
        sum += weight * pin.zw;
    }
    let pixel = id.y * p.size + id.x;
    let f = loose[pixel];
    flow[pixel] = vec4<f32>(f.xy + sum / total, f.zw);
}
