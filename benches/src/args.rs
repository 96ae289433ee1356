//! The command line.

use anyhow::{Result, bail};
use clap::{Parser, ValueEnum};
use portrait_kernels::{DeviceProfile, Tier};
use portrait_runtime::GpuOptions;
use std::path::PathBuf;

/// Measures the engine on this machine: kernels beside ceilings of the same run, whole frames, the start
#[derive(Clone, Debug, Parser)]
#[command(
    name = "cargo xtask bench",
    after_help = "\
Examples:
  cargo xtask bench --json now.json --html now.html
  cargo xtask bench kernels --filter synthesis.dec --precision f32
  cargo xtask bench frame --compare before.json
  cargo xtask bench --phones --mobile-compilers ~/.cache/mobile-compilers

What is inside each clock, and every field of the JSON: docs/bench.md"
)]
pub(crate) struct Args {
    /// What to measure; without any: kernels, frame and start (unless --peers or --phones is given)
    #[arg(value_name = "SECTION")]
    pub(crate) sections: Vec<Section>,
    /// Write all results as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write a page with plots; it needs nothing else
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Only rows whose name holds this: kernels and layers, `frame video`, `frame keypoints`, `start none`, `start ours`,
    /// `start driver`, networks of --peers, pipelines of --phones
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
    /// Show what changed since the run that wrote this JSON
    #[arg(long, value_name = "OLD.json")]
    pub(crate) compare: Option<PathBuf>,
    /// Presets; those without bundled weights run with noise
    #[arg(long, value_name = "NAME", default_value = "s", value_delimiter = ',')]
    pub(crate) preset: Vec<String>,
    /// Precisions; by default all that the adapter runs well
    #[arg(long, value_delimiter = ',')]
    precision: Vec<Precision>,
    /// Adapter, by part of its name or by its number in `portrait doctor`
    #[arg(long, value_name = "NAME|N")]
    pub(crate) adapter: Option<String>,
    /// Tiles of the kernels; by default what suits the adapter
    #[arg(long)]
    profile: Option<Profile>,
    /// Measurements of each kernel
    #[arg(long, value_name = "N", default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// Frames of each kind; by default 100 on software drivers and 10000 elsewhere
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) frames: Option<u32>,
    /// The same networks in other engines (needs Python with ncnn, onnx and onnxruntime; burn is built)
    #[arg(long)]
    pub(crate) peers: bool,
    /// The Python that has them
    #[arg(long, value_name = "FILE", default_value = "python3")]
    pub(crate) python: PathBuf,
    /// The program of benches/burn-peer, as `cargo xtask bench --peers` builds it
    #[arg(long, value_name = "FILE", env = "PORTRAIT_BURN_PEER")]
    pub(crate) burn_peer: Option<PathBuf>,
    /// What phones' shader compilers make of every pipeline, and a modelled frame time
    #[arg(long)]
    pub(crate) phones: bool,
    /// Where those compilers are; see docs/bench.md
    #[arg(long, value_name = "DIR", env = "PORTRAIT_MOBILE_COMPILERS")]
    pub(crate) mobile_compilers: Option<PathBuf>,
    /// Fail where `--phones` finds other numbers than this file holds; UPDATE_SNAPSHOTS=1 rewrites what was compiled
    #[arg(long, value_name = "FILE", requires = "phones", conflicts_with = "filter")]
    pub(crate) check: Option<PathBuf>,
    /// What a child process of this program does
    #[arg(long, hide = true)]
    pub(crate) child: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Section {
    /// Every case marked `perf` and every layer by itself
    Kernels,
    /// Whole frames, driven by video and by keypoints
    Frame,
    /// Time to the first frame, cold and warm
    Start,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Precision {
    #[value(name = "f32")]
    F32,
    #[value(name = "f16_packed", alias = "f16-packed")]
    F16Packed,
    #[value(name = "f16")]
    F16,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Profile {
    Software,
    Wide,
    Medium,
    Narrow,
}

impl Args {
    /// Whether a section runs.
    pub(crate) fn runs(&self, section: Section) -> bool {
        self.sections.contains(&section) || self.sections.is_empty() && !self.peers && !self.phones
    }

    /// Whether a row of this name is measured.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.filter.as_ref().is_none_or(|filter| name.contains(filter.as_str()))
    }

    /// Says that a section has nothing of the name asked for.
    pub(crate) fn nothing(&self, section: &str) {
        if let Some(filter) = &self.filter {
            println!("\n{section}: nothing is called `{filter}`");
        }
    }

    /// Precisions asked for; empty: all.
    pub(crate) fn tiers(&self) -> Vec<Tier> {
        let tier = |precision: &Precision| match precision {
            Precision::F32 => Tier::F32,
            Precision::F16Packed => Tier::F16Packed,
            Precision::F16 => Tier::F16,
        };
        self.precision.iter().map(tier).collect()
    }

    pub(crate) fn gpu(&self, tier: Tier) -> GpuOptions {
        let profile = self.profile.map(|profile| match profile {
            Profile::Software => DeviceProfile::SOFTWARE,
            Profile::Wide => DeviceProfile::WIDE,
            Profile::Medium => DeviceProfile::MEDIUM,
            Profile::Narrow => DeviceProfile::NARROW,
        });
        GpuOptions { adapter: self.adapter.clone(), tier: Some(tier), profile, ..GpuOptions::default() }
    }

    /// Names of files that cannot be written should be known before minutes of work.
    pub(crate) fn check(&self) -> Result<()> {
        for file in self.json.iter().chain(&self.html) {
            let directory = file.parent().filter(|d| !d.as_os_str().is_empty());
            if directory.is_some_and(|d| !d.is_dir()) || file.is_dir() {
                bail!("`{}` cannot be written: its directory is missing, or it is one", file.display());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once("bench").chain(words.split_whitespace()))
    }

    #[test]
    fn a_part_of_the_pipelines_is_not_held_to_a_record_of_all() {
        assert!(args("--phones --check a.txt").is_ok());
        assert!(args("--phones --check a.txt --filter conv").is_err());
        assert!(args("--check a.txt").is_err());
    }

    #[test]
    fn a_filter_names_rows_of_every_section() {
        let only = args("--filter video").unwrap();
        assert!(only.wants("frame video") && !only.wants("frame keypoints") && !only.wants("start none"));
        assert!(args("").unwrap().wants("anything"));
    }
}
