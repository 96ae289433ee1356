// Parameters, bindings and loads of the convolutions. `Params` in conv.rs, CPU twin in conv_pack.rs.
struct Params {
    in_w: i32, in_h: i32, in_slices: u32, out_slices: u32,
    out_w: i32, out_h: i32, outputs: u32, residual_slices: u32,
    pad_x: i32, pad_y: i32, kernel: i32, stride: i32,
    span: u32, tiles: u32, tiles_x: u32, scale: u32,
}
// Four weights: of a deep layer two halves in a u32 where features are f32.
#ifdef HALVES
alias W4 = vec2<u32>;
fn weight(v: W4) -> vec4<f32> { return vec4<f32>(unpack2x16float(v.x), unpack2x16float(v.y)); }
#else
alias W4 = S4;
fn weight(v: W4) -> vec4<f32> { return up4(v); }
#endif
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<S4>;
#ifdef RESIDUAL
@group(0) @binding(2) var<storage, read> r: array<S4>;
@group(0) @binding(3) var<storage, read> w: array<W4>;
@group(0) @binding(4) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> y: array<S4>;
#else
@group(0) @binding(2) var<storage, read> w: array<W4>;
@group(0) @binding(3) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<S4>;
#endif

// Four inputs × four outputs at `i`.
fn weights(i: u32) -> mat4x4<f32> {
    return mat4x4<f32>(weight(w[i]), weight(w[i + 1u]), weight(w[i + 2u]), weight(w[i + 3u]));
}
// A column of the input: clamped index, and 1 where it is inside.
fn column(c: i32) -> vec2<i32> {
    let inside = clamp(c, 0, p.in_w - 1);
    return vec2<i32>(inside, select(0, 1, inside == c));
}
// A row of the input: index of its first pixel, and 1 where it is inside.
fn row_at(plane: i32, c: i32) -> vec2<i32> {
    let inside = clamp(c, 0, p.in_h - 1);
    return vec2<i32>(plane + inside * p.in_w, select(0, 1, inside == c));
}
// The pixel of a row and a column, zero outside.
fn at(row: vec2<i32>, c: vec2<i32>) -> vec4<f32> {
    return select(vec4<f32>(0.0), up4(x[row.x + c.x]), (row.y & c.y) == 1);
}
// What a sum of output slice `o` begins with, and the slope of its activation.
struct Ending { bias: vec4<f32>, slope: vec4<f32> }
fn ending(o: u32) -> Ending {
    var slope = vec4<f32>(0.0);
    if ACT == 2u { slope = b[p.out_slices + o]; }
    return Ending(b[o], slope);
}
// Bias, residual, activation and store at `to`.
fn store(o: u32, to: i32, sum: vec4<f32>, e: Ending) {
    var v = sum + e.bias;
#ifdef RESIDUAL
    if o < p.residual_slices { v += up4(r[to]); }
#endif
    v = activate(v, e.slope);
    // Lanes past the last channel have weights and bias of zero; only the sigmoid makes something of that.
    if ACT == 4u {
        let lanes = vec4<u32>(0u, 1u, 2u, 3u) + o * 4u;
        v = select(vec4<f32>(0.0), v, lanes < vec4<u32>(p.outputs));
    }
    y[to] = down4(v);
}
// The sum of output slice `o` at row `oy`, column `ox`; nothing outside of the picture.
fn finish(o: u32, oy: i32, ox: i32, sum: vec4<f32>) {
    if o >= p.out_slices || oy >= p.out_h || ox >= p.out_w { return; }
    store(o, (i32(o) * p.out_h + oy) * p.out_w + ox, sum, ending(o));
}
// Two sums of a row, `step` columns apart.
fn finish2(o: u32, oy: i32, ox: i32, step: i32, s0: vec4<f32>, s1: vec4<f32>) {
    if o >= p.out_slices || oy >= p.out_h { return; }
    let e = ending(o);
    let to = (i32(o) * p.out_h + oy) * p.out_w + ox;
    if ox < p.out_w { store(o, to, s0, e); }
    if ox + step < p.out_w { store(o, to + step, s1, e); }
}
// Four sums of a row, `step` columns apart.
fn finish4(o: u32, oy: i32, ox: i32, step: i32, s0: vec4<f32>, s1: vec4<f32>, s2: vec4<f32>, s3: vec4<f32>) {
    if o >= p.out_slices || oy >= p.out_h { return; }
    let e = ending(o);
    let to = (i32(o) * p.out_h + oy) * p.out_w + ox;
    if ox < p.out_w { store(o, to, s0, e); }
    if ox + step < p.out_w { store(o, to + step, s1, e); }
    if ox + 2 * step < p.out_w { store(o, to + 2 * step, s2, e); }
    if ox + 3 * step < p.out_w { store(o, to + 3 * step, s3, e); }
}
// Four sums from flat pixel `i` on.
fn finish4_flat(o: u32, i: i32, s0: vec4<f32>, s1: vec4<f32>, s2: vec4<f32>, s3: vec4<f32>) {
    let area = p.out_w * p.out_h;
    if o >= p.out_slices { return; }
    let e = ending(o);
    let to = i32(o) * area + i;
    if i < area { store(o, to, s0, e); }
    if i + 1 < area { store(o, to + 1, s1, e); }
    if i + 2 < area { store(o, to + 2, s2, e); }
    if i + 3 < area { store(o, to + 3, s3, e); }
}
