//! Thin-plate splines, the dense-motion network's input, the combined flow, and the host functions beside them.

mod common;

use common::{Check, Gpu, Rng, assert_close, check, from_layout, twin};
use portrait_kernels::{DeviceProfile, MotionCombine, MotionInput, Tier, TpsSolve, convex_hull_area, landmark_mask};

const GOLDEN_D: [f32; 10] = [-0.5, -0.5, 0.5, -0.4, 0.0, 0.1, -0.3, 0.6, 0.4, 0.5];
const GOLDEN_S: [f32; 10] = [-0.45, -0.52, 0.55, -0.38, 0.05, 0.12, -0.25, 0.55, 0.42, 0.56];
/// Spec 2.2.1, computed in f64.
const GOLDEN_TPS: [f32; 16] = [
    -0.002494, 0.015338, -0.000216, -0.020729, 0.00871, 0.023919, 0.011822, -0.035246, -0.018304, 0.016598, 0.972917,
    0.082026, -0.014539, 0.983399, 0.048202, 0.011986,
];
const IDENTITY: [f32; 16] = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// `groups` of five points, well apart as those of a face, in two poses.
fn keypoints(groups: usize, seed: u64) -> (Vec<f32>, Vec<f32>) {
    let mut rng = Rng::new(seed);
    let d: Vec<f32> = (0..groups * 10).map(|i| GOLDEN_D[i % 10] + rng.range(-0.1, 0.1)).collect();
    let s = d.iter().map(|v| v + rng.range(-0.1, 0.1)).collect();
    (d, s)
}

