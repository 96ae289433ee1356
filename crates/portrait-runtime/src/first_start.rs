//! The self-test at the first start on a device, and the way around what fails it: other variants of a kernel, then a tier with less
//! to get wrong. What was found is kept beside the pipeline cache, for this driver and these shaders.

pub(crate) mod marker;

use crate::adapter::{AdapterSummary, GpuOptions, adapter_info};
use crate::avatar_file::write_whole;
use crate::error::EngineError;
use crate::self_test::PipelineTest;
use portrait_kernels::{Tier, shader_texts};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// How a device has to be used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Verdict {
    /// Name of the tier.
    tier: String,
    /// Shaders that are wrong.
    avoid: Vec<String>,
    /// Tiers above that were given up, the highest first.
    above: Vec<GivenUp>,
    /// Whether the next start would find the same. What a driver refuses it may have refused because it was short of memory.
    #[serde(skip, default = "read")]
    lasting: bool,
}

/// A tier that a device is not used in, though it would be by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct GivenUp {
    tier: String,
    /// Shaders that are wrong in it and have no other variant, or none that is right.
    wrong: Vec<String>,
}

/// What was kept is lasting.
fn read() -> bool {
    true
}

/// One attempt to open an engine: the tier that it runs in, and what the self-test said.
pub(crate) struct Attempt<E> {
    pub(crate) engine: E,
    pub(crate) adapter: AdapterSummary,
    pub(crate) tier: Tier,
    pub(crate) tests: Vec<PipelineTest>,
}

/// Opens engines until one computes everything rightly: first without the shaders that failed, then in the tier below.
///
/// # Errors
/// What an attempt fails with; [`EngineError::WrongResults`] if the device fails in every way, or in the tier that was asked for.
pub(crate) async fn settle<E>(
    asked: &GpuOptions,
    mut attempt: impl AsyncFnMut(&GpuOptions) -> Result<Attempt<E>, EngineError>,
) -> Result<(E, Verdict), EngineError> {
    let file = match &asked.cache {
        // Whichever preset it is, the driver is the same.
        Some(directory) => {
            Some(Verdict::file(directory, &adapter_info(asked).await?, "", asked).with_extension("testing"))
        }
        None => None,
    };
    let watch = marker::MARKER.watch(file.as_deref());
    let mut options = asked.clone();
    let (mut lasting, mut above) = (true, Vec::new());
    loop {
        let Attempt { engine, adapter, tier, tests } = attempt(&options).await?;
        lasting &= !tests.iter().any(|t| t.refused);
        let mut failed: Vec<&str> = tests.iter().filter(|t| !t.passed).map(|t| t.name.as_str()).collect();
        failed.dedup();
        if failed.is_empty() {
            let avoid = options.avoid.names().map(str::to_owned).collect();
            watch.end(lasting);
            return Ok((engine, Verdict { tier: tier.name().to_owned(), avoid, above, lasting }));
        }
        let avoid = failed.iter().fold(options.avoid, |avoid, shader| avoid.with(shader));
        let below = match tier {
            Tier::F16 => Some(Tier::F16Packed),
            Tier::F16Packed => Some(Tier::F32),
            Tier::F32 => None,
        };
        if avoid != options.avoid {
            options.avoid = avoid;
        } else if let (None, Some(below)) = (asked.tier, below) {
            let wrong = failed.into_iter().map(str::to_owned).collect();
            above.push(GivenUp { tier: tier.name().to_owned(), wrong });
            // Perhaps only this tier's shaders were wrong.
            (options.tier, options.avoid) = (Some(below), asked.avoid);
        } else {
            let shaders = failed.into_iter().map(str::to_owned).collect();
            watch.end(false);
            return Err(EngineError::WrongResults { adapter: adapter.name, driver: adapter.driver, shaders });
        }
    }
}

impl Verdict {
    /// What a device has to be opened with.
    pub(crate) fn apply(&self, asked: &GpuOptions) -> GpuOptions {
        let tier = Tier::ALL.into_iter().find(|tier| tier.name() == self.tier);
        let avoid = self.avoid.iter().fold(asked.avoid, |avoid, shader| avoid.with(shader));
        GpuOptions { tier: asked.tier.or(tier), avoid, ..asked.clone() }
    }

