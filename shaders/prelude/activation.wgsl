// Activation chosen at pipeline creation; numbers as `Activation` in activation.rs. `slope` is read by PReLU only.
override ACT: u32 = 0u;
fn activate(v: vec4<f32>, slope: vec4<f32>) -> vec4<f32> {
    switch ACT {
        case 1u: { return max(v, vec4<f32>(0.0)); }
        case 2u: { return select(v * slope, v, v >= vec4<f32>(0.0)); }
        case 3u: { return v * clamp(v + 3.0, vec4<f32>(0.0), vec4<f32>(6.0)) * (1.0 / 6.0); }
        case 4u: { return 1.0 / (1.0 + exp(-v)); }
        default: { return v; }
    }
}
