// The three crops that the refiner looks at (right eye, left eye mirrored, mouth), by the mesh's facial points `raw`, in their units.
struct Region { centre: vec2<f32>, x: vec2<f32>, y: vec2<f32> } // x and y: whole sides
fn region(which: u32) -> Region {
    let right = raw[EYES_AT];
    let left = raw[EYES_AT + 1u];
    let mouth = 0.25 * (raw[LIPS_AT] + raw[LIPS_AT + 1u] + raw[LIPS_AT + 2u] + raw[LIPS_AT + 3u]);
    let f = face(right, left, mouth);
    let eye = 0.5 * (select(right, left, which == 1u) + raw[EYES_AT + select(2u, 3u, which == 1u)]);
    let side = f.size * select(0.55, 0.9, which == 2u);
    return Region(select(eye, mouth, which == 2u), f.along * select(side, -side, which == 1u), across(f) * side);
}
