// conv_kxk_4x8: convolution with any kernel, stride and padding.
//
// Shapes   x [in/4, H, W]·4   r [res/4, H', W']·4   w [out/4, in/4, taps, 4in]·4out   b [out/4]·4 f32   y [out/4, H', W']·4
// Tile     each invocation: 4 consecutive pixels × 8 output channels; invocations: tiles fastest, then output groups
// Storage  x, r, w, y S4   Accumulate f32   Twin conv_pack.rs   Bindings and Params prelude/conv.wgsl
#import tier
#import activation
#import conv

// Input position of the first tap of output pixel `i`: x, y.
fn corner(i: i32) -> vec2<i32> {
    return vec2<i32>(i % p.out_w, i / p.out_w) * p.stride - vec2<i32>(p.pad_x, p.pad_y);
}
// Input pixel `c` of the plane starting at `plane`, zero outside.
fn pixel(plane: i32, c: vec2<i32>) -> vec4<f32> {
    let size = vec2<i32>(p.in_w, p.in_h);
    let inside = clamp(c, vec2<i32>(0), size - 1);
    return select(vec4<f32>(0.0), up4(x[plane + inside.y * p.in_w + inside.x]), all(inside == c));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= p.span { return; }
    let first = i32(id.x % p.tiles) * 4;
    let o = (id.x / p.tiles + id.y) * 2u;
    let c0 = corner(first); let c1 = corner(first + 1); let c2 = corner(first + 2); let c3 = corner(first + 3);
    var a0 = vec4<f32>(0.0); var a1 = vec4<f32>(0.0); var a2 = vec4<f32>(0.0); var a3 = vec4<f32>(0.0);
    var b0 = vec4<f32>(0.0); var b1 = vec4<f32>(0.0); var b2 = vec4<f32>(0.0); var b3 = vec4<f32>(0.0);
    var m: mat4x4<f32>; var n: mat4x4<f32>;
    let next = p.in_slices * u32(p.kernel * p.kernel) * 4u;
    var k = o * p.in_slices * u32(p.kernel * p.kernel) * 4u;
    for (var slice = 0; slice < i32(p.in_slices); slice++) {
        let plane = slice * p.in_w * p.in_h;
        for (var ky = 0; ky < p.kernel; ky++) {
            for (var kx = 0; kx < p.kernel; kx++) {
                let d = vec2<i32>(kx, ky);
                let x0 = pixel(plane, c0 + d); let x1 = pixel(plane, c1 + d); let x2 = pixel(plane, c2 + d); let x3 = pixel(plane, c3 + d);
                m = weights(k); n = weights(k + next);
                a0 += m * x0; a1 += m * x1; a2 += m * x2; a3 += m * x3;
                b0 += n * x0; b1 += n * x1; b2 += n * x2; b3 += n * x3;
                k += 4u;
            }
        }
    }
    finish4_flat(o, first, a0, a1, a2, a3);
    finish4_flat(o + 1u, first, b0, b1, b2, b3);
}
