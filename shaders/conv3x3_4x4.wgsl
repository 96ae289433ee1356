// conv3x3_4x4: direct 3×3 convolution, stride 1, fused bias, residual and activation.
//
// Shapes   x [in/4, H, W]·4   r [res/4, H', W']·4   w [out/4, in/4, taps, 4in]·4out   b [out/4]·4 f32   y [out/4, H', W']·4
// Tile     each invocation: 4×1 pixels × 4 output channels; invocations: tiles fastest, then output groups
//          A row of the kernel at a time, the columns computed anew: no more stays in registers than Mali has
// Storage  x, r, w, y S4   Accumulate f32   Twin conv_pack.rs   Bindings and Params prelude/conv.wgsl
#import tier
#import activation
#import conv

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= p.span { return; }
    let tile = id.x % p.tiles;
    let o = id.x / p.tiles + id.y;
    let ox = i32(tile % p.tiles_x) * 4;
    let oy = i32(tile / p.tiles_x);
    let left = ox - p.pad_x;
    let top = oy - p.pad_y;
    var a0 = vec4<f32>(0.0); var a1 = vec4<f32>(0.0); var a2 = vec4<f32>(0.0); var a3 = vec4<f32>(0.0);
    var r0: vec4<f32>; var r1: vec4<f32>; var r2: vec4<f32>; var r3: vec4<f32>; var r4: vec4<f32>;
    var r5: vec4<f32>;
    var m: mat4x4<f32>;
    var k = o * p.in_slices * 36u;
    for (var slice = 0; slice < i32(p.in_slices); slice++) {
        let plane = slice * p.in_w * p.in_h;
        for (var ky = 0; ky < 3; ky++) {
            let row = row_at(plane, top + ky);
            r0 = at(row, column(left)); r1 = at(row, column(left + 1));
            r2 = at(row, column(left + 2)); r3 = at(row, column(left + 3));
            m = weights(k);
            a0 += m * r0; a1 += m * r1; a2 += m * r2; a3 += m * r3;
            r4 = at(row, column(left + 4));
            m = weights(k + 4u);
            a0 += m * r1; a1 += m * r2; a2 += m * r3; a3 += m * r4;
            r5 = at(row, column(left + 5));
            m = weights(k + 8u);
            a0 += m * r2; a1 += m * r3; a2 += m * r4; a3 += m * r5;
            k += 12u;
        }
    }
    finish4(o, oy, ox, 1, a0, a1, a2, a3);
}
