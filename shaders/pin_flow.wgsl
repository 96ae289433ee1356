// pin_flow: brings a backward flow to the picture's size, leads it from the driver's lids, lips and irises to the source's, and says
// what it carries. One invocation per pixel.
//
// Shapes   loose [m, m] (x, y, occlusion, 0)   source, driver [46] vec2, in [-1, 1], as `Transfer::pins` lists them
//          background [1, n, n]·4 (r, g, b, hole)   flow [n, n] (x, y, occlusion, carried)
// Sampling bilinear, align_corners, clamped to the edge
// Rims     eyes and mouth are openings of four rims, curves from corner to corner: from rim to rim the flow is stretched, beyond the
//          outer ones the skin is, over a distance that grows with how far they have moved on it; closing lids are closed further than
//          they are seen to be, and what is open by no more than a pixel is shut
// Irises   are moved as they are, within the lids: their weight falls off from the ends of a line along the eye on, not from its
//          middle; they fade as the eye closes
// Carried  is what lies in the hole that the person left in the background, and not beyond the picture: there the edge would be repeated.
//          Below the picture, and beside it from the mouth to the chin more and more, it is: clothes go on there
// Storage  background S4, all else f32   Accumulate f32
// Memory   52 vec4 f32 of lids and lips and what depends on them, found anew by each workgroup
// CPU twin pin_flow.rs, opening.rs
#import tier
#import grid
#import rims

struct Params { size: u32, motion: u32, sharpness: f32, softness: f32, pixel: f32, open: f32, ratio: f32, unused: u32 }
// sharpness = 1 / (2 sigma²); pixel: its side in [-1, 1]; opening at which an iris counts in full; ratio = (m - 1) / (n - 1)
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> loose: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> source: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> driver: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read> background: array<S4>;
@group(0) @binding(5) var<storage, read_write> flow: array<vec4<f32>>;

const CORNERS = 4u; // outer, inner; of the right and the left eye in turn
const LIDS = 10u; // upper, then as many lower ones
const IRISES_AT = 44u;
const MOUTH = 2u; // among the openings, after the eyes
const CLOSING = 0.5; // see opening.rs for these
const SHUT = 0.2;
const WIDER = vec2<f32>(0.06, 0.2);
const STRETCH = 2.2;
const EASE = 0.8;
const REACH = vec2<f32>(0.1, 0.25);
const LASHES = 0.04;
const TAPER = 0.07;
const EDGE = 3.0; // pixels over which what lies beyond the picture fades
const CHIN = vec2<f32>(0.2, 0.6); // from where to where clothes begin, below the mouth, in heights from the eyes to it
const UPPER_LIP = 36u; // middle of the inner rims
const LOWER_LIP = 37u;
const IRIS = 0.04; // half of that line, of the distance between the outer corners of the eyes
var<workgroup> lids: array<vec4<f32>, 24>; // the driver's point along and across the face, what the flow misses there
var<workgroup> lips: array<vec4<f32>, 28>; // the same of the four rims of the lips in turn, from corner to corner
var<workgroup> boxes: array<vec4<f32>, 3>; // what the eyes and the mouth reach, along and across: least and most of each
var<workgroup> irises: array<vec4<f32>, 2>; // what the flow still misses there, how much of it counts, 0

fn loose_at(at: vec2<f32>) -> vec4<f32> {
    let tap = bilinear_tap(at, p.motion);
    let above = tap.low.y * p.motion;
    let below = tap.high.y * p.motion;
    return blend_tap(tap, loose[above + tap.low.x], loose[above + tap.high.x], loose[below + tap.low.x], loose[below + tap.high.x]);
}

fn missed(source: vec2<f32>, driver: vec2<f32>) -> vec2<f32> { return source - loose_at(pixel_position(driver, p.motion)).xy; }

// A lid's point or a corner, and what the flow misses there, once lids that close are closed further.
fn lid_point(i: u32, f: Face) -> vec4<f32> {
    let lower = i >= CORNERS + LIDS;
    let upper_at = select(i, i - LIDS, lower);
    let gap = source[upper_at + LIDS] - source[upper_at];
    let s = face(source[0], source[1]);
    let rest = max(dot(gap, s.across), 1e-4) * f.size / s.size;
    let opening = dot(driver[upper_at + LIDS] - driver[upper_at], f.across);
    let closing = select(clamp(1.0 - opening / (rest * CLOSING), 0.0, 1.0), 0.0, i < CORNERS);
    let sense = select(1.0, -1.0, lower);
    let at = driver[i] + sense * 0.5 * min(SHUT * rest * closing, max(opening, 0.0)) * f.across;
    let wider = closing * select(-WIDER.x, WIDER.y, lower);
    return vec4<f32>(dot(at, f.along), dot(at, f.across), missed(source[i] + wider * gap, at));
}

