// Tier f16_packed: four channels as two u32 of two halves each; arithmetic in f32. Runs on every device.
alias S4 = vec2<u32>;
fn up4(v: S4) -> vec4<f32> { return vec4<f32>(unpack2x16float(v.x), unpack2x16float(v.y)); }
fn down4(v: vec4<f32>) -> S4 { return vec2<u32>(pack2x16float(v.xy), pack2x16float(v.zw)); }
