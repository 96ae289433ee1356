//! Preset fast, whose synthesis network is folded, against the PyTorch reference: both on the same seeded noise for weights.

use super::fixtures::{Fixture, avatar, colours, gpu, interleaved, max_difference, psnr, sparse};
use crate::{Engine, Mode, MotionOptions, Part, Points, SessionOptions, frame_steps};
use portrait_kernels::Tier;
use portrait_models::Preset;

fn frame(tier: Tier, least_psnr: f32) {
    let Some(gpu) = gpu(tier) else { return };
    let (inputs, expected) = (Fixture::open("s_frame0"), Fixture::open("fast_frame0"));
    let preset = Preset::named("fast").expect("a preset");
    let engine = Engine::with_noise(gpu, preset, 7).expect("any preset builds");
    let mut avatar = avatar(&engine, &inputs, expected.points("nk_s"), expected.points("kp_s"));
    // The reference has no pseudo views.
    avatar.view_bias.fill(0.0);
    let motion = MotionOptions { mode: Mode::Absolute, filter: None, ..MotionOptions::default() };
    let options = SessionOptions { motion, calibration: 0.0, ..SessionOptions::new(256, 256) };
    let mut session = engine.session(&avatar, &options).expect("a session");
    let points = Points { facial: inputs.points("fk_d"), neural: expected.points("nk_d") };
    session.animate_keypoints(&points, 0.04).expect("a frame");
    let picture = session.take_picture(true).expect("a picture").expect("a picture was submitted");

    let points = max_difference(&session.read_floats("driving").expect("keypoints"), &expected.get("kp_d"));
    let flow = sparse(&session.motion().expect("a flow").flow);
    let flow = max_difference(&flow, &interleaved(&expected.get("flow"), 2));
    let quality = psnr(&colours(&picture), &interleaved(&expected.get("out"), 3));
    println!("{tier}: keypoints differ by {points:.6}, flow by {flow:.6}, picture {quality:.1} dB");
    assert!(quality >= least_psnr, "{quality} dB");
    if tier == Tier::F32 {
        assert!(flow < 1e-3 && points < 1e-4, "flow {flow}, points {points}");
    }
}

#[test]
fn a_frame_is_at_most_1_4_billion_multiply_adds() {
    let preset = Preset::named("fast").expect("a preset");
    let steps = frame_steps(&preset, &SessionOptions::new(256, 256)).expect("any preset builds");
    let executed: u64 = steps.iter().filter(|s| s.part != Part::Search).map(|s| s.kernel.executed_macs()).sum();
    assert!((1_000_000_000..1_400_000_000).contains(&executed), "{executed}");
}

#[test]
fn frames_in_f32() {
    frame(Tier::F32, 50.0);
}

#[test]
fn frames_in_packed_f16() {
    frame(Tier::F16Packed, 30.0);
}
