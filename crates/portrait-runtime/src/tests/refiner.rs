//! The refiner against the PyTorch reference.

use super::fixtures::{Fixture, engine, max_difference, photo};
use crate::{Expression, PrepareOptions, SessionOptions};
use portrait_kernels::{Kernel, RefineCrops, Tier};

#[test]
fn eyes_lips_and_irises() {
    let Some(engine) = engine(Tier::F32) else { return };
    let stored = Fixture::open("refiner");
    for i in 0..3 {
        let get = |name: &str| stored.get(&format!("{i}.{name}"));
        let rgb = get("picture");
        let texels: Vec<f32> =
            rgb.as_chunks::<3>().0.iter().flat_map(|p| [p[0], p[1], p[2], 255.0]).map(|v| v / 255.0).collect();
        let raw = get("raw");
        let mut crops = vec![0.0; RefineCrops::OUTPUT.iter().product::<u32>() as usize];
        let kernel = RefineCrops { frame: [256; 2], image: 256 };
        kernel.cpu(&[&texels, &[128.0, 128.0, 256.0, 0.0], &raw], &mut [&mut crops]);
        // The reference's crops are planes of 48 × 48 bytes; OpenCV steps by 1/32 of a pixel.
        let planes = get("crops");
        let expected: Vec<f32> = (0..crops.len())
            .map(|at| {
                let (slice, block, lane) = (at / 4 / 576, at / 4 % 576, at % 4);
                planes[slice * 2304 + (block / 24 * 2 + lane / 2) * 48 + block % 24 * 2 + lane % 2] / 255.0
            })
            .collect();
        let seen = max_difference(&crops, &expected);

        let map = &engine.nets.refiner.map;
        let inputs: [(&str, &[f32]); 3] = [("refiner_input", &crops), ("raw_facial", &raw), ("refiner_map", map)];
        let found = pollster::block_on(engine.run_once(&engine.nets.refiner.program, &inputs, &["facial"]))
            .expect("the network runs");
        let pixels = max_difference(&found[0], &get("facial")) * 127.5;
        let moved = max_difference(&found[0][..212], &raw) * 127.5;
        println!(
            "picture {i}: crops differ by {:.1} of 255, points by {pixels:.3} px; the mesh is moved by {moved:.1} px",
            255.0 * seen
        );
        assert!(seen < 0.03 && pixels < 0.1, "picture {i}: {seen}, {pixels} px");
        assert!(moved > 0.3, "something is refined");
    }
}

/// Points of the upper and the lower lid in the middle of the right eye, then of the left.
const LIDS: [[usize; 2]; 2] = [[52, 62], [53, 63]];

#[test]
fn a_wink_is_seen_as_one_shut_eye() {
    let Some(engine) = engine(Tier::F32) else { return };
    let avatar = engine.prepare(photo().frame(), &PrepareOptions::default()).expect("an avatar");
    let mut session = engine.session(&avatar, &SessionOptions::new(256, 256)).expect("a session");
    for (shut, name) in ["eyeBlinkRight", "eyeBlinkLeft"].into_iter().enumerate() {
        let mut wink = Expression::default();
        wink.set(name, 1.0).expect("a name");
        session.animate_expression(&wink, 0.04).expect("animated");
        let picture = session.take_picture(true).expect("no error").expect("a picture");
        let winks = engine.prepare(picture.frame(), &PrepareOptions::default()).expect("a face");
        let points = winks.points().facial;
        let [right, left] = LIDS.map(|[upper, lower]| points[lower][1] - points[upper][1]);
        println!("{name}: the right eye is open by {right:.4}, the left one by {left:.4}");
        let (closed, open) = if shut == 0 { (right, left) } else { (left, right) };
        assert!(closed < 0.5 * open, "{name}: {right} and {left}");
    }
}
