// pin_flow: brings a backward flow to the picture's size, leads it from the driver's lids, lips and irises to the source's, and says
// what it carries. One invocation per pixel.
//
// Shapes   loose [m, m] (x, y, occlusion, 0)   found [61] vec4 of find_rims   driver [46] vec2, in [-1, 1], as `Transfer::pins` lists them
//          background [1, n, n]·4 (r, g, b, hole)   flow [n, n] (x, y, occlusion, carried)
// Sampling bilinear, align_corners, clamped to the edge
// Rims     eyes and mouth are openings of four rims, curves from corner to corner: from rim to rim the flow is stretched, beyond the
//          outer ones the skin is, over a distance that grows with how far they have moved on it; what is open by no more than a pixel
//          is shut
// Irises   are moved as they are, within the lids: their weight falls off from the ends of a line along the eye on, not from its
//          middle
// Carried  is what lies in the hole that the person left in the background, and not beyond the picture: there the edge would be repeated.
//          Below the picture, and beside it from the mouth to the chin more and more, it is: clothes go on there
// Storage  background S4, all else f32   Accumulate f32
// Memory   61 vec4 f32 of lids and lips and what depends on them
// CPU twin pin_flow.rs, opening.rs
#import tier
#import grid
#import rims
#import openings

struct Params { size: u32, motion: u32, sharpness: f32, softness: f32, pixel: f32, ratio: f32, unused: vec2<u32> }
// sharpness = 1 / (2 sigma²); pixel: its side in [-1, 1]; ratio = (m - 1) / (n - 1)
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> loose: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> found: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> driver: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read> background: array<S4>;
@group(0) @binding(5) var<storage, read_write> flow: array<vec4<f32>>;

const IRIS_PINS_AT = 44u;
const EDGE = 3.0; // pixels over which what lies beyond the picture fades
const CHIN = vec2<f32>(0.2, 0.6); // from where to where clothes begin, below the mouth, in heights from the eyes to it
const UPPER_LIP = 36u; // middle of the inner rims
const LOWER_LIP = 37u;
const IRIS = 0.04; // half of that line, of the distance between the outer corners of the eyes

// How much of what the flow leads to from a height across the face is carried along.
fn carried(to: vec2<f32>, height: f32, f: Face) -> f32 {
    let tap = bilinear_tap(pixel_position(to, p.size), p.size);
    let above = tap.low.y * p.size;
    let below = tap.high.y * p.size;
    let hole = blend_tap(tap, up4(background[above + tap.low.x]), up4(background[above + tap.high.x]),
        up4(background[below + tap.low.x]), up4(background[below + tap.high.x])).w;
    let beyond = clamp((max(abs(to.x), -to.y) - 1.0) / (EDGE * p.pixel), 0.0, 1.0);
    let eyes = 0.5 * dot(driver[0] + driver[1], f.across);
    let mouth = 0.5 * dot(driver[UPPER_LIP] + driver[LOWER_LIP], f.across);
    let clothes = clamp(((height - mouth) / max(mouth - eyes, 1e-3) - CHIN.x) / (CHIN.y - CHIN.x), 0.0, 1.0);
    return hole * (1.0 - beyond * (1.0 - clothes));
}

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    if i < RIMS { rims[i] = found[i]; }
    workgroupBarrier();
    if any(id.xy >= vec2<u32>(p.size)) { return; }
    let f = face(driver[0], driver[1]);
    let z = grid_point(id.xy, p.size);
    let place = vec2<f32>(dot(z, f.along), dot(z, f.across));
    var moved = vec2<f32>(0.0);
    for (var opening = 0u; opening <= MOUTH; opening++) {
        let box = rims[BOXES_AT + opening];
        let along = place.x * sense(opening);
        let beyond = max(box.x - along, along - box.y);
        if (beyond < TAPER * f.size) & (place.y > box.z) & (place.y < box.w) {
            let correction = by_rims(opening, z, f);
            moved += correction.xy;
            if opening < MOUTH {
                let iris = rims[IRISES_AT + opening];
                let d = z - driver[IRIS_PINS_AT + opening];
                let away = vec2<f32>(max(abs(dot(d, f.along)) - IRIS * f.size, 0.0), dot(d, f.across));
                let weight = exp(-p.sharpness * dot(away, away));
                moved += iris.z * correction.z * weight / (weight + p.softness) * iris.xy;
            }
        }
    }
    let at = loose_at(vec2<f32>(id.xy) * p.ratio);
    let to = at.xy + moved;
    flow[id.y * p.size + id.x] = vec4<f32>(to, at.z, carried(to, place.y, f));
}
