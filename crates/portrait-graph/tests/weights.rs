//! Weight files that must be refused, and how they are named.

mod common;

use common::{file, weights};
use portrait_graph::{Conv2d, Graph, GraphError, TensorKind, Weights, WeightsError, WeightsFault};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

#[test]
fn files_that_are_not_safetensors() {
    let good = file(&[("a", vec![2], vec![1.0, 2.0])]);
    let mut oversized = good.clone();
    oversized[..8].copy_from_slice(&(1u64 << 40).to_le_bytes());
    for (what, bytes) in [
        ("empty", Vec::new()),
        ("short", vec![1, 2, 3]),
        ("truncated data", good[..good.len() - 3].to_vec()),
        ("truncated header", good[..20].to_vec()),
        ("oversized header", oversized),
        ("text", b"this is not a weight file at all, just some text".to_vec()),
    ] {
        let error = Weights::from_bytes(what, &bytes).expect_err(what);
        assert!(matches!(error, WeightsError::Format { .. }), "{what}: {error}");
        assert!(error.to_string().contains(what), "the message names the file: {error}");
    }
    let missing = Weights::load("no/such/file.safetensors").expect_err("missing");
    assert!(missing.to_string().contains("no/such/file.safetensors"), "{missing}");
}

#[test]
fn all_faults_of_a_file_are_reported_at_once() {
    let found = weights(&[
        ("a.weight", vec![4, 3, 3, 3], vec![0.1; 108]),
        ("b.weight", vec![8, 4, 3, 3], vec![f32::NAN; 288]),
        ("a.bias", vec![4], vec![0.0; 4]),
        ("c.bias", vec![8], vec![0.0; 8]),
        ("d.weight", vec![4, 8, 1, 1], vec![0.0; 32]),
    ]);
    let mut g = Graph::new("faulty");
    g.use_weights(&found);
    let x = g.external("x", TensorKind::Feature([5, 8, 8]));
    let a = g.conv(x, "a", 4, Conv2d::same(3, 1));
    let b = g.conv(a, "b", 8, Conv2d::same(3, 1));
    let c = g.conv(b, "c", 8, Conv2d::same(3, 1));
    g.output("y", c);
    let error = g.build().expect_err("four faults");
    let GraphError::Weights(WeightsError::Mismatch { faults, .. }) = &error else { panic!("{error}") };
    assert_eq!(faults.len(), 4);
    assert!(matches!(&faults[0], WeightsFault::Shape { expected, found, .. } if expected[1] == 5 && found[1] == 3));
    assert!(matches!(&faults[1], WeightsFault::NotFinite { index: 0, .. }));
    assert!(matches!(&faults[2], WeightsFault::Missing { tensor, .. } if tensor == "b.bias"));
    assert!(matches!(&faults[3], WeightsFault::Missing { tensor, .. } if tensor == "c.weight"));
    for name in ["a.weight", "b.weight", "c.weight", "[4, 5, 3, 3]", "[4, 3, 3, 3]"] {
        assert!(error.to_string().contains(name), "{name} in {error}");
    }
    assert_eq!(found.unknown(), [WeightsFault::Unknown { tensor: "d.weight".to_owned() }]);
}

/// `w` of two rows of bytes, with a tensor of scales or not.
fn bytes_file(scales: Option<&[f32]>) -> Vec<u8> {
    let rows: Vec<u8> = [1i8, -2, 127, -127].iter().map(|v| v.cast_unsigned()).collect();
    let floats: Vec<u8> = scales.unwrap_or_default().iter().flat_map(|v| v.to_le_bytes()).collect();
    let view = |dtype, shape, data| TensorView::new(dtype, shape, data).expect("a view");
    let mut list = vec![("w", view(Dtype::I8, vec![2, 2], &rows))];
    list.extend(scales.map(|s| ("w_scale", view(Dtype::F32, vec![s.len()], &floats))));
    safetensors::serialize(list, None).expect("serialises")
}

#[test]
fn bytes_come_back_with_the_scale_of_their_row() {
    let sound = Weights::from_bytes("bytes", &bytes_file(Some(&[0.5, 2.0]))).expect("a file");
    assert_eq!(sound.tensor("w", &[2, 2]).expect("w"), [0.5, -1.0, 254.0, -254.0]);
    assert_eq!(sound.unknown(), []);
    for scales in [None, Some(&[1.0f32][..])] {
        let file = Weights::from_bytes("bytes", &bytes_file(scales)).expect("a file");
        let fault = file.tensor("w", &[2, 2]).expect_err("no scale for each row");
        assert!(fault.to_string().contains("2 floats"), "{fault}");
    }
    let broken = Weights::from_bytes("bytes", &bytes_file(Some(&[1.0, f32::NAN]))).expect("a file");
    assert!(matches!(broken.tensor("w", &[2, 2]), Err(WeightsFault::NotFinite { index: 2, .. })));
}

#[test]
fn bytes_without_rows_are_refused() {
    let view = |dtype, shape, data| TensorView::new(dtype, shape, data).expect("a view");
    let list = [("w", view(Dtype::I8, vec![], &[1])), ("w_scale", view(Dtype::F32, vec![0], &[]))];
    let file = Weights::from_bytes("bytes", &safetensors::serialize(list, None).expect("serialises")).expect("a file");
    let fault = file.tensor("w", &[]).expect_err("no row").to_string();
    for part in ["`w` has type I8 of shape [], which has no rows", "expected F32, F16, or I8 with a scale"] {
        assert!(fault.contains(part), "{fault}");
    }
}

#[test]
fn seeded_weights_are_a_function_of_seed_and_name() {
    let take = |seed, name| Weights::seeded(seed).tensor(name, &[3, 4]).expect("any tensor");
    assert_eq!(take(1, "a"), take(1, "a"));
    assert_ne!(take(1, "a"), take(2, "a"));
    assert_ne!(take(1, "a"), take(1, "b"));
}
