// decode_face: outputs of the face detector to the region of the face that is wanted, by one invocation (search frames only).
//
// Shapes   boxes16 [8, 16, 16]·4   scores16 [1, 16, 16]·4   boxes8 [24, 8, 8]·4   scores8 [2, 8, 8]·4
//          wanted (x, y, reach, rank) f32, frame pixels: of the faces within reach of the place the nearest; without a reach the
//          one of this rank by size, 0 the largest
//          roi (cx, cy, side, angle) f32, frame pixels; untouched when there is no such face   found (score, 1 or 0, faces, 0) f32
// Layout   anchor a of a cell: score at channel a, box value j at channel 16 a + j: slices 4 a .. 4 a + 4
// Storage  inputs S4   Arithmetic f32
// CPU twin decode_face.rs
#import tier

struct Params { frame: vec2<u32>, pad: vec2<u32> } // (w, h)
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> boxes16: array<S4>;
@group(0) @binding(2) var<storage, read> scores16: array<S4>;
@group(0) @binding(3) var<storage, read> boxes8: array<S4>;
@group(0) @binding(4) var<storage, read> scores8: array<S4>;
@group(0) @binding(5) var<storage, read> wanted: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> roi: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> found: array<vec4<f32>>;

const FINE: u32 = 512u;     // anchors 0..512: two a cell of the 16-grid; then six a cell of the 8-grid
const ANCHORS: u32 = 896u;
const MAX_FACES: u32 = 32u; // as in decode_face.rs
const LARGEST: u32 = 0x477fe000u; // bits of 65504.0

// Anchors above the threshold and their logits; the logit is negated once a face has taken the anchor in.
var<workgroup> candidate: array<u32, 896>;
var<workgroup> logit: array<f32, 896>;
// Faces as fractions of the input: centre and size; points 0 and 1; certainty.
var<workgroup> boxes: array<vec4<f32>, 32>;
var<workgroup> eyes: array<vec4<f32>, 32>;
var<workgroup> scores: array<f32, 32>;

// Whether no value is NaN, infinite or beyond f16. By bits: compilers may assume that comparisons never meet NaN.
fn sound(v: vec4<f32>) -> bool {
    return all((bitcast<vec4<u32>>(v) & vec4<u32>(0x7fffffffu)) <= vec4<u32>(LARGEST));
}

// Box values 4 q .. 4 q + 4 of an anchor, in pixels of the 128² input.
fn values(anchor: u32, q: u32) -> vec4<f32> {
    if anchor < FINE { return up4(boxes16[((anchor % 2u) * 4u + q) * 256u + anchor / 2u]); }
    let i = anchor - FINE;
    return up4(boxes8[((i % 6u) * 4u + q) * 64u + i / 6u]);
}

fn anchor_logit(anchor: u32) -> f32 {
    if anchor < FINE {
        let v = up4(scores16[anchor / 2u]);
        return select(v.x, v.y, anchor % 2u == 1u);
    }
    let i = anchor - FINE;
    let a = i % 6u;
    let v = up4(scores8[a / 4u * 64u + i / 6u]);
    return select(select(v.x, v.y, a % 4u == 1u), select(v.z, v.w, a % 4u == 3u), a % 4u >= 2u);
}

// Centre shared by the anchors of a cell, as a fraction of the input.
fn cell_centre(anchor: u32) -> vec2<f32> {
    if anchor < FINE { return (vec2<f32>(vec2<u32>(anchor / 2u % 16u, anchor / 32u)) + 0.5) / 16.0; }
    let cell = (anchor - FINE) / 6u;
    return (vec2<f32>(vec2<u32>(cell % 8u, cell / 8u)) + 0.5) / 8.0;
}

// (centre, size), as fractions of the input.
fn decode_box(anchor: u32) -> vec4<f32> {
    return values(anchor, 0u) / 128.0 + vec4<f32>(cell_centre(anchor), 0.0, 0.0);
}