// A point of the lips: the k-th, from corner to corner, of the rims from top to bottom.
fn lip_point(rim: u32, k: u32, f: Face) -> vec4<f32> {
    let i = lip_pin(rim, k);
    return vec4<f32>(dot(driver[i], f.along), dot(driver[i], f.across), missed(source[i], driver[i]));
}

// The k-th point of an eye's upper (0) or lower (1) lid, from its outer to its inner corner; the left eye's run backwards.
fn lid_at(eye: u32, lower: u32, k: u32) -> vec4<f32> {
    let i = select(select(2u + LIDS * lower + 2u * k + eye, 2u + eye, k == 6u), eye, k == 0u);
    return lids[i] * vec4<f32>(sense(eye), 1.0, 1.0, 1.0);
}

fn rim_point(opening: u32, rim: u32, k: u32) -> vec4<f32> {
    if opening == MOUTH { return lips[7u * rim + k]; }
    return lid_at(opening, rim / 2u, k);
}

// The sense in which an opening runs along the face.
fn sense(opening: u32) -> f32 { return select(1.0, -1.0, opening == 1u); }

struct Rim { height: f32, miss: vec2<f32> }
// A rim at a place along its opening, linear between its points and constant beyond them.
fn rim_at(opening: u32, rim: u32, along: f32) -> Rim {
    var here = rim_point(opening, rim, 0u);
    var value = here.yzw;
    for (var k = 1u; k < 7u; k++) {
        let next = rim_point(opening, rim, k);
        let width = max(next.x - here.x, 1e-4);
        value += clamp((along - here.x) / width, 0.0, 1.0) * (next.yzw - here.yzw);
        here = vec4<f32>(max(next.x, here.x), next.yzw);
    }
    return Rim(value.x, value.yz);
}

fn part(height: f32, top: f32, bottom: f32) -> f32 { return clamp((height - top) / max(bottom - top, 1e-4), 0.0, 1.0); }

// How far the loose flow moves a point.
fn moved_at(point: vec2<f32>) -> vec2<f32> { return loose_at(pixel_position(point, p.motion)).xy - point; }

// Beyond an outer rim, upwards (sense -1) or downwards, its motion goes over into the loose flow's further off. The loose flow on the
// way stretches the skin as well, and both together would draw a line of it over all of the lid.
fn skin(point: vec2<f32>, height: f32, rim: Rim, sense: f32, f: Face) -> vec2<f32> {
    let away = sense * (height - rim.height);
    let start = point + (rim.height - height) * f.across;
    let ahead = sense * f.across;
    let edge = moved_at(start) + rim.miss;
    let rise = abs(dot(edge - moved_at(start + REACH.y * f.size * ahead), f.across));
    let reach = clamp(STRETCH * rise, REACH.x * f.size, REACH.y * f.size);
    // As much as folds nothing.
    let ease = clamp(reach / max(rise, 1e-4) - 1.0, 0.0, EASE);
    let linear = away / reach;
    let share = linear * (1.0 + ease * (1.0 - linear));
    let correction = mix(edge, moved_at(start + reach * ahead), share) - moved_at(point);
    return select(vec2<f32>(0.0), correction, away < reach);
}

