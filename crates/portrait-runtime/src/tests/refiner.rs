//! The refiner against the PyTorch reference.

use super::fixtures::{Fixture, engine, max_difference};
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
