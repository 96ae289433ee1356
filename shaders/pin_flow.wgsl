// pin_flow: corrects a backward flow so that it leads from the driver's facial points to the source's. One invocation per pixel.
//
// Shapes   loose, flow [n, n] (x, y, occlusion, 0)   source, driver [P] vec2, in [-1, 1]; all f32
// Memory   [P] vec4 f32: a driver's point and what the flow misses there, found anew by each workgroup
// CPU twin pin_flow.rs
#import grid

struct Params { size: u32, points: u32, sharpness: f32, softness: f32 } // sharpness = 1 / (2 sigma²)
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> loose: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> source: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read> driver: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> flow: array<vec4<f32>>;

const LANES = 64u;
var<workgroup> pins: array<vec4<f32>, 128>;

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    for (var i = lane; i < p.points; i += LANES) {
        let tap = bilinear_tap(pixel_position(driver[i], p.size), p.size);
        let above = tap.low.y * p.size;
        let below = tap.high.y * p.size;
        let there = blend_tap(tap, loose[above + tap.low.x], loose[above + tap.high.x],
            loose[below + tap.low.x], loose[below + tap.high.x]);
        pins[i] = vec4<f32>(driver[i], source[i] - there.xy);
    }
    workgroupBarrier();
    if any(id.xy >= vec2<u32>(p.size)) { return; }
    let z = grid_point(id.xy, p.size);
    var total = p.softness;
    var sum = vec2<f32>(0.0);
    for (var i = 0u; i < p.points; i++) {
        let pin = pins[i];
        let d = z - pin.xy;
        let weight = exp(-p.sharpness * dot(d, d));
        total += weight;
        sum += weight * pin.zw;
    }
    let pixel = id.y * p.size + id.x;
    let f = loose[pixel];
    flow[pixel] = vec4<f32>(f.xy + sum / total, f.zw);
}
