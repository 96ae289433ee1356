//! Fully connected layers, and the harness's own tests: a comparison that cannot fail proves nothing.

mod common;

use common::{Check, Gpu, Rng, assert_close, check, from_layout, to_layout, twin};
use portrait_kernels::{Activation, Binding, DeviceProfile, Dispatch, FullyConnected, Kernel, Tier};

const PLAIN: FullyConnected =
    FullyConnected { input: [5, 2, 3], outputs: 7, float_input: false, residual: false, act: Activation::None };

/// Random inputs of a layer: x, [residual,] packed weights, packed bias; and the plain weights, bias and slopes.
fn inputs(layer: &FullyConnected, seed: u64) -> (Vec<Vec<f32>>, [Vec<f32>; 3]) {
    let mut rng = Rng::new(seed);
    let [c, h, w] = layer.input;
    let weight = rng.vec((c * h * w * layer.outputs) as usize);
    let (bias, slopes) = (rng.vec(layer.outputs as usize), rng.vec(layer.outputs as usize));
    let mut list = vec![rng.feature(layer.input)];
    if layer.residual {
        list.push(rng.feature([layer.outputs, 1, 1]));
    }
    list.push(layer.pack(&weight));
    list.push(layer.act.pack_bias(layer.outputs, &bias, &slopes));
    (list, [weight, bias, slopes])
}

#[test]
fn matches_twin() {
    for (seed, (input, outputs)) in
        [([1, 1, 1], 1), ([5, 2, 3], 7), ([312, 1, 1], 256), ([104, 1, 2], 257)].into_iter().enumerate()
    {
        for (float_input, residual) in [(false, false), (true, false), (false, true), (true, true)] {
            let layer = FullyConnected { input, outputs, float_input, residual, act: Activation::Relu };
            check(&layer, &inputs(&layer, seed as u64).0);
        }
    }
}

#[test]
fn every_activation() {
    for act in Activation::ALL {
        let layer = FullyConnected { act, ..PLAIN };
        check(&layer, &inputs(&layer, 9).0);
    }
}

#[test]
fn twin_matches_formula() {
    let layer = FullyConnected { residual: true, act: Activation::Prelu, ..PLAIN };
    let (list, [weight, bias, slopes]) = inputs(&layer, 3);
    let x = from_layout(&list[0], layer.input);
    let want: Vec<f32> = (0..layer.outputs as usize)
        .map(|o| {
            let v = bias[o] + list[1][o] + x.iter().enumerate().map(|(i, x)| weight[o * 30 + i] * x).sum::<f32>();
            if v < 0.0 { v * slopes[o] } else { v }
        })
        .collect();
    assert_close(&twin(&layer, &list, &[])[0], &to_layout(&want, [layer.outputs, 1, 1]), 1e-10);
}

#[test]
fn harness_sees_one_wrong_element() {
    if Gpu::open().is_none() {
        return;
    }
    let (list, _) = inputs(&PLAIN, 1);
    let report = Check::new(&PLAIN, &list).perturb(0, 5, 0.5).report().expect_err("a wrong element went unseen");
    assert!(report.contains("worst at 5") && report.contains("fully_connected"), "{report}");
}

/// A layer that claims one slice less than its shader writes.
#[derive(Debug)]
struct Overflowing;

impl Kernel for Overflowing {
    fn name(&self) -> &'static str {
        "overflowing"
    }
    fn bindings(&self) -> Vec<Binding> {
        let mut list = PLAIN.bindings();
        list[3].len -= 4;
        list
    }
    fn dispatch(&self, tier: Tier, profile: &DeviceProfile) -> Dispatch {
        PLAIN.dispatch(tier, profile)
    }
    fn cpu(&self, _: &[&[f32]], outputs: &mut [&mut [f32]]) {
        outputs[0].fill(0.0);
    }
}

#[test]
fn harness_sees_a_write_past_the_end() {
    let Some(gpu) = Gpu::open() else { return };
    let (list, _) = inputs(&PLAIN, 1);
    let result = gpu.run(&Overflowing, Tier::F32, &DeviceProfile::WIDE, &list, &[], &[]);
    assert!(result.as_ref().is_err_and(|e| e.contains("sentinel overwritten")), "{result:?}");
}

/// A layer that claims to write more than its shader does.
#[derive(Debug)]
struct Unfinished;

impl Kernel for Unfinished {
    fn name(&self) -> &'static str {
        "unfinished"
    }
    fn bindings(&self) -> Vec<Binding> {
        let mut list = PLAIN.bindings();
        list[3].len += 4;
        list
    }
    fn dispatch(&self, tier: Tier, profile: &DeviceProfile) -> Dispatch {
        PLAIN.dispatch(tier, profile)
    }
    fn cpu(&self, _: &[&[f32]], outputs: &mut [&mut [f32]]) {
        outputs[0].fill(0.0);
    }
}

#[test]
fn harness_sees_an_unwritten_output() {
    if Gpu::open().is_none() {
        return;
    }
    let (list, _) = inputs(&PLAIN, 1);
    let report = Check::new(&Unfinished, &list).report().expect_err("an unwritten output went unseen");
    assert!(report.contains("NaN at 8"), "{report}");
}
