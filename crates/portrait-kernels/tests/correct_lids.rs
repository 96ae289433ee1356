//! The correction of the eye points.

mod common;

use common::{Rng, check};
use portrait_kernels::{CorrectLids, Kernel};
use safetensors::SafeTensors;

fn kernel() -> CorrectLids {
    // Positions of the eye points among the 106 (`weights/presets/fk106.json`), corners first.
    CorrectLids { eyes: std::array::from_fn(|i| 44 + i as u32), corners: [44, 45] }
}

fn floats(file: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let view = file.tensor(name).expect("the tensor is there");
    view.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

#[test]
fn gpu_agrees_with_the_twin() {
    let mut rng = Rng::new(5);
    let inputs = vec![rng.vec(212), rng.vec(CorrectLids::MAP_LEN)];
    check(&kernel(), &inputs);
}

#[test]
fn twin_reproduces_the_reference() {
    let read = |path: &str| {
        std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).expect("committed")
    };
    let (weights, fixture) = (read("weights/lids.safetensors"), read("tests/fixtures/lids.safetensors"));
    let weights = SafeTensors::deserialize(&weights).expect("safetensors");
    let fixture = SafeTensors::deserialize(&fixture).expect("safetensors");
    let map = CorrectLids::pack(&floats(&weights, "lids.weight"), &floats(&weights, "lids.bias"));
    let (points, corrected) = (floats(&fixture, "points"), floats(&fixture, "corrected"));
    for (raw, expected) in points.chunks(212).zip(corrected.chunks(212)) {
        let mut found = vec![0.0; 212];
        kernel().cpu(&[raw, &map], &mut [&mut found]);
        let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-3, "differs by {worst} px");
        let moved = raw.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(moved > 0.01, "something is corrected");
    }
}
