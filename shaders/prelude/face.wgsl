// Where eyes and lips are among the 106 facial points, and the frame of a face.
const EYES_AT = 44u; // outer corners, inner corners, five upper lid points, five lower ones; of the right and the left eye in turn
const UPPER_LIDS_AT = 48u;
const LOWER_LIDS_AT = 58u;
const LIPS_AT = 83u; // middle of upper and lower lip, right and left end, ...
const LIPS = 20u;
// Unit vector from the right to the left eye, and a length that neither a turn nor a nod changes much.
struct Face { along: vec2<f32>, size: f32 }
// By the outer corners of the eyes and the middle of the mouth.
fn face(right: vec2<f32>, left: vec2<f32>, mouth: vec2<f32>) -> Face {
    let width = max(distance(left, right), 1e-6);
    return Face((left - right) / width, max(width, 1.25 * distance(0.5 * (right + left), mouth)));
}
fn across(f: Face) -> vec2<f32> { return vec2<f32>(-f.along.y, f.along.x); }
