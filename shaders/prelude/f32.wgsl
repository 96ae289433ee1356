// Tier f32: four channels as vec4<f32>.
alias S4 = vec4<f32>;
fn up4(v: S4) -> vec4<f32> { return v; }
fn down4(v: vec4<f32>) -> S4 { return v; }
