// shade: what is behind a panel of the overlay, one colour in a rounded rectangle that fills the viewport. One triangle covers it.

override linear: bool = false; // the target takes linear light, and stores it as sRGB

const COLOUR = vec3<f32>(18.0, 18.0, 22.0) / 255.0;
const ALPHA = 0.8;
const RADIUS = 10.0; // pixels

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) place: vec2<f32>, // 0..1 over the viewport
}

@vertex
fn corner(@builtin(vertex_index) index: u32) -> Corner {
    let place = vec2<f32>(f32(index & 1u), f32(index >> 1u)) * 2.0;
    return Corner(vec4<f32>(place.x * 2.0 - 1.0, 1.0 - place.y * 2.0, 0.0, 1.0), place);
}

@fragment
fn fill(in: Corner) -> @location(0) vec4<f32> {
    // A pixel's share of the viewport tells how many pixels it has.
    let size = 1.0 / max(fwidth(in.place), vec2<f32>(1e-6));
    let beyond = max(abs(in.place - 0.5) * size - 0.5 * size + RADIUS, vec2<f32>(0.0));
    let inside = clamp(RADIUS + 0.5 - length(beyond), 0.0, 1.0);
    let colour = select(COLOUR, pow(COLOUR, vec3<f32>(2.2)), linear);
    return vec4<f32>(colour, 1.0) * (ALPHA * inside);
}
