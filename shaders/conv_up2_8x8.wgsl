// conv_up2_8x8: nearest ×2, then 3×3 convolution with pad 1, as four 2×2 convolutions of the small image (one per phase).
//
// Shapes   x [in/4, H, W]·4   r [res/4, H', W']·4   w [out/4, 4 phases, in/4, taps, 4in]·4out   b [out/4]·4 f32   y [out/4, H', W']·4
// Tile     each invocation: 4×2 pixels of one phase × 8 output channels; invocations: tiles fastest, then output groups; z is the phase
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
    let py = i32(id.z >> 1u);
    let px = i32(id.z & 1u);
    let left = ox + px - 1;
    let c0 = column(left); let c1 = column(left + 1); let c2 = column(left + 2);
    let c3 = column(left + 3); let c4 = column(left + 4);
    let top = oy + py - 1;
    var a0 = vec4<f32>(0.0); var a1 = vec4<f32>(0.0); var a2 = vec4<f32>(0.0); var a3 = vec4<f32>(0.0);
    var a4 = vec4<f32>(0.0); var a5 = vec4<f32>(0.0); var a6 = vec4<f32>(0.0); var a7 = vec4<f32>(0.0);
    var b0 = vec4<f32>(0.0); var b1 = vec4<f32>(0.0); var b2 = vec4<f32>(0.0); var b3 = vec4<f32>(0.0);
    var b4 = vec4<f32>(0.0); var b5 = vec4<f32>(0.0); var b6 = vec4<f32>(0.0); var b7 = vec4<f32>(0.0);
    var r0: vec4<f32>; var r1: vec4<f32>; var r2: vec4<f32>; var r3: vec4<f32>; var r4: vec4<f32>;
    var s0: vec4<f32>; var s1: vec4<f32>; var s2: vec4<f32>; var s3: vec4<f32>; var s4: vec4<f32>;
    var t0: vec4<f32>; var t1: vec4<f32>; var t2: vec4<f32>; var t3: vec4<f32>; var t4: vec4<f32>;
    var m: mat4x4<f32>; var n: mat4x4<f32>;
    var row: vec2<i32>;
    let next = p.in_slices * 64u;
    var k = (o * 4u + id.z) * p.in_slices * 16u;
    for (var slice = 0; slice < i32(p.in_slices); slice++) {
        let plane = slice * p.in_w * p.in_h;
        row = row_at(plane, top);
        r0 = at(row, c0); r1 = at(row, c1); r2 = at(row, c2); r3 = at(row, c3);
        r4 = at(row, c4);
        row = row_at(plane, top + 1);
        s0 = at(row, c0); s1 = at(row, c1); s2 = at(row, c2); s3 = at(row, c3);
        s4 = at(row, c4);
        m = weights(k); n = weights(k + next);
        a0 += m * r0; a1 += m * r1; a2 += m * r2; a3 += m * r3;
        a4 += m * s0; a5 += m * s1; a6 += m * s2; a7 += m * s3;
        b0 += n * r0; b1 += n * r1; b2 += n * r2; b3 += n * r3;
        b4 += n * s0; b5 += n * s1; b6 += n * s2; b7 += n * s3;
        m = weights(k + 4u); n = weights(k + 4u + next);
        a0 += m * r1; a1 += m * r2; a2 += m * r3; a3 += m * r4;
        a4 += m * s1; a5 += m * s2; a6 += m * s3; a7 += m * s4;
        b0 += n * r1; b1 += n * r2; b2 += n * r3; b3 += n * r4;
        b4 += n * s1; b5 += n * s2; b6 += n * s3; b7 += n * s4;
        row = row_at(plane, top + 2);
        t0 = at(row, c0); t1 = at(row, c1); t2 = at(row, c2); t3 = at(row, c3);
        t4 = at(row, c4);
        m = weights(k + 8u); n = weights(k + 8u + next);
        a0 += m * s0; a1 += m * s1; a2 += m * s2; a3 += m * s3;
        a4 += m * t0; a5 += m * t1; a6 += m * t2; a7 += m * t3;
        b0 += n * s0; b1 += n * s1; b2 += n * s2; b3 += n * s3;
        b4 += n * t0; b5 += n * t1; b6 += n * t2; b7 += n * t3;
        m = weights(k + 12u); n = weights(k + 12u + next);
        a0 += m * s1; a1 += m * s2; a2 += m * s3; a3 += m * s4;
        a4 += m * t1; a5 += m * t2; a6 += m * t3; a7 += m * t4;
        b0 += n * s1; b1 += n * s2; b2 += n * s3; b3 += n * s4;
        b4 += n * t1; b5 += n * t2; b6 += n * t3; b7 += n * t4;
        k += 16u;
    }
    let fy = oy * 2 + py;
    let fx = ox * 2 + px;
    finish4(o, fy, fx, 2, a0, a1, a2, a3);
    finish4(o, fy + 2, fx, 2, a4, a5, a6, a7);
    finish4(o + 1u, fy, fx, 2, b0, b1, b2, b3);
    finish4(o + 1u, fy + 2, fx, 2, b4, b5, b6, b7);
}
