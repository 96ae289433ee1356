//! A preset fixes every size of the four trained networks.

use serde::Deserialize;

/// Presets that ship with the engine: name and TOML text.
const BUILT_IN: &[(&str, &str)] = &[
    ("xs", include_str!("../../../weights/presets/xs.toml")),
    ("s", include_str!("../../../weights/presets/s.toml")),
    ("m", include_str!("../../../weights/presets/m.toml")),
    ("l", include_str!("../../../weights/presets/l.toml")),
    ("s_512", include_str!("../../../weights/presets/s_512.toml")),
    ("m_512", include_str!("../../../weights/presets/m_512.toml")),
    ("l_512", include_str!("../../../weights/presets/l_512.toml")),
    ("fast", include_str!("../../../weights/presets/fast.toml")),
    ("fast_512", include_str!("../../../weights/presets/fast_512.toml")),
];

/// A preset that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PresetError {
    /// No such preset.
    #[error("there is no preset `{name}`; there are: {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// The text is not a preset.
    #[error("preset: {0}")]
    Parse(#[from] toml::de::Error),
    /// A size does not fit the others.
    #[error("preset `{name}`: {reason}")]
    Size {
        /// The preset's name.
        name: String,
        /// What does not fit.
        reason: String,
    },
}

/// Sizes of the networks.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Name, as in the file name of its weights.
    pub name: String,
    /// Side of the picture in and out, in pixels.
    pub image: u32,
    /// Side at which motion is estimated, in pixels.
    pub motion: u32,
    /// Keypoints and thin-plate splines.
    pub keypoints: Keypoints,
    /// The neural-keypoint detector.
    pub nk: NeuralKeypoints,
    /// The merger.
    pub merger: Merger,
    /// The dense-motion U-Net.
    pub dense_motion: Unet,
    /// The synthesis U-Net.
    pub synthesis: Synthesis,
    /// How the flow is pinned to the facial points.
    pub pins: Pins,
}

/// Keypoints and thin-plate splines.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keypoints {
    /// Facial keypoints, out of the face mesh.
    pub facial: u32,
    /// Neural keypoints, and as many mixed ones.
    pub neural: u32,
    /// Thin-plate splines.
    pub tps: u32,
    /// Mixed keypoints of each spline.
    pub points: u32,
    /// Variance of the heatmaps, in [-1, 1] units squared.
    pub heat_var: f32,
    /// Variance of the landmark-mask splats.
    pub mark_var: f32,
    /// Added to the diagonal of the spline's system.
    pub tps_reg: f32,
}

/// The neural-keypoint detector: a ResNet of two basic blocks a stage.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeuralKeypoints {
    /// Input side in pixels.
    pub input: u32,
    /// Channels of the stages.
    pub widths: Vec<u32>,
}

/// The merger.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Merger {
    /// Width of both hidden layers.
    pub hidden: u32,
}

/// A U-Net.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unet {
    /// Channels at full resolution.
    pub stem: u32,
    /// Channels after each halving.
    pub down: Vec<u32>,
}

/// The synthesis network.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Synthesis {
    /// Side of the square of pixels that is one pixel to this network (space to depth); 1 unless given.
    #[serde(default = "one")]
    pub fold: u32,
    /// Channels before the first halving.
    pub stem: u32,
    /// Channels after each halving.
    pub down: Vec<u32>,
    /// Pseudo views fused at the bottleneck.
    pub views: u32,
}

/// How the flow is corrected at the irises.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pins {
    /// Reach of an iris: standard deviation of its weight, in [-1, 1] units.
    pub sigma: f32,
    /// Weight of "no correction" beside the iris' weight.
    pub softness: f32,
}

fn one() -> u32 {
    1
}

impl Preset {
    /// Shape `[channels, side, side]` of what the synthesis network reads, the output of `Warp`.
    pub fn synthesis_input(&self) -> [u32; 3] {
        let side = self.image / self.synthesis.fold;
        [8 * self.synthesis.fold.pow(2), side, side]
    }

    /// Shape of the synthesis network's deepest features.
    pub fn synthesis_bottleneck(&self) -> [u32; 3] {
        let down = &self.synthesis.down;
        let side = (self.image / self.synthesis.fold) >> down.len();
        [down.last().copied().unwrap_or_default(), side, side]
    }