// Fills the list of candidates; returns their number.
fn collect() -> u32 {
    var count = 0u;
    for (var anchor = 0u; anchor < ANCHORS; anchor++) {
        let score = anchor_logit(anchor);
        if !sound(vec4<f32>(score)) { continue; }
        if score <= 0.0 { continue; }
        let size = values(anchor, 0u);
        if !sound(size) { continue; }
        if min(size.z, size.w) <= 0.0 { continue; }
        if !sound(values(anchor, 1u)) { continue; }
        if !sound(values(anchor, 2u)) { continue; }
        if !sound(values(anchor, 3u)) { continue; }
        candidate[count] = anchor;
        logit[count] = score;
        count++;
    }
    return count;
}

// The free candidate with the highest logit, or `count` when none is free.
fn strongest(count: u32) -> u32 {
    var best = count;
    var high = 0.0;
    for (var i = 0u; i < count; i++) {
        if logit[i] > high {
            best = i;
            high = logit[i];
        }
    }
    return best;
}

// Takes the candidates together to faces; returns their number.
fn merge(count: u32) -> u32 {
    var faces = 0u;
    for (; faces < MAX_FACES; faces++) {
        let seed = strongest(count);
        if seed == count { break; }
        scores[faces] = 1.0 / (1.0 + exp(-min(logit[seed], 80.0)));
        let around = decode_box(candidate[seed]);
        let reach = max(around.z, around.w) * 0.5;
        var weight = 0.0;
        var sum_box = vec4<f32>(0.0);
        var sum_eyes = vec4<f32>(0.0);
        logit[seed] = -logit[seed];
        for (var i = 0u; i < count; i++) {
            let b = decode_box(candidate[i]);
            let d = abs(b.xy - around.xy);
            if max(d.x, d.y) >= reach { continue; }
            let l = abs(logit[i]);
            logit[i] = -l;
            let w = 1.0 / (1.0 + exp(-min(l, 80.0)));
            weight += w;
            sum_box += w * b;
            sum_eyes += w * (values(candidate[i], 1u) / 128.0 + cell_centre(candidate[i]).xyxy);
        }
        boxes[faces] = sum_box / weight;
        eyes[faces] = sum_eyes / weight;
    }
    return faces;
}

// How many faces are larger, or as large and more certain.
fn rank(face: u32, faces: u32) -> u32 {
    let area = boxes[face].z * boxes[face].w;
    var larger = 0u;
    for (var i = 0u; i < faces; i++) {
        let other = boxes[i].z * boxes[i].w;
        larger += u32((other > area) | ((other == area) & (i < face)));
    }
    return larger;
}

// Centre in frame pixels.
fn place(face: u32) -> vec2<f32> {
    return (boxes[face].xy - 0.5) * f32(max(p.frame.x, p.frame.y)) + 0.5 * vec2<f32>(p.frame);
}

// The wanted face, or `faces` when it is not there.
fn choose(faces: u32) -> u32 {
    let w = wanted[0];
    var chosen = faces;
    var near = w.z;
    for (var i = 0u; i < faces; i++) {
        if w.z > 0.0 {
            let off = place(i) - w.xy;
            let far = sqrt(off.x * off.x + off.y * off.y);
            if far < near {
                near = far;
                chosen = i;
            }
        } else if rank(i, faces) == u32(w.w) {
            chosen = i;
        }
    }
    return chosen;
}

@compute @workgroup_size(1)
fn main() {
    let faces = merge(collect());
    let chosen = choose(faces);
    found[0] = vec4<f32>(0.0, 0.0, f32(faces), 0.0);
    if chosen == faces { return; }
    found[0] = vec4<f32>(scores[chosen], 1.0, f32(faces), 0.0);
    let face = boxes[chosen];
    let line = eyes[chosen].zw - eyes[chosen].xy;
    var angle = 0.0;
    if any(line != vec2<f32>(0.0)) { angle = atan2(line.y, line.x); }
    // The detector saw a square around the frame.
    let side = f32(max(p.frame.x, p.frame.y));
    roi[0] = vec4<f32>(place(chosen), max(face.z, face.w) * 1.5 * side, angle);
}
