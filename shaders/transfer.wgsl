// transfer: One-Euro filter, calibration and motion transfer of the driver's points; the merger's base; the pins. One workgroup.
//
// Shapes   fk [108] vec2, nk01 [50] vec2 in 0..1   control [12]   status [4]
//          source [23376]: pose, sqrt of the facial hull area, 3 spare, depth [158], 2 spare, rows that fit the head's motion [106] vec4,
//          relief [212][106]: from how two faces' facial points differ to how much deeper the first's lie
//          a pose [158] vec2: 106 facial, 50 neural points, two irises
//          state [960]: filter (started, 3 spare, value [316], rate [316], 4 spare), neutral (valid, score, scale, 0, pose)
//          y [540]: pose (its first 156 points are the merger's input), 4 spare, base [100], 28 spare, pins [92]: eyes, lips, irises; all f32
// Weighs   head: the linear map of the photo's points and depth that fits their motion; expression: what is left of it
// Shape    the photo's is not the driver's: the head's map moves the difference too, both heads held alike, and the depth it stands for
// Hold     without a face (status.y = 0) the state stays, and y is made from it; before the first face y is the source
// CPU twin transfer.rs (one_euro.rs, pose_distance.rs, convex_hull.rs, face.rs, head_fit.rs)
#import finite
#import face

struct Params { base: array<vec4<u32>, 10> } // which facial points the first 40 mixed keypoints start from
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> fk: array<f32>;
@group(0) @binding(2) var<storage, read> nk01: array<f32>;
@group(0) @binding(3) var<storage, read> source: array<f32>;
@group(0) @binding(4) var<storage, read> control: array<vec4<f32>>; // (dt, relative, calibrate, min cutoff), (beta, strength, filter, eye gain), (head, expression, mouth gain, 0)
@group(0) @binding(5) var<storage, read> status: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> state: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;

const LANES = 128u;
const FACIAL = 106u;
const NEURAL_AT = 212u;
const IRISES_AT = 312u;
const COORDS = 316u;
const VALUE_AT = 4u;
const RATE_AT = 320u;
const NEUTRAL_AT = 640u;
const POINT_AT = 644u;
const BASE_AT = 320u;
const PINS_AT = 448u;
const DEPTH_AT = 320u;
const FIT_AT = 480u;
const RELIEF_AT = 904u;
const EYES = 24u;
const PINS = 46u;
const INNER_LIPS_AT = 95u;
const MIN_LID_GAIN = 0.5;
const MAX_LID_GAIN = 2.0;
const MAX_LID_OPENING = 1.5; // of the photo's
const ANY_GAP = 1e6;
const SHUT_LIPS = 0.02; // in sizes of the face, from here on less and less shut
const OPEN_LIPS = 0.05; // from here on open
const UPPER_LIP = 0.15; // of what opens a mouth
const UPPER_LID = 0.85; // of what shuts an eye
const REST_OPENING = 0.5; // of the photo's
const RATE_CUTOFF = 1.0; // Hz
var<workgroup> pose: array<f32, 316>; // the filtered driver, then what is sent on
var<workgroup> sums: array<vec4<f32>, 128>;
var<workgroup> unlike: array<vec2<f32>, 158>; // how the photo differs from the neutral pose, both heads held alike
var<workgroup> smile: array<vec2<f32>, 2>; // what of the photo's corners of the mouth is taken back
var<workgroup> decision: vec4<f32>; // (take this frame as neutral, a neutral is valid, scale, 0)

