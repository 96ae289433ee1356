//! Preset S against the PyTorch reference.

use super::fixtures::{Fixture, avatar, colours, engine, interleaved, max_difference, psnr};
use crate::SessionOptions;
use crate::inpaint::fill_background;
use portrait_kernels::Tier;

fn frame(tier: Tier, least_psnr: f32) {
    let Some(engine) = engine(tier) else { return };
    for name in ["s_frame0", "s_frame1"] {
        let stored = Fixture::open(name);
        let avatar = avatar(&engine, &stored, stored.points("nk_s"), stored.points("kp_s"));
        let mut options = SessionOptions::new(256, 256);
        (options.filter, options.calibration) = (None, 0.0);
        let mut session = engine.session(&avatar, &options).expect("a session");
        // The first points become the neutral pose, the second ones move the photo.
        session.animate_keypoints(&stored.points("fk_d0"), &stored.points("nk_d0"), 0.04).expect("neutral");
        session.take_picture(true).expect("a picture");
        session.animate_keypoints(&stored.points("fk_d"), &stored.points("nk_d"), 0.04).expect("frame");
        let picture = session.take_picture(true).expect("a picture").expect("a picture was submitted");

        let driving = session.read_floats("driving").expect("keypoints");
        let flow = session.motion().expect("a flow").flow;
        let flow: Vec<f32> = flow.iter().flat_map(|v| [v[0], v[1]]).collect();
        let points = max_difference(&driving, &stored.get("kp_d"));
        let flow = max_difference(&flow, &interleaved(&stored.get("flow"), 2));
        let quality = psnr(&colours(&picture), &interleaved(&stored.get("out"), 3));
        println!("{name} {tier}: keypoints differ by {points:.6}, flow by {flow:.6}, picture {quality:.1} dB");
        assert!(quality >= least_psnr, "{name}: {quality} dB");
        if tier == Tier::F32 {
            assert!(flow < 1e-3 && points < 1e-4, "{name}: flow {flow}, points {points}");
        }
    }
}

#[test]
fn frames_in_f32() {
    frame(Tier::F32, 50.0);
}

#[test]
fn frames_in_packed_f16() {
    frame(Tier::F16Packed, 40.0);
}

#[test]
fn neural_keypoints_of_source_and_driver() {
    let Some(engine) = engine(Tier::F32) else { return };
    let stored = Fixture::open("s_frame0");
    for (picture, points) in [("src", "nk_s"), ("drv", "nk_d")] {
        let rgb: Vec<[f32; 3]> = stored.get(picture).as_chunks::<3>().0.iter().map(|p| p.map(|v| v / 255.0)).collect();
        let found = engine.neural_keypoints(&rgb).expect("the network runs");
        let difference = max_difference(found.as_flattened(), &stored.get(points));
        println!("{points}: differs by {difference:.6}");
        assert!(difference < 1e-4, "{points}: {difference}");
    }
}

#[test]
fn the_background_is_filled_as_in_training() {
    let stored = Fixture::open("s_frame0");
    let rgb: Vec<[f32; 3]> = stored.get("src").as_chunks::<3>().0.iter().map(|p| p.map(|v| v / 255.0)).collect();
    let mask: Vec<f32> = stored.get("smask").iter().map(|v| v / 255.0).collect();
    let filled: Vec<f32> = fill_background(&rgb, &mask, 256).into_iter().flatten().map(|v| v * 255.0).collect();
    let expected = stored.get("back");
    let mean = filled.iter().zip(&expected).map(|(a, b)| (a - b).abs()).sum::<f32>() / filled.len() as f32;
    println!("background: mean difference {mean:.3} of 255, largest {:.1}", max_difference(&filled, &expected));
    assert!(mean < 1.5, "{mean}");
}
