//! Every row of the case table against its twin: what is timed is also right.

mod common;

use common::{Rng, check};
use portrait_kernels::{Bind, CeilingCopy, CeilingFma, Kernel, cases};

/// Noise for every input; positive where it is no feature, since sizes are among those.
fn verify(kernel: &dyn Kernel) {
    let mut rng = Rng::new(kernel.macs());
    let inputs: Vec<Vec<f32>> = kernel
        .bindings()
        .iter()
        .filter(|b| !b.kind.is_output())
        .map(|b| {
            if matches!(b.kind, Bind::Feature | Bind::Halves) {
                rng.vec(b.len)
            } else {
                rng.vec(b.len).iter().map(|v| v.abs()).collect()
            }
        })
        .collect();
    check(kernel, &inputs);
}

#[test]
fn every_case_agrees_with_its_twin() {
    for case in cases() {
        println!("{}", case.name);
        verify(&*case.kernel);
    }
}

#[test]
fn ceilings_compute_what_they_claim() {
    for length in [1, 255, 70_000] {
        verify(&CeilingCopy { length });
    }
    verify(&CeilingFma { length: 300, rounds: 3 });
    assert_eq!(CeilingFma { length: 300, rounds: 3 }.macs(), 300 * 3 * 128);
}

#[test]
fn names_are_distinct() {
    let mut names: Vec<&str> = cases().iter().map(|c| c.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases().len());
}
