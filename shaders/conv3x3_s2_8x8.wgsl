// conv3x3_s2_8x8: direct 3×3 convolution, stride 2, fused bias, residual and activation.
//
// Shapes   x [in/4, H, W]·4   r [res/4, H', W']·4   w [out/4, in/4, taps, 4in]·4out   b [out/4]·4 f32   y [out/4, H', W']·4
// Tile     each invocation: 4×2 pixels × 8 output channels; invocations: tiles fastest, then output groups
// Storage  x, r, w, y S4   Accumulate f32   Twin conv_pack.rs   Bindings and Params prelude/conv.wgsl
#import tier
#import activation
#import conv

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= p.span { return; }
    let tile = id.x % p.tiles;
    let o = (id.x / p.tiles + id.y) * 2u;
    let ox = i32(tile % p.tiles_x) * 4;
    let oy = i32(tile / p.tiles_x) * 2;
    let left = ox * 2 - p.pad_x;
    let c0 = column(left); let c1 = column(left + 1); let c2 = column(left + 2);
    let c3 = column(left + 3); let c4 = column(left + 4); let c5 = column(left + 5);
    let c6 = column(left + 6); let c7 = column(left + 7); let c8 = column(left + 8);
    let top = oy * 2 - p.pad_y;
    var a0 = vec4<f32>(0.0); var a1 = vec4<f32>(0.0); var a2 = vec4<f32>(0.0); var a3 = vec4<f32>(0.0);
    var a4 = vec4<f32>(0.0); var a5 = vec4<f32>(0.0); var a6 = vec4<f32>(0.0); var a7 = vec4<f32>(0.0);
    var b0 = vec4<f32>(0.0); var b1 = vec4<f32>(0.0); var b2 = vec4<f32>(0.0); var b3 = vec4<f32>(0.0);
    var b4 = vec4<f32>(0.0); var b5 = vec4<f32>(0.0); var b6 = vec4<f32>(0.0); var b7 = vec4<f32>(0.0);
    var r0: vec4<f32>; var r1: vec4<f32>; var r2: vec4<f32>; var r3: vec4<f32>; var r4: vec4<f32>;
    var r5: vec4<f32>; var r6: vec4<f32>; var r7: vec4<f32>; var r8: vec4<f32>;
    var s0: vec4<f32>; var s1: vec4<f32>; var s2: vec4<f32>; var s3: vec4<f32>; var s4: vec4<f32>;
    var s5: vec4<f32>; var s6: vec4<f32>; var s7: vec4<f32>; var s8: vec4<f32>;
    var t0: vec4<f32>; var t1: vec4<f32>; var t2: vec4<f32>; var t3: vec4<f32>; var t4: vec4<f32>;
    var t5: vec4<f32>; var t6: vec4<f32>; var t7: vec4<f32>; var t8: vec4<f32>;
    var q0: vec4<f32>; var q1: vec4<f32>; var q2: vec4<f32>; var q3: vec4<f32>; var q4: vec4<f32>;
    var q5: vec4<f32>; var q6: vec4<f32>; var q7: vec4<f32>; var q8: vec4<f32>;
    var h0: vec4<f32>; var h1: vec4<f32>; var h2: vec4<f32>; var h3: vec4<f32>; var h4: vec4<f32>;
    var h5: vec4<f32>; var h6: vec4<f32>; var h7: vec4<f32>; var h8: vec4<f32>;
    var m: mat4x4<f32>; var n: mat4x4<f32>;
    var row: vec2<i32>;
    let next = p.in_slices * 36u;
    var k = o * p.in_slices * 36u;
    for (var slice = 0; slice < i32(p.in_slices); slice++) {
        let plane = slice * p.in_w * p.in_h;
        row = row_at(plane, top);
        r0 = at(row, c0); r1 = at(row, c1); r2 = at(row, c2); r3 = at(row, c3);
        r4 = at(row, c4); r5 = at(row, c5); r6 = at(row, c6); r7 = at(row, c7);
        r8 = at(row, c8);
        row = row_at(plane, top + 2);
        t0 = at(row, c0); t1 = at(row, c1); t2 = at(row, c2); t3 = at(row, c3);
        t4 = at(row, c4); t5 = at(row, c5); t6 = at(row, c6); t7 = at(row, c7);
        t8 = at(row, c8);
        m = weights(k); n = weights(k + next);
        a0 += m * r0; a1 += m * r2; a2 += m * r4; a3 += m * r6;
        a4 += m * t0; a5 += m * t2; a6 += m * t4; a7 += m * t6;
        b0 += n * r0; b1 += n * r2; b2 += n * r4; b3 += n * r6;
        b4 += n * t0; b5 += n * t2; b6 += n * t4; b7 += n * t6;
        m = weights(k + 4u); n = weights(k + 4u + next);
        a0 += m * r1; a1 += m * r3; a2 += m * r5; a3 += m * r7;
        a4 += m * t1; a5 += m * t3; a6 += m * t5; a7 += m * t7;
        b0 += n * r1; b1 += n * r3; b2 += n * r5; b3 += n * r7;
        b4 += n * t1; b5 += n * t3; b6 += n * t5; b7 += n * t7;
        m = weights(k + 8u); n = weights(k + 8u + next);
        a0 += m * r2; a1 += m * r4; a2 += m * r6; a3 += m * r8;
        a4 += m * t2; a5 += m * t4; a6 += m * t6; a7 += m * t8;
        b0 += n * r2; b1 += n * r4; b2 += n * r6; b3 += n * r8;
        b4 += n * t2; b5 += n * t4; b6 += n * t6; b7 += n * t8;
        row = row_at(plane, top + 1);
        s0 = at(row, c0); s1 = at(row, c1); s2 = at(row, c2); s3 = at(row, c3);
        s4 = at(row, c4); s5 = at(row, c5); s6 = at(row, c6); s7 = at(row, c7);
        s8 = at(row, c8);
        row = row_at(plane, top + 3);
        q0 = at(row, c0); q1 = at(row, c1); q2 = at(row, c2); q3 = at(row, c3);
        q4 = at(row, c4); q5 = at(row, c5); q6 = at(row, c6); q7 = at(row, c7);
        q8 = at(row, c8);
        m = weights(k + 12u); n = weights(k + 12u + next);
        a0 += m * s0; a1 += m * s2; a2 += m * s4; a3 += m * s6;
        a4 += m * q0; a5 += m * q2; a6 += m * q4; a7 += m * q6;
        b0 += n * s0; b1 += n * s2; b2 += n * s4; b3 += n * s6;
        b4 += n * q0; b5 += n * q2; b6 += n * q4; b7 += n * q6;
        m = weights(k + 16u); n = weights(k + 16u + next);
        a0 += m * s1; a1 += m * s3; a2 += m * s5; a3 += m * s7;
        a4 += m * q1; a5 += m * q3; a6 += m * q5; a7 += m * q7;
        b0 += n * s1; b1 += n * s3; b2 += n * s5; b3 += n * s7;
        b4 += n * q1; b5 += n * q3; b6 += n * q5; b7 += n * q7;
        m = weights(k + 20u); n = weights(k + 20u + next);
        a0 += m * s2; a1 += m * s4; a2 += m * s6; a3 += m * s8;
        a4 += m * q2; a5 += m * q4; a6 += m * q6; a7 += m * q8;
        b0 += n * s2; b1 += n * s4; b2 += n * s6; b3 += n * s8;
        b4 += n * q2; b5 += n * q4; b6 += n * q6; b7 += n * q8;
        row = row_at(plane, top + 4);
        h0 = at(row, c0); h1 = at(row, c1); h2 = at(row, c2); h3 = at(row, c3);
        h4 = at(row, c4); h5 = at(row, c5); h6 = at(row, c6); h7 = at(row, c7);
        h8 = at(row, c8);
        m = weights(k + 24u); n = weights(k + 24u + next);
        a0 += m * t0; a1 += m * t2; a2 += m * t4; a3 += m * t6;
        a4 += m * h0; a5 += m * h2; a6 += m * h4; a7 += m * h6;
        b0 += n * t0; b1 += n * t2; b2 += n * t4; b3 += n * t6;
        b4 += n * h0; b5 += n * h2; b6 += n * h4; b7 += n * h6;
        m = weights(k + 28u); n = weights(k + 28u + next);
        a0 += m * t1; a1 += m * t3; a2 += m * t5; a3 += m * t7;
        a4 += m * h1; a5 += m * h3; a6 += m * h5; a7 += m * h7;
        b0 += n * t1; b1 += n * t3; b2 += n * t5; b3 += n * t7;
        b4 += n * h1; b5 += n * h3; b6 += n * h5; b7 += n * h7;
        m = weights(k + 32u); n = weights(k + 32u + next);
        a0 += m * t2; a1 += m * t4; a2 += m * t6; a3 += m * t8;
        a4 += m * h2; a5 += m * h4; a6 += m * h6; a7 += m * h8;
        b0 += n * t2; b1 += n * t4; b2 += n * t6; b3 += n * t8;
        b4 += n * h2; b5 += n * h4; b6 += n * h6; b7 += n * h8;
        k += 36u;
    }
    finish4(o, oy, ox, 1, a0, a1, a2, a3);
    finish4(o, oy + 1, ox, 1, a4, a5, a6, a7);
    finish4(o + 1u, oy, ox, 1, b0, b1, b2, b3);
    finish4(o + 1u, oy + 1, ox, 1, b4, b5, b6, b7);
}
