// depthwise: depthwise convolution with any kernel, stride and padding, fused bias, residual and activation.
//
// Shapes   x [C/4, H, W]·4   r [res/4, H', W']·4   w [C/4, taps]·4   b [C/4]·4 f32   y [C/4, H', W']·4
// Tile     each invocation: 4 pixels of a row × 4 channels
// Storage  x, r, w, y S4   Accumulate f32   Twin depthwise.rs   Bindings and Params prelude/conv.wgsl
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
    let plane = i32(o) * p.in_w * p.in_h;
    let top = oy * p.stride - p.pad_y;
    let left = ox * p.stride - p.pad_x;
    var a0 = vec4<f32>(0.0); var a1 = vec4<f32>(0.0); var a2 = vec4<f32>(0.0); var a3 = vec4<f32>(0.0);
    var k = i32(o) * p.kernel * p.kernel;
    for (var ky = 0; ky < p.kernel; ky++) {
        let row = row_at(plane, top + ky);
        for (var kx = 0; kx < p.kernel; kx++) {
            let c = left + kx;
            let m = up4(w[k]);
            a0 += m * at(row, column(c));
            a1 += m * at(row, column(c + p.stride));
            a2 += m * at(row, column(c + p.stride * 2));
            a3 += m * at(row, column(c + p.stride * 3));
            k++;
        }
    }
    finish4(o, oy, ox, 1, a0, a1, a2, a3);
}
