// conv3x3_16x4: direct 3×3 convolution, stride 1, fused bias, residual and activation.
//
// Shapes   x [in/4, H, W]·4   r [res/4, H', W']·4   w [out/4, in/4, taps, 4in]·4out   b [out/4]·4 f32   y [out/4, H', W']·4
// Tile     each invocation: 4×4 pixels × 4 output channels; workgroups of 16 for software drivers; invocations: tiles fastest, then output groups
// Storage  x, r, w, y S4   Accumulate f32   Twin conv_pack.rs   Bindings and Params prelude/conv.wgsl
#import tier
#import activation
#import conv

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= p.span { return; }
    let tile = id.x % p.tiles;
    let o = id.x / p.tiles + id.y;
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
    var m: mat4x4<f32>;
    var row: vec2<i32>;
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
        m = weights(k);
        a0 += m * r0; a1 += m * r1; a2 += m * r2; a3 += m * r3;
        a4 += m * s0; a5 += m * s1; a6 += m * s2; a7 += m * s3;
        a8 += m * t0; a9 += m * t1; a10 += m * t2; a11 += m * t3;
        a12 += m * q0; a13 += m * q1; a14 += m * q2; a15 += m * q3;
        m = weights(k + 4u);
        a0 += m * r1; a1 += m * r2; a2 += m * r3; a3 += m * r4;
        a4 += m * s1; a5 += m * s2; a6 += m * s3; a7 += m * s4;
        a8 += m * t1; a9 += m * t2; a10 += m * t3; a11 += m * t4;
        a12 += m * q1; a13 += m * q2; a14 += m * q3; a15 += m * q4;
        m = weights(k + 8u);
        a0 += m * r2; a1 += m * r3; a2 += m * r4; a3 += m * r5;
        a4 += m * s2; a5 += m * s3; a6 += m * s4; a7 += m * s5;
        a8 += m * t2; a9 += m * t3; a10 += m * t4; a11 += m * t5;
        a12 += m * q2; a13 += m * q3; a14 += m * q4; a15 += m * q5;
        row = row_at(plane, top + 4);
        h0 = at(row, c0); h1 = at(row, c1); h2 = at(row, c2); h3 = at(row, c3);
        h4 = at(row, c4); h5 = at(row, c5);
        m = weights(k + 12u);
        a0 += m * s0; a1 += m * s1; a2 += m * s2; a3 += m * s3;
        a4 += m * t0; a5 += m * t1; a6 += m * t2; a7 += m * t3;
        a8 += m * q0; a9 += m * q1; a10 += m * q2; a11 += m * q3;
        a12 += m * h0; a13 += m * h1; a14 += m * h2; a15 += m * h3;
        m = weights(k + 16u);
        a0 += m * s1; a1 += m * s2; a2 += m * s3; a3 += m * s4;
        a4 += m * t1; a5 += m * t2; a6 += m * t3; a7 += m * t4;
        a8 += m * q1; a9 += m * q2; a10 += m * q3; a11 += m * q4;
        a12 += m * h1; a13 += m * h2; a14 += m * h3; a15 += m * h4;
        m = weights(k + 20u);
        a0 += m * s2; a1 += m * s3; a2 += m * s4; a3 += m * s5;
        a4 += m * t2; a5 += m * t3; a6 += m * t4; a7 += m * t5;
        a8 += m * q2; a9 += m * q3; a10 += m * q4; a11 += m * q5;
        a12 += m * h2; a13 += m * h3; a14 += m * h4; a15 += m * h5;
        row = row_at(plane, top + 5);
        z0 = at(row, c0); z1 = at(row, c1); z2 = at(row, c2); z3 = at(row, c3);
        z4 = at(row, c4); z5 = at(row, c5);
        m = weights(k + 24u);
        a0 += m * t0; a1 += m * t1; a2 += m * t2; a3 += m * t3;
        a4 += m * q0; a5 += m * q1; a6 += m * q2; a7 += m * q3;
        a8 += m * h0; a9 += m * h1; a10 += m * h2; a11 += m * h3;
        a12 += m * z0; a13 += m * z1; a14 += m * z2; a15 += m * z3;
        m = weights(k + 28u);
        a0 += m * t1; a1 += m * t2; a2 += m * t3; a3 += m * t4;
        a4 += m * q1; a5 += m * q2; a6 += m * q3; a7 += m * q4;
        a8 += m * h1; a9 += m * h2; a10 += m * h3; a11 += m * h4;
        a12 += m * z1; a13 += m * z2; a14 += m * z3; a15 += m * z4;
        m = weights(k + 32u);
        a0 += m * t2; a1 += m * t3; a2 += m * t4; a3 += m * t5;
        a4 += m * q2; a5 += m * q3; a6 += m * q4; a7 += m * q5;
        a8 += m * h2; a9 += m * h3; a10 += m * h4; a11 += m * h5;
        a12 += m * z2; a13 += m * z3; a14 += m * z4; a15 += m * z5;
        k += 36u;
    }
    finish4(o, oy, ox, 1, a0, a1, a2, a3);
    finish4(o, oy + 1, ox, 1, a4, a5, a6, a7);
    finish4(o, oy + 2, ox, 1, a8, a9, a10, a11);
    finish4(o, oy + 3, ox, 1, a12, a13, a14, a15);
}
