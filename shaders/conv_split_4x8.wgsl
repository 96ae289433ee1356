// conv_split_4x8: convolution of a small, deep picture, any stride or nearest ×2; fused bias, residual and activation.
//
// Shapes   x [in/4, H, W]·4   r [res/4, H', W']·4   w [out/4, phases, in/4, taps, 4in]·4out   b [out/4]·4 f32   y [out/4, H', W']·4
// Tile     each invocation: 4 consecutive pixels × 8 output channels × a part of the input; y is the output group, z the phase
// Storage  x, r, w, y S4   Accumulate f32   Twin conv_pack.rs   Bindings and Params prelude/conv.wgsl, parts prelude/conv_split.wgsl
#import tier
#import activation
#import conv
#import conv_split
const SUMS = 8u;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>) {
    let first = (group.x * p.span + lane % p.span) * 4u;
    let o = group.y * 2u;
    let w0 = window(place(first, group.z)); let w1 = window(place(first + 1u, group.z));
    let w2 = window(place(first + 2u, group.z)); let w3 = window(place(first + 3u, group.z));
    var a0 = vec4<f32>(0.0); var a1 = vec4<f32>(0.0); var a2 = vec4<f32>(0.0); var a3 = vec4<f32>(0.0);
    var b0 = vec4<f32>(0.0); var b1 = vec4<f32>(0.0); var b2 = vec4<f32>(0.0); var b3 = vec4<f32>(0.0);
    let area = p.in_w * p.in_h;
    let count = p.in_slices * SIDE * SIDE;
    let phases = p.scale * p.scale;
    let parts = 64u / p.span;
    let k = (o * phases + group.z) * count;
    for (var n = lane / p.span; n < count; n += parts) {
        let tap = vec2<i32>(i32(n % SIDE), i32(n / SIDE % SIDE));
        let plane = i32(n / (SIDE * SIDE)) * area;
        let v0 = under(w0, tap, plane); let v1 = under(w1, tap, plane);
        let v2 = under(w2, tap, plane); let v3 = under(w3, tap, plane);
        let m = weights((k + n) * 4u);
        a0 += m * v0; a1 += m * v1; a2 += m * v2; a3 += m * v3;
        let q = weights((k + phases * count + n) * 4u);
        b0 += q * v0; b1 += q * v1; b2 += q * v2; b3 += q * v3;
    }
    partial[lane] = a0; partial[lane + 64u] = a1; partial[lane + 128u] = a2; partial[lane + 192u] = a3;
    partial[lane + 256u] = b0; partial[lane + 320u] = b1; partial[lane + 384u] = b2; partial[lane + 448u] = b3;
    let v = total(lane);
    let sum = lane / p.span;
    let to = place(first + sum % 4u, group.z);
    if sum < SUMS { finish(o + sum / 4u, to.y, to.x, v); }
}
