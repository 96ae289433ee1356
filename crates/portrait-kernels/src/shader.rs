//! Shader text: embedding, `#import` and `#ifdef`, and the key under which a specialised shader is pooled.

use crate::Tier;

/// Identity of a specialised shader: equal keys share one pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShaderKey {
    /// File stem in `shaders/`, which is also the pipeline's label.
    pub file: &'static str,
    /// Tier whose prelude `#import tier` takes in.
    pub tier: Tier,
    /// Names defined for `#ifdef`, sorted.
    pub defines: Vec<&'static str>,
    /// Pipeline-overridable constants, by name.
    pub overrides: Vec<(&'static str, u32)>,
}

macro_rules! shaders {
    ($($name:literal),* $(,)?) => {
        /// Every kernel file by stem.
        const SHADERS: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../../shaders/", $name, ".wgsl")))),*];
    };
}

macro_rules! prelude {
    ($($name:literal),* $(,)?) => {
        const PRELUDE: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../../shaders/prelude/", $name, ".wgsl")))),*];
    };
}

// One line per kernel file, sorted.
shaders![
    "add_features",
    "ceiling_copy",
    "ceiling_fma",
    "compose",
    "conv1x1_16x8",
    "conv1x1_4x4",
    "conv1x1_4x8",
    "conv1x1_8x8",
    "conv3x3_16x4",
    "conv3x3_16x8",
    "conv3x3_4x4",
    "conv3x3_4x8",
    "conv3x3_8x8",
    "conv3x3_s2_16x8",
    "conv3x3_s2_4x4",
    "conv3x3_s2_4x8",
    "conv3x3_s2_8x8",
    "conv_kxk_16x8",
    "conv_kxk_4x4",
    "conv_kxk_4x8",
    "conv_kxk_8x8",
    "conv_split_4x8",
    "conv_transpose2x2",
    "conv_up2_16x8",
    "conv_up2_4x4",
    "conv_up2_4x8",
    "conv_up2_8x8",
    "crop",
    "decode_face",
    "depthwise",
    "find_rims",
    "fully_connected",
    "global_average",
    "max_pool",
    "motion_combine",
    "motion_input",
    "paste",
    "pin_flow",
    "refine_crops",
    "refine_points",
    "resize_bilinear",
    "scale_channels",
    "separable",
    "tps_solve",
    "track",
    "transfer",
    "unpack_frame",
    "warp",
];

prelude![
    "activation",
    "bilinear",
    "conv",
    "conv_split",
    "cubic",
    "f16",
    "f16_packed",
    "f32",
    "face",
    "finite",
    "fold",
    "grid",
    "openings",
    "refiner",
    "rims",
    "teeth",
    "thin_plate"
];

/// Stems of all kernel files.
pub fn shader_names() -> impl Iterator<Item = &'static str> {
    SHADERS.iter().map(|&(name, _)| name)
}

/// How many kernel files there are.
pub(crate) const fn shader_count() -> usize {
    SHADERS.len()
}

/// Every text that shaders are made of, by stem: what the work of a driver depends on.
pub fn shader_texts() -> impl Iterator<Item = (&'static str, &'static str)> {
    SHADERS.iter().chain(PRELUDE).copied()
}

fn find(table: &[(&'static str, &'static str)], name: &str) -> &'static str {
    table
        .iter()
        .find(|(n, _)| *n == name)
        .unwrap_or_else(|| panic!("no shader text named `{name}`: add it to the table in shader.rs"))
        .1
}

impl ShaderKey {
    /// A key without defines or overrides.
    pub fn new(file: &'static str, tier: Tier) -> Self {
        Self { file, tier, defines: Vec::new(), overrides: Vec::new() }
    }

    /// Adds a name for `#ifdef` if `on`.
    pub fn define(mut self, name: &'static str, on: bool) -> Self {
        if on {
            self.defines.push(name);
            self.defines.sort_unstable();
        }
        self
    }

    /// Sets a pipeline-overridable constant.
    pub fn set(mut self, name: &'static str, value: u32) -> Self {
        self.overrides.push((name, value));
        self
    }

    /// The complete WGSL of this shader: imports resolved, `#ifdef` branches taken.
    ///
    /// # Panics
    /// On an unknown file or directive: both are mistakes in this crate, caught by its tests.
    pub fn source(&self) -> String {
        let mut out = String::new();
        self.expand(find(SHADERS, self.file), &mut out);
        out
    }

    fn expand(&self, text: &str, out: &mut String) {
        let mut taken: Vec<bool> = Vec::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["#ifdef", name] => taken.push(self.defines.contains(name)),
                ["#else"] => {
                    let last = taken.last_mut().expect("#else without #ifdef");
                    *last = !*last;
                }
                ["#endif"] => {
                    taken.pop().expect("#endif without #ifdef");
                }
                _ if taken.contains(&false) => {}
                ["#import", "tier"] => self.expand(find(PRELUDE, self.tier.name()), out),
                ["#import", name] => self.expand(find(PRELUDE, name), out),
                [word, ..] if word.starts_with('#') => panic!("{}: unknown directive `{line}`", self.file),
                _ => {
                    out.push_str(line);
                    out.push('\n');
                }
            }
        }
        assert!(taken.is_empty(), "{}: #ifdef without #endif", self.file);
    }
}