    /// Names of the presets that ship with the engine.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// A preset that ships with the engine.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn named(name: &str) -> Result<Self, PresetError> {
        match BUILT_IN.iter().find(|(n, _)| *n == name) {
            Some((_, text)) => Self::parse(text),
            None => Err(PresetError::Unknown { name: name.to_owned(), known: Self::names().collect() }),
        }
    }

    /// Reads a preset from TOML text.
    ///
    /// # Errors
    /// When it is not a preset, or its sizes do not fit each other or the engine.
    pub fn parse(text: &str) -> Result<Self, PresetError> {
        let preset: Self = toml::from_str(text)?;
        match preset.mistake() {
            None => Ok(preset),
            Some(reason) => Err(PresetError::Size { name: preset.name, reason }),
        }
    }

    fn mistake(&self) -> Option<String> {
        let (k, fold) = (&self.keypoints, self.synthesis.fold);
        let levels = |side: u32, down: &[u32]| !down.is_empty() && side.is_multiple_of(1 << down.len().min(31));
        let fours = |list: &[u32]| list.iter().all(|c| *c > 0 && c % 4 == 0);
        let checks = [
            (k.facial == 106, "facial must be 106".to_owned()),
            (k.points == 5, "points must be 5".to_owned()),
            (k.tps * k.points == k.neural && k.neural == 50, "tps × points must equal neural, 50".to_owned()),
            (self.image > 0 && self.motion > 0, "image and motion must be above zero".to_owned()),
            (self.image.is_multiple_of(self.motion), "image must be a multiple of motion".to_owned()),
            (
                self.image.is_multiple_of(self.nk.input) && self.nk.input.is_multiple_of(32),
                "nk.input must divide image".to_owned(),
            ),
            (levels(self.motion, &self.dense_motion.down), "dense_motion halves motion too often".to_owned()),
            (
                (1..=8).contains(&fold) && self.image.is_multiple_of(fold),
                "synthesis.fold must be 1 to 8 and divide image".to_owned(),
            ),
            (levels(self.image / fold.max(1), &self.synthesis.down), "synthesis halves image too often".to_owned()),
            (
                fours(&self.dense_motion.down)
                    && fours(&self.synthesis.down)
                    && fours(&self.nk.widths)
                    && fours(&[self.dense_motion.stem, self.synthesis.stem, self.merger.hidden]),
                "widths must be multiples of four".to_owned(),
            ),
            (
                self.pins.sigma > 0.0 && self.pins.softness > 0.0,
                "pins must have a positive sigma and softness".to_owned(),
            ),
            (self.nk.widths.len() == 4, "nk.widths must have four stages".to_owned()),
        ];
        checks.into_iter().find(|(fine, _)| !fine).map(|(_, reason)| reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_built_in_and_consistent() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../weights/presets");
        let entries = std::fs::read_dir(folder).expect("the presets are there");
        let stem = |file: std::fs::DirEntry| file.file_name().to_str()?.strip_suffix(".toml").map(str::to_owned);
        let files: Vec<String> = entries.filter_map(|file| stem(file.ok()?)).collect();
        assert_eq!(files.len(), Preset::names().count());
        for name in files {
            assert_eq!(Preset::named(&name).expect("consistent").name, name);
        }
    }

    #[test]
    fn a_fold_must_fit_the_picture() {
        let fast = include_str!("../../../weights/presets/fast.toml");
        assert_eq!(Preset::parse(fast).expect("consistent").synthesis_input(), [32, 128, 128]);
        for (fold, part) in [("0", "divide image"), ("3", "divide image"), ("16", "1 to 8")] {
            let error = Preset::parse(&fast.replace("fold = 2", &format!("fold = {fold}"))).expect_err("refused");
            assert!(error.to_string().contains(part), "{error}");
        }
        let deep = fast.replace("down = [48, 96, 192, 384]", "down = [8, 8, 8, 8, 8, 8, 8, 8]");
        assert!(Preset::parse(&deep).expect_err("refused").to_string().contains("too often"));
        // Zero is a multiple of everything.
        let empty = fast.replace("image = 256", "image = 0").replace("motion = 64", "motion = 0");
        assert!(Preset::parse(&empty).expect_err("refused").to_string().contains("above zero"));
    }
}
