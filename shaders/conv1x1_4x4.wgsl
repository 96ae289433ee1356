// conv1x1_4x4: 1×1 convolution, stride 1, no padding, fused bias, residual and activation.
//
// Shapes   x [in/4, H, W]·4   r [res/4, H', W']·4   w [out/4, in/4, taps, 4in]·4out   b [out/4]·4 f32   y [out/4, H', W']·4
// Tile     each invocation: 4 consecutive pixels × 4 output channels; invocations: tiles fastest, then output groups
// Storage  x, r, w, y S4   Accumulate f32   Twin conv_pack.rs   Bindings and Params prelude/conv.wgsl
#import tier
#import activation
#import conv

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= p.span { return; }
    let first = i32(id.x % p.tiles) * 4;
    let o = id.x / p.tiles + id.y;
    let area = p.in_w * p.in_h;
    let last = area - 1;
    var i0 = min(first, last); var i1 = min(first + 1, last); var i2 = min(first + 2, last); var i3 = min(first + 3, last);
    var a0 = vec4<f32>(0.0); var a1 = vec4<f32>(0.0); var a2 = vec4<f32>(0.0); var a3 = vec4<f32>(0.0);
    var m: mat4x4<f32>;
    var k = o * p.in_slices * 4u;
    for (var slice = 0u; slice < p.in_slices; slice++) {
        let x0 = up4(x[i0]); let x1 = up4(x[i1]); let x2 = up4(x[i2]); let x3 = up4(x[i3]);
        m = weights(k);
        a0 += m * x0; a1 += m * x1; a2 += m * x2; a3 += m * x3;
        i0 += area; i1 += area; i2 += area; i3 += area;
        k += 4u;
    }
    finish4_flat(o, first, a0, a1, a2, a3);
}
