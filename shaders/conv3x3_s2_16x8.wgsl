// conv3x3_s2_16x8: direct 3×3 convolution, stride 2, fused bias, residual and activation.
//
// Shapes   x [in/4, H, W]·4   r [res/4, H', W']·4   w [out/4, in/4, taps, 4in]·4out   b [out/4]·4 f32   y [out/4, H', W']·4
// Tile     each invocation: 4×4 pixels × 8 output channels; workgroups of 16 for software drivers; invocations: tiles fastest, then output groups
// Storage  x, r, w, y S4   Accumulate f32   Twin conv.rs   Bindings and Params prelude/conv.wgsl
#import tier
#import activation
#ifdef RESIDUAL
#import conv_residual
#else
#import conv
#endif

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= p.span { return; }
    let tile = id.x % p.tiles;
    let o = (id.x / p.tiles + id.y) * 2u;
    let ox = i32(tile % p.tiles_x) * 4;
    let oy = i32(tile / p.tiles_x) * 4;
    let left = ox * 2 - p.pad_x;
    let c0 = column(left); let c1 = column(left + 1); let c2 = column(left + 2);
    let c3 = column(left + 3); let c4 = column(left + 4); let c5 = column(left + 5);
    let c6 = column(left + 6); let c7 = column(left + 7); let c8 = column(left + 8);
    let top = oy * 2 - p.pad_y;
    var a0 = vec4<f32>(0.0); var a1 = vec4<f32>(0.0); var a2 = vec4<f32>(0.0); var a3 = vec4<f32>(0.0);
    var a4 = vec4<f32>(0.0); var a5 = vec4<f32>(0.0); var a6 = vec4<f32>(0.0); var a7 = vec4<f32>(0.0);
    var a8 = vec4<f32>(0.0); var a9 = vec4<f32>(0.0); var a10 = vec4<f32>(0.0); var a11 = vec4<f32>(0.0);
    var a12 = vec4<f32>(0.0); var a13 = vec4<f32>(0.0); var a14 = vec4<f32>(0.0); var a15 = vec4<f32>(0.0);
    var b0 = vec4<f32>(0.0); var b1 = vec4<f32>(0.0); var b2 = vec4<f32>(0.0); var b3 = vec4<f32>(0.0);
    var b4 = vec4<f32>(0.0); var b5 = vec4<f32>(0.0); var b6 = vec4<f32>(0.0); var b7 = vec4<f32>(0.0);
    var b8 = vec4<f32>(0.0); var b9 = vec4<f32>(0.0); var b10 = vec4<f32>(0.0); var b11 = vec4<f32>(0.0);
    var b12 = vec4<f32>(0.0); var b13 = vec4<f32>(0.0); var b14 = vec4<f32>(0.0); var b15 = vec4<f32>(0.0);
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
    var z0: vec4<f32>; var z1: vec4<f32>; var z2: vec4<f32>; var z3: vec4<f32>; var z4: vec4<f32>;
    var z5: vec4<f32>; var z6: vec4<f32>; var z7: vec4<f32>; var z8: vec4<f32>;
    var d0: vec4<f32>; var d1: vec4<f32>; var d2: vec4<f32>; var d3: vec4<f32>; var d4: vec4<f32>;
    var d5: vec4<f32>; var d6: vec4<f32>; var d7: vec4<f32>; var d8: vec4<f32>;
    var j0: vec4<f32>; var j1: vec4<f32>; var j2: vec4<f32>; var j3: vec4<f32>; var j4: vec4<f32>;
    var j5: vec4<f32>; var j6: vec4<f32>; var j7: vec4<f32>; var j8: vec4<f32>;
    var l0: vec4<f32>; var l1: vec4<f32>; var l2: vec4<f32>; var l3: vec4<f32>; var l4: vec4<f32>;
    var l5: vec4<f32>; var l6: vec4<f32>; var l7: vec4<f32>; var l8: vec4<f32>;
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
        row = row_at(plane, top + 4);
        h0 = at(row, c0); h1 = at(row, c1); h2 = at(row, c2); h3 = at(row, c3);
        h4 = at(row, c4); h5 = at(row, c5); h6 = at(row, c6); h7 = at(row, c7);
        h8 = at(row, c8);
        row = row_at(plane, top + 6);
        d0 = at(row, c0); d1 = at(row, c1); d2 = at(row, c2); d3 = at(row, c3);
        d4 = at(row, c4); d5 = at(row, c5); d6 = at(row, c6); d7 = at(row, c7);
        d8 = at(row, c8);
        m = weights(k); n = weights(k + next);
        a0 += m * r0; a1 += m * r2; a2 += m * r4; a3 += m * r6;
        a4 += m * t0; a5 += m * t2; a6 += m * t4; a7 += m * t6;
        a8 += m * h0; a9 += m * h2; a10 += m * h4; a11 += m * h6;
        a12 += m * d0; a13 += m * d2; a14 += m * d4; a15 += m * d6;
        b0 += n * r0; b1 += n * r2; b2 += n * r4; b3 += n * r6;
        b4 += n * t0; b5 += n * t2; b6 += n * t4; b7 += n * t6;
        b8 += n * h0; b9 += n * h2; b10 += n * h4; b11 += n * h6;
        b12 += n * d0; b13 += n * d2; b14 += n * d4; b15 += n * d6;
        m = weights(k + 4u); n = weights(k + 4u + next);
        a0 += m * r1; a1 += m * r3; a2 += m * r5; a3 += m * r7;
        a4 += m * t1; a5 += m * t3; a6 += m * t5; a7 += m * t7;
        a8 += m * h1; a9 += m * h3; a10 += m * h5; a11 += m * h7;
        a12 += m * d1; a13 += m * d3; a14 += m * d5; a15 += m * d7;
        b0 += n * r1; b1 += n * r3; b2 += n * r5; b3 += n * r7;
        b4 += n * t1; b5 += n * t3; b6 += n * t5; b7 += n * t7;
        b8 += n * h1; b9 += n * h3; b10 += n * h5; b11 += n * h7;
        b12 += n * d1; b13 += n * d3; b14 += n * d5; b15 += n * d7;
        m = weights(k + 8u); n = weights(k + 8u + next);
        a0 += m * r2; a1 += m * r4; a2 += m * r6; a3 += m * r8;
        a4 += m * t2; a5 += m * t4; a6 += m * t6; a7 += m * t8;
        a8 += m * h2; a9 += m * h4; a10 += m * h6; a11 += m * h8;
        a12 += m * d2; a13 += m * d4; a14 += m * d6; a15 += m * d8;
        b0 += n * r2; b1 += n * r4; b2 += n * r6; b3 += n * r8;
        b4 += n * t2; b5 += n * t4; b6 += n * t6; b7 += n * t8;
        b8 += n * h2; b9 += n * h4; b10 += n * h6; b11 += n * h8;
        b12 += n * d2; b13 += n * d4; b14 += n * d6; b15 += n * d8;
        row = row_at(plane, top + 1);
        s0 = at(row, c0); s1 = at(row, c1); s2 = at(row, c2); s3 = at(row, c3);
        s4 = at(row, c4); s5 = at(row, c5); s6 = at(row, c6); s7 = at(row, c7);
        s8 = at(row, c8);
        row = row_at(plane, top + 3);
        q0 = at(row, c0); q1 = at(row, c1); q2 = at(row, c2); q3 = at(row, c3);
        q4 = at(row, c4); q5 = at(row, c5); q6 = at(row, c6); q7 = at(row, c7);
        q8 = at(row, c8);
        row = row_at(plane, top + 5);
        z0 = at(row, c0); z1 = at(row, c1); z2 = at(row, c2); z3 = at(row, c3);
        z4 = at(row, c4); z5 = at(row, c5); z6 = at(row, c6); z7 = at(row, c7);
        z8 = at(row, c8);
        row = row_at(plane, top + 7);
        j0 = at(row, c0); j1 = at(row, c1); j2 = at(row, c2); j3 = at(row, c3);
        j4 = at(row, c4); j5 = at(row, c5); j6 = at(row, c6); j7 = at(row, c7);
        j8 = at(row, c8);
        m = weights(k + 12u); n = weights(k + 12u + next);
        a0 += m * s0; a1 += m * s2; a2 += m * s4; a3 += m * s6;
        a4 += m * q0; a5 += m * q2; a6 += m * q4; a7 += m * q6;
        a8 += m * z0; a9 += m * z2; a10 += m * z4; a11 += m * z6;
        a12 += m * j0; a13 += m * j2; a14 += m * j4; a15 += m * j6;
        b0 += n * s0; b1 += n * s2; b2 += n * s4; b3 += n * s6;
        b4 += n * q0; b5 += n * q2; b6 += n * q4; b7 += n * q6;
        b8 += n * z0; b9 += n * z2; b10 += n * z4; b11 += n * z6;
        b12 += n * j0; b13 += n * j2; b14 += n * j4; b15 += n * j6;
        m = weights(k + 16u); n = weights(k + 16u + next);
        a0 += m * s1; a1 += m * s3; a2 += m * s5; a3 += m * s7;
        a4 += m * q1; a5 += m * q3; a6 += m * q5; a7 += m * q7;
        a8 += m * z1; a9 += m * z3; a10 += m * z5; a11 += m * z7;
        a12 += m * j1; a13 += m * j3; a14 += m * j5; a15 += m * j7;
        b0 += n * s1; b1 += n * s3; b2 += n * s5; b3 += n * s7;
        b4 += n * q1; b5 += n * q3; b6 += n * q5; b7 += n * q7;
        b8 += n * z1; b9 += n * z3; b10 += n * z5; b11 += n * z7;
        b12 += n * j1; b13 += n * j3; b14 += n * j5; b15 += n * j7;
        m = weights(k + 20u); n = weights(k + 20u + next);
        a0 += m * s2; a1 += m * s4; a2 += m * s6; a3 += m * s8;
        a4 += m * q2; a5 += m * q4; a6 += m * q6; a7 += m * q8;
        a8 += m * z2; a9 += m * z4; a10 += m * z6; a11 += m * z8;
        a12 += m * j2; a13 += m * j4; a14 += m * j6; a15 += m * j8;
        b0 += n * s2; b1 += n * s4; b2 += n * s6; b3 += n * s8;
        b4 += n * q2; b5 += n * q4; b6 += n * q6; b7 += n * q8;
        b8 += n * z2; b9 += n * z4; b10 += n * z6; b11 += n * z8;
        b12 += n * j2; b13 += n * j4; b14 += n * j6; b15 += n * j8;
        row = row_at(plane, top + 8);
        l0 = at(row, c0); l1 = at(row, c1); l2 = at(row, c2); l3 = at(row, c3);
        l4 = at(row, c4); l5 = at(row, c5); l6 = at(row, c6); l7 = at(row, c7);
        l8 = at(row, c8);
        m = weights(k + 24u); n = weights(k + 24u + next);
        a0 += m * t0; a1 += m * t2; a2 += m * t4; a3 += m * t6;
        a4 += m * h0; a5 += m * h2; a6 += m * h4; a7 += m * h6;
        a8 += m * d0; a9 += m * d2; a10 += m * d4; a11 += m * d6;
        a12 += m * l0; a13 += m * l2; a14 += m * l4; a15 += m * l6;
        b0 += n * t0; b1 += n * t2; b2 += n * t4; b3 += n * t6;
        b4 += n * h0; b5 += n * h2; b6 += n * h4; b7 += n * h6;
        b8 += n * d0; b9 += n * d2; b10 += n * d4; b11 += n * d6;
        b12 += n * l0; b13 += n * l2; b14 += n * l4; b15 += n * l6;
        m = weights(k + 28u); n = weights(k + 28u + next);
        a0 += m * t1; a1 += m * t3; a2 += m * t5; a3 += m * t7;
        a4 += m * h1; a5 += m * h3; a6 += m * h5; a7 += m * h7;
        a8 += m * d1; a9 += m * d3; a10 += m * d5; a11 += m * d7;
        a12 += m * l1; a13 += m * l3; a14 += m * l5; a15 += m * l7;
        b0 += n * t1; b1 += n * t3; b2 += n * t5; b3 += n * t7;
        b4 += n * h1; b5 += n * h3; b6 += n * h5; b7 += n * h7;
        b8 += n * d1; b9 += n * d3; b10 += n * d5; b11 += n * d7;
        b12 += n * l1; b13 += n * l3; b14 += n * l5; b15 += n * l7;
        m = weights(k + 32u); n = weights(k + 32u + next);
        a0 += m * t2; a1 += m * t4; a2 += m * t6; a3 += m * t8;
        a4 += m * h2; a5 += m * h4; a6 += m * h6; a7 += m * h8;
        a8 += m * d2; a9 += m * d4; a10 += m * d6; a11 += m * d8;
        a12 += m * l2; a13 += m * l4; a14 += m * l6; a15 += m * l8;
        b0 += n * t2; b1 += n * t4; b2 += n * t6; b3 += n * t8;
        b4 += n * h2; b5 += n * h4; b6 += n * h6; b7 += n * h8;
        b8 += n * d2; b9 += n * d4; b10 += n * d6; b11 += n * d8;
        b12 += n * l2; b13 += n * l4; b14 += n * l6; b15 += n * l8;
        k += 36u;
    }
    finish(o, oy, ox, a0); finish(o, oy, ox + 1, a1);
    finish(o, oy, ox + 2, a2); finish(o, oy, ox + 3, a3);
    finish(o, oy + 1, ox, a4); finish(o, oy + 1, ox + 1, a5);
    finish(o, oy + 1, ox + 2, a6); finish(o, oy + 1, ox + 3, a7);
    finish(o, oy + 2, ox, a8); finish(o, oy + 2, ox + 1, a9);
    finish(o, oy + 2, ox + 2, a10); finish(o, oy + 2, ox + 3, a11);
    finish(o, oy + 3, ox, a12); finish(o, oy + 3, ox + 1, a13);
    finish(o, oy + 3, ox + 2, a14); finish(o, oy + 3, ox + 3, a15);
    finish(o + 1u, oy, ox, b0); finish(o + 1u, oy, ox + 1, b1);
    finish(o + 1u, oy, ox + 2, b2); finish(o + 1u, oy, ox + 3, b3);
    finish(o + 1u, oy + 1, ox, b4); finish(o + 1u, oy + 1, ox + 1, b5);
    finish(o + 1u, oy + 1, ox + 2, b6); finish(o + 1u, oy + 1, ox + 3, b7);
    finish(o + 1u, oy + 2, ox, b8); finish(o + 1u, oy + 2, ox + 1, b9);
    finish(o + 1u, oy + 2, ox + 2, b10); finish(o + 1u, oy + 2, ox + 3, b11);
    finish(o + 1u, oy + 3, ox, b12); finish(o + 1u, oy + 3, ox + 1, b13);
    finish(o + 1u, oy + 3, ox + 2, b14); finish(o + 1u, oy + 3, ox + 3, b15);
}
