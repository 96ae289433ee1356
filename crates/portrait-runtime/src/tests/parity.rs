//! The trained networks against the PyTorch reference on the same weights, stage by stage: `cargo xtask parity`.
//!
//! Without more, on the stored frames of preset S. With `PORTRAIT_PARITY=FOLDER`, on the frames that `weights/make_fixtures.py
//! --weights FILE --out FOLDER` has left there; they name their preset and weights.

use super::fixtures::{Fixture, avatar, colours, gpu, interleaved, max_difference, psnr, root, sparse};
use crate::avatar::Avatar;
use crate::frozen::Compiled;
use crate::nets::render;
use crate::{Engine, Points, SessionOptions, WeightsSource};
use portrait_graph::{Program, Storage, Weights};
use portrait_kernels::{MotionInput, Tier, Transfer};
use portrait_models::Preset;
use std::path::{Path, PathBuf};

/// Largest difference in f32, of the largest value of the stage or of 1. Stages stored in f16 are up to 5e-4 off by that alone.
const CLOSE: f32 = 1e-3;

/// A stage of a frame, as the reference has it and as the engine has it.
struct Stage {
    name: &'static str,
    expected: Vec<f32>,
    found: Vec<f32>,
}

impl Stage {
    /// Largest difference, and largest value of the reference.
    fn compare(&self) -> [f32; 2] {
        let largest = self.expected.iter().fold(0.0, |m: f32, v| m.max(v.abs()));
        [max_difference(&self.found, &self.expected), largest]
    }
}

/// Frames with the weights that made them.
fn frames() -> Vec<(String, Fixture)> {
    match std::env::var_os("PORTRAIT_PARITY") {
        None => ["s_frame0", "s_frame1"].map(|name| (name.to_owned(), Fixture::open(name))).into(),
        Some(folder) => ["frame0", "frame1"]
            .map(|name| (name.to_owned(), Fixture::read(Path::new(&folder).join(format!("{name}.safetensors")))))
            .into(),
    }
}

/// Makes the `n`th output of the step `label` readable under the name `label.n`; the name.
fn expose(program: &mut Program, label: &str, n: usize) -> String {
    let step = program.steps.iter().find(|step| step.label == label).unwrap_or_else(|| panic!("no step `{label}`"));
    let kinds = step.kernel.bindings();
    let mut outputs = kinds.iter().zip(&step.bindings).filter(|(binding, _)| binding.kind.is_output());
    let (_, id) = outputs.nth(n).unwrap_or_else(|| panic!("`{label}` has no output {n}"));
    let tensor = &mut program.tensors[id.0];
    assert_eq!(tensor.storage, Storage::Planned, "`{label}` writes into something else");
    let name = format!("{label}.{n}");
    tensor.storage = Storage::External(name.clone());
    name
}

/// A feature tensor of slices of four as interleaved pixels of its first channels.
fn pixels(slices: &[f32], side: usize, channels: usize) -> Vec<f32> {
    let area = side * side;
    (0..area).flat_map(|p| (0..channels).map(move |c| slices[(c / 4 * area + p) * 4 + c % 4])).collect()
}

