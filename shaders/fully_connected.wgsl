// fully_connected: y = act(W x + b [+ r]), one invocation per four outputs.
//
// Shapes   x [in/4]·4   w [out/4, in/4, 4in]·4out   b [out/4]·4 f32   r, y [out/4]·4 f32
// Storage  x, w S4 (x f32 under FLOAT_INPUT)   Accumulate f32
// CPU twin fully_connected.rs
#import tier
#import activation

struct Params { in_slices: u32, out_slices: u32, outputs: u32, pad: u32 }
@group(0) @binding(0) var<uniform> p: Params;
#ifdef FLOAT_INPUT
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
fn load(i: u32) -> vec4<f32> { return x[i]; }
#else
@group(0) @binding(1) var<storage, read> x: array<S4>;
fn load(i: u32) -> vec4<f32> { return up4(x[i]); }
#endif
#ifdef RESIDUAL
@group(0) @binding(2) var<storage, read> r: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> w: array<S4>;
@group(0) @binding(4) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4<f32>>;
#else
@group(0) @binding(2) var<storage, read> w: array<S4>;
@group(0) @binding(3) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;
#endif

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let o = id.x;
    if o >= p.out_slices { return; }
    var sum = b[o];
#ifdef RESIDUAL
    sum += r[o];
#endif
    for (var i = 0u; i < p.in_slices; i++) {
        let v = load(i);
        let at = (o * p.in_slices + i) * 4u;
        sum += v.x * up4(w[at]) + v.y * up4(w[at + 1u]) + v.z * up4(w[at + 2u]) + v.w * up4(w[at + 3u]);
    }
    var slope = vec4<f32>(0.0);
    if ACT == 2u { slope = b[p.out_slices + o]; }
    let lanes = vec4<u32>(0u, 1u, 2u, 3u) + o * 4u;
    y[o] = select(vec4<f32>(0.0), activate(sum, slope), lanes < vec4<u32>(p.outputs));
}
