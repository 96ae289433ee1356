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
/// From this part of the usual on, what little colour cheeks have is pale skin, and the photo one in full colour.
const COLOUR: f32 = 0.5;
/// How much the hue of cheeks says of light and camera, and not of the skin.
const HUE: f32 = 0.25;
/// Teeth that the photo shows itself are the brightest part of what lies here between its lips: rows of 16, columns of 32, …
const OWN: [std::ops::Range<u32>; 2] = [2..10, 8..24];
const OWN_PART: f32 = 0.4;
/// … if it is open so far, of the width of the lips (from not at all to surely), …
const SHOWN: [f32; 2] = [0.06, 0.12];
/// … so bright, of the cheeks, …
const AS_BRIGHT: [f32; 2] = [0.8, 1.0];
/// … and no more colourful than `ENOUGH` of the cheeks and this.
const FLESHY: [f32; 2] = [0.05, 0.15];
const ENOUGH: f32 = 0.55;
/// How bright they may be, of those that are given.
const RATIO: [f32; 2] = [0.5, 2.2];

/// No luminance is divided by less than this.
const DARKEST: f32 = 0.02;

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
    /// Flesh is as colourful as the cheeks are, and has a quarter of how their hue differs from the usual; teeth have a part of their hue,
    /// or the photo's own brightness and hue, where it shows some.
    pub(crate) fn of(&self, picture: &[[u8; 4]], side: u32, facial: &[[f32; 2]]) -> Vec<f32> {
        let pins = Transfer::pins(facial);
        let skin = cheeks(picture, side as usize, &pins);
        let usual = Teeth { bright: 1.0, hue: tint(skin).map(|v| ENAMEL * v) };
        let opening = Warp::opening(&pins);
        let layers = self.lit(skin, opening, usual);
        self.lit(skin, opening, usual.or_own(&layers, picture, side as usize, &pins, skin))
    }

    /// In the light of these cheeks, of a photo whose mouth is open so far.
    fn lit(&self, skin: [f32; 3], opening: f32, teeth: Teeth) -> Vec<f32> {
        let (tint, usual) = (tint(skin), self.cheeks.map(|v| v - 1.0));
        let colourful = (norm(tint) / (COLOUR * norm(usual))).min(1.0);
        let shift = [0, 1, 2].map(|c| HUE * (tint[c] - usual[c] * colourful));
        let light = luminance(skin).max(DARKEST).powf(SHADE) * USUAL.powf(1.0 - SHADE);
        let shade = |&rgb: &[f32; 3]| {
            let grey = luminance(rgb);
            let tooth = smoothstep(TOOTH, grey) * (1.0 - smoothstep(FLESH, (rgb[0] - rgb[2]) / grey.max(1e-3)));
            let lane = |c: usize| {
                let flesh = (rgb[c] - grey) * colourful + grey * shift[c];
                let hue = flesh + (grey * teeth.hue[c] - flesh) * tooth;
                (light * (grey + hue) * (1.0 + (teeth.bright - 1.0) * tooth)).clamp(0.0, 1.0)
            };
            [lane(0), lane(1), lane(2), tooth]
        };
        let about = [colourful, 0.0, 0.0, opening].repeat(Warp::MOUTH[1] as usize);
        self.inside.iter().flat_map(shade).chain(about).collect()
    }
}

/// How teeth are shaded.
#[derive(Clone, Copy)]
struct Teeth {
    /// Of the mean of mouths.
    bright: f32,
    /// How each channel differs from their luminance, of it.
    hue: [f32; 3],
}

impl Teeth {
    /// Those of the photo, as far as they are seen to be teeth, and these for the rest. `layers` are lit with these.
    fn or_own(self, layers: &[f32], picture: &[[u8; 4]], side: usize, pins: &[[f32; 2]], skin: [f32; 3]) -> Self {
        let [rows, columns] = OWN;
        let share = |i: u32, of: u32| (i as f32 + 0.5) / of as f32;
        let shares: Vec<_> = rows.flat_map(|y| columns.clone().map(move |x| [share(x, 32), share(y, 16)])).collect();
        let given = Warp::given(layers, pins, 2.0 / (side - 1).max(1) as f32, &shares);
        let own = brightest(given.iter().map(|&(at, _)| sample(picture, side, at)).collect());
        let given = brightest(given.into_iter().map(|(_, rgb)| rgb).collect());
        let [light, bright] = [skin, own].map(|rgb| luminance(rgb).max(DARKEST));
        let more_colourful = (own[0] - own[2]) / bright - ENOUGH * (skin[0] - skin[2]) / light;
        let sure = smoothstep(SHOWN, Warp::opening(pins))
            * smoothstep(AS_BRIGHT, bright / light)
            * (1.0 - smoothstep(FLESHY, more_colourful));
        let ratio = (bright / luminance(given).max(DARKEST)).clamp(RATIO[0], RATIO[1]);
        let hue = tint(own);
        Self {
            bright: 1.0 + sure * (self.bright * ratio - 1.0),
            hue: [0, 1, 2].map(|c| self.hue[c] + sure * (hue[c] - self.hue[c])),
        }
    }
}

