//! Decoding of the face detector, on its recorded outputs and on made-up ones.

mod common;

use common::{Check, Gpu, Rng, to_layout, twin};
use portrait_kernels::{DecodeFace, DetectedFace, DeviceProfile, Kernel, Tier, WantedFace, decode_faces};

const START: [f32; 4] = [9.0, 8.0, 7.0, 6.0];

/// The detector's outputs as TFLite gives them: anchors in the order (y, x, anchor of the cell), fine grid first.
#[derive(Clone)]
struct Outputs {
    boxes: Vec<[f32; 16]>,
    logits: Vec<f32>,
}

/// Centres of the 896 anchors, in the same order.
fn anchors() -> Vec<[f32; 2]> {
    let mut list = Vec::new();
    for (grid, count) in [(16, 2), (8, 6)] {
        for (y, x) in (0..grid).flat_map(|y| (0..grid).map(move |x| (y, x))) {
            list.extend(std::iter::repeat_n([x, y].map(|v| (v as f32 + 0.5) / grid as f32), count));
        }
    }
    list
}

impl Outputs {
    /// Nothing anywhere.
    fn empty() -> Self {
        Self { boxes: vec![[0.0; 16]; 896], logits: vec![-5.0; 896] }
    }

    /// Noise below the threshold.
    fn noise(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let boxes = (0..896).map(|_| std::array::from_fn(|_| rng.range(-20.0, 40.0))).collect();
        Self { boxes, logits: (0..896).map(|_| rng.range(-9.0, -0.5)).collect() }
    }

    /// Lets every anchor within `radius` of `center` (fractions of the input) see one face of `size`, with some jitter.
    fn face(mut self, center: [f32; 2], size: [f32; 2], tilt: f32, radius: f32, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        for (i, cell) in anchors().into_iter().enumerate() {
            let off = [center[0] - cell[0], center[1] - cell[1]];
            if off[0].hypot(off[1]) > radius {
                continue;
            }
            self.logits[i] = rng.range(0.1, 6.0);
            let mut at = |x: f32, y: f32| {
                let (sin, cos) = tilt.sin_cos();
                let turned = [cos * x - sin * y, sin * x + cos * y];
                [0, 1].map(|k| (off[k] + turned[k] * size[k] + rng.range(-0.004, 0.004)) * 128.0)
            };
            let marks =
                [at(0.0, 0.0), at(-0.2, -0.1), at(0.2, -0.1), at(0.0, 0.1), at(0.0, 0.25), at(-0.4, 0.0), at(0.4, 0.0)];
            let extent = size.map(|s| s * 128.0 * rng.range(0.95, 1.05));
            for (j, v) in [marks[0], extent].iter().chain(&marks[1..]).flatten().enumerate() {
                self.boxes[i][j] = *v;
            }
        }
        self
    }

    /// As the convolutions write them: box value j of anchor a in channel `16 a + j`, the logit in channel `a`.
    fn heads(&self) -> Vec<Vec<f32>> {
        let mut list = Vec::new();
        for (first, grid, count) in [(0, 16, 2), (512, 8, 6)] {
            let plane = grid * grid;
            let anchor = |cell: usize, a: usize| first + cell * count + a;
            let at = |o: usize| (o / plane, o % plane);
            let boxes: Vec<f32> = (0..count * 16 * plane)
                .map(|o| (at(o), 0))
                .map(|((channel, cell), _)| self.boxes[anchor(cell, channel / 16)][channel % 16])
                .collect();
            let logits: Vec<f32> =
                (0..count * plane).map(at).map(|(channel, cell)| self.logits[anchor(cell, channel)]).collect();
            let side = grid as u32;
            list.push(to_layout(&boxes, [16 * count as u32, side, side]));
            list.push(to_layout(&logits, [count as u32, side, side]));
        }
        list
    }

