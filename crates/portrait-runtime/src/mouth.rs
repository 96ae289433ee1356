//! The inside of a mouth in a photo's light, for mouths that open further than the photo shows: what mouths as wide and as open show
//! on average. Fitted by `portrait_training.mouth`, the Python twin.

use crate::error::EngineError;
use portrait_graph::{Weights, WeightsError, WeightsFault};
use portrait_kernels::{Transfer, Warp};
use portrait_models::bundled;

/// Corners of the eyes, two each, and of the mouth among the pins, right and left.
const EYES: [[usize; 2]; 2] = [[0, 2], [1, 3]];
const CORNERS: [usize; 2] = [26, 27];
/// Where a cheek lies on the way from the middle of an eye to the corner of the mouth.
const CHEEKS: [f32; 2] = [0.5, 0.65];
const LUMINANCE: [f32; 3] = [0.299, 0.587, 0.114];
/// Dark cheeks are half skin, half light: this power of their luminance counts, …
const SHADE: f32 = 0.6;
/// … the rest is the usual one.
const USUAL: f32 = 0.55;
/// Of the mean of mouths, what is brighter is tooth (from nothing to all of it), …
const TOOTH: [f32; 2] = [0.5, 0.8];
/// … and what is more colourful, red less blue of its luminance, is not.
const FLESH: [f32; 2] = [0.3, 0.6];
/// How much of the hue of the cheeks teeth have.
const ENAMEL: f32 = 0.4;
/// Cheeks count as no more than this many times as colourful as usual: skin may be, teeth are not.
const MOST: f32 = 1.0;
/// How much the hue of cheeks says of light and camera, and not of the skin.
const HUE: f32 = 0.25;

fn luminance(rgb: [f32; 3]) -> f32 {
    (0..3).map(|c| LUMINANCE[c] * rgb[c]).sum()
}

