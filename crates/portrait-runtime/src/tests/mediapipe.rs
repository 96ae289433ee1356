//! The MediaPipe networks against the outputs of their original runtime on crops of NASA's astronaut, or on the pictures of
//! another file that `weights/make_fixtures.py` made: `PORTRAIT_FIXTURES=FOLDER`.

use super::fixtures::{Fixture, engine, max_difference};
use crate::Engine;
use crate::frozen::Compiled;
use crate::nets;
use portrait_graph::Program;
use portrait_kernels::Tier;

/// Runs a network on the device and on the CPU twins.
fn both(
    engine: &Engine,
    net: &Compiled,
    program: &Program,
    input: (&str, &[f32]),
    outputs: &[&str],
) -> [Vec<Vec<f32>>; 2] {
    let gpu = pollster::block_on(engine.run_once(net, &[input], outputs)).expect("the program runs");
    let mut cpu = program.cpu();
    cpu.set(input.0, input.1).expect("the input fits");
    cpu.run();
    [gpu, outputs.iter().map(|n| cpu.get(n).expect("an output").to_vec()).collect()]
}

/// Channel `c` of cell (y, x) in a feature tensor of side `n`.
fn at(feature: &[f32], n: usize, c: usize, y: usize, x: usize) -> f32 {
    feature[((c / 4 * n + y) * n + x) * 4 + c % 4]
}

#[test]
fn mesh_points_within_a_twentieth_of_a_pixel() {
    let Some(engine) = engine(Tier::F32) else { return };
    let program = nets::mesh().expect("the network builds");
    let stored = Fixture::open("mediapipe");
    for i in 0..stored.count("mesh") {
        let input = stored.picture(&format!("mesh.{i}.input"), 1.0 / 255.0, 0.0);
        let found = both(&engine, &engine.nets.mesh, &program, ("mesh_input", &input), &["mesh_points", "mesh_score"]);
        for (who, result) in ["gpu", "cpu twins"].iter().zip(&found) {
            let points = max_difference(&result[0], &stored.get(&format!("mesh.{i}.points")));
            let score = (result[1][0] - stored.get(&format!("mesh.{i}.score"))[0]).abs();
            println!("mesh {i} {who}: points differ by {points:.5} px, score logit by {score:.5}");
            assert!(points < 0.05 && score < 1e-3, "mesh {i} {who}: {points} px, {score}");
        }
    }
}

#[test]
fn detector_scores_and_boxes() {
    let Some(engine) = engine(Tier::F32) else { return };
    let program = nets::detector().expect("the network builds");
    let stored = Fixture::open("mediapipe");
    let sigmoid = |v: f32| 1.0 / (1.0 + (-v).exp());
    for i in 0..stored.count("detector") {
        let input = stored.picture(&format!("detector.{i}.input"), 1.0 / 127.5, -1.0);
        let names = ["boxes16", "scores16", "boxes8", "scores8"];
        let found = both(&engine, &engine.nets.detector, &program, ("detector_input", &input), &names);
        let (boxes, scores) =
            (stored.get(&format!("detector.{i}.regressors")), stored.get(&format!("detector.{i}.scores")));
        for (who, result) in ["gpu", "cpu twins"].iter().zip(&found) {
            let (mut score, mut corner) = (0.0f32, 0.0f32);
            let mut anchor = 0;
            for (side, anchors, at_box, at_score) in [(16, 2, 0, 1), (8, 6, 2, 3)] {
                for (cell, a) in (0..side * side).flat_map(|c| (0..anchors).map(move |a| (c, a))) {
                    let (y, x) = (cell / side, cell % side);
                    let logit = at(&result[at_score], side, a, y, x);
                    score = score.max((sigmoid(logit) - sigmoid(scores[anchor])).abs());
                    // Boxes count where there is a face; elsewhere they reach thousands.
                    if scores[anchor] > 0.0 {
                        for j in 0..16 {
                            let value = at(&result[at_box], side, a * 16 + j, y, x);
                            corner = corner.max((value - boxes[anchor * 16 + j]).abs());
                        }
                    }
                    anchor += 1;
                }
            }
            println!("detector {i} {who}: scores differ by {score:.6}, boxes by {corner:.5} px of 128");
            assert!(anchor == 896 && score < 1e-3 && corner < 0.05, "detector {i} {who}: {score}, {corner}");
        }
    }
}

#[test]
fn person_mask() {
    let Some(engine) = engine(Tier::F32) else { return };
    let program = nets::segmentation().expect("the network builds");
    let stored = Fixture::open("mediapipe");
    for i in 0..stored.count("segmentation") {
        let input = stored.picture(&format!("segmentation.{i}.input"), 1.0 / 255.0, 0.0);
        let found = both(&engine, &engine.nets.segmentation, &program, ("segmentation_input", &input), &["person"]);
        for (who, result) in ["gpu", "cpu twins"].iter().zip(&found) {
            let mask: Vec<f32> = result[0].as_chunks::<4>().0.iter().map(|v| v[0]).collect();
            let difference = max_difference(&mask, &stored.get(&format!("segmentation.{i}.alpha")));
            println!("segmentation {i} {who}: alpha differs by {difference:.6}");
            assert!(difference < 1e-3, "{who}: {difference}");
        }
    }
}
