// conv_transpose2x2: transposed convolution, kernel 2, stride 2: every input pixel makes 2×2 output pixels.
//
// Shapes   x [in/4, H, W]·4   w [out/4, 4 phases, in/4, 4in]·4out   b [out/4]·4 f32   y [out/4, 2H, 2W]·4
// Tile     each invocation: one phase of 4 consecutive input pixels × 4 output channels; z is the phase
// Storage  x, w, y S4   Accumulate f32   Twin conv_transpose.rs   Bindings and Params prelude/conv.wgsl
#import tier
#import activation
#import conv

// Stores one sum for input pixel `i`.
fn put(o: u32, i: i32, phase: vec2<i32>, sum: vec4<f32>) {
    if i < p.in_w * p.in_h {
        let at = vec2<i32>(i % p.in_w, i / p.in_w) * 2 + phase;
        finish(o, at.y, at.x, sum);
    }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= p.span { return; }
    let first = i32(id.x % p.tiles) * 4;
    let o = id.x / p.tiles + id.y;
    let area = p.in_w * p.in_h;
    let last = area - 1;
    var i0 = min(first, last); var i1 = min(first + 1, last); var i2 = min(first + 2, last); var i3 = min(first + 3, last);
    var a0 = vec4<f32>(0.0); var a1 = vec4<f32>(0.0); var a2 = vec4<f32>(0.0); var a3 = vec4<f32>(0.0);
    var k = (o * 4u + id.z) * p.in_slices * 4u;
    for (var slice = 0u; slice < p.in_slices; slice++) {
        let m = weights(k);
        a0 += m * up4(x[i0]); a1 += m * up4(x[i1]); a2 += m * up4(x[i2]); a3 += m * up4(x[i3]);
        i0 += area; i1 += area; i2 += area; i3 += area;
        k += 4u;
    }
    let phase = vec2<i32>(i32(id.z & 1u), i32(id.z >> 1u));
    put(o, first, phase, a0); put(o, first + 1, phase, a1);
    put(o, first + 2, phase, a2); put(o, first + 3, phase, a3);
}
