// How an opening, an eye or the mouth, corrects the flow around it. `rims` holds what find_rims.wgsl lays out; the host side is opening.rs.
// Needs the loose flow as `loose`, its side as `p.motion`, and the side of a pixel in [-1, 1] as `p.pixel`.
const MOUTH = 2u; // among the openings, after the eyes
const POINTS = 56u; // two lids of each eye, then four rims of the lips, seven points each from corner to corner
const BOXES_AT = 56u; // what each opening reaches, along and across: least and most of each
const IRISES_AT = 59u; // what the flow still misses there, how much of it counts, 0
const RIMS = 61u;
const STRETCH = 2.2; // see opening.rs for these
const EASE = 0.8;
const REACH = vec2<f32>(0.1, 0.25);
const LASHES = 0.04;
const TAPER = 0.07;
var<workgroup> rims: array<vec4<f32>, RIMS>;

fn loose_at(at: vec2<f32>) -> vec4<f32> {
    let tap = bilinear_tap(at, p.motion);
    let above = tap.low.y * p.motion;
    let below = tap.high.y * p.motion;
    return blend_tap(tap, loose[above + tap.low.x], loose[above + tap.high.x], loose[below + tap.low.x], loose[below + tap.high.x]);
}

// How far the loose flow moves a point.
fn moved_at(point: vec2<f32>) -> vec2<f32> { return loose_at(pixel_position(point, p.motion)).xy - point; }

// The sense in which an opening runs along the face.
fn sense(opening: u32) -> f32 { return select(1.0, -1.0, opening == 1u); }

// Where the points of a rim begin. An eye's lashes go with their lid.
fn rim_start(opening: u32, rim: u32) -> u32 { return 7u * select(2u * opening + rim / 2u, 4u + rim, opening == MOUTH); }

struct Rim { height: f32, miss: vec2<f32> }
// A rim at a place along its opening, linear between its points and constant beyond them.
fn rim_at(opening: u32, rim: u32, along: f32) -> Rim {
    let start = rim_start(opening, rim);
    var here = rims[start];
    var value = here.yzw;
    for (var k = 1u; k < 7u; k++) {
        let next = rims[start + k];
        let width = max(next.x - here.x, 1e-4);
        value += clamp((along - here.x) / width, 0.0, 1.0) * (next.yzw - here.yzw);
        here = vec4<f32>(max(next.x, here.x), next.yzw);
    }
    return Rim(value.x, value.yz);
}

fn part(height: f32, top: f32, bottom: f32) -> f32 { return clamp((height - top) / max(bottom - top, 1e-4), 0.0, 1.0); }

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
    let box = rims[BOXES_AT + opening];
    let beyond = max(max(box.x - along, along - box.y), 0.0);
    let fade = clamp(1.0 - beyond / (TAPER * f.size), 0.0, 1.0);
    return vec3<f32>(fade * correction, covered(z.y, upper, lower, p.pixel));
}
