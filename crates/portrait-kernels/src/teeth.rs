//! Teeth in a mouth that is given: the host side of `shaders/prelude/teeth.wgsl`. A mean of mouths has no single teeth; where it is as
//! bright and as pale as teeth, they are drawn.

// In distances of the outer corners of the eyes.
/// Sides of the upper teeth, from the middle; those further back are seen from the side.
const SIDES: [f32; 6] = [0.0, 0.092, 0.163, 0.232, 0.292, 0.345];
/// How much of them shows below the upper lip, of narrow and of wide mouths: a smile lifts it.
const LENGTHS: [f32; 2] = [0.048, 0.103];
/// The last ones are shorter by this part.
const ARCH: f32 = 0.4;
/// They end higher at their sides, by so much, over this distance.
const CORNER: f32 = 0.012;
const ROUND: f32 = 0.008;
/// How dark it is between them, and how far.
const SEAM: f32 = 0.13;
const NARROW: f32 = 0.006;
/// How much darker their sides are than their middle, and how far.
const HOLLOW: f32 = 0.06;
const FAR: f32 = 0.02;
/// Lighter than the mean, which is of teeth and seams.
const LIGHTER: f32 = 1.12;
/// Softness of their lower end.
const EDGE: f32 = 0.008;
/// What is below them, from there to the lower lip: so bright, of teeth in its place, …
const HOLE: f32 = 0.15;
const TONGUE: f32 = 0.34;
/// … and so much redder, in a photo with usual colours.
const RED: [f32; 3] = [0.55, -0.2, -0.25];

pub(crate) struct Teeth {
    /// Whether the mouth is a wide one, 0..=1.
    pub(crate) wide: f32,
    /// Side of a pixel.
    pub(crate) pixel: f32,
    /// How colourful the photo is, of the usual, 0..=1.
    pub(crate) colourful: f32,
}

fn smoothstep(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

impl Teeth {
    /// What becomes of bright and pale: factors of r, g, b at a place so far from the middle of the mouth and below the upper lip, where
    /// the lips are `gap` apart.
    pub(crate) fn at(&self, x: f32, y: f32, gap: f32) -> [f32; 3] {
        let near = SIDES.iter().map(|side| (x - side).abs()).fold(f32::MAX, f32::min);
        let back = (x / SIDES[5]).min(1.0);
        let longest = LENGTHS[0] + (LENGTHS[1] - LENGTHS[0]) * self.wide;
        let length = longest * (1.0 - ARCH * back * back) - CORNER * (-near / ROUND).exp();
        let below = smoothstep(-1.0, 1.0, (y - length) / (0.7 * self.pixel).max(EDGE));
        let seam = near / (0.6 * self.pixel).max(NARROW);
        let tooth = LIGHTER * (1.0 - SEAM * (-seam * seam).exp() - HOLLOW * (-near / FAR).exp());
        let depth = (y - length) / (gap - length).max(1e-3);
        let deep = HOLE + (TONGUE - HOLE) * smoothstep(0.35, 1.0, depth);
        RED.map(|red| tooth + (deep * (1.0 + self.colourful * red) - tooth) * below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn teeth_are_those_of_the_training_code() {
        // `portrait_training.mouth.teeth` of x, y, gap, wide, pixel, colourful.
        let stored = [
            ([0.0, 0.02, 0.1, 0.0, 0.01, 1.0], [0.9072, 0.9072, 0.9072]),
            ([0.05, 0.05, 0.2, 1.0, 0.01, 1.0], [1.11177, 1.11177, 1.11177]),
            ([0.092, 0.09, 0.2, 1.0, 0.004, 0.5], [0.42221, 0.38411, 0.38157]),
            ([0.2, 0.12, 0.25, 0.3, 0.02, 0.8], [0.216, 0.126, 0.12]),
            ([0.4, 0.19, 0.2, 0.6, 0.01, 0.0], [0.33451, 0.33451, 0.33451]),
        ];
        for ([x, y, gap, wide, pixel, colourful], want) in stored {
            let got = Teeth { wide, pixel, colourful }.at(x, y, gap);
            assert!(
                got.iter().zip(&want).all(|(a, b): (&f32, &f32)| (a - b).abs() < 2e-5),
                "{x} {y}: {got:?} for {want:?}"
            );
        }
    }
}
