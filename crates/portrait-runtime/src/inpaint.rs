//! The pseudo background: the photo with the person taken out, filled from coarser and coarser surroundings (push-pull,
//! Gortler et al. 1996). The networks were trained on backgrounds made exactly this way.

/// How far the hole reaches beyond the person mask, in pixels of a 256-pixel picture.
const DILATION: usize = 6;
/// How far the hole's edge is blurred to either side, in the same pixels.
const SOFTNESS: usize = 2;
/// Mask value from which a pixel counts as person.
const PERSON: f32 = 40.0 / 255.0;

/// One level of the pyramid: premultiplied colour and weight.
struct Level {
    width: usize,
    height: usize,
    texels: Vec<[f32; 4]>,
}

/// Fills `person` (one value a pixel, 0..=1) of an RGB picture (values 0..=1) of `side × side` pixels.
pub(crate) fn fill_background(rgb: &[[f32; 3]], person: &[f32], side: usize) -> Vec<[f32; 3]> {
    let hole = dilate(person, side, DILATION * side / 256);
    let texels = rgb.iter().zip(&hole).map(|(&[r, g, b], &h)| if h { [0.0; 4] } else { [r, g, b, 1.0] }).collect();
    let mut levels = vec![Level { width: side, height: side, texels }];
    while let Some(last) = levels.last().filter(|l| l.height > 2) {
        levels.push(last.halved());
    }
    let mut filled: Vec<[f32; 3]> = Vec::new();
    for (i, level) in levels.iter().enumerate().rev() {
        let coarser = levels.get(i + 1).map(|l| upsample(&filled, l.width, l.height, level.width, level.height));
        filled = level
            .texels
            .iter()
            .enumerate()
            .map(|(p, &[r, g, b, a])| {
                let Some(up) = &coarser else {
                    return if a > 1e-3 { [r / a, g / a, b / a] } else { [0.5; 3] };
                };
                // The finest level knows its pixels or does not; coarser ones are trusted from a quarter of coverage on.
                let trust = if i == 0 { a } else { (4.0 * a).min(1.0) };
                let known = a.max(1e-4);
                std::array::from_fn(|c| [r, g, b][c] / known * trust + up[p][c] * (1.0 - trust))
            })
            .collect();
    }
    filled
}

/// The hole that [`fill_background`] fills, 0..=1, its edge blurred over a few pixels.
pub(crate) fn soft_hole(person: &[f32], side: usize) -> Vec<f32> {
    let hole: Vec<f32> = dilate(person, side, DILATION * side / 256).into_iter().map(f32::from).collect();
    let radius = (SOFTNESS * side / 256) as isize;
    let mean = |values: &[f32], step: usize, i: usize, at: usize| {
        let first = i - at * step; // of the row or column
        let near = |d: isize| values[first + (at as isize + d).clamp(0, side as isize - 1) as usize * step];
        (-radius..=radius).map(near).sum::<f32>() / (2 * radius + 1) as f32
    };
    let rows: Vec<f32> = (0..side * side).map(|i| mean(&hole, 1, i, i % side)).collect();
    (0..side * side).map(|i| mean(&rows, side, i, i / side)).collect()
}

fn dilate(person: &[f32], side: usize, radius: usize) -> Vec<bool> {
    let window = |i: usize| i.saturating_sub(radius)..(i + radius + 1).min(side);
    let rows: Vec<bool> =
        (0..side * side).map(|p| window(p % side).any(|x| person[p / side * side + x] > PERSON)).collect();
    (0..side * side).map(|p| window(p / side).any(|y| rows[y * side + p % side])).collect()
}

/// The index reflected into `0..n` without repeating the edge.
fn reflect(i: isize, n: usize) -> usize {
    let last = n as isize - 1;
    let i = if i < 0 { -i } else { i };
    let i = if i > last { 2 * last - i } else { i };
    i.clamp(0, last) as usize
}

