// separable: residual block of BlazeFace: depthwise 3×3, pointwise, plus the input (its 2×2 maximum at stride 2), activation.
//
// Shapes   x [in/4, H, W]·4   w [in/4, 9]·4, then [out/4, in/4, 4in]·4out   b [out/4]·4 f32   y [out/4, H', W']·4
// Tile     a workgroup: p.span consecutive pixels × all channels. The depthwise result stays in workgroup memory; then each
//          invocation 4 pixels × 4 output channels at a time
// Storage  x, w, y S4   Accumulate f32   Twin separable.rs   Bindings and Params prelude/conv.wgsl
#import tier
#import activation
#import conv
override STRIDE: i32 = 1;
var<workgroup> middle: array<vec4<f32>, 256>; // [in/4][p.span]

// Where the shortcut of flat output pixel `i` is in its plane.
fn corner(i: i32) -> i32 {
    let pixel = min(i, p.out_w * p.out_h - 1);
    return (pixel / p.out_w * p.in_w + pixel % p.out_w) * STRIDE;
}
// What the block adds to output slice `o` there: nothing past the channels of the input.
fn shortcut(o: u32, corner: i32) -> vec4<f32> {
    let inside = o < p.residual_slices;
    let i = select(0, i32(o) * p.in_w * p.in_h, inside) + corner;
    var v = up4(x[i]);
    if STRIDE == 2 {
        v = max(max(v, up4(x[i + 1])), max(up4(x[i + p.in_w]), up4(x[i + p.in_w + 1])));
    }
    return select(vec4<f32>(0.0), v, inside);
}

// 64 invocations take p.span pixels of 64 / p.span slices at a time, so each keeps its pixel. Likewise later with its four.
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>) {
    let first = group.x * p.span;
    let pixel = min(i32(first + lane % p.span), p.out_w * p.out_h - 1);
    let left = pixel % p.out_w * STRIDE - p.pad_x;
    let top = pixel / p.out_w * STRIDE - p.pad_y;
    let c0 = column(left); let c1 = column(left + 1); let c2 = column(left + 2);
    for (var slice = lane / p.span; slice < p.in_slices; slice += 64u / p.span) {
        let plane = i32(slice) * p.in_w * p.in_h;
        let r0 = row_at(plane, top); let r1 = row_at(plane, top + 1); let r2 = row_at(plane, top + 2);
        let k = slice * 9u;
        var sum = up4(w[k]) * at(r0, c0) + up4(w[k + 1u]) * at(r0, c1) + up4(w[k + 2u]) * at(r0, c2);
        sum += up4(w[k + 3u]) * at(r1, c0) + up4(w[k + 4u]) * at(r1, c1) + up4(w[k + 5u]) * at(r1, c2);
        sum += up4(w[k + 6u]) * at(r2, c0) + up4(w[k + 7u]) * at(r2, c1) + up4(w[k + 8u]) * at(r2, c2);
        middle[slice * p.span + lane % p.span] = sum;
    }
    workgroupBarrier();
    let quads = p.span / 4u;
    let quad = lane % quads * 4u;
    let to = i32(first + quad);
    let s0 = corner(to); let s1 = corner(to + 1); let s2 = corner(to + 2); let s3 = corner(to + 3);
    for (var o = lane / quads; o < p.out_slices; o += 64u / quads) {
        var a0 = shortcut(o, s0); var a1 = shortcut(o, s1); var a2 = shortcut(o, s2); var a3 = shortcut(o, s3);
        var m: mat4x4<f32>;
        var k = (9u + o * 4u) * p.in_slices;
        var i = quad;
        for (var slice = 0u; slice < p.in_slices; slice++) {
            m = weights(k);
            a0 += m * middle[i]; a1 += m * middle[i + 1u];
            a2 += m * middle[i + 2u]; a3 += m * middle[i + 3u];
            i += p.span;
            k += 4u;
        }
        finish4_flat(o, to, a0, a1, a2, a3);
    }
}