fn driver(i: u32) -> vec2<f32> { return vec2<f32>(pose[i * 2u], pose[i * 2u + 1u]); }
fn neutral(i: u32) -> vec2<f32> { return vec2<f32>(state[POINT_AT + i * 2u], state[POINT_AT + i * 2u + 1u]); }
fn photo(i: u32) -> vec2<f32> { return vec2<f32>(source[i * 2u], source[i * 2u + 1u]); }
fn reading(i: u32) -> f32 {
    if i < NEURAL_AT { return fk[i]; }
    if i < IRISES_AT { return 2.0 * nk01[i - NEURAL_AT] - 1.0; }
    return fk[i - IRISES_AT + NEURAL_AT];
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

fn driver_face() -> Face {
    return face(driver(EYES_AT), driver(EYES_AT + 1u),
        0.25 * (driver(LIPS_AT) + driver(LIPS_AT + 1u) + driver(LIPS_AT + 2u) + driver(LIPS_AT + 3u)));
}

fn photo_face() -> Face {
    return face(photo(EYES_AT), photo(EYES_AT + 1u),
        0.25 * (photo(LIPS_AT) + photo(LIPS_AT + 1u) + photo(LIPS_AT + 2u) + photo(LIPS_AT + 3u)));
}

fn neutral_face() -> Face {
    return face(neutral(EYES_AT), neutral(EYES_AT + 1u),
        0.25 * (neutral(LIPS_AT) + neutral(LIPS_AT + 1u) + neutral(LIPS_AT + 2u) + neutral(LIPS_AT + 3u)));
}

// How far the driver's eyes are closed below half the photo's opening, in units of the face: a blink is no neutral pose.
fn closed() -> f32 {
    let d = driver_face();
    let s = photo_face();
    var open = vec2<f32>(0.0); // driver, photo
    for (var k = 0u; k < 10u; k++) {
        open.x += dot(driver(LOWER_LIDS_AT + k) - driver(UPPER_LIDS_AT + k), across(d));
        open.y += dot(photo(LOWER_LIDS_AT + k) - photo(UPPER_LIDS_AT + k), across(s));
    }
    return max(REST_OPENING * open.y / s.size - open.x / d.size, 0.0);
}

// How far the lids of an eye (0: right, 1: left) are apart in the photo and in the neutral pose, in its own size: sums over five pairs.
fn openings(eye: u32) -> vec2<f32> {
    let n = across(neutral_face());
    let s = across(photo_face());
    var open = vec2<f32>(0.0);
    for (var k = eye; k < 10u; k += 2u) {
        open.x += dot(photo(LOWER_LIDS_AT + k) - photo(UPPER_LIDS_AT + k), s);
        open.y += dot(neutral(LOWER_LIDS_AT + k) - neutral(UPPER_LIDS_AT + k), n);
    }
    return open;
}

// How much further than `scale` says the driver's lid point `i` moves the photo's along `axis`: lids move in proportion to how far
// each eye is open at rest, so that an eye that closes closes the photo's.
fn lid_motion(i: u32) -> vec2<f32> {
    let n = neutral_face();
    let d = driver_face();
    let eye = i % 2u;
    let open = openings(eye);
    let ratio = open.x / max(decision.z * open.y, 1e-6);
    let gain = control[1].w * clamp(ratio, MIN_LID_GAIN, MAX_LID_GAIN);
    let middle_n = 0.5 * (neutral(EYES_AT + eye) + neutral(EYES_AT + 2u + eye));
    let middle_d = 0.5 * (driver(EYES_AT + eye) + driver(EYES_AT + 2u + eye));
    let moved = dot(driver(i) - middle_d, across(d)) - dot(neutral(i) - middle_n, across(n)) * (d.size / n.size);
    return (gain - 1.0) * control[2].y * control[1].y * decision.z * moved * across(d);
}

// How far to move an upper and a lower point, `further` apart already, from each other, so that they do not cross, but for what the photo
// has already, and are no further apart than `most`, where the photo's are not: a neutral pose taken in a blink would tear the eyes open.
fn parted(upper: u32, lower: u32, axis: vec2<f32>, further: f32, most: f32) -> f32 {
    let rest = dot(photo(lower) - photo(upper), axis);
    let gap = dot(driver(lower) - driver(upper), axis) + further;
    return 0.5 * (clamp(gap, min(rest, 0.0), max(rest, most)) - gap);
}

// How much wider open than the photo's the mouth of the neutral pose is, in the photo's size: its own driver's motion would press the
// photo's shut lips together instead of parting them. Of a mouth that is shut nothing, whatever the tracker sees of it. Less than nothing
// where the photo's is wider.
fn wider(upper: u32, lower: u32) -> f32 {
    let n = neutral_face();
    let rest = max(dot(photo(lower) - photo(upper), across(photo_face())), 0.0);
    let own = dot(neutral(lower) - neutral(upper), across(n));
    let open = clamp((own / n.size - SHUT_LIPS) / (OPEN_LIPS - SHUT_LIPS), 0.0, 1.0);
    return open * max(decision.z * own - rest, 0.0) + min(max(decision.z * own, 0.0) - rest, 0.0);
}

// How much further apart the driver's motion has to leave two points of the lips: see `wider`; a photo's wider mouth adds less and less to
// what the driver opens.
fn further_apart(upper: u32, lower: u32, axis: vec2<f32>) -> f32 {
    let rest = dot(photo(lower) - photo(upper), axis);
    let beyond = max(dot(driver(lower) - driver(upper), axis) - rest, 0.0) / max(rest, 1e-6);
    let gain = control[1].y * control[2].y * control[2].z;
    let by = wider(upper, lower);
    return by * select(gain, 1.0 - 1.0 / (1.0 + beyond * beyond), by < 0.0);
}

// What of `own`, how the photo's corner of the mouth differs from the neutral pose's, is taken back where the driver has moved it by
// `moved`: more the further he goes the same way. Two smiles would make one wider than both.
fn taken_back(own: vec2<f32>, moved: vec2<f32>) -> vec2<f32> {
    let same = max(dot(moved, own), 0.0) / max(dot(own, own), 1e-12);
    return own * (1.0 / (1.0 + same * same) - 1.0);
}

// How far a point of the lips goes along with the corner on its side: about as far as it lies from the middle.
fn corner_share(lip: u32) -> f32 {
    let beside = select(0.7, 0.3, ((lip / 2u) % 2u) == 1u);
    let outer = select(beside, 0.0, lip < 2u);
    let inner = select(0.5, select(0.0, 1.0, lip >= 14u), lip < 16u);
    return select(select(outer, 1.0, (lip / 2u) == 1u), inner, lip >= 12u);
}

fn move_apart(upper: u32, lower: u32, up: vec2<f32>, down: vec2<f32>) {
    pose[upper * 2u] -= up.x;
    pose[upper * 2u + 1u] -= up.y;
    pose[lower * 2u] += down.x;
    pose[lower * 2u + 1u] += down.y;
}

@compute @workgroup_size(128)
fn main(@builtin(local_invocation_index) lane: u32) {
    let found = status[0].y > 0.5;
    let started = state[0] > 0.5;
    for (var i = lane; i < COORDS; i += LANES) { pose[i] = filtered(i, found, started); }
    workgroupBarrier();
    storageBarrier(); // after every lane has read whether the filter has started, which the first will write
    let distance = pose_distance(lane);
    let relative = control[0].y > 0.5;
    if lane == 0u {
        let score = distance + closed();
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
    let moves = relative & (decision.y > 0.5);
    let lid = lane < 2u * (LOWER_LIDS_AT - UPPER_LIDS_AT);
    var lid_moved = vec2<f32>(0.0);
    if lid & moves & (decision.x < 0.5) { lid_moved = lid_motion(UPPER_LIDS_AT + lane); }
    workgroupBarrier();
    for (var i = lane; i < COORDS; i += LANES) {
        var v = pose[i];
        if decision.x > 0.5 { state[POINT_AT + i] = v; }
        if relative {
            let moved = control[1].y * decision.z * (v - state[POINT_AT + i]);
            v = source[i] + select(0.0, moved, decision.y > 0.5);
        }
        pose[i] = v;
    }
    workgroupBarrier();
    let facial = min(lane, FACIAL - 1u);
    let row = FIT_AT + 4u * facial;
    let fit = select(vec4<f32>(0.0), vec4<f32>(source[row], source[row + 1u], source[row + 2u], source[row + 3u]), lane < FACIAL);
    let away = driver(facial) - photo(facial);
    let head_x = total(lane, fit * away.x);
    let head_y = total(lane, fit * away.y);
    storageBarrier(); // before others' points of a neutral pose taken just now
    let apart = photo(facial) - decision.z * neutral(facial);
    let held_x = total(lane, fit * apart.x);
    let held_y = total(lane, fit * apart.y);
    for (var i = lane; i < COORDS / 2u; i += LANES) {
        let place = vec4<f32>(photo(i), source[DEPTH_AT + i], 1.0);
        unlike[i] = photo(i) - decision.z * neutral(i) - vec2<f32>(dot(held_x, place), dot(held_y, place));
    }
    workgroupBarrier();
    var deeper = 0.0;
    for (var k = 0u; k < FACIAL; k++) {
        let row = RELIEF_AT + 2u * FACIAL * k + facial;
        deeper += source[row] * unlike[k].x + source[row + FACIAL] * unlike[k].y;
    }
    for (var i = lane; i < COORDS / 2u; i += LANES) {
        let place = vec4<f32>(photo(i), source[DEPTH_AT + i], 1.0);
        let solid = vec3<f32>(unlike[i], select(0.0, deeper, i < FACIAL));
        let turned = vec2<f32>(dot(head_x.xyz, solid), dot(head_y.xyz, solid));
        let head = vec2<f32>(dot(head_x, place), dot(head_y, place)) + solid.z * vec2<f32>(head_x.z, head_y.z);
        let own = select(turned, vec2<f32>(0.0), (i >= FACIAL) & (i < IRISES_AT / 2u));
        let gain = control[2].y * select(1.0, control[2].z, (i >= LIPS_AT) & (i < LIPS_AT + LIPS));
        let expression = driver(i) + own - photo(i) - head;
        let weighed = (control[2].x - 1.0) * head + (gain - 1.0) * expression;
        if (i >= LIPS_AT + 2u) & (i < LIPS_AT + 4u) { smile[i - LIPS_AT - 2u] = taken_back(unlike[i] + own, gain * expression); }
        let to = driver(i) + select(vec2<f32>(0.0), own + weighed, moves);
        pose[i * 2u] = to.x;
        pose[i * 2u + 1u] = to.y;
    }
    workgroupBarrier();
    if moves & (lane >= LIPS_AT) & (lane < LIPS_AT + LIPS) {
        let by = corner_share(lane - LIPS_AT) * smile[(lane - LIPS_AT) % 2u];
        pose[2u * lane] += by.x;
        pose[2u * lane + 1u] += by.y;
    }
    if lid {
        pose[2u * (UPPER_LIDS_AT + lane)] += lid_moved.x;
        pose[2u * (UPPER_LIDS_AT + lane) + 1u] += lid_moved.y;
    }
    workgroupBarrier();
    let axis = across(driver_face());
    workgroupBarrier();
    if moves & (lane < 10u) {
        let rest = dot(photo(LOWER_LIDS_AT + lane) - photo(UPPER_LIDS_AT + lane), axis);
        // An eye that is half shut in the neutral pose is brought there first.
        let open = openings(lane % 2u);
        let least = REST_OPENING * open.x;
        let half_shut = clamp((least - decision.z * open.y) / max(least, 1e-6), 0.0, 1.0);
        let further = -control[1].y * control[2].y * control[1].w * half_shut * max(rest, 0.0);
        let push = parted(UPPER_LIDS_AT + lane, LOWER_LIDS_AT + lane, axis, further, MAX_LID_OPENING * rest);
        move_apart(UPPER_LIDS_AT + lane, LOWER_LIDS_AT + lane, (push + UPPER_LID * further) * axis, (push + (1.0 - UPPER_LID) * further) * axis);
    }
    // Lips are moved as a whole, first to where the driver's are at rest: three pairs of the inner ones (middle, right and left of it), the outer ones above and below each, and
    // those between them and the corners, half as far.
    let k = clamp(lane, 10u, 17u) - 10u;
    let beside = select(k % 3u, k - 5u, k > 5u);
    let inner = vec2<u32>(select(98u + beside, INNER_LIPS_AT, beside == 0u), select(100u + beside, INNER_LIPS_AT + 1u, beside == 0u));
    let further = further_apart(inner.x, inner.y, axis);
    let push = parted(inner.x, inner.y, axis, further, ANY_GAP);
    workgroupBarrier();
    if moves & (lane >= 10u) & (lane < 18u) {
        let outer = vec2<u32>(select(88u + beside, LIPS_AT, beside == 0u), select(92u + beside, LIPS_AT + 1u, beside == 0u));
        let at = select(select(outer, inner, k < 3u), vec2<u32>(86u, 90u) + beside, k > 5u);
        let share = select(1.0, 0.5, k > 5u) * axis;
        move_apart(at.x, at.y, share * (push + UPPER_LIP * further), share * (push + (1.0 - UPPER_LIP) * further));
    }
    workgroupBarrier();
    for (var i = lane; i < COORDS; i += LANES) { y[i] = pose[i]; }
    if lane < PINS {
        let eye_or_lip = select(EYES_AT + lane, LIPS_AT + lane - EYES, lane >= EYES);
        let at = select(eye_or_lip, IRISES_AT / 2u + lane - EYES - LIPS, lane >= EYES + LIPS);
        y[PINS_AT + 2u * lane] = pose[2u * at];
        y[PINS_AT + 2u * lane + 1u] = pose[2u * at + 1u];
    }
    if lane >= 100u { return; }
    let i = lane / 2u;
    var origin = FACIAL + i;
    if i < 40u { origin = p.base[i / 4u][i % 4u]; }
    y[BASE_AT + lane] = pose[origin * 2u + lane % 2u];
    if lane < BASE_AT - COORDS { y[COORDS + lane] = 0.0; }
    if lane < PINS_AT - BASE_AT - 100u { y[BASE_AT + 100u + lane] = 0.0; }
}
