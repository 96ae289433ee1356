// warp: samples source and mask by the flow, gives a mouth that opens its inside, lays out the synthesis input. One invocation per
// output pixel.
//
// Shapes   flow [n, n] (x, y, occlusion, carried) f32   source [1, n, n]·4 (r, g, b, mask)   background [1, n, n]·4 (r, g, b, hole)
//          mouth [1, 10 · 16 + 1, 32]·4: layers of two widths and five openings each, in the last lane how much of a tooth it is; then
//          a row that is everywhere (how colourful the photo is, 0, 0, how open its mouth is)
//          driver [46] vec2 f32, its pins as in pin_flow
//          y [2 FOLD², n/FOLD, n/FOLD]·4: folded (rgb · occlusion, occlusion), (background rgb, warped mask)
//          warped [1, n, n]·4 (rgb, how much of it is given: all inside the mouth)
// Sampling Catmull-Rom, align_corners, clamped to the edge; what the flow does not carry along is background
// Mouth    between the driver's inner lips, where they are further apart than the source's can be drawn; colours as mouth.rs says
// Storage  source, background, mouth, y, warped S4   Accumulate f32
// CPU twin warp.rs, mouth.rs
#import tier
#import grid
#import cubic
#import fold
#import rims
#import teeth

struct Params { size: u32, pixel: f32, pad_b: u32, pad_c: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> flow: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> source: array<S4>;
@group(0) @binding(3) var<storage, read> background: array<S4>;
@group(0) @binding(4) var<storage, read> mouth: array<S4>;
@group(0) @binding(5) var<storage, read> driver: array<vec2<f32>>;
@group(0) @binding(6) var<storage, read_write> y: array<S4>;
@group(0) @binding(7) var<storage, read_write> warped: array<S4>;

const ROWS = 16u;
const COLUMNS = 32u;
const OPENINGS = 5u;
const ABOUT = 2u * OPENINGS * ROWS * COLUMNS; // where the row is that is no layer
const RIGHT = 38u; // ends of the inner lips, and their middle
const LEFT = 39u;
const UPPER = 36u;
const LOWER = 37u;
const FULL = 0.5; // see mouth.rs
const NONE = 0.66;
const RISE = 0.25;
const SHUT = 0.03;
const PARTED = 0.07;
const LESS = vec2<f32>(0.35, 0.5);
const WIDEST_CUT = 4.0;
var<workgroup> rims: array<vec2<f32>, 14>; // inner rim of the upper, then of the lower lip: along and across the face
var<workgroup> box: vec4<f32>; // what they enclose: least and most along, across

// Height of a rim at a place along it, linear between its points, and how steep it is there.
fn rim_at(first: u32, along: f32) -> vec2<f32> {
    var here = rims[first];
    var at = vec2<f32>(here.y, 0.0);
    for (var k = first + 1u; k < first + 7u; k++) {
        let next = rims[k];
        let steep = (next.y - here.y) / max(next.x - here.x, 1e-4);
        let gone = clamp(along - here.x, 0.0, max(next.x - here.x, 1e-4));
        at = vec2<f32>(at.x + gone * steep, select(at.y, steep, gone > 0.0));
        here = vec2<f32>(max(next.x, here.x), next.y);
    }
    return at;
}

fn layer_at(layer: u32, low: vec2<u32>, high: vec2<u32>, t: vec2<f32>) -> vec4<f32> {
    let upper = (layer * ROWS + low.y) * COLUMNS;
    let lower = (layer * ROWS + high.y) * COLUMNS;
    return mix(mix(up4(mouth[upper + low.x]), up4(mouth[upper + high.x]), t.x),
        mix(up4(mouth[lower + low.x]), up4(mouth[lower + high.x]), t.x), t.y);
}

fn source_row(y: u32, tap: CubicTap) -> vec4<f32> {
    let row = y * p.size;
    return tap.across.x * up4(source[row + tap.x.x]) + tap.across.y * up4(source[row + tap.x.y])
        + tap.across.z * up4(source[row + tap.x.z]) + tap.across.w * up4(source[row + tap.x.w]);
}
fn source_at(position: vec2<f32>) -> vec4<f32> {
    let tap = cubic_tap(position, p.size);
    let value = tap.down.x * source_row(tap.y.x, tap) + tap.down.y * source_row(tap.y.y, tap)
        + tap.down.z * source_row(tap.y.z, tap) + tap.down.w * source_row(tap.y.w, tap);
    let upper = tap.y.y * p.size;
    let lower = tap.y.z * p.size;
    return held_to(value, up4(source[upper + tap.x.y]), up4(source[upper + tap.x.z]), up4(source[lower + tap.x.y]),
        up4(source[lower + tap.x.z]));
}

// What a mouth as wide and as open shows, in shares of its width and of the gap between its lips.
fn inside_at(share: vec2<f32>, wide: f32, opening: f32) -> vec4<f32> {
    let last = vec2<f32>(f32(COLUMNS - 1u), f32(ROWS - 1u));
    let at = clamp(share * vec2<f32>(f32(COLUMNS), f32(ROWS)) - 0.5, vec2<f32>(0.0), last);
    let edge = vec2<u32>(COLUMNS - 1u, ROWS - 1u);
    // A share that is no number, too, stays inside.
    let low = min(vec2<u32>(at), edge);
    let high = min(low + 1u, edge);
    let t = at - vec2<f32>(low);
    let k = select(0u, 1u, opening > 0.21) + select(0u, 1u, opening > 0.31) + select(0u, 1u, opening > 0.47);
    let less = select(select(select(0.12, 0.21, k > 0u), 0.31, k > 1u), 0.47, k > 2u);
    let more = select(select(select(0.21, 0.31, k > 0u), 0.47, k > 1u), 0.7, k > 2u);
    let open = clamp((opening - less) / (more - less), 0.0, 1.0);
    let narrow = mix(layer_at(k, low, high, t), layer_at(k + 1u, low, high, t), open);
    return mix(narrow, mix(layer_at(OPENINGS + k, low, high, t), layer_at(OPENINGS + k + 1u, low, high, t), open), wide);
}

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) i: u32) {
    let f = face(driver[0], driver[1]);
    if i < 14u {
        let at = driver[lip_pin(1u + i / 7u, i % 7u)];
        rims[i] = vec2<f32>(dot(at, f.along), dot(at, f.across));
    }
    workgroupBarrier();
    if i == 0u {
        var around = vec4<f32>(dot(driver[RIGHT], f.along), dot(driver[LEFT], f.along), rims[0].y, rims[0].y);
        for (var k = 0u; k < 14u; k++) { around = vec4<f32>(around.xy, min(around.z, rims[k].y), max(around.w, rims[k].y)); }
        box = around + vec4<f32>(0.0, 0.0, -0.5 * WIDEST_CUT * p.pixel, 0.5 * WIDEST_CUT * p.pixel);
    }
    workgroupBarrier();
    if any(id.xy >= vec2<u32>(p.size)) { return; }
    let pixel = id.y * p.size + id.x;
    let flowed = flow[pixel];
    let v = source_at(pixel_position(flowed.xy, p.size));
    let back = up4(background[pixel]).rgb;
    var rgb = mix(back, v.rgb, flowed.w);
    var given = 0.0;
    let z = grid_point(id.xy, p.size);
    let place = vec2<f32>(dot(z, f.along), dot(z, f.across));
    if (place.x > box.x) & (place.x < box.y) & (place.y > box.z) & (place.y < box.w) {
        let width = max(box.y - box.x, 1e-3);
        let opening = max(dot(driver[LOWER] - driver[UPPER], f.across), 0.0) / width;
        let about = up4(mouth[ABOUT]);
        let more = clamp((NONE - about.w / max(opening, 1e-3)) / (NONE - FULL), 0.0, 1.0);
        let less = clamp((LESS.y - opening / max(about.w, 1e-3)) / (LESS.y - LESS.x), 0.0, 1.0);
        let shut = clamp((PARTED - opening) / (PARTED - SHUT), 0.0, 1.0) * less;
        let wide = clamp((width / f.size - 0.45) / 0.17, 0.0, 1.0);
        let upper_rim = rim_at(0u, place.x);
        let lower_rim = rim_at(7u, place.x);
        let middle = 0.5 * (upper_rim.x + lower_rim.x);
        let gap = max(lower_rim.x - upper_rim.x, 0.0);
        // Where a rim is steep a pixel is cut across its width.
        let steep = max(abs(upper_rim.y), abs(lower_rim.y));
        let cut = p.pixel * min(sqrt(1.0 + steep * steep), WIDEST_CUT);
        given = covered(place.y, middle - 0.5 * gap, middle + 0.5 * gap, cut);
        let share = vec2<f32>((place.x - box.x) / width, (place.y - middle) / max(gap, 1e-4) + 0.5);
        let rising = clamp((clamp(share.y, 0.0, 1.0) - 1.0 + more * (1.0 + RISE)) / RISE, 0.0, 1.0);
        let inside = inside_at(share, wide * (1.0 - shut), opening);
        let at = vec3<f32>(abs(place.x - 0.5 * (box.x + box.y)), place.y - middle + 0.5 * gap, gap) / f.size;
        let drawn = teeth_at(at.x, at.y, at.z, wide, p.pixel / f.size, about.x);
        rgb = mix(rgb, inside.rgb * mix(vec3<f32>(1.0), drawn, inside.w), max(rising, shut) * given);
    }
    warped[pixel] = down4(vec4<f32>(rgb, given));
    let to = folded(id.xy, p.size);
    let seen = max(flowed.z, given);
    y[to] = down4(vec4<f32>(rgb * seen, seen));
    y[p.size * p.size + to] = down4(vec4<f32>(back, v.w * flowed.w));
}