    /// The rule in f64: sigmoid, threshold, weighted suppression, back to the frame.
    fn reference(&self, [w, h]: [u32; 2]) -> Vec<DetectedFace> {
        let score = |i: usize| 1.0 / (1.0 + (-f64::from(self.logits[i]).clamp(-80.0, 80.0)).exp());
        let anchors = anchors();
        let place = |i: usize, j: usize, k: usize| f64::from(self.boxes[i][j + k]) / 128.0 + f64::from(anchors[i][k]);
        let mut order: Vec<usize> = (0..896).filter(|&i| score(i) > 0.5).collect();
        order.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
        let all = order.clone();
        let mut used = [false; 896];
        let mut faces = Vec::new();
        for i in order {
            if used[i] {
                continue;
            }
            let reach = f64::from(self.boxes[i][2].max(self.boxes[i][3])) / 128.0 * 0.5;
            let near = |&m: &usize| (0..2).all(|k| (place(m, 0, k) - place(i, 0, k)).abs() < reach);
            let members: Vec<usize> = all.iter().copied().filter(near).collect();
            members.iter().for_each(|&m| used[m] = true);
            let weight: f64 = members.iter().map(|&m| score(m)).sum();
            let mean = |f: &dyn Fn(usize) -> f64| members.iter().map(|&m| score(m) * f(m)).sum::<f64>() / weight;
            let side = f64::from(w.max(h));
            let point = |j: usize| {
                [0, 1].map(|k| (mean(&|m| place(m, j, k)) * side - (side - f64::from([w, h][k])) / 2.0) as f32)
            };
            faces.push(DetectedFace {
                score: score(i) as f32,
                center: point(0),
                size: [2, 3].map(|j| (mean(&|m| f64::from(self.boxes[m][j]) / 128.0) * side) as f32),
                points: std::array::from_fn(|p| point(4 + 2 * p)),
            });
        }
        faces.sort_by(|a, b| b.area().total_cmp(&a.area()));
        faces
    }
}

/// Outputs of the original runtime for pictures of `astronaut.png`.
fn recorded(index: usize) -> Outputs {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/mediapipe.safetensors");
    let bytes = std::fs::read(path).expect("tests/fixtures/mediapipe.safetensors");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let floats = |name: String| -> Vec<f32> {
        let data = file.tensor(&name).expect("the tensor").data();
        data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    };
    let boxes = floats(format!("detector.{index}.regressors"));
    let boxes: Vec<[f32; 16]> = boxes.chunks_exact(16).map(|b| std::array::from_fn(|j| b[j])).collect();
    let logits = floats(format!("detector.{index}.scores"));
    assert_eq!((boxes.len(), logits.len()), (896, 896));
    Outputs { boxes, logits }
}

fn faces(outputs: &Outputs, frame: [u32; 2]) -> Vec<DetectedFace> {
    let heads = outputs.heads();
    decode_faces(&heads[0], &heads[1], &heads[2], &heads[3], frame)
}

fn assert_same(got: &[DetectedFace], want: &[DetectedFace]) {
    assert_eq!(got.len(), want.len(), "{got:?}\n{want:?}");
    for (g, w) in got.iter().zip(want) {
        let flat =
            |f: &DetectedFace| [vec![f.score * 100.0], f.center.to_vec(), f.size.to_vec(), f.points.concat()].concat();
        for (a, b) in flat(g).iter().zip(flat(w)) {
            assert!((a - b).abs() < 2e-3, "{g:?}\n{w:?}");
        }
    }
}

/// Panics unless the values agree to `limit` each.
fn assert_near(got: &[f32], want: &[f32], limit: f32) {
    assert_eq!(got.len(), want.len());
    assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < limit), "{got:?}, expected {want:?}");
}

/// The kernel's inputs.
fn given(outputs: &Outputs, wanted: WantedFace) -> Vec<Vec<f32>> {
    outputs.heads().into_iter().chain([wanted.to_floats().to_vec()]).collect()
}

/// [`check_wanted`] for the largest face.
fn check(outputs: &Outputs, frame: [u32; 2]) -> (Vec<f32>, Vec<f32>) {
    check_wanted(outputs, frame, WantedFace::Rank(0))
}

/// Runs the kernel against its twin in every tier, each value of the region by itself; returns the twin's (roi, found) in f32.
fn check_wanted(outputs: &Outputs, frame: [u32; 2], wanted: WantedFace) -> (Vec<f32>, Vec<f32>) {
    let (op, heads, initial) = (DecodeFace { frame }, given(outputs, wanted), vec![Some(START.to_vec()), None]);
    if let Some(gpu) = Gpu::open() {
        for tier in Tier::ALL.into_iter().filter(|&t| gpu.supports(t)) {
            // What is wanted is not stored as features are.
            let round = |v: &Vec<f32>| if v.len() == 4 { v.clone() } else { tier.decode(&tier.encode(v)) };
            let rounded: Vec<Vec<f32>> = heads.iter().map(round).collect();
            let got = gpu.run(&op, tier, &DeviceProfile::WIDE, &rounded, &initial, &[]).expect("runs");
            let want = twin(&op, &rounded, &initial);
            let side = frame[0].max(frame[1]) as f32;
            for (g, w) in got.concat().iter().zip(want.concat()) {
                assert!((g - w).abs() < 1e-6 * side.max(10.0), "{op:?} {tier}: GPU {got:?}, twin {want:?}");
            }
        }
    }
    let mut out = twin(&op, &heads, &initial);
    let found = out.remove(1);
    (out.remove(0), found)
}

