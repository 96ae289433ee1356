// Split convolutions: a workgroup of 64 takes p.span tiles of four consecutive pixels, and its 64 / p.span parts share out the
// input slices and taps; at the end the parts are added. The shader says SUMS, the vec4 that an invocation sums up: four pixels of
// one or two output slices. Consecutive parts read consecutive weights.
override SIDE: u32 = 3u; // of the kernel; of one phase's kernel where the input is upsampled: 2
var<workgroup> partial: array<vec4<f32>, SUMS * 64u>; // [sum][part][tile]
var<workgroup> halfway: array<vec4<f32>, 64>;

// Column and row in the output of pixel `i` of a phase.
fn place(i: u32, phase: u32) -> vec2<i32> {
    let width = u32(p.out_w) / p.scale;
    return vec2<i32>(vec2<u32>(i % width, i / width) * p.scale + vec2<u32>(phase & 1u, phase >> 1u));
}
// What an output pixel sees: index in a plane of its first tap, and a bit for each tap inside the picture.
fn window(to: vec2<i32>) -> vec2<i32> {
    let scale = i32(p.scale);
    let first = (to + scale - 1) / scale * p.stride - vec2<i32>(p.pad_x, p.pad_y);
    var inside = 0u;
    for (var tap = 0u; tap < SIDE * SIDE; tap++) {
        let c = first + vec2<i32>(vec2<u32>(tap % SIDE, tap / SIDE));
        inside |= select(0u, 1u << tap, all(c >= vec2<i32>(0)) && c.x < p.in_w && c.y < p.in_h);
    }
    return vec2<i32>(first.y * p.in_w + first.x, i32(inside));
}
// The input under a tap of a window, `offset` from its first one; zero outside.
fn under(seen: vec2<i32>, offset: i32, tap: u32) -> vec4<f32> {
    let inside = ((u32(seen.y) >> tap) & 1u) == 1u;
    return select(vec4<f32>(0.0), up4(x[select(0, seen.x + offset, inside)]), inside);
}
// The finished sum number `lane` of SUMS · p.span, tiles fastest, then pixels, then slices. Every invocation adds SUMS parts, then
// the first ones what those have.
fn total(lane: u32) -> vec4<f32> {
    let sums = SUMS * p.span;
    var v = vec4<f32>(0.0);
    workgroupBarrier();
    var i = lane % sums / p.span * 64u + lane / sums * sums + lane % p.span;
    for (var n = 0u; n < SUMS; n++) {
        v += partial[i];
        i += p.span;
    }
    halfway[lane] = v;
    workgroupBarrier();
    for (i = lane + sums; i < 64u; i += sums) { v += halfway[i]; }
    return v;
}
