// refine_points: adds a linear map of the mesh's points to what the refiner saw, and puts the result into the facial points.
// One workgroup.
//
// Shapes   raw [106] vec2   seen [92]   map [92, 88]   y [108] vec2: the facial points, right iris, left iris; all f32
//          seen and the map's rows: right eye [12 + iris], left eye [12 + iris], lips [20], in sides of their crop; its columns
//          the same without irises
// CPU twin refine_points.rs
#import face
#import refiner

struct Params { pad: vec4<u32> }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> raw: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> seen: array<f32>;
@group(0) @binding(3) var<storage, read> map: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<vec2<f32>>;

const MESH = 106u;
const EYE = 12u;
const KNOWN = 44u; // points of the mesh that are refined
const FOUND = 92u;
var<workgroup> q: array<vec2<f32>, 44>;
var<workgroup> found: array<f32, 92>;

@compute @workgroup_size(128)
fn main(@builtin(local_invocation_index) i: u32) {
    if i < KNOWN {
        let which = min(i / EYE, 2u);
        let r = region(which);
        let at = select(EYES_AT + 2u * (i % EYE) + which, LIPS_AT + i - 2u * EYE, which == 2u);
        let d = raw[at] - r.centre;
        q[i] = vec2<f32>(dot(d, r.x) / dot(r.x, r.x), dot(d, r.y) / dot(r.y, r.y));
    }
    workgroupBarrier();
    if i < FOUND {
        var sum = seen[i];
        for (var k = 0u; k < KNOWN; k++) {
            let at = i * 2u * KNOWN + 2u * k;
            sum += map[at] * q[k].x + map[at + 1u] * q[k].y;
        }
        found[i] = sum;
    }
    workgroupBarrier();
    if i >= MESH + 2u { return; }
    let iris = i >= MESH;
    let lip = (i >= LIPS_AT) & (i < LIPS_AT + LIPS);
    let eye = iris | ((i >= EYES_AT) & (i < EYES_AT + 2u * EYE));
    let r = region(select(i % 2u, 2u, lip)); // even points belong to the right eye
    let place = select((i - EYES_AT) / 2u, EYE, iris);
    let point = select((i % 2u) * (EYE + 1u) + place, 2u * (EYE + 1u) + i - LIPS_AT, lip);
    let at = select(0u, 2u * point, eye | lip);
    y[i] = select(raw[min(i, MESH - 1u)], r.centre + found[at] * r.x + found[at + 1u] * r.y, eye | lip);
}