#[test]
fn recorded_outputs() {
    for index in 0..3 {
        for frame in [[128, 128], [640, 480], [719, 1280]] {
            let outputs = recorded(index);
            let want = outputs.reference(frame);
            assert_same(&faces(&outputs, frame), &want);
            let (roi, found) = check(&outputs, frame);
            assert_eq!(want.len(), 1, "picture {index}");
            assert_near(&roi, &want[0].roi(), 2e-3);
            assert_near(&found, &[want[0].score, 1.0, 1.0, 0.0], 1e-5);
        }
    }
}

#[test]
fn made_up_faces() {
    let one = Outputs::noise(1).face([0.4, 0.55], [0.3, 0.35], 0.2, 0.1, 1);
    let two = one.clone().face([0.8, 0.2], [0.2, 0.22], -0.5, 0.05, 2);
    // Large and turned upside down, over the fourth quadrant of atan2; a small one with neighbours inside its reach.
    let three = two.clone().face([0.15, 0.85], [0.45, 0.4], 2.5, 0.08, 3).face([0.95, 0.9], [0.1, 0.1], -2.0, 0.2, 4);
    for (outputs, count) in [(one, 1), (two, 2), (three, 4)] {
        for frame in [[128, 128], [1280, 720], [3, 4000]] {
            let want = outputs.reference(frame);
            assert_eq!(want.len(), count);
            assert_same(&faces(&outputs, frame), &want);
            let (roi, found) = check(&outputs, frame);
            assert_eq!(found[1..], [1.0, count as f32, 0.0]);
            assert_near(&roi, &want[0].roi(), 2e-3);
        }
    }
}

#[test]
fn faces_are_wanted_by_size_and_by_place() {
    let outputs = Outputs::noise(1)
        .face([0.4, 0.55], [0.3, 0.35], 0.2, 0.1, 1)
        .face([0.8, 0.2], [0.2, 0.22], -0.5, 0.05, 2)
        .face([0.15, 0.85], [0.12, 0.13], 0.1, 0.05, 3);
    let frame = [640, 640];
    let all = outputs.reference(frame);
    for (rank, face) in all.iter().enumerate() {
        let (roi, found) = check_wanted(&outputs, frame, WantedFace::Rank(rank as u32));
        assert_near(&roi, &face.roi(), 2e-3);
        assert_near(&found, &[face.score, 1.0, 3.0, 0.0], 1e-5);
        let place = face.center.map(|v| v + 20.0);
        let (near, _) = check_wanted(&outputs, frame, WantedFace::Near { place, reach: 30.0 });
        assert_eq!(near, roi, "{place:?}");
    }
    // Nobody is there: the region stays, and the faces are counted all the same.
    let nobody = (START.to_vec(), vec![0.0, 0.0, 3.0, 0.0]);
    assert_eq!(check_wanted(&outputs, frame, WantedFace::Rank(3)), nobody);
    assert_eq!(check_wanted(&outputs, frame, WantedFace::Near { place: [620.0, 620.0], reach: 90.0 }), nobody);
    // With all in reach the nearest is taken, not the largest.
    let (roi, _) = check_wanted(&outputs, frame, WantedFace::Near { place: [500.0, 150.0], reach: 1e9 });
    assert_near(&roi, &all[1].roi(), 2e-3);
}