    /// What the host should know: a sentence for each tier that was given up.
    pub(crate) fn lost_precision(&self, adapter: &AdapterSummary) -> impl Iterator<Item = String> {
        let AdapterSummary { name, driver, .. } = adapter;
        self.above.iter().map(move |GivenUp { tier, wrong }| {
            let wrong = wrong.join(", ");
            format!(
                "{name} ({driver}) computes {wrong} wrongly in {tier}, or not at all: {} is used instead",
                self.tier
            )
        })
    }

    /// What was found earlier; `None` where nothing was, or nothing that can be read: then it is found again.
    pub(crate) fn load(file: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(file).ok()?).ok()
    }

    /// Keeps it, if it is lasting; the file appears whole or not at all.
    ///
    /// # Errors
    /// A sentence for the host: the next start tests again.
    pub(crate) fn save(&self, file: &Path) -> Result<(), String> {
        let failed =
            |error: std::io::Error| format!("self-test result `{}` cannot be written: {error}", file.display());
        if !self.lasting {
            return Ok(());
        }
        if let Some(directory) = file.parent() {
            std::fs::create_dir_all(directory).map_err(failed)?;
        }
        let text = serde_json::to_vec(self).map_err(|error| failed(error.into()))?;
        write_whole(file, &text).map_err(failed)
    }

    /// Its file in `directory`: another one for another adapter, driver, preset, tier asked for, or text of a shader.
    pub(crate) fn file(directory: &Path, info: &wgpu::AdapterInfo, preset: &str, asked: &GpuOptions) -> PathBuf {
        let mut digest = Sha256::new();
        let tier = asked.tier.map_or("any", Tier::name);
        let avoid: Vec<&str> = asked.avoid.names().collect();
        for text in [&*info.name, &info.driver, &info.driver_info, preset, tier, &avoid.join(" ")] {
            digest.update(text);
            digest.update([0]);
        }
        digest.update(format!("{:?} {:?}", info.backend, asked.profile));
        shader_texts().for_each(|(_, text)| digest.update(text));
        digest.update(include_str!("../../../shaders/surface/present.wgsl"));
        let name: String = digest.finalize()[..8].iter().map(|b| format!("{b:02x}")).collect();
        directory.join(format!("{name}.selftest"))
    }
}

#[cfg(test)]
mod unit {
    use super::*;
    use portrait_kernels::Avoid;

