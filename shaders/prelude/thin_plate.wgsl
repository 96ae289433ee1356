// Thin-plate splines of five points a group, over two arrays of vec2<f32> that the kernel binds under these names:
// `tps` [K, 8] (five radial weights, then the x, y and 1 rows) and `kp_d` [K, 5] (the points they belong to).
fn radial(d: vec2<f32>) -> f32 {
    let r2 = dot(d, d);
    return r2 * log(r2 + 1e-9);
}
fn transform(group: u32, z: vec2<f32>) -> vec2<f32> {
    let w = group * 8u;
    let d = group * 5u;
    return tps[w] * radial(z - kp_d[d]) + tps[w + 1u] * radial(z - kp_d[d + 1u])
        + tps[w + 2u] * radial(z - kp_d[d + 2u]) + tps[w + 3u] * radial(z - kp_d[d + 3u])
        + tps[w + 4u] * radial(z - kp_d[d + 4u]) + tps[w + 5u] * z.x + tps[w + 6u] * z.y + tps[w + 7u];
}
