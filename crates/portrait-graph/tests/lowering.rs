//! What programs compute, and how few steps they take.

mod common;

use common::{Planes, close, weights};
use portrait_graph::{Conv2d, Graph, GraphError, Program, TensorKind};
use portrait_kernels::{Activation, Tier};

fn labels(program: &Program) -> Vec<&str> {
    program.steps.iter().map(|s| s.kernel.name()).collect()
}

fn run(program: &Program, x: &Planes) -> Vec<f32> {
    let mut cpu = program.cpu();
    cpu.set("x", &x.layout()).expect("the input fits");
    cpu.run();
    cpu.get("y").expect("an output").to_vec()
}

#[test]
fn residual_and_activation_become_one_step() {
    let x = Planes::noise([5, 6, 7], 1);
    let w = Planes::noise([8 * 5, 3, 3], 2).data;
    let conv_bias = Planes::noise([8, 1, 1], 10).data;
    let skip = Planes::noise([8 * 5, 1, 1], 3).data;
    let bias = Planes::noise([8, 1, 1], 4).data;
    let file = weights(&[
        ("conv.weight", vec![8, 5, 3, 3], w.clone()),
        ("conv.bias", vec![8], conv_bias.clone()),
        ("skip.weight", vec![8, 5, 1, 1], skip.clone()),
        ("skip.bias", vec![8], bias.clone()),
    ]);
    let mut g = Graph::new("block");
    g.use_weights(&file);
    let input = g.external("x", TensorKind::Feature([5, 6, 7]));
    let s = g.conv(input, "skip", 8, Conv2d::valid(1, 1));
    let y = g.conv(input, "conv", 8, Conv2d::same(3, 1));
    let y = g.add(y, s);
    let y = g.activate(y, Activation::Relu);
    g.output("y", y);
    let program = g.build().expect("a good graph");
    assert_eq!(labels(&program), ["conv", "conv"], "sum and activation are fused");

    let plain = x.conv(&w, &conv_bias, 3, 1);
    let shortcut = x.conv(&skip, &bias, 1, 1);
    let expected = Planes::make([8, 6, 7], |c, y, x| (plain.at(c, y, x) + shortcut.at(c, y, x)).max(0.0));
    assert!(close(&run(&program, &x), &expected.layout()));
    let mut wrong = expected.layout();
    wrong[17] += 0.01;
    assert!(!close(&run(&program, &x), &wrong), "the comparison can fail");
}

#[test]
fn a_u_net_of_concatenations_and_upsampling_needs_no_copy() {
    let shapes: [(&str, usize, usize); 5] =
        [("stem", 8, 3), ("down", 12, 8), ("bottom", 16, 12), ("up", 12, 16), ("last", 8, 24)];
    let tensors: Vec<(String, Vec<usize>, Vec<f32>)> = shapes
        .iter()
        .zip(20..)
        .map(|((name, o, i), seed)| {
            (format!("{name}.weight"), vec![*o, *i, 3, 3], Planes::noise([o * i, 3, 3], seed).map(|v| v * 0.2).data)
        })
        .collect();
    let biases: Vec<String> = shapes.iter().map(|(name, ..)| format!("{name}.bias")).collect();
    let mut named: Vec<_> = tensors.iter().map(|(n, s, d)| (n.as_str(), s.clone(), d.clone())).collect();
    named.extend(biases.iter().zip(&shapes).map(|(n, (_, o, _))| (n.as_str(), vec![*o], vec![0.0; *o])));
    let file = weights(&named);
    let weight = |i: usize| &tensors[i].2;
    let mut g = Graph::new("unet");
    g.use_weights(&file);
    let x = g.external("x", TensorKind::Feature([3, 16, 16]));
    let layer = |g: &mut Graph<'_>, x, name: &str, width, stride| {
        let y = g.conv(x, name, width, Conv2d::same(3, stride));
        g.activate(y, Activation::Relu)
    };
    let stem = layer(&mut g, x, "stem", 8, 1);
    let down = layer(&mut g, stem, "down", 12, 2);
    let bottom = layer(&mut g, down, "bottom", 16, 2);
    let u = g.upsample(bottom);
    let up = layer(&mut g, u, "up", 12, 1);
    let joined = g.concat(&[up, down]);
    let u = g.upsample(joined);
    let last = layer(&mut g, u, "last", 8, 1);
    let y = g.concat(&[last, stem]);
    let y = g.max_pool(y, Conv2d::valid(2, 2));
    g.output("y", y);
    let program = g.build().expect("a good graph");
    assert_eq!(labels(&program), ["conv", "conv", "conv", "conv", "conv", "max_pool"]);

    let relu = |p: Planes| p.map(|v| v.max(0.0));
    let x = Planes::noise([3, 16, 16], 5);
    let stem = relu(x.conv(weight(0), &[0.0; 8], 3, 1));
    let down = relu(stem.conv(weight(1), &[0.0; 12], 3, 2));
    let bottom = relu(down.conv(weight(2), &[0.0; 16], 3, 2));
    let up = relu(bottom.upsampled().conv(weight(3), &[0.0; 12], 3, 1));
    let last = relu(up.concat(&down).upsampled().conv(weight(4), &[0.0; 8], 3, 1));
    let all = last.concat(&stem);
    let pooled = Planes::make([16, 8, 8], |c, y, x| {
        (0..4).map(|i| all.at(c, 2 * y + i / 2, 2 * x + i % 2)).fold(f32::MIN, f32::max)
    });
    assert!(close(&run(&program, &x), &pooled.layout()));
}