    /// Tier and avoided shaders of each attempt.
    type Attempts = Vec<(Tier, Vec<&'static str>)>;

    fn adapter() -> AdapterSummary {
        let info = wgpu::AdapterInfo::new(wgpu::DeviceType::Other, wgpu::Backend::Vulkan);
        crate::adapter::summarise(&info, wgpu::Features::empty(), wgpu::Limits::default())
    }

    /// A device that lost no tier.
    fn verdict_of(tier: &str, avoid: &[&str]) -> Verdict {
        let avoid = avoid.iter().map(|shader| (*shader).to_owned()).collect();
        Verdict { tier: tier.to_owned(), avoid, above: Vec::new(), lasting: true }
    }

    /// A device on which these shaders are wrong in these tiers, and the attempts made on it.
    fn device(wrong: &[(&'static str, &[Tier])], asked: &GpuOptions) -> (Result<Verdict, EngineError>, Attempts) {
        let mut attempts = Vec::new();
        let settled = settle(asked, async |options| {
            let tier = options.tier.unwrap_or(Tier::F16);
            attempts.push((tier, options.avoid.names().collect()));
            let tests = wrong.iter().map(|(name, tiers)| PipelineTest {
                name: (*name).to_owned(),
                variant: String::new(),
                error: 0.0,
                refused: false,
                // A convolution has other variants, `warp` has none.
                passed: !tiers.contains(&tier) || (name.starts_with("conv") && options.avoid.contains(name)),
            });
            Ok(Attempt { engine: (), adapter: adapter(), tier, tests: tests.collect() })
        });
        (pollster::block_on(settled).map(|((), verdict)| verdict), attempts)
    }

    #[test]
    fn a_good_device_is_tried_once() {
        let (verdict, attempts) = device(&[("warp", &[])], &GpuOptions::default());
        assert_eq!(verdict.expect("good"), verdict_of("f16", &[]));
        assert_eq!(attempts, [(Tier::F16, vec![])]);
    }

    #[test]
    fn another_variant_before_another_tier() {
        let (verdict, attempts) = device(&[("conv3x3_8x8", &Tier::ALL)], &GpuOptions::default());
        assert_eq!(verdict.expect("a way"), verdict_of("f16", &["conv3x3_8x8"]));
        assert_eq!(attempts.len(), 2);
    }

    #[test]
    fn another_tier_where_there_is_no_other_variant() {
        let wrong: [(_, &[Tier]); 2] = [("warp", &[Tier::F16, Tier::F16Packed]), ("conv3x3_8x8", &[Tier::F16])];
        let (verdict, attempts) = device(&wrong, &GpuOptions::default());
        let verdict = verdict.expect("a way");
        let above = ["f16", "f16_packed"].map(|tier| GivenUp { tier: tier.to_owned(), wrong: vec!["warp".to_owned()] });
        assert_eq!(verdict, Verdict { above: above.to_vec(), ..verdict_of("f32", &[]) });
        // The host hears of each precision, and why; where there was none to give up, of nothing.
        let mut adapter = adapter();
        (adapter.name, adapter.driver) = ("GPU".to_owned(), "driver 1".to_owned());
        let told: Vec<String> = verdict.lost_precision(&adapter).collect();
        assert_eq!(told[0], "GPU (driver 1) computes warp wrongly in f16, or not at all: f32 is used instead");
        assert!(told.len() == 2 && told[1].contains(" in f16_packed,"), "{told:?}");
        assert_eq!(verdict_of("f16", &["conv3x3_8x8"]).lost_precision(&adapter).count(), 0);
        let tiers: Vec<Tier> = attempts.iter().map(|(tier, _)| *tier).collect();
        assert_eq!(tiers, [Tier::F16, Tier::F16, Tier::F16Packed, Tier::F16Packed, Tier::F32]);
    }

    #[test]
    fn what_was_refused_is_gone_around_and_not_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("x.selftest");
        let asked = GpuOptions::default();
        for refused in [false, true] {
            let settled = settle(&asked, async |options| {
                let passed = options.avoid.contains("conv3x3_8x8");
                let refused = refused && !passed;
                let test = PipelineTest {
                    name: "conv3x3_8x8".to_owned(),
                    variant: String::new(),
                    error: 1.0,
                    passed,
                    refused,
                };
                Ok(Attempt { engine: (), adapter: adapter(), tier: Tier::F32, tests: vec![test] })
            });
            let ((), verdict) = pollster::block_on(settled).expect("a way");
            assert_eq!(verdict.avoid, ["conv3x3_8x8"]);
            verdict.save(&file).expect("nothing fails");
            assert_eq!(Verdict::load(&file).is_some(), !refused);
            let _ = std::fs::remove_file(&file);
        }
    }

    #[test]
    fn what_cannot_be_gone_around_is_named() {
        let asked = GpuOptions { tier: Some(Tier::F16Packed), ..GpuOptions::default() };
        for (asked, tiers) in [(GpuOptions::default(), &Tier::ALL[..]), (asked, &[Tier::F16Packed][..])] {
            let error = device(&[("warp", tiers)], &asked).0.expect_err("no way").to_string();
            assert!(error.contains("`warp`"), "{error}");
        }
    }

    #[test]
    fn a_verdict_survives_a_file_and_a_damaged_one_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("made/x.selftest");
        assert_eq!(Verdict::load(&file), None);
        let above = vec![GivenUp { tier: "f16".to_owned(), wrong: vec!["warp".to_owned(), "paste".to_owned()] }];
        let verdict = Verdict { above, ..verdict_of("f32", &["conv3x3_8x8"]) };
        verdict.save(&file).expect("written");
        assert_eq!(Verdict::load(&file).as_ref(), Some(&verdict));
        let options = verdict.apply(&GpuOptions::default());
        assert_eq!((options.tier, options.avoid), (Some(Tier::F32), Avoid::NONE.with("conv3x3_8x8")));
        std::fs::write(&file, "{\"tier\": 3").expect("written");
        assert_eq!(Verdict::load(&file), None);
    }
}
