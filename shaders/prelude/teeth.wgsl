// Teeth in a mouth that is given: teeth.rs says what these are, in distances of the outer corners of the eyes.
const LAST_SIDE = 0.345;
const LENGTHS = vec2<f32>(0.048, 0.103);
const ARCH = 0.4;
const CORNER = 0.012;
const ROUND = 0.008;
const SEAM = 0.13;
const NARROW = 0.006;
const HOLLOW = 0.06;
const FAR = 0.02;
const LIGHTER = 1.12;
const EDGE = 0.008;
const HOLE = 0.15;
const TONGUE = 0.34;
const RED = vec3<f32>(0.55, -0.2, -0.25);

// What becomes of bright and pale so far from the middle of the mouth and below the upper lip, where the lips are `gap` apart.
fn teeth_at(x: f32, y: f32, gap: f32, wide: f32, pixel: f32, colourful: f32) -> vec3<f32> {
    let sides = min(abs(x - vec3<f32>(0.0, 0.092, 0.163)), abs(x - vec3<f32>(0.232, 0.292, LAST_SIDE)));
    let near = min(min(sides.x, sides.y), sides.z);
    let back = min(x / LAST_SIDE, 1.0);
    let length = mix(LENGTHS.x, LENGTHS.y, wide) * (1.0 - ARCH * back * back) - CORNER * exp(-near / ROUND);
    let below = smoothstep(-1.0, 1.0, (y - length) / max(0.7 * pixel, EDGE));
    let seam = near / max(0.6 * pixel, NARROW);
    let tooth = LIGHTER * (1.0 - SEAM * exp(-seam * seam) - HOLLOW * exp(-near / FAR));
    let deep = HOLE + (TONGUE - HOLE) * smoothstep(0.35, 1.0, (y - length) / max(gap - length, 1e-3));
    return mix(vec3<f32>(tooth), deep * (1.0 + colourful * RED), below);
}
