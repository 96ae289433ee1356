// Neither NaN nor infinite. By bits: fast-math compilers fold `v != v` and ordered comparisons away.
fn finite(v: f32) -> bool { return (bitcast<u32>(v) & 0x7f800000u) != 0x7f800000u; }
