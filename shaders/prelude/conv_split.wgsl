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
// Column and row in the input of the first tap that an output pixel sees.
fn window(to: vec2<i32>) -> vec2<i32> {
    let scale = i32(p.scale);
    return (to + scale - 1) / scale * p.stride - vec2<i32>(p.pad_x, p.pad_y);
}
// The input of a plane under a tap of a window; zero outside.
fn under(first: vec2<i32>, tap: vec2<i32>, plane: i32) -> vec4<f32> {
    let c = first + tap;
    let inside = all(vec2<u32>(c) < vec2<u32>(vec2<i32>(p.in_w, p.in_h)));
    return select(vec4<f32>(0.0), up4(x[select(0, plane + c.y * p.in_w + c.x, inside)]), inside);
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
