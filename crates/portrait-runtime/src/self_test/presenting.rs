//! The pass that draws pictures on windows, against the same on the CPU.

use super::{Noise, Outcome, TOLERANCE, relative_error};
use crate::error::EngineError;
use crate::gpu::Gpu;
use crate::present::{Fit, Placement, Presenter};
use std::sync::Arc;

/// Side of the picture.
const SIDE: u32 = 12;
/// A window in which it is enlarged, with bars beside it; and one in which it is reduced.
const WINDOWS: [[u32; 2]; 2] = [[40, 30], [7, 9]];

pub(super) fn test(gpu: &Arc<Gpu>) -> Result<Outcome, EngineError> {
    use wgpu::TextureUsages as U;
    let mut noise = Noise(0xFACE);
    let rgba: Vec<u8> = (0..4 * SIDE * SIDE).map(|_| ((noise.next() * 0.5 + 0.5) * 255.0) as u8).collect();
    let picture = gpu.texture("picture", [SIDE; 2], U::TEXTURE_BINDING | U::COPY_DST);
    gpu.write_texture(&picture, &rgba);
    let mut presenter = Presenter::new(gpu, &picture);
    let placement = Placement { fit: Fit::Contain, bars: [0.25, 0.5, 0.75] };
    let mut worst = 0.0f32;
    for window in WINDOWS {
        let target = gpu.texture("window", window, U::RENDER_ATTACHMENT | U::COPY_SRC);
        presenter.render_into(&target, &placement)?;
        let found: Vec<f32> =
            pollster::block_on(gpu.fetch_texture(&target))?.iter().map(|&v| f32::from(v) / 255.0).collect();
        worst = worst.max(relative_error(&found, &shown(&rgba, window, &placement)));
    }
    Ok(Outcome { error: worst, passed: worst <= TOLERANCE[2] })
}

/// Catmull-Rom by distance.
fn weight(distance: f32) -> f32 {
    let x = distance.abs();
    match x {
        x if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
        x if x < 2.0 => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
        _ => 0.0,
    }
}

/// What `shaders/surface/present.wgsl` makes of the picture in a window of this size.
fn shown(rgba: &[u8], window: [u32; 2], placement: &Placement) -> Vec<f32> {
    let side = SIDE as f32;
    let [left, top, width, height] = placement.rectangle([SIDE; 2], window);
    let stretch = (side / width.max(1.0)).clamp(1.0, 4.0);
    let texel = |x: i32, y: i32| {
        let [x, y] = [x, y].map(|v| v.clamp(0, SIDE as i32 - 1) as usize);
        let texel = &rgba[4 * (y * SIDE as usize + x)..][..4];
        std::array::from_fn::<f32, 4, _>(|c| f32::from(texel[c]) / 255.0)
    };
    let mut out = Vec::with_capacity(4 * (window[0] * window[1]) as usize);
    for pixel in 0..window[0] * window[1] {
        let place = [pixel % window[0], pixel / window[0]].map(|v| v as f32 + 0.5);
        let unit = [(place[0] - left) / width.max(1.0), (place[1] - top) / height.max(1.0)];
        let at = unit.map(|v| v * side - 0.5);
        let first = at.map(|v| (v - 2.0 * stretch).ceil() as i32);
        let count = (4.0 * stretch).ceil() as i32;
        let (mut sum, mut total) = ([0.0f32; 4], 0.0);
        for row in 0..count {
            for column in 0..count {
                let [x, y] = [first[0] + column, first[1] + row];
                let w = weight((y as f32 - at[1]) / stretch) * weight((x as f32 - at[0]) / stretch);
                let [r, g, b, a] = texel(x, y);
                sum.iter_mut().zip([r * a, g * a, b * a, a]).for_each(|(sum, v)| *sum += w * v);
                total += w;
            }
        }
        let over = sum.map(|v| (v / total).clamp(0.0, 1.0));
        let inside = unit.iter().all(|v| (0.0..1.0).contains(v));
        let colour = |c: usize| {
            let bar = placement.bars[c];
            let colour = if inside { over[c] + bar * (1.0 - over[3]) } else { bar };
            colour.clamp(0.0, 1.0)
        };
        out.extend([colour(0), colour(1), colour(2), 1.0]);
    }
    out
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_picture_of_the_window_s_size_is_shown_as_it_is_and_a_wrong_value_is_seen() {
        let opaque: Vec<u8> =
            (0..4 * SIDE * SIDE).map(|i| if i % 4 == 3 { 255 } else { (i * 37 % 256) as u8 }).collect();
        let as_it_is: Vec<f32> = opaque.iter().map(|&v| f32::from(v) / 255.0).collect();
        let same = shown(&opaque, [SIDE; 2], &Placement::default());
        assert!(relative_error(&same, &as_it_is) < 1e-10);
        for window in WINDOWS {
            let right = shown(&opaque, window, &Placement::default());
            let mut wrong = right.clone();
            // One pixel of the picture's middle.
            let middle = 4 * ((window[1] / 2) * window[0] + window[0] / 2) as usize;
            wrong[middle..middle + 3].iter_mut().for_each(|v| *v = 1.0 - *v);
            assert!(relative_error(&wrong, &right) > TOLERANCE[2], "{window:?}");
        }
    }
}
