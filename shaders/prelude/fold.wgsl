// Space to depth: a square of FOLD × FOLD pixels is one pixel of as many times the slices. Twin fold.rs.
override FOLD: u32 = 1u;
// Where a pixel of an n × n picture stands in the first FOLD² slices of the folded tensor.
fn folded(pixel: vec2<u32>, n: u32) -> u32 {
    let side = n / FOLD;
    let corner = pixel % FOLD;
    let square = pixel / FOLD;
    return ((corner.y * FOLD + corner.x) * side + square.y) * side + square.x;
}
