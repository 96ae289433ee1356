// Pins of a face (`Transfer::pins`) seen along and across it, and the rims of its mouth: the host side is opening.rs.
const LIPS_AT = 24u;
struct Face { along: vec2<f32>, across: vec2<f32>, size: f32 }
// Axes from the right to the left outer corner of the eyes and downwards.
fn face(right: vec2<f32>, left: vec2<f32>) -> Face {
    let size = max(length(left - right), 1e-6);
    let along = (left - right) / size;
    return Face(along, vec2<f32>(-along.y, along.x), size);
}
// The pin of the lips' k-th point, from corner to corner, on a rim, from top to bottom.
fn lip_pin(rim: u32, k: u32) -> u32 {
    // Places among the lips of what lies between the corners 2 and 3, five bits each.
    let places = vec4<u32>(
        4u | (6u << 5u) | (0u << 10u) | (7u << 15u) | (5u << 20u),
        14u | (16u << 5u) | (12u << 10u) | (17u << 15u) | (15u << 20u),
        14u | (18u << 5u) | (13u << 10u) | (19u << 15u) | (15u << 20u),
        8u | (10u << 5u) | (1u << 10u) | (11u << 15u) | (9u << 20u),
    );
    let between = (places[rim] >> (5u * (max(k, 1u) - 1u))) & 31u;
    return LIPS_AT + select(select(between, 3u, k == 6u), 2u, k == 0u);
}
// How much of a pixel lies between two heights, 0..1.
fn covered(at: f32, top: f32, bottom: f32, pixel: f32) -> f32 {
    return clamp((min(bottom, at + 0.5 * pixel) - max(top, at - 0.5 * pixel)) / pixel, 0.0, 1.0);
}
