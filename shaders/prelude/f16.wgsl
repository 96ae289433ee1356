enable f16;
// Tier f16: four channels as vec4<f16>; arithmetic in f32.
alias S4 = vec4<f16>;
fn up4(v: S4) -> vec4<f32> { return vec4<f32>(v); }
fn down4(v: vec4<f32>) -> S4 { return vec4<f16>(v); }