fn smoothstep([low, high]: [f32; 2], x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

fn norm(v: [f32; 3]) -> f32 {
    v.map(|x| x * x).iter().sum::<f32>().sqrt()
}

/// Mouths in units of the luminance of their cheeks.
#[derive(Debug)]
pub(crate) struct Mouth {
    /// RGB of [`Warp::MOUTH`].
    inside: Vec<[f32; 3]>,
    /// Mean colour of the cheeks.
    cheeks: [f32; 3],
}

impl Mouth {
    pub(crate) fn new() -> Result<Self, EngineError> {
        let weights = Weights::from_bytes("mouth.safetensors", bundled::MOUTH)?;
        let fault = |fault: WeightsFault| {
            let (origin, network) = (weights.origin().to_owned(), "mouth".to_owned());
            WeightsError::Mismatch { origin, network, faults: vec![fault] }
        };
        let [rows, columns] = Warp::MOUTH.map(|v| v as usize);
        let inside = weights.tensor("inside", &[2, 5, (rows - 1) / 10, columns, 3]).map_err(fault)?;
        let cheeks = weights.tensor("cheeks", &[3]).map_err(fault)?;
        Ok(Self { inside: inside.as_chunks().0.to_vec(), cheeks: [0, 1, 2].map(|c| cheeks[c]) })
    }

    /// The mouth of a picture of `side` × `side` pixels (r, g, b, …) with these facial points in [-1, 1], as a feature tensor of
    /// four channels as [`Warp`] takes it.
    ///
    /// Flesh is as colourful as the cheeks are, and has a quarter of how their hue differs from the usual; teeth have a part of their hue.
    pub(crate) fn of(&self, picture: &[[u8; 4]], side: u32, facial: &[[f32; 2]]) -> Vec<f32> {
        let pins = Transfer::pins(facial);
        let (skin, opening) = (cheeks(picture, side as usize, &pins), Warp::opening(&pins));
        let light = luminance(skin).max(0.02);
        let (tint, usual) = (skin.map(|v| v / light - 1.0), self.cheeks.map(|v| v - 1.0));
        let colourful = (norm(tint) / norm(usual)).min(MOST);
        let shift = [0, 1, 2].map(|c| HUE * (tint[c] - usual[c] * colourful));
        let light = light.powf(SHADE) * USUAL.powf(1.0 - SHADE);
        let shade = |&rgb: &[f32; 3]| {
            let grey = luminance(rgb);
            let red = (rgb[0] - rgb[2]) / grey.max(1e-3);
            let tooth = smoothstep(TOOTH, grey) * (1.0 - smoothstep(FLESH, red));
            let lane = |c: usize| {
                let flesh = (rgb[c] - grey) * colourful + grey * shift[c];
                let hue = flesh + (grey * ENAMEL * tint[c] - flesh) * tooth;
                (light * (grey + hue)).clamp(0.0, 1.0)
            };
            [lane(0), lane(1), lane(2), tooth]
        };
        let about = [colourful, 0.0, 0.0, opening].repeat(Warp::MOUTH[1] as usize);
        self.inside.iter().flat_map(shade).chain(about).collect()
    }
}

/// Mean colour at the cheeks, 0..=1.
fn cheeks(picture: &[[u8; 4]], side: usize, pins: &[[f32; 2]]) -> [f32; 3] {
    let mut sum = [0.0; 3];
    for (eye, corner) in EYES.into_iter().zip(CORNERS) {
        for share in CHEEKS {
            let middle = [0, 1].map(|c| 0.5 * (pins[eye[0]][c] + pins[eye[1]][c]));
            let at = [0, 1].map(|c| middle[c] * (1.0 - share) + pins[corner][c] * share);
            let rgb = sample(picture, side, at);
            sum = [0, 1, 2].map(|c| sum[c] + rgb[c] / (EYES.len() * CHEEKS.len()) as f32);
        }
    }
    sum
}

/// Bilinear at a point in [-1, 1], the centres of the corner pixels at ±1, clamped to the edge.
fn sample(picture: &[[u8; 4]], side: usize, z: [f32; 2]) -> [f32; 3] {
    let last = side - 1;
    let at = z.map(|v| ((v + 1.0) * 0.5 * last as f32).max(0.0).min(last as f32));
    let ([x, y], [s, t]) = (at.map(|v| v as usize), at.map(f32::fract));
    let (right, below) = ((x + 1).min(last), (y + 1).min(last));
    let texel = |x: usize, y: usize, c: usize| f32::from(picture[y * side + x][c]) / 255.0;
    [0, 1, 2].map(|c| {
        let row = |y: usize| texel(x, y, c) * (1.0 - s) + texel(right, y, c) * s;
        row(y) * (1.0 - t) + row(below) * t
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the points, the cheeks of a picture of one colour.
    fn lit_by(rgb: [u8; 3]) -> Vec<[f32; 4]> {
        let [r, g, b] = rgb;
        let points: Vec<[f32; 2]> = (0..108).map(|i| [(i as f32).sin(), (i as f32).cos()]).collect();
        Mouth::new().expect("part of the build").of(&[[r, g, b, 255]; 64], 8, &points).as_chunks().0.to_vec()
    }

    /// Mean of the layer of a wide mouth that is a little open, where teeth show, and of the middle of one wide open.
    fn teeth_and_dark(mouth: &[[f32; 4]]) -> [[f32; 3]; 2] {
        let mean = |layer: usize, rows: std::ops::Range<usize>| {
            let pixels = rows.flat_map(|y| (12..20).map(move |x| mouth[(layer * 16 + y) * 32 + x]));
            let (sum, count) = pixels.fold(([0.0; 3], 0.0), |(s, n), p| ([0, 1, 2].map(|c| s[c] + p[c]), n + 1.0));
            sum.map(|v: f32| v / count)
        };
        [mean(6, 3..8), mean(3, 8..11)]
    }

    #[test]
    fn teeth_are_bright_and_the_rest_is_dark_in_any_light() {
        for skin in [[220, 180, 160], [120, 80, 60], [60, 40, 32]] {
            let [teeth, dark] = teeth_and_dark(&lit_by(skin)).map(luminance);
            let light = luminance(skin.map(|v| f32::from(v) / 255.0));
            assert!(teeth > 0.6 * light && teeth < 2.0 * light && dark < 0.4 * light, "{teeth} {dark} on {light}");
        }
    }

    #[test]
    fn a_photo_without_colours_gets_a_mouth_without_colours() {
        for [r, g, b, _] in lit_by([150; 3]) {
            assert!((r - g).abs() < 1e-3 && (g - b).abs() < 1e-3, "{r} {g} {b}");
        }
    }

    #[test]
    fn warm_light_makes_warm_teeth() {
        let warmth = |skin| {
            let [[r, _, b], _] = teeth_and_dark(&lit_by(skin));
            r / b
        };
        assert!(warmth([220, 130, 60]) > 1.1 * warmth([200, 150, 135]));
    }
}