#[test]
fn geometry_of_one_anchor() {
    // Fine grid, cell (y 3, x 10), anchor 1; the frame is twice as wide as high, so 0.25 of the square is black above it.
    let mut outputs = Outputs::empty();
    let i = (3 * 16 + 10) * 2 + 1;
    outputs.logits[i] = 2.0;
    outputs.boxes[i][..8].copy_from_slice(&[8.0, 16.0, 32.0, 24.0, -8.0, 4.0, 8.0, 20.0]);
    let (roi, found) = check(&outputs, [1024, 512]);
    let x = (10.5 / 16.0 + 8.0 / 128.0) * 1024.0;
    let y = (3.5 / 16.0 + 16.0 / 128.0) * 1024.0 - 256.0;
    assert_near(&roi, &[x, y, 1.5 * 32.0 * 8.0, std::f32::consts::FRAC_PI_4], 1e-6);
    assert!((found[0] - 0.880_797).abs() < 1e-6);
    // Coarse grid, cell (y 7, x 0), anchor 5.
    let mut outputs = Outputs::empty();
    let i = 512 + (7 * 8) * 6 + 5;
    outputs.logits[i] = 700.0;
    outputs.boxes[i][2..4].copy_from_slice(&[10.0, 20.0]);
    let (roi, found) = check(&outputs, [256, 512]);
    assert_eq!(roi, [0.5 / 8.0 * 512.0 - 128.0, 7.5 / 8.0 * 512.0, 1.5 * 20.0 * 4.0, 0.0]);
    assert_eq!(found, [1.0, 1.0, 1.0, 0.0]);
}

#[test]
fn nothing_found_leaves_the_region() {
    for outputs in [Outputs::empty(), Outputs::noise(3)] {
        assert_eq!(check(&outputs, [640, 480]), (START.to_vec(), vec![0.0; 4]));
        assert!(faces(&outputs, [640, 480]).is_empty());
    }
}

#[test]
fn broken_values_are_ignored() {
    let sound = Outputs::noise(1).face([0.4, 0.55], [0.3, 0.35], 0.2, 0.1, 1);
    let frame = [640, 480];
    let want = check(&sound, frame);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e38] {
        let mut outputs = sound.clone();
        for i in [0, 7, 511, 512, 530, 895] {
            outputs.logits[i] = if i % 2 == 0 { bad } else { 5.0 };
            outputs.boxes[i] = [20.0; 16];
            outputs.boxes[i][i % 16] = bad;
        }
        let (roi, found) = check(&outputs, frame);
        assert_eq!((roi, found), want, "{bad}");
        let all = Outputs { boxes: vec![[bad; 16]; 896], logits: vec![bad.abs(); 896] };
        assert_eq!(check(&all, frame), (START.to_vec(), vec![0.0; 4]), "{bad}");
    }
    // A box without area is no face.
    let mut flat = Outputs::empty();
    flat.logits.fill(3.0);
    assert!(faces(&flat, frame).is_empty());
    assert_eq!(check(&flat, frame).1, vec![0.0; 4]);
}

#[test]
fn work_is_bounded() {
    // Every anchor a tiny face of its own.
    let mut rng = Rng::new(4);
    let mut outputs = Outputs::empty();
    for (i, b) in outputs.boxes.iter_mut().enumerate() {
        outputs.logits[i] = 0.5 + 0.01 * i as f32;
        *b = std::array::from_fn(|_| rng.range(-3.0, 3.0));
        b[2] = rng.range(0.1, 0.2);
        b[3] = 0.1;
    }
    let list = faces(&outputs, [128, 128]);
    assert_eq!(list.len(), 32);
    assert!(list.windows(2).all(|pair| pair[0].area() >= pair[1].area()), "largest first");
    check(&outputs, [128, 128]);
}

#[test]
fn the_comparison_can_fail() {
    if Gpu::open().is_none() {
        return;
    }
    let heads = given(&Outputs::noise(1).face([0.4, 0.55], [0.3, 0.35], 0.2, 0.1, 1), WantedFace::Rank(0));
    let op = DecodeFace { frame: [1, 1] };
    Check::new(&op, &heads).run();
    assert!(Check::new(&op, &heads).perturb(0, 3, 0.01).report().is_err());
}

#[test]
fn a_rehearsal_shows_one_face() {
    let kernel = DecodeFace { frame: [640, 480] };
    let mut values: Vec<Vec<f32>> = kernel.bindings().iter().map(|b| Rng::new(4).vec(b.len)).collect();
    kernel.rehearse(&mut values);
    let [roi, found] = twin(&kernel, &values[..5], &[]).try_into().expect("two outputs");
    assert!(found[1] == 1.0 && found[2] == 1.0, "{found:?}");
    assert!(roi[2] > 100.0 && roi[3] != 0.0, "{roi:?}");
}
