//! What a frame costs where no clock is needed: dispatches, pipelines, bytes and multiply-adds of each preset on each kind of
//! device. No GPU is needed. After an intended change: `UPDATE_SNAPSHOTS=1 cargo test -p portrait-runtime --test budget`.

use portrait_kernels::{DeviceProfile, ShaderKey, Tier};
use portrait_models::Preset;
use portrait_runtime::{
    Backdrop, FrameStep, Framing, Part, SessionOptions, frame_steps, optional_steps, prepare_steps,
};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

const DEVICES: [(&str, DeviceProfile, Tier); 4] = [
    ("software", DeviceProfile::SOFTWARE, Tier::F32),
    ("wide", DeviceProfile::WIDE, Tier::F16),
    ("medium", DeviceProfile::MEDIUM, Tier::F16Packed),
    ("narrow", DeviceProfile::NARROW, Tier::F16),
];

fn steps(preset: &str) -> Vec<FrameStep> {
    let preset = Preset::named(preset).expect("a built-in preset");
    frame_steps(&preset, &SessionOptions::new(512, 512)).expect("it can be built")
}

fn driven(steps: &[FrameStep], by_video: bool) -> Vec<&FrameStep> {
    steps.iter().filter(|s| s.part == Part::Render || by_video && s.part == Part::Track).collect()
}

#[test]
fn frames_cost_what_is_recorded() {
    let mut text = String::from(
        "# preset, device, driven by: dispatches, pipelines, MB bound (weights), MMAC executed. Rewritten by UPDATE_SNAPSHOTS=1.\n",
    );
    for preset in ["s", "fast"] {
        let all = steps(preset);
        for (device, profile, tier) in DEVICES {
            for (by, video) in [("video", true), ("keypoints", false)] {
                let used = driven(&all, video);
                let pipelines: BTreeSet<_> = used.iter().map(|s| s.kernel.dispatch(tier, &profile).shader).collect();
                let mb = |bytes: usize| bytes as f64 / 1e6;
                writeln!(
                    text,
                    "{preset} {device} {tier} {by}: {} {} {:.2} ({:.2}) {:.1}",
                    used.len(),
                    pipelines.len(),
                    mb(used.iter().map(|s| s.bytes(tier)).sum()),
                    mb(used.iter().map(|s| s.constant_bytes(tier)).sum()),
                    1e-6 * used.iter().map(|s| s.kernel.executed_macs()).sum::<u64>() as f64
                )
                .expect("a String takes everything");
            }
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/budget.txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("snapshots/");
        std::fs::write(&path, &text).expect("snapshots/budget.txt");
        return;
    }
    let recorded = std::fs::read_to_string(&path).expect("snapshots/budget.txt; make it with UPDATE_SNAPSHOTS=1");
    let changed: Vec<_> = recorded.lines().zip(text.lines()).filter(|(old, new)| old != new).collect();
    assert!(changed.is_empty() && recorded.lines().count() == text.lines().count(), "costs changed: {changed:#?}");
}

#[test]
fn frames_stay_within_their_budget() {
    let all = steps("s");
    assert!(driven(&all, false).len() <= 45, "{} dispatches driven by keypoints", driven(&all, false).len());
    assert!(driven(&all, true).len() <= 110, "{} dispatches driven by video", driven(&all, true).len());
    // Each tensor is written once and read once or twice: hardly more than the weights and that.
    for (device, profile, tier) in DEVICES {
        let used = driven(&all, false);
        let bytes: usize = used.iter().map(|s| s.bytes(tier)).sum();
        let once: usize = used
            .iter()
            .map(|s| {
                let bindings = s.kernel.bindings();
                let outputs = s.tensors.iter().zip(&bindings).filter(|(_, b)| b.kind.is_output());
                s.constant_bytes(tier) + 2 * outputs.map(|(t, _)| t.kind.bytes(tier)).sum::<usize>()
            })
            .sum();
        let ratio = bytes as f64 / once as f64;
        println!("{device}: {ratio:.3} times the weights and what is written and read once");
        assert!(ratio <= 1.3, "{device}: {bytes} bytes bound, {once} of weights and what is written and read once");
        let names: BTreeSet<_> = used.iter().map(|s| s.kernel.dispatch(tier, &profile).shader).collect();
        assert!(names.len() <= 24, "{device}: {} pipelines", names.len());
    }
}

/// A pipeline as the kernels' snapshot of translated shaders names it.
fn label(key: &ShaderKey) -> String {
    let defines = key.defines.iter().map(|define| format!("+{define}"));
    let overrides = key.overrides.iter().map(|(name, value)| format!(" {name}={value}"));
    let parts = defines.chain(overrides);
    format!("{}{} {}", key.file, parts.collect::<String>(), key.tier)
}

/// `portrait-kernels` validates and translates examples; presets must not use what is not among them.
#[test]
fn every_pipeline_of_a_preset_is_translated_for_phones() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("../portrait-kernels/tests/snapshots/shaders.txt");
    let recorded = std::fs::read_to_string(recorded).expect("the kernels' snapshot");
    let translated: BTreeSet<&str> = recorded.lines().filter_map(|line| line.split(": ").next()).collect();
    let square = SessionOptions::new(512, 512);
    let options = [
        SessionOptions { side: Some(512), ..square.clone() },
        SessionOptions { framing: Framing::Cutout(Backdrop::Transparent), ..square },
    ];
    let mut missing = BTreeSet::new();
    for preset in ["s", "fast"].map(|name| Preset::named(name).expect("a built-in preset")) {
        let steps = options.iter().flat_map(|options| frame_steps(&preset, options).expect("it can be built"));
        let others = optional_steps(&preset, &options[0]).expect("they can be built");
        for step in steps.chain(prepare_steps(&preset).expect("it can be built")).chain(others) {
            for (_, profile, _) in DEVICES {
                let keys = Tier::ALL.map(|tier| step.kernel.dispatch(tier, &profile).shader);
                missing.extend(keys.iter().map(label).filter(|key| !translated.contains(key.as_str())));
            }
        }
    }
    assert!(missing.is_empty(), "not among `examples()` of portrait-kernels/tests/shaders.rs: {missing:#?}");
}
