// present: a picture in a target of any size, with bars around it. One triangle covers the target.
//
// Sampling Catmull-Rom where the picture is enlarged, its stretched form where it is reduced, so that neither blurs nor flickers;
//          reductions beyond 4 : 1 skip texels
// Colour   texels hold what screens show; `linear` = 1 undoes that for targets whose format encodes again
struct Params { rectangle: vec4<f32>, bars: vec3<f32>, linear: f32, size: vec2<f32>, pad: vec2<f32> } // rectangle: left, top, w, h
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var picture: texture_2d<f32>;

@vertex
fn vertex(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {
    let corner = vec2<f32>(f32((i << 1u) & 2u), f32(i & 2u));
    return vec4<f32>(corner * 2.0 - 1.0, 0.0, 1.0);
}

// Catmull-Rom by distance.
fn weight(distance: f32) -> f32 {
    let x = abs(distance);
    let near = (1.5 * x - 2.5) * x * x + 1.0;
    let far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0;
    return select(select(0.0, far, x < 2.0), near, x < 1.0);
}

fn linear_light(v: vec3<f32>) -> vec3<f32> {
    return select(pow((v + 0.055) / 1.055, vec3<f32>(2.4)), v / 12.92, v <= vec3<f32>(0.04045));
}

@fragment
fn fragment(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let unit = (position.xy - p.rectangle.xy) / max(p.rectangle.zw, vec2<f32>(1.0));
    let at = unit * p.size - 0.5;
    let stretch = clamp(p.size.x / max(p.rectangle.z, 1.0), 1.0, 4.0); // texels per pixel
    let last = vec2<i32>(p.size) - 1;
    let first = vec2<i32>(ceil(at - 2.0 * stretch));
    let count = i32(ceil(4.0 * stretch));
    var sum = vec4<f32>(0.0);
    var total = 0.0;
    for (var row = 0; row < count; row++) {
        let wy = weight((f32(first.y + row) - at.y) / stretch);
        for (var column = 0; column < count; column++) {
            let w = wy * weight((f32(first.x + column) - at.x) / stretch);
            let texel = textureLoad(picture, clamp(first + vec2<i32>(column, row), vec2<i32>(0), last), 0);
            sum += w * vec4<f32>(texel.rgb * texel.a, texel.a);
            total += w;
        }
    }
    let premultiplied = clamp(sum / total, vec4<f32>(0.0), vec4<f32>(1.0));
    let over = premultiplied.rgb + p.bars * (1.0 - premultiplied.a);
    let inside = all(unit >= vec2<f32>(0.0)) & all(unit < vec2<f32>(1.0));
    let shown = clamp(select(p.bars, over, inside), vec3<f32>(0.0), vec3<f32>(1.0));
    return vec4<f32>(select(shown, linear_light(shown), p.linear > 0.5), 1.0);
}
