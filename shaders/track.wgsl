// track: one frame of face tracking: score, next region of interest, portrait crop, facial points. One workgroup.
//
// Shapes   mesh [468, 3] f32, pixels of the mesh crop   flag [4] f32 (face logit first)   indices [106 + pad] f32
//          roi (cx, cy, side, angle), crop (cx, cy, side, 0), status (score, found, frames since, 0) f32, kept between frames
//          fk [106] vec2 f32, in [-1, 1] of the crop
// Hold     without a face (score too low, or a broken number) roi, crop and fk stay as they were
// CPU twin track.rs
#import finite

struct Params {
    frame: vec2<f32>, mesh_size: f32, threshold: f32, crop_scale: f32, crop_up: f32, whole_frame: u32, image: f32,
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> mesh: array<f32>;
@group(0) @binding(2) var<storage, read> flag: array<f32>;
@group(0) @binding(3) var<storage, read> indices: array<f32>;
@group(0) @binding(4) var<storage, read_write> roi: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> crop: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> status: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> fk: array<vec2<f32>>;

const POINTS = 468u;
const FACIAL = 106u;
const RIGHT_EYE = 33u;
const LEFT_EYE = 263u;
const FAR = 1e30; // no frame reaches it: marks a box that holds a broken point
var<workgroup> boxes: array<vec4<f32>, 128>; // (min x, min y, -max x, -max y)
var<workgroup> chosen: vec4<f32>; // this frame's crop (cx, cy, side) and whether a face was found

// Point of the mesh in frame pixels; `axis` = (cos, sin) of the region's angle times its side.
fn in_frame(i: u32, centre: vec2<f32>, axis: vec2<f32>) -> vec2<f32> {
    let q = vec2<f32>(mesh[i * 3u], mesh[i * 3u + 1u]) / p.mesh_size - 0.5;
    return centre + vec2<f32>(axis.x * q.x - axis.y * q.y, axis.y * q.x + axis.x * q.y);
}

fn portrait_crop(low: vec2<f32>, high: vec2<f32>) -> vec4<f32> {
    let side = min(max(high.x - low.x, high.y - low.y) * p.crop_scale, min(p.frame.x, p.frame.y));
    let centre = 0.5 * (low + high) - vec2<f32>(0.0, p.crop_up * side);
    return vec4<f32>(min(max(centre, vec2<f32>(0.5 * side)), p.frame - 0.5 * side), side, 0.0);
}

@compute @workgroup_size(128)
fn main(@builtin(local_invocation_index) lane: u32) {
    let region = roi[0];
    let axis = vec2<f32>(cos(region.w), sin(region.w)) * region.z;
    var mine = vec4<f32>(FAR);
    for (var round = 0u; round < 4u; round++) {
        // 4 × 128 lanes for 468 points: the last point counts more than once, which a box does not mind.
        let at = in_frame(min(round * 128u + lane, POINTS - 1u), region.xy, axis);
        mine = min(mine, select(vec4<f32>(-FAR), vec4<f32>(at, -at), finite(at.x) & finite(at.y)));
    }
    boxes[lane] = mine;
    workgroupBarrier();
    storageBarrier(); // after every lane has read the region, which the first will write
    for (var half = 64u; half > 0u; half >>= 1u) {
        if lane < half { boxes[lane] = min(boxes[lane], boxes[lane + half]); }
        workgroupBarrier();
    }
    if lane == 0u {
        let low = boxes[0].xy;
        let high = -boxes[0].zw;
        let side = max(high.x - low.x, high.y - low.y);
        let sound = finite(flag[0]) & (side > 0.0) & (side < 0.5 * FAR);
        let score = select(0.0, 1.0 / (1.0 + exp(-flag[0])), finite(flag[0]));
        let found = sound & (score >= p.threshold);
        let whole = p.whole_frame != 0u;
        let held = crop[0];
        let square = vec4<f32>(0.5 * p.frame, min(p.frame.x, p.frame.y), 0.0);
        let kept = select(held, portrait_crop(low, high), found & !(held.z > 0.0));
        let now = select(kept, square, whole);
        let eyes = in_frame(LEFT_EYE, region.xy, axis) - in_frame(RIGHT_EYE, region.xy, axis);
        let next = vec4<f32>(0.5 * (low + high), 1.5 * side, atan2(eyes.y, eyes.x));
        roi[0] = select(region, next, found);
        crop[0] = now;
        status[0] = vec4<f32>(score, select(0.0, 1.0, found), select(status[0].z + 1.0, 0.0, found), 0.0);
        chosen = vec4<f32>(now.xyz, select(0.0, 1.0, found));
    }
    workgroupBarrier();
    if (lane < FACIAL) & (chosen.w != 0.0) {
        let at = in_frame(u32(indices[lane]), region.xy, axis);
        let u = (at - chosen.xy) / chosen.z + 0.5;
        fk[lane] = (2.0 * p.image * u - 1.0) / (p.image - 1.0) - 1.0;
    }
}
