// paste: the animated picture at another size, with the photo's detail, laid over the photo or a backdrop. One invocation per pixel
// of the square.
//
// Shapes   flow [n, n] (x, y, occlusion, carried) f32   source [1, n, n]·4 (r, g, b, mask)   background [1, n, n]·4 (r, g, b, hole)
//          picture [n, n] texture   photo [side, side] texture, the square of it   canvas texture, written in the square at `origin`
// Sampling of the photo Catmull-Rom, of all else bilinear
// Detail   what the photo has beyond `source` follows the flow, where nothing was painted anew: a frame like the photo returns it. What
//          is not carried along has the detail of its own place, outside of the hole
// Edges    blends into the photo over `fade` pixels, from `insets` pixels inside the left, top, right and bottom side on; what lies
//          outside is left as it is, so that several squares that overlap can share a canvas
// MATTE    instead: the person alone, by the warped mask, over backdrop [side, side] texture; alpha as in "over"
// Storage  source, background S4   Accumulate f32
// CPU twin paste.rs
#import tier
#import grid
#import cubic

struct Params { origin: vec2<u32>, side: u32, size: u32, fade: f32, pad_a: u32, pad_b: u32, pad_c: u32, insets: vec4<f32> }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> flow: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> source: array<S4>;
@group(0) @binding(3) var<storage, read> background: array<S4>;
@group(0) @binding(4) var picture: texture_2d<f32>;
@group(0) @binding(5) var photo: texture_2d<f32>;
#ifdef MATTE
@group(0) @binding(6) var backdrop: texture_2d<f32>;
@group(0) @binding(7) var canvas: texture_storage_2d<rgba8unorm, write>;
#else
@group(0) @binding(6) var canvas: texture_storage_2d<rgba8unorm, write>;
#endif

fn flow_at(position: vec2<f32>) -> vec4<f32> {
    let tap = bilinear_tap(position, p.size);
    let upper = tap.low.y * p.size;
    let lower = tap.high.y * p.size;
    return blend_tap(tap, flow[upper + tap.low.x], flow[upper + tap.high.x], flow[lower + tap.low.x], flow[lower + tap.high.x]);
}
fn source_at(position: vec2<f32>) -> vec4<f32> {
    let tap = bilinear_tap(position, p.size);
    let upper = tap.low.y * p.size;
    let lower = tap.high.y * p.size;
    return blend_tap(tap, up4(source[upper + tap.low.x]), up4(source[upper + tap.high.x]),
        up4(source[lower + tap.low.x]), up4(source[lower + tap.high.x]));
}
fn background_at(position: vec2<f32>) -> vec4<f32> {
    let tap = bilinear_tap(position, p.size);
    let upper = tap.low.y * p.size;
    let lower = tap.high.y * p.size;
    return blend_tap(tap, up4(background[upper + tap.low.x]), up4(background[upper + tap.high.x]),
        up4(background[lower + tap.low.x]), up4(background[lower + tap.high.x]));
}
fn picture_at(position: vec2<f32>) -> vec4<f32> {
    let tap = bilinear_tap(position, p.size);
    return blend_tap(tap, textureLoad(picture, tap.low, 0), textureLoad(picture, vec2<u32>(tap.high.x, tap.low.y), 0),
        textureLoad(picture, vec2<u32>(tap.low.x, tap.high.y), 0), textureLoad(picture, tap.high, 0));
}
fn photo_row(y: u32, tap: CubicTap) -> vec4<f32> {
    return tap.across.x * textureLoad(photo, vec2<u32>(tap.x.x, y), 0) + tap.across.y * textureLoad(photo, vec2<u32>(tap.x.y, y), 0)
        + tap.across.z * textureLoad(photo, vec2<u32>(tap.x.z, y), 0) + tap.across.w * textureLoad(photo, vec2<u32>(tap.x.w, y), 0);
}
fn photo_at(position: vec2<f32>) -> vec4<f32> {
    let tap = cubic_tap(position, p.side);
    let value = tap.down.x * photo_row(tap.y.x, tap) + tap.down.y * photo_row(tap.y.y, tap) + tap.down.z * photo_row(tap.y.z, tap)
        + tap.down.w * photo_row(tap.y.w, tap);
    return held_to(value, textureLoad(photo, vec2<u32>(tap.x.y, tap.y.y), 0),
        textureLoad(photo, vec2<u32>(tap.x.z, tap.y.y), 0), textureLoad(photo, vec2<u32>(tap.x.y, tap.y.z), 0),
        textureLoad(photo, vec2<u32>(tap.x.z, tap.y.z), 0));
}

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= vec2<u32>(p.side)) { return; }
    // Pixels of both sizes share their outer borders, so positions are of centres.
    let scale = f32(p.size) / f32(p.side);
    let position = (vec2<f32>(id.xy) + 0.5) * scale - 0.5;
    let held = clamp(position, vec2<f32>(0.0), vec2<f32>(f32(p.size - 1u)));
    let f = flow_at(held);
    let origin = pixel_position(f.xy, p.size) + position - held;
    let moved = source_at(origin);
    let made = picture_at(position).rgb;
    let still = background_at(position);
    let off = abs(made - mix(still.rgb, moved.rgb, f.w));
    let painted = smoothstep(0.08, 0.3, max(off.r, max(off.g, off.b)));
    let carried = photo_at((origin + 0.5) / scale - 0.5).rgb - moved.rgb;
    let known = 1.0 - clamp(2.0 * still.w - 1.0, 0.0, 1.0);
    let fixed = known * (textureLoad(photo, id.xy, 0).rgb - still.rgb);
    let fine = mix(fixed, carried * clamp(f.z, 0.0, 1.0), f.w);
    let detailed = clamp(made + fine * (1.0 - painted), vec3<f32>(0.0), vec3<f32>(1.0));
#ifdef MATTE
    let behind = textureLoad(backdrop, id.xy, 0);
    let alpha = smoothstep(0.25, 0.75, moved.w * f.w);
    let total = alpha + behind.a * (1.0 - alpha);
    let blended = mix(behind.rgb * behind.a, detailed, alpha) / max(total, 1e-4);
    let result = vec4<f32>(select(detailed, blended, behind.a > 0.0), total);
#else
    let behind = textureLoad(photo, id.xy, 0);
    let low = vec2<f32>(id.xy) + 0.5;
    let gaps = (vec4<f32>(low, f32(p.side) - low) - p.insets) / p.fade;
    if any(gaps < vec4<f32>(0.0)) { return; }
    let edges = smoothstep(vec4<f32>(0.0), vec4<f32>(1.0), gaps);
    let result = vec4<f32>(mix(behind.rgb, detailed, edges.x * edges.y * edges.z * edges.w), behind.a);
#endif
    textureStore(canvas, p.origin + id.xy, result);
}
