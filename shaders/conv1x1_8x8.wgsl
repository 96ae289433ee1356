// conv1x1_8x8: 1×1 convolution, stride 1, no padding, fused bias, residual and activation.
//
// Shapes   x [in/4, H, W]·4   r [res/4, H', W']·4   w [out/4, in/4, taps, 4in]·4out   b [out/4]·4 f32   y [out/4, H', W']·4
// Tile     each invocation: 8 consecutive pixels × 8 output channels; invocations: tiles fastest, then output groups
// Storage  x, r, w, y S4   Accumulate f32   Twin conv_pack.rs   Bindings and Params prelude/conv.wgsl
#import tier
#import activation
#import conv

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= p.span { return; }
    let first = i32(id.x % p.tiles) * 8;
    let o = (id.x / p.tiles + id.y) * 2u;
    let area = p.in_w * p.in_h;
    let last = area - 1;
    var i0 = min(first, last); var i1 = min(first + 1, last); var i2 = min(first + 2, last); var i3 = min(first + 3, last);
    var i4 = min(first + 4, last); var i5 = min(first + 5, last); var i6 = min(first + 6, last); var i7 = min(first + 7, last);
    var a0 = vec4<f32>(0.0); var a1 = vec4<f32>(0.0); var a2 = vec4<f32>(0.0); var a3 = vec4<f32>(0.0);
    var a4 = vec4<f32>(0.0); var a5 = vec4<f32>(0.0); var a6 = vec4<f32>(0.0); var a7 = vec4<f32>(0.0);
    var b0 = vec4<f32>(0.0); var b1 = vec4<f32>(0.0); var b2 = vec4<f32>(0.0); var b3 = vec4<f32>(0.0);
    var b4 = vec4<f32>(0.0); var b5 = vec4<f32>(0.0); var b6 = vec4<f32>(0.0); var b7 = vec4<f32>(0.0);
    var m: mat4x4<f32>; var n: mat4x4<f32>;
    let next = p.in_slices * 4u;
    var k = o * p.in_slices * 4u;
    for (var slice = 0u; slice < p.in_slices; slice++) {
        let x0 = up4(x[i0]); let x1 = up4(x[i1]); let x2 = up4(x[i2]); let x3 = up4(x[i3]);
        let x4 = up4(x[i4]); let x5 = up4(x[i5]); let x6 = up4(x[i6]); let x7 = up4(x[i7]);
        m = weights(k); n = weights(k + next);
        a0 += m * x0; a1 += m * x1; a2 += m * x2; a3 += m * x3;
        a4 += m * x4; a5 += m * x5; a6 += m * x6; a7 += m * x7;
        b0 += n * x0; b1 += n * x1; b2 += n * x2; b3 += n * x3;
        b4 += n * x4; b5 += n * x5; b6 += n * x6; b7 += n * x7;
        i0 += area; i1 += area; i2 += area; i3 += area;
        i4 += area; i5 += area; i6 += area; i7 += area;
        k += 4u;
    }
    finish4_flat(o, first, a0, a1, a2, a3);
    finish4_flat(o, first + 4, a4, a5, a6, a7);
    finish4_flat(o + 1u, first, b0, b1, b2, b3);
    finish4_flat(o + 1u, first + 4, b4, b5, b6, b7);
}