/// What the engine makes of the reference's inputs, stage by stage; each gets the reference's keypoints.
fn stages(engine: &Engine, weights: &Weights, avatar: &Avatar, stored: &Fixture) -> Vec<Stage> {
    let preset = engine.preset();
    let (n, side) = (preset.motion as usize, preset.image as usize);
    let picture = |name: &str| -> Vec<[f32; 3]> {
        stored.get(name).as_chunks::<3>().0.iter().map(|p| p.map(|v| v / 255.0)).collect()
    };
    let mut stages = Vec::new();
    let mut stage = |name, found: Vec<f32>, expected: Vec<f32>| stages.push(Stage { name, expected, found });
    for (name, of) in [("nk_s", "src"), ("nk_d", "drv")] {
        let found = pollster::block_on(engine.neural_keypoints(&picture(of))).expect("the network runs");
        stage(name, found.into_flattened(), stored.get(name));
    }
    for (name, facial, neural) in [("kp_s", "fk_s", "nk_s"), ("kp_d_absolute", "fk_d", "nk_d")] {
        let (found, _) = pollster::block_on(engine.mixed_keypoints(&stored.points(facial), &stored.points(neural)))
            .expect("the merger runs");
        stage(name, found.into_flattened(), stored.get(name));
    }

    let mut program = render(preset, weights).expect("the engine has built it");
    let deepest = format!("synthesis.enc.{}.conv", preset.synthesis.down.len() - 1);
    let labels = ["tps", "motion_input", "dense_motion.head.conv", &deepest, "synthesis.head.conv"];
    let names = labels.map(|label| expose(&mut program, label, 0));
    let warped = expose(&mut program, "warp", 1);
    let compiled = Compiled::new(engine.gpu(), program);
    let (driving, small) = (stored.get("kp_d"), avatar.small_feature(preset.motion));
    let (source, background, mouth) = (avatar.source_feature(), avatar.background_feature(), engine.mouth_of(avatar));
    let mut merge = vec![0.0; Transfer::OUT_LEN];
    merge[Transfer::PINS_AT..].copy_from_slice(Transfer::pins(&stored.points("facial_d")).as_flattened());
    let pins = Transfer::pins(&avatar.facial);
    let inputs: [(&str, &[f32]); 10] = [
        ("driving", &driving),
        ("merge", &merge),
        ("source_pins", pins.as_flattened()),
        ("source_points", avatar.mixed.as_flattened()),
        ("source_small", &small),
        ("source", &source),
        ("background", &background),
        ("mouth", &mouth),
        ("motion_bias", &avatar.motion_bias),
        ("view_bias", &avatar.view_bias),
    ];
    let outputs: Vec<&str> = names.iter().map(String::as_str).chain([warped.as_str(), "flow"]).collect();
    let made = pollster::block_on(engine.run_once(&compiled, &inputs, &outputs)).expect("the programs run");
    let [tps, input, head, bottom, painted, warped, flow] = made.try_into().expect("seven outputs");

    stage("tps", tps, stored.get("tps"));
    if stored.has("warped") {
        // The reference's channels, in the engine's order.
        let k = &preset.keypoints;
        let order = MotionInput { size: preset.motion, groups: k.tps, keypoints: k.neural, variance: k.heat_var };
        let reference = [stored.get("warped"), stored.get("heat")].concat();
        let channels = 0..order.channels();
        let position =
            |c: u32| channels.clone().find(|&at| order.channel(at) == Some(c)).expect("every channel has a place");
        let places: Vec<usize> = (0..(reference.len() / (n * n)) as u32).map(|c| position(c) as usize).collect();
        let plane = |c: usize| (0..n * n).map(move |p| (c / 4 * n * n + p) * 4 + c % 4);
        let planes = places.into_iter().flat_map(plane).map(|at| input[at]);
        stage("warped, heat", planes.collect(), reference);
        stage("dmn_head", pixels(&head, n, 14), interleaved(&stored.get("dmn_head"), 14));
    }
    stage("flow", sparse(flow.as_chunks().0), interleaved(&stored.get("flow"), 2));
    if stored.has("full_warp") {
        let layers = stored.get("mouth");
        stage("mouth", mouth[..layers.len()].to_vec(), layers);
        let reference = [stored.get("full_warp"), stored.get("given")].concat();
        stage("full_warp, given", pixels(&warped, side, 4), interleaved(&reference, 4));
        let [channels, low, _] = preset.synthesis_bottleneck().map(|v| v as usize);
        stage("bottleneck", pixels(&bottom, low, channels), interleaved(&stored.get("bottleneck"), channels));
        // Where pixels are folded the logits have another order; the picture tells.
        if preset.synthesis.fold == 1 {
            stage("syn_head", pixels(&painted, side, 4), interleaved(&stored.get("syn_head"), 4));
        }
    }
    stages
}

/// The frame path itself, from keypoints on: the keypoints after transfer and merger, the picture.
fn frame(engine: &Engine, avatar: &Avatar, stored: &Fixture) -> [Stage; 2] {
    let mut options = SessionOptions::new(256, 256);
    (options.motion.filter, options.calibration) = (None, 0.0);
    let mut session = engine.session(avatar, &options).expect("a session");
    let points = |facial: &str, neural: &str| Points { facial: stored.points(facial), neural: stored.points(neural) };
    // The first points become the neutral pose, the second ones move the photo.
    session.animate_keypoints(&points("fk_d0", "nk_d0"), 0.04).expect("neutral");
    session.take_picture(true).expect("a picture");
    session.animate_keypoints(&points("fk_d", "nk_d"), 0.04).expect("frame");
    let picture = session.take_picture(true).expect("a picture").expect("a picture was submitted");
    let found = session.read_floats("driving").expect("keypoints");
    [
        Stage { name: "kp_d", expected: stored.get("kp_d"), found },
        Stage { name: "out", expected: interleaved(&stored.get("out"), 3), found: colours(&picture) },
    ]
}

fn parity(tier: Tier, least_psnr: f32) {
    let Some(gpu) = gpu(tier) else { return };
    println!("| frame | precision | stage | largest difference | largest value |\n| --- | --- | --- | ---: | ---: |");
    for (name, stored) in frames() {
        let preset = stored.note("preset").unwrap_or_else(|| "s".to_owned());
        let file = stored.note("weights_file").map_or_else(|| root("weights/portrait_s.safetensors"), PathBuf::from);
        let weights = Weights::load(&file).expect("the weights are readable");
        let engine = Engine::with_gpu(gpu.clone(), &preset, &WeightsSource::File(file)).expect("weights of the preset");
        assert_eq!(Preset::named(&preset).expect("a preset").image, 256, "the stored pictures have 256 pixels a side");
        let mut avatar = avatar(&engine, &stored, stored.points("nk_s"), stored.points("kp_s"));
        // The reference has no pseudo views.
        avatar.view_bias.fill(0.0);
        let frame = frame(&engine, &avatar, &stored);
        let quality = psnr(&frame[1].found, &frame[1].expected);
        let mut worst: f32 = 0.0;
        for stage in stages(&engine, &weights, &avatar, &stored).iter().chain(&frame) {
            let [difference, largest] = stage.compare();
            println!("| {name} | {tier} | {} | {difference:.6} | {largest:.3} |", stage.name);
            if stage.name != "out" {
                worst = worst.max(difference / largest.max(1.0));
            }
        }
        println!("| {name} | {tier} | out, PSNR | {quality:.1} dB | |");
        assert!(quality >= least_psnr, "{name}: {quality} dB");
        if tier == Tier::F32 {
            assert!(worst <= CLOSE, "{name}: {worst}");
        }
    }
}

#[test]
fn stages_in_f32() {
    parity(Tier::F32, 50.0);
}

#[test]
fn stages_in_packed_f16() {
    parity(Tier::F16Packed, 40.0);
}