#[test]
fn slots_are_shared_but_never_by_two_living_tensors() {
    let file = portrait_graph::Weights::seeded(3);
    let mut g = Graph::new("chain");
    g.use_weights(&file);
    let mut x = g.external("x", TensorKind::Feature([4, 32, 32]));
    for i in 0..8 {
        x = g.conv(x, &format!("layer{i}"), 8 + 4 * (i % 3), Conv2d::same(3, 1));
        x = g.activate(x, Activation::Relu);
    }
    g.output("y", x);
    let program = g.build().expect("a good graph");
    for tier in Tier::ALL {
        let plan = program.plan(tier);
        assert!(plan.slots.len() <= 3, "a chain needs two buffers, three where sizes alternate: {:?}", plan.slots);
        assert!(plan.bytes() * 2 < plan.bytes_without_reuse, "{} of {}", plan.bytes(), plan.bytes_without_reuse);
        for (i, a) in plan.placements.iter().enumerate() {
            assert!(plan.slots[a.slot] >= program.tensors[a.tensor.0].kind.bytes(tier));
            for b in &plan.placements[i + 1..] {
                assert!(a.slot != b.slot || a.last < b.first || b.last < a.first, "{a:?} and {b:?}");
            }
        }
    }
}

#[test]
fn graphs_that_cannot_be_built_say_why() {
    let file = portrait_graph::Weights::seeded(3);
    let fail = |make: &dyn Fn(&mut Graph<'_>)| {
        let mut g = Graph::new("bad");
        g.use_weights(&file);
        make(&mut g);
        g.build().expect_err("a bad graph")
    };
    let input = |g: &mut Graph<'_>, shape| g.external("x", TensorKind::Feature(shape));
    let sum = fail(&|g| {
        let (a, b) = (input(g, [4, 8, 8]), g.external("b", TensorKind::Feature([4, 4, 4])));
        g.add(a, b);
    });
    assert!(matches!(sum, GraphError::Shape { .. }), "{sum}");
    let window = fail(&|g| {
        let x = input(g, [4, 2, 2]);
        g.conv(x, "w", 4, Conv2d::valid(3, 1));
    });
    assert!(window.to_string().contains("does not fit"), "{window}");
    let separable = fail(&|g| {
        let x = input(g, [4, 9, 8]);
        g.separable(x, "block", 8, 2);
    });
    assert!(separable.to_string().contains("[4, 9, 8] at stride 2"), "{separable}");
    let upsample = fail(&|g| {
        let x = input(g, [4, 8, 8]);
        let u = g.upsample(x);
        let y = g.conv(u, "w", 4, Conv2d::same(3, 2));
        g.output("y", y);
    });
    assert!(matches!(upsample, GraphError::Unsupported { .. }), "{upsample}");
    let concat = fail(&|g| {
        let x = input(g, [4, 8, 8]);
        let y = g.concat(&[x, x]);
        let y = g.conv(y, "w", 4, Conv2d::same(3, 1));
        g.output("y", y);
    });
    assert!(matches!(concat, GraphError::Unsupported { .. }), "{concat}");
    let slopes = fail(&|g| {
        let (a, b) = (input(g, [4, 8, 8]), g.external("b", TensorKind::Feature([4, 8, 8])));
        let y = g.add(a, b);
        let y = g.prelu(y, "slopes");
        g.output("y", y);
    });
    assert!(slopes.to_string().contains("PReLU keeps its slopes with weights"), "{slopes}");
}

#[test]
fn tensors_a_program_does_not_have_and_those_too_short_are_named() {
    let file = portrait_graph::Weights::seeded(3);
    let mut g = Graph::new("one");
    g.use_weights(&file);
    let x = g.external("x", TensorKind::Feature([4, 8, 8]));
    let y = g.conv(x, "w", 4, Conv2d::same(3, 1));
    g.output("y", y);
    let program = g.build().expect("a good graph");
    let mut cpu = program.cpu();
    let unknown = "program `one` has no tensor `z`; the host's are: x, y";
    assert_eq!(cpu.set("z", &[0.0; 5]).expect_err("no z").to_string(), unknown);
    assert_eq!(cpu.get("z").expect_err("no z").to_string(), unknown);
    let short = cpu.set("x", &[0.0; 5]).expect_err("too short").to_string();
    assert_eq!(short, "program `one`: tensor `x` needs 256 values, got 5");
}