// Correction by the rims of an opening at a point, which lies at a place along and across the face, and how much of it lies inside.
fn by_rims(opening: u32, point: vec2<f32>, f: Face) -> vec3<f32> {
    let z = vec2<f32>(dot(point, f.along), dot(point, f.across));
    let along = z.x * sense(opening);
    let above = rim_at(opening, 1u, along);
    let below = rim_at(opening, 2u, along);
    let middle = 0.5 * (above.height + below.height);
    // What is open by no more than a pixel is shut: of the eye or the mouth, single pixels would be left.
    let open = below.height - above.height;
    let gap = max(min(2.0 * (open - p.pixel), open), 0.0);
    let upper = middle - 0.5 * gap;
    let lower = middle + 0.5 * gap;
    var top = Rim(above.height - LASHES * f.size, above.miss);
    var bottom = Rim(below.height + LASHES * f.size, below.miss);
    if opening == MOUTH {
        top = rim_at(opening, 0u, along);
        bottom = rim_at(opening, 3u, along);
    }
    top.height = min(top.height, upper);
    bottom.height = max(bottom.height, lower);
    // Where the inner rims meet, the flow shows what lies on either side, not the average of both, which is what lies between.
    let down = clamp((z.y - middle) / max(gap, 0.01 * p.pixel) + 0.5, 0.0, 1.0);
    var correction = top.miss + part(z.y, top.height, upper) * (above.miss - top.miss) + down * (below.miss - above.miss)
        + part(z.y, lower, bottom.height) * (bottom.miss - below.miss);
    if (z.y > upper) & (z.y < lower) {
        // Inside it runs straight from rim to rim: what the loose flow does on the way is of lids and lips, not of what they show.
        let there = mix(loose_at(pixel_position(point + (upper - z.y) * f.across, p.motion)).xy,
            loose_at(pixel_position(point + (lower - z.y) * f.across, p.motion)).xy, down);
        correction += there - loose_at(pixel_position(point, p.motion)).xy;
    }
    let over = z.y < top.height;
    if over | (z.y > bottom.height) {
        bottom.height = select(bottom.height, top.height, over);
        bottom.miss = select(bottom.miss, top.miss, over);
        correction = skin(point, z.y, bottom, select(1.0, -1.0, over), f);
    }
    let box = boxes[opening];
    let beyond = max(max(box.x - along, along - box.y), 0.0);
    let fade = clamp(1.0 - beyond / (TAPER * f.size), 0.0, 1.0);
    return vec3<f32>(fade * correction, covered(z.y, upper, lower, p.pixel));
}

// From an opening's first to its last corner along it, and what it may reach across.
fn box_of(opening: u32, f: Face) -> vec4<f32> {
    let first = rim_point(opening, 0u, 0u);
    var box = vec4<f32>(first.x, rim_point(opening, 0u, 6u).x, first.y, first.y);
    for (var k = 0u; k < 28u; k++) {
        let point = rim_point(opening, k / 7u, k % 7u);
        box = vec4<f32>(box.xy, min(box.z, point.y), max(box.w, point.y));
    }
    return box + (REACH.y + LASHES) * f.size * vec4<f32>(0.0, 0.0, -1.0, 1.0);
}

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
    let f = face(driver[0], driver[1]);
    if i < LIPS_AT { lids[i] = lid_point(i, f); }
    if (i >= LIPS_AT) & (i < LIPS_AT + 28u) {
        let k = i - LIPS_AT;
        lips[k] = lip_point(k / 7u, k % 7u, f);
    }
    workgroupBarrier();
    if i <= MOUTH { boxes[i] = box_of(i, f); }
    workgroupBarrier();
    if i < MOUTH {
        var opening = 0.0;
        for (var k = i; k < LIDS; k += 2u) {
            opening += dot(driver[CORNERS + LIDS + k] - driver[CORNERS + k], f.across);
        }
        let at = driver[IRISES_AT + i];
        let left = missed(source[IRISES_AT + i], at) - by_rims(i, at, f).xy;
        irises[i] = vec4<f32>(left, clamp(opening / (0.5 * f32(LIDS) * p.open), 0.0, 1.0), 0.0);
    }
    workgroupBarrier();
    if any(id.xy >= vec2<u32>(p.size)) { return; }
    let z = grid_point(id.xy, p.size);
    let place = vec2<f32>(dot(z, f.along), dot(z, f.across));
    var moved = vec2<f32>(0.0);
    for (var opening = 0u; opening <= MOUTH; opening++) {
        let box = boxes[opening];
        let along = place.x * sense(opening);
        let beyond = max(box.x - along, along - box.y);
        if (beyond < TAPER * f.size) & (place.y > box.z) & (place.y < box.w) {
            let rims = by_rims(opening, z, f);
            moved += rims.xy;
            if opening < MOUTH {
                let iris = irises[opening];
                let d = z - driver[IRISES_AT + opening];
                let away = vec2<f32>(max(abs(dot(d, f.along)) - IRIS * f.size, 0.0), dot(d, f.across));
                let weight = exp(-p.sharpness * dot(away, away));
                moved += iris.z * rims.z * weight / (weight + p.softness) * iris.xy;
            }
        }
    }
    let at = loose_at(vec2<f32>(id.xy) * p.ratio);
    let to = at.xy + moved;
    flow[id.y * p.size + id.x] = vec4<f32>(to, at.z, carried(to, place.y, f));
}
