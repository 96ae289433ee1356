// conv3x3_4x8: direct 3×3 convolution, stride 1, fused bias, residual and activation.
//
// Shapes   x [in/4, H, W]·4   r [res/4, H', W']·4   w [out/4, in/4, taps, 4in]·4out   b [out/4]·4 f32   y [out/4, H', W']·4
// Tile     each invocation: 2×2 pixels × 8 output channels; invocations: tiles fastest, then output groups
// Storage  x, r, w, y S4   Accumulate f32   Twin conv_pack.rs   Bindings and Params prelude/conv.wgsl
#import tier
#import activation
#import conv

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= p.span { return; }
    let tile = id.x % p.tiles;
    let o = (id.x / p.tiles + id.y) * 2u;
    let ox = i32(tile % p.tiles_x) * 2;
    let oy = i32(tile / p.tiles_x) * 2;
    let left = ox - p.pad_x;
    let c0 = column(left); let c1 = column(left + 1); let c2 = column(left + 2);
    let c3 = column(left + 3);
    let top = oy - p.pad_y;
    var a0 = vec4<f32>(0.0); var a1 = vec4<f32>(0.0); var a2 = vec4<f32>(0.0); var a3 = vec4<f32>(0.0);
    var b0 = vec4<f32>(0.0); var b1 = vec4<f32>(0.0); var b2 = vec4<f32>(0.0); var b3 = vec4<f32>(0.0);
    var r0: vec4<f32>; var r1: vec4<f32>; var r2: vec4<f32>; var r3: vec4<f32>;
    var s0: vec4<f32>; var s1: vec4<f32>; var s2: vec4<f32>; var s3: vec4<f32>;
    var t0: vec4<f32>; var t1: vec4<f32>; var t2: vec4<f32>; var t3: vec4<f32>;
    var q0: vec4<f32>; var q1: vec4<f32>; var q2: vec4<f32>; var q3: vec4<f32>;
    var m: mat4x4<f32>; var n: mat4x4<f32>;
    var row: vec2<i32>;
    let next = p.in_slices * 36u;
    var k = o * p.in_slices * 36u;
    for (var slice = 0; slice < i32(p.in_slices); slice++) {
        let plane = slice * p.in_w * p.in_h;
        row = row_at(plane, top);
        r0 = at(row, c0); r1 = at(row, c1); r2 = at(row, c2); r3 = at(row, c3);
        row = row_at(plane, top + 1);
        s0 = at(row, c0); s1 = at(row, c1); s2 = at(row, c2); s3 = at(row, c3);
        m = weights(k); n = weights(k + next);
        a0 += m * r0; a1 += m * r1; a2 += m * s0; a3 += m * s1;
        b0 += n * r0; b1 += n * r1; b2 += n * s0; b3 += n * s1;
        m = weights(k + 4u); n = weights(k + 4u + next);
        a0 += m * r1; a1 += m * r2; a2 += m * s1; a3 += m * s2;
        b0 += n * r1; b1 += n * r2; b2 += n * s1; b3 += n * s2;
        m = weights(k + 8u); n = weights(k + 8u + next);
        a0 += m * r2; a1 += m * r3; a2 += m * s2; a3 += m * s3;
        b0 += n * r2; b1 += n * r3; b2 += n * s2; b3 += n * s3;
        row = row_at(plane, top + 2);
        t0 = at(row, c0); t1 = at(row, c1); t2 = at(row, c2); t3 = at(row, c3);
        m = weights(k + 12u); n = weights(k + 12u + next);
        a0 += m * s0; a1 += m * s1; a2 += m * t0; a3 += m * t1;
        b0 += n * s0; b1 += n * s1; b2 += n * t0; b3 += n * t1;
        m = weights(k + 16u); n = weights(k + 16u + next);
        a0 += m * s1; a1 += m * s2; a2 += m * t1; a3 += m * t2;
        b0 += n * s1; b1 += n * s2; b2 += n * t1; b3 += n * t2;
        m = weights(k + 20u); n = weights(k + 20u + next);
        a0 += m * s2; a1 += m * s3; a2 += m * t2; a3 += m * t3;
        b0 += n * s2; b1 += n * s3; b2 += n * t2; b3 += n * t3;
        row = row_at(plane, top + 3);
        q0 = at(row, c0); q1 = at(row, c1); q2 = at(row, c2); q3 = at(row, c3);
        m = weights(k + 24u); n = weights(k + 24u + next);
        a0 += m * t0; a1 += m * t1; a2 += m * q0; a3 += m * q1;
        b0 += n * t0; b1 += n * t1; b2 += n * q0; b3 += n * q1;
        m = weights(k + 28u); n = weights(k + 28u + next);
        a0 += m * t1; a1 += m * t2; a2 += m * q1; a3 += m * q2;
        b0 += n * t1; b1 += n * t2; b2 += n * q1; b3 += n * q2;
        m = weights(k + 32u); n = weights(k + 32u + next);
        a0 += m * t2; a1 += m * t3; a2 += m * q2; a3 += m * q3;
        b0 += n * t2; b1 += n * t3; b2 += n * q2; b3 += n * q3;
        k += 36u;
    }
    finish2(o, oy, ox, 1, a0, a1);
    finish2(o, oy + 1, ox, 1, a2, a3);
    finish2(o + 1u, oy, ox, 1, b0, b1);
    finish2(o + 1u, oy + 1, ox, 1, b2, b3);
}
