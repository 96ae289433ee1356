// unpack_frame: a camera's frame, bytes in its own layout, as an upright picture. One invocation per pixel.
//
// Shapes   packed [bytes / 4] words   how: where samples lie and what they mean   y [H, W] rgba8unorm
// Bytes    a pixel is three samples, each one byte of a plane; planes of chroma may have half the width and height
// CPU twin unpack_frame.rs

struct Params { size: vec2<u32>, bytes: u32, pad: u32 } // size as (w, h)
// Mirrors `FrameLayout` in unpack_frame.rs.
struct Layout {
    column: vec4<i32>, // of the upright pixel (x, y) in the camera's frame: dot((x, y, 1), column.xyz); then the frame's width
    row: vec4<i32>, // the same downwards; then the frame's height
    planes: array<vec4<u32>, 3>, // first byte, bytes from row to row, from sample to sample, 1 where width and height are halved
    colour: array<vec4<f32>, 3>, // red, green and blue of the three samples in 0..1 and of 1
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> packed: array<u32>;
@group(0) @binding(2) var<storage, read> how: Layout;
@group(0) @binding(3) var y: texture_storage_2d<rgba8unorm, write>;

fn sample(at: vec2<u32>, plane: vec4<u32>) -> f32 {
    let place = at >> vec2<u32>(plane.w & 1u);
    let byte = min(plane.x + place.y * plane.y + place.x * plane.z, p.bytes - 1u);
    return f32((packed[byte >> 2u] >> (8u * (byte & 3u))) & 255u) / 255.0;
}

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= p.size) { return; }
    let upright = vec3<i32>(vec2<i32>(id.xy), 1);
    let raw = vec2<i32>(dot(upright, how.column.xyz), dot(upright, how.row.xyz));
    let at = vec2<u32>(clamp(raw, vec2<i32>(0), max(vec2<i32>(how.column.w, how.row.w) - 1, vec2<i32>(0))));
    let samples = vec4<f32>(sample(at, how.planes[0]), sample(at, how.planes[1]), sample(at, how.planes[2]), 1.0);
    let rgb = vec3<f32>(dot(how.colour[0], samples), dot(how.colour[1], samples), dot(how.colour[2], samples));
    textureStore(y, id.xy, vec4<f32>(clamp(rgb, vec3<f32>(0.0), vec3<f32>(1.0)), 1.0));
}
