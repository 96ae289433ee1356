// conv3x3_16x8: direct 3×3 convolution, stride 1, fused bias, residual and activation.
//
// Shapes   x [in/4, H, W]·4   r [res/4, H', W']·4   w [out/4, in/4, taps, 4in]·4out   b [out/4]·4 f32   y [out/4, H', W']·4
// Tile     each invocation: 4×4 pixels × 8 output channels; workgroups of 16 for software drivers; invocations: tiles fastest, then output groups
// Storage  x, r, w, y S4   Accumulate f32   Twin conv_pack.rs   Bindings and Params prelude/conv.wgsl
#import tier
#import activation
#import conv

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= p.span { return; }
    let tile = id.x % p.tiles;
    let o = (id.x / p.tiles + id.y) * 2u;
    let ox = i32(tile % p.tiles_x) * 4;
    let oy = i32(tile / p.tiles_x) * 4;
    let left = ox - p.pad_x;
    let c0 = column(left); let c1 = column(left + 1); let c2 = column(left + 2);
    let c3 = column(left + 3); let c4 = column(left + 4); let c5 = column(left + 5);
    let top = oy - p.pad_y;
    var a0 = vec4<f32>(0.0); var a1 = vec4<f32>(0.0); var a2 = vec4<f32>(0.0); var a3 = vec4<f32>(0.0);
    var a4 = vec4<f32>(0.0); var a5 = vec4<f32>(0.0); var a6 = vec4<f32>(0.0); var a7 = vec4<f32>(0.0);
    var a8 = vec4<f32>(0.0); var a9 = vec4<f32>(0.0); var a10 = vec4<f32>(0.0); var a11 = vec4<f32>(0.0);
    var a12 = vec4<f32>(0.0); var a13 = vec4<f32>(0.0); var a14 = vec4<f32>(0.0); var a15 = vec4<f32>(0.0);
    var b0 = vec4<f32>(0.0); var b1 = vec4<f32>(0.0); var b2 = vec4<f32>(0.0); var b3 = vec4<f32>(0.0);
    var b4 = vec4<f32>(0.0); var b5 = vec4<f32>(0.0); var b6 = vec4<f32>(0.0); var b7 = vec4<f32>(0.0);
    var b8 = vec4<f32>(0.0); var b9 = vec4<f32>(0.0); var b10 = vec4<f32>(0.0); var b11 = vec4<f32>(0.0);
    var b12 = vec4<f32>(0.0); var b13 = vec4<f32>(0.0); var b14 = vec4<f32>(0.0); var b15 = vec4<f32>(0.0);
    var r0: vec4<f32>; var r1: vec4<f32>; var r2: vec4<f32>; var r3: vec4<f32>; var r4: vec4<f32>;
    var r5: vec4<f32>;
    var s0: vec4<f32>; var s1: vec4<f32>; var s2: vec4<f32>; var s3: vec4<f32>; var s4: vec4<f32>;
    var s5: vec4<f32>;
    var t0: vec4<f32>; var t1: vec4<f32>; var t2: vec4<f32>; var t3: vec4<f32>; var t4: vec4<f32>;
    var t5: vec4<f32>;
    var q0: vec4<f32>; var q1: vec4<f32>; var q2: vec4<f32>; var q3: vec4<f32>; var q4: vec4<f32>;
    var q5: vec4<f32>;
    var h0: vec4<f32>; var h1: vec4<f32>; var h2: vec4<f32>; var h3: vec4<f32>; var h4: vec4<f32>;
    var h5: vec4<f32>;
    var z0: vec4<f32>; var z1: vec4<f32>; var z2: vec4<f32>; var z3: vec4<f32>; var z4: vec4<f32>;
    var z5: vec4<f32>;
    var m: mat4x4<f32>; var n: mat4x4<f32>;
    var row: vec2<i32>;
    let next = p.in_slices * 36u;
    var k = o * p.in_slices * 36u;
    for (var slice = 0; slice < i32(p.in_slices); slice++) {
        let plane = slice * p.in_w * p.in_h;
        row = row_at(plane, top);
        r0 = at(row, c0); r1 = at(row, c1); r2 = at(row, c2); r3 = at(row, c3);
        r4 = at(row, c4); r5 = at(row, c5);
        row = row_at(plane, top + 1);
        s0 = at(row, c0); s1 = at(row, c1); s2 = at(row, c2); s3 = at(row, c3);
        s4 = at(row, c4); s5 = at(row, c5);
        row = row_at(plane, top + 2);
        t0 = at(row, c0); t1 = at(row, c1); t2 = at(row, c2); t3 = at(row, c3);
        t4 = at(row, c4); t5 = at(row, c5);
        row = row_at(plane, top + 3);
        q0 = at(row, c0); q1 = at(row, c1); q2 = at(row, c2); q3 = at(row, c3);
        q4 = at(row, c4); q5 = at(row, c5);
        m = weights(k); n = weights(k + next);
        a0 += m * r0; a1 += m * r1; a2 += m * r2; a3 += m * r3;
        a4 += m * s0; a5 += m * s1; a6 += m * s2; a7 += m * s3;
        a8 += m * t0; a9 += m * t1; a10 += m * t2; a11 += m * t3;
        a12 += m * q0; a13 += m * q1; a14 += m * q2; a15 += m * q3;
        b0 += n * r0; b1 += n * r1; b2 += n * r2; b3 += n * r3;
        b4 += n * s0; b5 += n * s1; b6 += n * s2; b7 += n * s3;
        b8 += n * t0; b9 += n * t1; b10 += n * t2; b11 += n * t3;
        b12 += n * q0; b13 += n * q1; b14 += n * q2; b15 += n * q3;
        m = weights(k + 4u); n = weights(k + 4u + next);
        a0 += m * r1; a1 += m * r2; a2 += m * r3; a3 += m * r4;
        a4 += m * s1; a5 += m * s2; a6 += m * s3; a7 += m * s4;
        a8 += m * t1; a9 += m * t2; a10 += m * t3; a11 += m * t4;
        a12 += m * q1; a13 += m * q2; a14 += m * q3; a15 += m * q4;
        b0 += n * r1; b1 += n * r2; b2 += n * r3; b3 += n * r4;
        b4 += n * s1; b5 += n * s2; b6 += n * s3; b7 += n * s4;
        b8 += n * t1; b9 += n * t2; b10 += n * t3; b11 += n * t4;
        b12 += n * q1; b13 += n * q2; b14 += n * q3; b15 += n * q4;
        m = weights(k + 8u); n = weights(k + 8u + next);
        a0 += m * r2; a1 += m * r3; a2 += m * r4; a3 += m * r5;
        a4 += m * s2; a5 += m * s3; a6 += m * s4; a7 += m * s5;
        a8 += m * t2; a9 += m * t3; a10 += m * t4; a11 += m * t5;
        a12 += m * q2; a13 += m * q3; a14 += m * q4; a15 += m * q5;
        b0 += n * r2; b1 += n * r3; b2 += n * r4; b3 += n * r5;
        b4 += n * s2; b5 += n * s3; b6 += n * s4; b7 += n * s5;
        b8 += n * t2; b9 += n * t3; b10 += n * t4; b11 += n * t5;
        b12 += n * q2; b13 += n * q3; b14 += n * q4; b15 += n * q5;
        row = row_at(plane, top + 4);
        h0 = at(row, c0); h1 = at(row, c1); h2 = at(row, c2); h3 = at(row, c3);
        h4 = at(row, c4); h5 = at(row, c5);
        m = weights(k + 12u); n = weights(k + 12u + next);
        a0 += m * s0; a1 += m * s1; a2 += m * s2; a3 += m * s3;
        a4 += m * t0; a5 += m * t1; a6 += m * t2; a7 += m * t3;
        a8 += m * q0; a9 += m * q1; a10 += m * q2; a11 += m * q3;
        a12 += m * h0; a13 += m * h1; a14 += m * h2; a15 += m * h3;
        b0 += n * s0; b1 += n * s1; b2 += n * s2; b3 += n * s3;
        b4 += n * t0; b5 += n * t1; b6 += n * t2; b7 += n * t3;
        b8 += n * q0; b9 += n * q1; b10 += n * q2; b11 += n * q3;
        b12 += n * h0; b13 += n * h1; b14 += n * h2; b15 += n * h3;
        m = weights(k + 16u); n = weights(k + 16u + next);
        a0 += m * s1; a1 += m * s2; a2 += m * s3; a3 += m * s4;
        a4 += m * t1; a5 += m * t2; a6 += m * t3; a7 += m * t4;
        a8 += m * q1; a9 += m * q2; a10 += m * q3; a11 += m * q4;
        a12 += m * h1; a13 += m * h2; a14 += m * h3; a15 += m * h4;
        b0 += n * s1; b1 += n * s2; b2 += n * s3; b3 += n * s4;
        b4 += n * t1; b5 += n * t2; b6 += n * t3; b7 += n * t4;
        b8 += n * q1; b9 += n * q2; b10 += n * q3; b11 += n * q4;
        b12 += n * h1; b13 += n * h2; b14 += n * h3; b15 += n * h4;
        m = weights(k + 20u); n = weights(k + 20u + next);
        a0 += m * s2; a1 += m * s3; a2 += m * s4; a3 += m * s5;
        a4 += m * t2; a5 += m * t3; a6 += m * t4; a7 += m * t5;
        a8 += m * q2; a9 += m * q3; a10 += m * q4; a11 += m * q5;
        a12 += m * h2; a13 += m * h3; a14 += m * h4; a15 += m * h5;
        b0 += n * s2; b1 += n * s3; b2 += n * s4; b3 += n * s5;
        b4 += n * t2; b5 += n * t3; b6 += n * t4; b7 += n * t5;
        b8 += n * q2; b9 += n * q3; b10 += n * q4; b11 += n * q5;
        b12 += n * h2; b13 += n * h3; b14 += n * h4; b15 += n * h5;
        row = row_at(plane, top + 5);
        z0 = at(row, c0); z1 = at(row, c1); z2 = at(row, c2); z3 = at(row, c3);
        z4 = at(row, c4); z5 = at(row, c5);
        m = weights(k + 24u); n = weights(k + 24u + next);
        a0 += m * t0; a1 += m * t1; a2 += m * t2; a3 += m * t3;
        a4 += m * q0; a5 += m * q1; a6 += m * q2; a7 += m * q3;
        a8 += m * h0; a9 += m * h1; a10 += m * h2; a11 += m * h3;
        a12 += m * z0; a13 += m * z1; a14 += m * z2; a15 += m * z3;
        b0 += n * t0; b1 += n * t1; b2 += n * t2; b3 += n * t3;
        b4 += n * q0; b5 += n * q1; b6 += n * q2; b7 += n * q3;
        b8 += n * h0; b9 += n * h1; b10 += n * h2; b11 += n * h3;
        b12 += n * z0; b13 += n * z1; b14 += n * z2; b15 += n * z3;
        m = weights(k + 28u); n = weights(k + 28u + next);
        a0 += m * t1; a1 += m * t2; a2 += m * t3; a3 += m * t4;
        a4 += m * q1; a5 += m * q2; a6 += m * q3; a7 += m * q4;
        a8 += m * h1; a9 += m * h2; a10 += m * h3; a11 += m * h4;
        a12 += m * z1; a13 += m * z2; a14 += m * z3; a15 += m * z4;
        b0 += n * t1; b1 += n * t2; b2 += n * t3; b3 += n * t4;
        b4 += n * q1; b5 += n * q2; b6 += n * q3; b7 += n * q4;
        b8 += n * h1; b9 += n * h2; b10 += n * h3; b11 += n * h4;
        b12 += n * z1; b13 += n * z2; b14 += n * z3; b15 += n * z4;
        m = weights(k + 32u); n = weights(k + 32u + next);
        a0 += m * t2; a1 += m * t3; a2 += m * t4; a3 += m * t5;
        a4 += m * q2; a5 += m * q3; a6 += m * q4; a7 += m * q5;
        a8 += m * h2; a9 += m * h3; a10 += m * h4; a11 += m * h5;
        a12 += m * z2; a13 += m * z3; a14 += m * z4; a15 += m * z5;
        b0 += n * t2; b1 += n * t3; b2 += n * t4; b3 += n * t5;
        b4 += n * q2; b5 += n * q3; b6 += n * q4; b7 += n * q5;
        b8 += n * h2; b9 += n * h3; b10 += n * h4; b11 += n * h5;
        b12 += n * z2; b13 += n * z3; b14 += n * z4; b15 += n * z5;
        k += 36u;
    }
    finish4(o, oy, ox, 1, a0, a1, a2, a3);
    finish4(o, oy + 1, ox, 1, a4, a5, a6, a7);
    finish4(o, oy + 2, ox, 1, a8, a9, a10, a11);
    finish4(o, oy + 3, ox, 1, a12, a13, a14, a15);
    finish4(o + 1u, oy, ox, 1, b0, b1, b2, b3);
    finish4(o + 1u, oy + 1, ox, 1, b4, b5, b6, b7);
    finish4(o + 1u, oy + 2, ox, 1, b8, b9, b10, b11);
    finish4(o + 1u, oy + 3, ox, 1, b12, b13, b14, b15);
}
