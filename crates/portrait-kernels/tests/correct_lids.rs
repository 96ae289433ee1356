//! The correction of the eye points.

mod common;

use common::{Rng, check};
use portrait_kernels::{CorrectLids, Kernel, Transfer, TransferControl};
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
    for valid in [0.0, 1.0] {
        let mut state = rng.vec(Transfer::STATE_LEN);
        state[Transfer::NEUTRAL_AT] = valid;
        let inputs = vec![rng.vec(212), rng.vec(CorrectLids::MAP_LEN), state, vec![1.7; TransferControl::LEN]];
        check(&kernel(), &inputs);
    }
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
        kernel().cpu(&[raw, &map, &[0.0; Transfer::STATE_LEN], &[0.0; TransferControl::LEN]], &mut [&mut found]);
        let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-3, "differs by {worst} px");
        let moved = raw.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(moved > 0.01, "something is corrected");
    }
}

#[test]
fn gain_moves_lids_away_from_the_neutral_pose_and_nothing_else() {
    let mut rng = Rng::new(9);
    let (raw, identity) = (rng.vec(212), vec![0.0; CorrectLids::MAP_LEN]);
    let mut state = vec![0.0; Transfer::STATE_LEN];
    state[Transfer::NEUTRAL_AT] = 1.0;
    // The neutral pose: the same face elsewhere, larger, with one lid higher by 0.01.
    let at = Transfer::NEUTRAL_AT + 4;
    for (to, from) in state[at..at + 212].iter_mut().zip(&raw) {
        *to = 2.0 * from + 0.25;
    }
    state[at + 2 * 50 + 1] -= 0.02;
    let mut control = [0.0; TransferControl::LEN];
    control[7] = 3.0;
    let mut found = vec![0.0; 212];
    kernel().cpu(&[&raw, &identity, &state, &control], &mut [&mut found]);
    for (i, (a, b)) in raw.iter().zip(&found).enumerate() {
        let expected = if i == 101 { a + 0.02 } else { *a };
        assert!((b - expected).abs() < 1e-5, "coordinate {i}: {b}, expected {expected}");
    }
}