/// How each channel differs from the luminance, of it.
fn tint(rgb: [f32; 3]) -> [f32; 3] {
    let light = luminance(rgb).max(DARKEST);
    rgb.map(|v| v / light - 1.0)
}

/// Mean of the brightest part of some colours.
fn brightest(mut colours: Vec<[f32; 3]>) -> [f32; 3] {
    colours.sort_by(|a, b| luminance(*b).total_cmp(&luminance(*a)));
    let count = (OWN_PART * colours.len() as f32).round();
    let sum = colours.iter().take(count as usize).fold([0.0; 3], |sum, rgb| [0, 1, 2].map(|c| sum[c] + rgb[c]));
    sum.map(|v: f32| v / count)
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

    /// A face whose mouth is open, in a picture of 64 pixels of one colour and another one between its lips; and its layers.
    fn smile(skin: [u8; 3], between: [u8; 3]) -> Vec<[f32; 4]> {
        let mut pins = [[0.0f32; 2]; 46];
        pins[..4].copy_from_slice(&[[-0.5, -0.2], [0.5, -0.2], [-0.2, -0.2], [0.2, -0.2]]);
        let rims = [(0.5, [38, 40, 36, 41, 39]), (0.7, [38, 42, 37, 43, 39]), (0.4, [26, 32, 24, 31, 27])];
        for (height, rim) in rims {
            for (k, i) in rim.into_iter().enumerate() {
                let edge = k % 4 == 0;
                pins[i] = [0.15 * (k as f32 - 2.0), if edge { 0.6 } else { height }];
            }
        }
        let mut facial = vec![[0.0; 2]; 108];
        for (pin, at) in pins.into_iter().zip(Transfer::pins(&(0..108).map(|i| [i as f32, 0.0]).collect::<Vec<_>>())) {
            facial[at[0] as usize] = pin;
        }
        let pixel = |at: usize| {
            let (x, y) = (at % 64, at / 64);
            let [r, g, b] = if (16..48).contains(&x) && (47..55).contains(&y) { between } else { skin };
            [r, g, b, 255]
        };
        let picture: Vec<_> = (0..64 * 64).map(pixel).collect();
        Mouth::new().expect("part of the build").of(&picture, 64, &facial).as_chunks().0.to_vec()
    }

    #[test]
    fn teeth_that_the_photo_shows_are_what_is_given() {
        let (skin, white) = ([110, 74, 60], [225, 220, 205]);
        let teeth = |mouth: &[[f32; 4]]| teeth_and_dark(mouth)[0];
        let (usual, own) = (teeth(&lit_by(skin)), teeth(&smile(skin, white)));
        assert!(luminance(own) > 1.4 * luminance(usual), "{own:?}, usual {usual:?}");
        assert!((own[0] / own[2] - 225.0 / 205.0).abs() < 0.05, "{own:?}");
        // Lips that are taken for the inside of a mouth, and a dark one, say nothing.
        for between in [[150, 60, 55], [30, 15, 12]] {
            let far = teeth(&smile(skin, between)).iter().zip(usual).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(far < 1e-3, "{between:?} makes teeth other than usual by {far}");
        }
    }

    /// Mean of the layer of a wide mouth that is a little open, where teeth show, and between teeth and tongue of one wide open.
    fn teeth_and_dark(mouth: &[[f32; 4]]) -> [[f32; 3]; 2] {
        let mean = |layer: usize, rows: std::ops::Range<usize>| {
            let pixels = rows.flat_map(|y| (12..20).map(move |x| mouth[(layer * 16 + y) * 32 + x]));
            let (sum, count) = pixels.fold(([0.0; 3], 0.0), |(s, n), p| ([0, 1, 2].map(|c| s[c] + p[c]), n + 1.0));
            sum.map(|v: f32| v / count)
        };
        [mean(6, 3..8), mean(4, 4..7)]
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
