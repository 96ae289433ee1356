//! Preset S against the PyTorch reference.

use super::fixtures::{Fixture, engine, max_difference, psnr};
use crate::avatar::{Avatar, AvatarInfo};
use crate::inpaint::fill_background;
use crate::{Engine, SessionOptions};
use portrait_kernels::Tier;

/// The reference's source as an avatar.
fn avatar(engine: &Engine, stored: &Fixture) -> Avatar {
    let bytes = |name: &str| stored.get(name).into_iter().map(|v| v as u8).collect::<Vec<u8>>();
    let (rgb, mask) = (bytes("src"), bytes("smask"));
    let facial = stored.points("fk_s");
    let mut avatar = Avatar {
        info: AvatarInfo {
            preset: "s".to_owned(),
            weights: engine.weights_id().to_owned(),
            image: 256,
            photo: [256; 2],
            crop: [0, 0, 256],
            face_size: 140.0,
            yaw: 0.0,
            warnings: Vec::new(),
        },
        source: rgb.as_chunks::<3>().0.iter().zip(&mask).map(|(&[r, g, b], &m)| [r, g, b, m]).collect(),
        background: bytes("back").as_chunks().0.to_vec(),
        facial: facial.clone(),
        neural: stored.points("nk_s"),
        mixed: stored.points("kp_s"),
        motion_bias: Vec::new(),
        view_bias: Vec::new(),
    };
    let facial3: Vec<[f32; 3]> = facial.iter().map(|&[x, y]| [x, y, 0.0]).collect();
    engine.add_bias_maps(&mut avatar, &facial3).expect("bias maps");
    avatar
}

/// Planes to interleaved pixels.
fn interleaved(planes: &[f32], channels: usize) -> Vec<f32> {
    let n = planes.len() / channels;
    (0..n).flat_map(|p| (0..channels).map(move |c| planes[c * n + p])).collect()
}

fn frame(tier: Tier, least_psnr: f32) {
    let Some(engine) = engine(tier) else { return };
    for name in ["s_frame0", "s_frame1"] {
        let stored = Fixture::open(name);
        let avatar = avatar(&engine, &stored);
        let mut options = SessionOptions::new(256, 256);
        (options.filter, options.calibration) = (None, 0.0);
        let mut session = engine.session(&avatar, &options).expect("a session");
        // The first points become the neutral pose, the second ones move the photo.
        session.animate_keypoints(&stored.points("fk_d0"), &stored.points("nk_d0"), 0.04).expect("neutral");
        session.take_picture(true).expect("a picture");
        session.animate_keypoints(&stored.points("fk_d"), &stored.points("nk_d"), 0.04).expect("frame");
        let picture = session.take_picture(true).expect("a picture").expect("a picture was submitted");

        let driving = session.read_floats("driving");
        let flow: Vec<f32> = session.read_floats("flow").as_chunks::<4>().0.iter().flat_map(|v| [v[0], v[1]]).collect();
        let points = max_difference(&driving, &stored.get("kp_d"));
        let flow = max_difference(&flow, &interleaved(&stored.get("flow"), 2));
        let rgb: Vec<f32> = picture
            .rgba
            .as_chunks::<4>()
            .0
            .iter()
            .flat_map(|p| [p[0], p[1], p[2]])
            .map(|v| f32::from(v) / 255.0)
            .collect();
        let quality = psnr(&rgb, &interleaved(&stored.get("out"), 3));
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