/// The transforms of [`keypoints`], from the twin.
fn transforms(groups: u32, d: &[f32], s: &[f32]) -> Vec<f32> {
    twin(&TpsSolve { groups, reg: 0.01 }, &[d.to_vec(), s.to_vec()], &[]).remove(0)
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn radial64(d: [f64; 2]) -> f64 {
    let r2 = d[0] * d[0] + d[1] * d[1];
    r2 * (r2 + 1e-9).ln()
}

/// Gauss-Jordan in f64, written apart from the twin: the solution of one group.
fn solve64(d: &[f32], s: &[f32], reg: f64) -> Vec<f32> {
    let p: Vec<[f64; 2]> = d.chunks(2).map(|c| [c[0].into(), c[1].into()]).collect();
    let mut m = vec![vec![0.0f64; 10]; 8];
    for (i, a) in p.iter().enumerate() {
        for (j, b) in p.iter().enumerate() {
            m[i][j] = radial64([a[0] - b[0], a[1] - b[1]]);
        }
        for (j, v) in [a[0], a[1], 1.0, s[i * 2].into(), s[i * 2 + 1].into()].into_iter().enumerate() {
            m[i][5 + j] = v;
            if j < 3 {
                m[5 + j][i] = v;
            }
        }
    }
    for (i, row) in m.iter_mut().enumerate() {
        row[i] += reg;
    }
    for c in 0..8 {
        let best = (c..8).max_by(|&a, &b| m[a][c].abs().total_cmp(&m[b][c].abs())).unwrap();
        m.swap(c, best);
        let pivot: Vec<f64> = m[c].iter().map(|v| v / m[c][c]).collect();
        for (r, row) in m.iter_mut().enumerate() {
            let f = if r == c { 0.0 } else { row[c] };
            row.iter_mut().zip(&pivot).for_each(|(v, p)| *v -= f * p);
        }
        m[c] = pivot;
    }
    m.iter().flat_map(|row| [row[8] as f32, row[9] as f32]).collect()
}

/// Transform `k` (0 = identity) in f64.
fn transform64(tps: &[f32], d: &[f32], k: usize, z: [f64; 2]) -> [f64; 2] {
    if k == 0 {
        return z;
    }
    let (w, d) = (&tps[(k - 1) * 16..], &d[(k - 1) * 10..]);
    [0, 1].map(|a| {
        let row = |r: usize| f64::from(w[r * 2 + a]);
        let bent: f64 =
            (0..5).map(|i| row(i) * radial64([z[0] - f64::from(d[i * 2]), z[1] - f64::from(d[i * 2 + 1])])).sum();
        bent + row(5) * z[0] + row(6) * z[1] + row(7)
    })
}

fn grid64(i: usize, size: usize) -> [f64; 2] {
    [i % size, i / size].map(|v| -1.0 + 2.0 * v as f64 / (size as f64 - 1.0))
}

#[test]
fn tps_golden_vector() {
    let (kernel, inputs) = (TpsSolve { groups: 1, reg: 0.01 }, [GOLDEN_D.to_vec(), GOLDEN_S.to_vec()]);
    assert!(worst(&twin(&kernel, &inputs, &[])[0], &GOLDEN_TPS) < 1e-5);
    let Some(gpu) = Gpu::open() else { return };
    let got = gpu.run(&kernel, Tier::F32, &DeviceProfile::WIDE, &inputs, &[], &[]).expect("run").remove(0);
    assert!(worst(&got, &GOLDEN_TPS) < 1e-5, "{got:?}");
}

#[test]
fn tps_matches_f64() {
    for groups in [1, 3, 10, 17] {
        let (d, s) = keypoints(groups, groups as u64);
        let want: Vec<f32> = (0..groups).flat_map(|g| solve64(&d[g * 10..][..10], &s[g * 10..][..10], 0.01)).collect();
        assert_close(&transforms(groups as u32, &d, &s), &want, 1e-9);
        check(&TpsSolve { groups: groups as u32, reg: 0.01 }, &[d, s]);
    }
}

#[test]
fn tps_singular_or_broken_group_is_identity() {
    let (mut d, mut s) = keypoints(4, 5);
    d.copy_within(10..12, 12); // group 1: two equal points and no regulariser: singular
    d[20] = f32::NAN;
    s[33] = f32::INFINITY;
    let kernel = TpsSolve { groups: 4, reg: 0.0 };
    let inputs = [d, s];
    let got = twin(&kernel, &inputs, &[]).remove(0);
    assert_ne!(got[..16], IDENTITY);
    assert_eq!([&got[16..32], &got[32..48], &got[48..]], [&IDENTITY; 3]);
    check(&kernel, &inputs);
}

#[test]
fn tps_keeps_a_collapsed_group_finite() {
    // With the trained regulariser five points in one place are no singular system.
    let d = [0.3, -0.2].repeat(5);
    let kernel = TpsSolve { groups: 1, reg: 0.01 };
    assert_ne!(twin(&kernel, &[d.clone(), d.clone()], &[])[0], IDENTITY);
    check(&kernel, &[d.clone(), d]);
}

/// Inputs of a motion input: source, transforms, driving and source keypoints.
fn motion_inputs(kernel: &MotionInput, seed: u64) -> Vec<Vec<f32>> {
    let mut rng = Rng::new(seed);
    let (mut d, mut s) = keypoints(kernel.groups as usize, seed);
    let tps = transforms(kernel.groups, &d, &s);
    while d.len() < kernel.keypoints as usize * 2 {
        d.push(rng.range(-1.0, 1.0));
        s.push(rng.range(-1.0, 1.0));
    }
    vec![rng.feature([3, kernel.size, kernel.size]), tps, d, s]
}

const TRAINED: MotionInput = MotionInput { size: 64, groups: 10, keypoints: 50, variance: 0.01 };
const ODD: [MotionInput; 4] = [
    MotionInput { size: 1, groups: 1, keypoints: 5, variance: 0.05 },
    MotionInput { size: 17, groups: 1, keypoints: 7, variance: 0.05 },
    MotionInput { size: 5, groups: 3, keypoints: 15, variance: 0.02 },
    MotionInput { size: 33, groups: 2, keypoints: 11, variance: 0.01 },
];

#[test]
fn motion_input_matches_twin() {
    for kernel in ODD.iter().chain([&TRAINED]) {
        check(kernel, &motion_inputs(kernel, 1));
    }
}

#[test]
fn motion_input_matches_formula() {
    for kernel in &ODD[1..] {
        let inputs = motion_inputs(kernel, 2);
        let got = twin(kernel, &inputs, &[]).remove(0);
        let (size, groups, points) = (kernel.size as usize, kernel.groups as usize, kernel.keypoints as usize);
        let area = size * size;
        let source = from_layout(&inputs[0], [3, kernel.size, kernel.size]);
        // The reference's order, channel by channel.
        let mut want = Vec::new();
        for k in 0..=groups {
            for rgb in 0..3 {
                for i in 0..area {
                    let at = transform64(&inputs[1], &inputs[2], k, grid64(i, size));
                    let [x, y] = at.map(|v| ((v + 1.0) / 2.0 * (size as f64 - 1.0)).clamp(0.0, size as f64 - 1.0));
                    // Tent weights over the whole picture.
                    let v: f64 = (0..area)
                        .map(|j| {
                            let tent = |a: f64, b: usize| (1.0 - (a - b as f64).abs()).max(0.0);
                            tent(x, j % size) * tent(y, j / size) * f64::from(source[rgb * area + j])
                        })
                        .sum();
                    want.push(v as f32);
                }
            }
        }
        for p in 0..points {
            for i in 0..area {
                let z = grid64(i, size);
                let splat = |kp: &[f32]| {
                    let r2 = (z[0] - f64::from(kp[p * 2])).powi(2) + (z[1] - f64::from(kp[p * 2 + 1])).powi(2);
                    (-r2 / (2.0 * f64::from(kernel.variance))).exp()
                };
                want.push((splat(&inputs[2]) - splat(&inputs[3])) as f32);
            }
        }
        let got = from_layout(&got, [kernel.channels(), kernel.size, kernel.size]);
        for position in 0..kernel.channels() {
            let lane = &got[position as usize * area..][..area];
            match kernel.channel(position) {
                Some(c) => assert_close(lane, &want[c as usize * area..][..area], 1e-9),
                None => assert!(lane.iter().all(|&v| v == 0.0), "unused lane {position} of {kernel:?}"),
            }
        }
    }
}

#[test]
fn motion_input_channels_are_a_permutation() {
    assert_eq!(TRAINED.channels(), 84);
    let mut seen: Vec<u32> = (0..84).filter_map(|p| TRAINED.channel(p)).collect();
    assert_eq!(TRAINED.channel(83), None);
    assert_eq!([TRAINED.channel(3), TRAINED.channel(4), TRAINED.channel(43)], [Some(33), Some(3), Some(43)]);
    assert_eq!([TRAINED.channel(44), TRAINED.channel(82), TRAINED.channel(84)], [Some(44), Some(82), None]);
    seen.sort_unstable();
    assert_eq!(seen, (0..83).collect::<Vec<_>>());
}

/// A head with logits of `spread`, transforms and driving keypoints.
fn combine_inputs(kernel: &MotionCombine, spread: f32, seed: u64) -> Vec<Vec<f32>> {
    let (d, s) = keypoints(kernel.groups as usize, seed);
    let mut head = Rng::new(seed).feature([kernel.groups + 4, kernel.size, kernel.size]);
    head.iter_mut().for_each(|v| *v *= spread);
    vec![head, transforms(kernel.groups, &d, &s), d]
}

const COMBINES: [MotionCombine; 5] = [
    MotionCombine { size: 1, groups: 1 },
    MotionCombine { size: 17, groups: 2 },
    MotionCombine { size: 5, groups: 3 },
    MotionCombine { size: 33, groups: 4 },
    MotionCombine { size: 64, groups: 10 },
];

#[test]
fn motion_combine_matches_twin() {
    for kernel in &COMBINES {
        check(kernel, &combine_inputs(kernel, 4.0, 1));
    }
}

#[test]
fn motion_combine_survives_large_logits() {
    let kernel = COMBINES[2];
    let inputs = combine_inputs(&kernel, 6e4, 2);
    assert!(twin(&kernel, &inputs, &[])[0].iter().all(|v| v.is_finite()));
    check(&kernel, &inputs);
}

#[test]
fn motion_combine_matches_formula() {
    for kernel in &COMBINES[1..] {
        let inputs = combine_inputs(kernel, 3.0, 3);
        let (size, groups) = (kernel.size as usize, kernel.groups as usize);
        let area = size * size;
        let head = from_layout(&inputs[0], [kernel.groups + 4, kernel.size, kernel.size]);
        let want: Vec<f32> = (0..area)
            .flat_map(|i| {
                let channel = |c: usize| f64::from(head[c * area + i]);
                let total: f64 = (0..=groups).map(|k| channel(k).exp()).sum();
                let sum = |axis: usize| -> f64 {
                    (0..=groups)
                        .map(|k| {
                            channel(k).exp() / total * transform64(&inputs[1], &inputs[2], k, grid64(i, size))[axis]
                        })
                        .sum()
                };
                let occlusion = 1.0 / (1.0 + (-channel(groups + 1)).exp());
                [sum(0) + channel(groups + 2), sum(1) + channel(groups + 3), occlusion, 0.0].map(|v| v as f32)
            })
            .collect();
        assert_close(&twin(kernel, &inputs, &[])[0], &want, 1e-10);
    }
}

#[test]
fn a_wrong_transform_is_seen() {
    if Gpu::open().is_none() {
        return;
    }
    let kernel = COMBINES[1];
    let inputs = combine_inputs(&kernel, 1.0, 4);
    Check::new(&kernel, &inputs).perturb(0, 8, 0.1).report().expect_err("a wrong flow went unseen");
}

#[test]
fn landmark_mask_is_the_largest_splat() {
    let points = [[-1.0, -1.0], [0.25, 0.5]];
    let mask = landmark_mask(&points, 9, 0.05);
    assert_eq!((mask.len(), mask[0]), (81, 1.0));
    for (i, &v) in mask.iter().enumerate() {
        let [x, y] = grid64(i, 9);
        let splat = |p: [f32; 2]| (-((x - f64::from(p[0])).powi(2) + (y - f64::from(p[1])).powi(2)) / 0.1).exp();
        assert!((f64::from(v) - splat(points[0]).max(splat(points[1]))).abs() < 1e-6);
    }
    assert_eq!(landmark_mask(&[], 2, 0.05), [0.0; 4]);
}

#[test]
fn convex_hull_areas() {
    let square = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
    assert_eq!(convex_hull_area(&square), 1.0);
    // Corners twice, points on the edges and inside.
    let mut many = [square.to_vec(), square.to_vec()].concat();
    many.extend([[0.5, 0.0], [0.25, 0.0], [0.0, 0.5], [1.0, 0.75], [0.3, 0.6]]);
    assert_eq!(convex_hull_area(&many), 1.0);
    assert_eq!(convex_hull_area(&[]), 0.0);
    assert_eq!(convex_hull_area(&[[0.5, 0.5]; 4]), 0.0);
    assert_eq!(convex_hull_area(&[[0.0, 0.0], [1.0, 1.0], [3.0, 3.0], [2.0, 2.0]]), 0.0);
    let mut rng = Rng::new(1);
    for n in [3, 4, 10, 106, 500] {
        let points: Vec<[f32; 2]> = (0..n).map(|_| [rng.range(-1.0, 1.0), rng.range(-1.0, 1.0)]).collect();
        let want = monotone_chain_area(&points);
        assert!((f64::from(convex_hull_area(&points)) - want).abs() < 1e-5, "{n} points");
    }
}

/// Andrew's monotone chain in f64.
fn monotone_chain_area(points: &[[f32; 2]]) -> f64 {
    let mut p: Vec<[f64; 2]> = points.iter().map(|q| q.map(f64::from)).collect();
    p.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    let chain = |order: &mut dyn Iterator<Item = &[f64; 2]>| {
        let mut hull: Vec<[f64; 2]> = Vec::new();
        for &q in order {
            while let [.., a, b] = hull[..] {
                if (b[0] - a[0]) * (q[1] - a[1]) - (b[1] - a[1]) * (q[0] - a[0]) > 0.0 {
                    break;
                }
                hull.pop();
            }
            hull.push(q);
        }
        hull
    };
    let hull = [chain(&mut p.iter()), chain(&mut p.iter().rev())].concat();
    let next = hull.iter().cycle().skip(1);
    0.5 * hull.iter().zip(next).map(|(a, b)| a[0] * b[1] - a[1] * b[0]).sum::<f64>()
}