impl Level {
    /// Half the size, through the binomial filter 1 4 6 4 1.
    fn halved(&self) -> Level {
        const TAPS: [f32; 5] = [1.0 / 16.0, 4.0 / 16.0, 6.0 / 16.0, 4.0 / 16.0, 1.0 / 16.0];
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let mut rows = vec![[0.0; 4]; width * self.height];
        for (p, out) in rows.iter_mut().enumerate() {
            let (x, y) = (p % width, p / width);
            for (t, weight) in TAPS.iter().enumerate() {
                let from = self.texels[y * self.width + reflect(2 * x as isize + t as isize - 2, self.width)];
                (0..4).for_each(|c| out[c] += weight * from[c]);
            }
        }
        let mut texels = vec![[0.0; 4]; width * height];
        for (p, out) in texels.iter_mut().enumerate() {
            let (x, y) = (p % width, p / width);
            for (t, weight) in TAPS.iter().enumerate() {
                let from = rows[reflect(2 * y as isize + t as isize - 2, self.height) * width + x];
                (0..4).for_each(|c| out[c] += weight * from[c]);
            }
        }
        Level { width, height, texels }
    }
}

/// Twice the size (or one less), through the same filter: even pixels 1 6 1, odd pixels 4 4.
fn upsample(from: &[[f32; 3]], fw: usize, fh: usize, width: usize, height: usize) -> Vec<[f32; 3]> {
    let taps = |i: usize, n: usize| -> [(usize, f32); 3] {
        let k = (i / 2) as isize;
        if i.is_multiple_of(2) {
            [(reflect(k - 1, n), 0.125), (k as usize, 0.75), (reflect(k + 1, n), 0.125)]
        } else {
            [(k as usize, 0.5), ((k as usize + 1).min(n - 1), 0.5), (0, 0.0)]
        }
    };
    let mut out = vec![[0.0; 3]; width * height];
    for (p, texel) in out.iter_mut().enumerate() {
        for (y, wy) in taps(p / width, fh) {
            for (x, wx) in taps(p % width, fw) {
                let value = from[y * fw + x];
                (0..3).for_each(|c| texel[c] += wy * wx * value[c]);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_outside_the_hole_stay_and_the_hole_takes_the_surroundings() {
        let side = 64;
        let picture: Vec<[f32; 3]> = (0..side * side).map(|p| [(p % side) as f32 / 63.0, 0.25, 0.75]).collect();
        let mask: Vec<f32> = (0..side * side)
            .map(|p| if (20..40).contains(&(p % side)) && (30..64).contains(&(p / side)) { 1.0 } else { 0.0 })
            .collect();
        let filled = fill_background(&picture, &mask, side);
        assert_eq!(filled[5 * side + 5], picture[5 * side + 5]);
        let [r, g, b] = filled[50 * side + 30];
        assert!((g - 0.25).abs() < 1e-3 && (b - 0.75).abs() < 1e-3, "{g} {b}");
        assert!((0.2..0.8).contains(&r), "the gradient is bridged, got {r}");
    }

    #[test]
    fn the_hole_reaches_beyond_the_person_and_ends_softly() {
        let side = 256;
        let person: Vec<f32> = (0..side * side).map(|p| f32::from(u8::from(p % side < 100))).collect();
        let hole = soft_hole(&person, side);
        let row = |x: usize| hole[77 * side + x];
        assert_eq!([row(0), row(103), row(108), row(255)], [1.0, 1.0, 0.0, 0.0]);
        assert!((row(105) - 0.6).abs() < 1e-6 && (row(106) - 0.4).abs() < 1e-6, "{} {}", row(105), row(106));
    }

    #[test]
    fn a_picture_full_of_person_becomes_grey() {
        let filled = fill_background(&[[1.0, 0.0, 0.0]; 64], &[1.0; 64], 8);
        assert!(filled.iter().all(|&p| p == [0.5; 3]));
    }
}
