//! Motion transfer: filter, calibration, relative and absolute motion, and holding them when the face is lost.

mod common;

use common::{Check, Gpu, Rng, assert_close, twin};
use portrait_kernels::{
    Calibrate, DeviceProfile, Kernel, OneEuro, Tier, Transfer, TransferControl, convex_hull_area, pose_distance,
};

const COORDS: usize = 316;
/// Where the irises are in a pose.
const IRISES: usize = 312;
const VALUE_AT: usize = 4;
const POINT_AT: usize = Transfer::NEUTRAL_AT + 4;
const FILTER: OneEuro = OneEuro { min_cutoff: 1.5, beta: 0.7 };
const ABSOLUTE: TransferControl = TransferControl {
    dt: 1.0 / 30.0,
    relative: false,
    calibrate: Calibrate::Keep,
    filter: None,
    strength: 1.0,
    head_gain: 1.0,
    expression_gain: 1.0,
    eye_gain: 1.0,
    mouth_gain: 1.0,
};
const RELATIVE: TransferControl = TransferControl { relative: true, ..ABSOLUTE };

fn kernel() -> Transfer {
    Transfer { base: std::array::from_fn(|i| (i as u32 * 29 + 3) % 106) }
}

/// Coordinates of lids and lips: these move by rules of their own in relative mode.
fn special(i: usize) -> bool {
    (96..136).contains(&i) || (166..206).contains(&i)
}

/// The facial points with the irises, as the kernel takes them.
fn facial(pose: &[f32]) -> Vec<f32> {
    [&pose[..212], &pose[IRISES..COORDS]].concat()
}

fn neural01(pose: &[f32]) -> Vec<f32> {
    pose[212..IRISES].iter().map(|v| (v + 1.0) / 2.0).collect()
}

/// A pose: 106 facial points, 50 neural points, two irises.
fn pose(seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    (0..COORDS).map(|_| rng.range(-0.7, 0.7)).collect()
}

/// The same with its lips together and its eyes open.
fn rested(mut pose: Vec<f32>) -> Vec<f32> {
    [(95, 96), (99, 101), (100, 102)]
        .iter()
        .for_each(|&(upper, lower)| pose.copy_within(2 * upper..2 * upper + 2, 2 * lower));
    pose[88..136].copy_from_slice(&face(0.05, 0.0, 0.0)[88..136]);
    pose
}

/// The photo's points as the kernel takes them.
fn source() -> Vec<f32> {
    let p = pose(1000);
    photo(&p)
}

/// A photo of this pose, with a depth for every point; the first thirty are stiff.
fn photo(pose: &[f32]) -> Vec<f32> {
    let depth: Vec<f32> = (0..COORDS / 2).map(|i| 0.3 * (i as f32 * 1.7).sin()).collect();
    let relief: Vec<f32> = (0..212 * 106).map(|i| 0.5 * (i as f32 * 0.9).sin()).collect();
    Transfer::source(&facial(pose), &pose[212..IRISES], &depth, &STIFF, &relief)
}

/// Points that only the head moves.
const STIFF: [u32; 30] = {
    let mut list = [0; 30];
    let mut i = 0;
    while i < 30 {
        list[i] = i as u32;
        i += 1;
    }
    list
};

/// `pose` moved by noise of this size.
fn near(pose: &[f32], noise: f32, seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    pose[..COORDS].iter().map(|v| v + rng.range(-noise, noise)).collect()
}

/// The kernel over a sequence of frames, each checked on the GPU.
struct Session {
    source: Vec<f32>,
    state: Vec<f32>,
}

impl Session {
    fn new() -> Self {
        Self { source: source(), state: vec![0.0; Transfer::STATE_LEN] }
    }

    fn frame(&mut self, driver: &[f32], control: TransferControl, found: bool) -> Vec<f32> {
        let status = vec![0.9, f32::from(found), 0.0, 0.0];
        let inputs = [
            facial(driver),
            neural01(driver),
            self.source.clone(),
            TransferControl::to_floats(control).to_vec(),
            status,
        ];
        let before = vec![Some(self.state.clone()), None];
        Check::new(&kernel(), &inputs).initial(before.clone()).run();
        let [state, y] = twin(&kernel(), &inputs, &before).try_into().expect("two outputs");
        self.state = state;
        y
    }

    fn neutral(&self) -> &[f32] {
        &self.state[Transfer::NEUTRAL_AT..]
    }
}

/// The filter as the paper prints it (algorithm 1 and 2), in f64.
struct Literal {
    min_cutoff: f64,
    beta: f64,
    last: Option<(f64, f64)>,
}

impl Literal {
    fn filter(&mut self, x: f64, rate: f64) -> f64 {
        let alpha = |cutoff: f64| {
            let (tau, te) = (1.0 / (2.0 * std::f64::consts::PI * cutoff), 1.0 / rate);
            1.0 / (1.0 + tau / te)
        };
        let low_pass = |x: f64, before: f64, alpha: f64| alpha * x + (1.0 - alpha) * before;
        let (x_hat, dx_hat) = match self.last {
            None => (x, 0.0),
            Some((before, dx_before)) => {
                let dx = low_pass((x - before) * rate, dx_before, alpha(1.0));
                (low_pass(x, before, alpha(self.min_cutoff + self.beta * dx.abs())), dx)
            }
        };
        self.last = Some((x_hat, dx_hat));
        x_hat
    }
}

#[test]
fn filter_is_the_papers() {
    let (mut session, mut rng) = (Session::new(), Rng::new(5));
    let mut filters: Vec<Literal> =
        (0..COORDS).map(|_| Literal { min_cutoff: 1.5, beta: f64::from(FILTER.beta), last: None }).collect();
    let (a, b) = (pose(1), pose(2));
    for frame in 0..50 {
        // Rest, then fast motion, at an uneven frame rate.
        let t = ((frame as f32 - 20.0) / 10.0).clamp(0.0, 1.0);
        let driver: Vec<f32> = (0..COORDS).map(|i| a[i] + t * (b[i] - a[i]) + rng.range(-0.02, 0.02)).collect();
        let dt = if frame % 3 == 0 { 1.0 / 30.0 } else { 1.0 / 60.0 };
        let got = session.frame(&driver, TransferControl { filter: Some(FILTER), dt, ..ABSOLUTE }, true);
        let raw: Vec<f32> = driver
            .iter()
            .enumerate()
            .map(|(i, v)| if (212..IRISES).contains(&i) { 2.0 * ((v + 1.0) / 2.0) - 1.0 } else { *v })
            .collect();
        let want: Vec<f32> =
            filters.iter_mut().zip(&raw).map(|(f, &x)| f.filter(f64::from(x), 1.0 / f64::from(dt)) as f32).collect();
        assert_close(&got[..COORDS], &want, 1e-11);
    }
}

#[test]
fn without_filter_the_driver_passes_unchanged() {
    let mut session = Session::new();
    for seed in 0..3 {
        let driver = pose(seed);
        let y = session.frame(&driver, ABSOLUTE, true);
        assert_eq!(y[..212], driver[..212]);
        assert_close(&y[212..COORDS], &driver[212..COORDS], 1e-13);
    }
}

#[test]
fn a_step_of_no_time_is_harmless() {
    let mut session = Session::new();
    for seed in 0..3 {
        session.frame(&pose(seed), TransferControl { filter: Some(FILTER), dt: 0.0, ..ABSOLUTE }, true);
    }
}

#[test]
fn the_neutral_pose_gives_the_source_exactly() {
    let control = TransferControl { filter: Some(FILTER), strength: 1.7, ..RELATIVE };
    let mut session = Session::new();
    session.source = photo(&rested(pose(1000)));
    let y = session.frame(&rested(pose(1)), control, true); // the first frame is the neutral
    assert_eq!(y[..COORDS], session.source[..COORDS]);
    session.frame(&rested(pose(2)), control, true);
    let y = session.frame(&rested(pose(3)), TransferControl { calibrate: Calibrate::Take, ..control }, true);
    assert_eq!(y[..COORDS], session.source[..COORDS]);

    // On the GPU to the bit too: the state of a session at rest, once more.
    let Some(gpu) = Gpu::open() else { return };
    let mut rest = Session::new();
    rest.source = photo(&rested(pose(1000)));
    rest.frame(&rested(pose(1)), RELATIVE, true);
    let inputs = [
        facial(&rested(pose(1))),
        neural01(&rested(pose(1))),
        rest.source.clone(),
        RELATIVE.to_floats().to_vec(),
        vec![0.9, 1.0, 0.0, 0.0],
    ];
    let before = [Some(rest.state.clone()), None];
    let got = gpu.run(&kernel(), Tier::F32, &DeviceProfile::WIDE, &inputs, &before, &[]).expect("run").remove(1);
    assert_eq!(got[..COORDS], rest.source[..COORDS]);
}

#[test]
fn relative_motion_is_scaled_by_the_hulls() {
    let mut session = Session::new();
    // The photo's own shape, elsewhere and smaller; another shape would move in another way.
    let neutral: Vec<f32> = pose(1000).iter().map(|v| v * 0.5 + 0.1).collect();
    session.frame(&neutral, RELATIVE, true);
    let driver = near(&neutral, 0.2, 7);
    let y = session.frame(&driver, TransferControl { strength: 0.8, ..RELATIVE }, true);
    let area = |p: &[f32]| f64::from(convex_hull_area(bytemuck::cast_slice(&p[..212])));
    let scale = (area(&session.source) / area(&neutral)).sqrt();
    assert!((f64::from(session.neutral()[2]) - scale).abs() < 1e-5);
    let want: Vec<f32> = (0..COORDS)
        .map(|i| {
            let moved = f64::from(driver[i]) - f64::from(neutral[i]);
            (f64::from(session.source[i]) + 0.8 * scale * moved) as f32
        })
        .collect();
    let plain = |v: &[f32]| -> Vec<f32> { (0..COORDS).filter(|&i| !special(i)).map(|i| v[i]).collect() };
    // Within what the ridge of the fit leaves of the other place.
    assert_close(&plain(&y), &plain(&want), 1e-9);
    // Base: 40 facial points, then the last ten neural ones.
    let want: Vec<f32> = (0..50)
        .flat_map(|i| {
            let from = if i < 40 { kernel().base[i] as usize } else { 106 + i };
            [y[from * 2], y[from * 2 + 1]]
        })
        .collect();
    assert_eq!(y[Transfer::BASE_AT..Transfer::BASE_AT + 100], want);
    assert_eq!(y[Transfer::PINS_AT..], *Transfer::pins(bytemuck::cast_slice(&facial(&y))).as_flattened());
}

/// A face whose eyes are open by `open` and whose inner lips are apart by `lips`, seen upright, its eyes 0.6 apart.
fn face(open: f32, lips: f32, irises: f32) -> Vec<f32> {
    let mut p = vec![[0.0f32; 2]; 158];
    p.iter_mut().enumerate().for_each(|(i, q)| *q = [(i as f32 * 2.4).cos() * 0.5, (i as f32 * 2.4).sin() * 0.5]);
    for (eye, side) in [(0, -1.0f32), (1, 1.0)] {
        p[44 + eye] = [0.3 * side, -0.1];
        p[46 + eye] = [0.1 * side, -0.1];
        for i in 0..5 {
            let x = (0.3 - 0.04 * (i as f32 + 0.5)) * side;
            p[48 + 2 * i + eye] = [x, -0.1 - 0.6 * open];
            p[58 + 2 * i + eye] = [x, -0.1 + 0.4 * open];
        }
        p[156 + eye] = [0.2 * side + irises, -0.1];
    }
    let corners = [[0.0, 0.25], [0.0, 0.35], [-0.12, 0.3], [0.12, 0.3]];
    p[83..87].copy_from_slice(&corners);
    for (upper, lower, x) in [(95, 96, 0.0), (99, 101, -0.05), (100, 102, 0.05)] {
        p[upper] = [x, 0.3 - 0.15 * lips];
        p[lower] = [x, 0.3 + 0.85 * lips];
    }
    bytemuck::cast_slice(&p).to_vec()
}

fn moved(photo: &[f32], drivers: [&[f32]; 2], eye_gain: f32) -> Vec<f32> {
    let mut session = Session::new();
    session.source = self::photo(photo);
    let control = TransferControl { eye_gain, ..RELATIVE };
    session.frame(drivers[0], control, true);
    session.frame(drivers[1], control, true)
}

/// How far apart the middle points of the right eye's lids are.
fn eye_opening(pose: &[f32]) -> f32 {
    pose[2 * 62 + 1] - pose[2 * 52 + 1]
}

#[test]
fn an_eye_that_closes_closes_the_photos() {
    for (photo, driver) in [(0.06, 0.04), (0.04, 0.06), (0.05, 0.05)] {
        let (photo, rest) = (face(photo, 0.0, 0.0), face(driver, 0.0, 0.0));
        let closed = moved(&photo, [&rest, &face(0.0, 0.0, 0.0)], 1.0);
        assert!(eye_opening(&closed).abs() < 1e-4, "{}", eye_opening(&closed));
        let half = moved(&photo, [&rest, &face(0.5 * driver, 0.0, 0.0)], 1.0);
        assert!((eye_opening(&half) - 0.5 * eye_opening(&photo)).abs() < 1e-4, "{}", eye_opening(&half));
        // However far the lids are to go, they do not cross.
        let closed = moved(&photo, [&rest, &face(0.0, 0.0, 0.0)], 3.0);
        assert!(eye_opening(&closed).abs() < 1e-4, "{}", eye_opening(&closed));
    }
}

#[test]
fn a_neutral_pose_taken_in_a_blink_does_not_tear_the_eyes_open() {
    let photo = face(0.05, 0.0, 0.0);
    let open = moved(&photo, [&face(0.0, 0.0, 0.0), &face(0.06, 0.0, 0.0)], 1.0);
    let ratio = eye_opening(&open) / eye_opening(&photo);
    assert!((ratio - 1.5).abs() < 1e-3, "{ratio}");
}

#[test]
fn eyes_half_shut_at_rest_half_shut_the_photos() {
    let photo = face(0.05, 0.0, 0.0);
    // How open the driver's eyes are at rest and now, of the photo's; how open the photo's are then.
    for (rest, now, want) in
        [(0.2, 0.2, 0.4), (0.2, 0.0, 0.0), (0.2, 0.4, 0.8), (0.1, 1.0, 1.5), (0.6, 0.6, 1.0), (0.6, 0.3, 0.5)]
    {
        let y = moved(&photo, [&face(0.05 * rest, 0.0, 0.0), &face(0.05 * now, 0.0, 0.0)], 1.0);
        let open = eye_opening(&y) / eye_opening(&photo);
        assert!((open - want).abs() < 1e-3, "{rest} {now}: {open}, not {want}");
    }
}

#[test]
fn lips_do_not_cross() {
    let y = moved(&face(0.05, 0.02, 0.0), [&face(0.05, 0.1, 0.0), &face(0.05, 0.0, 0.0)], 1.0);
    for (upper, lower) in [(95, 96), (99, 101), (100, 102)] {
        assert!((y[2 * upper + 1] - y[2 * lower + 1]).abs() < 1e-6 && (y[2 * upper + 1] - 0.3).abs() < 1e-6);
    }
}

/// The photo's mouth is shut already: what the driver closes goes nowhere, and the lips stay as thick as they are.
#[test]
fn shut_lips_are_not_pressed_to_a_line() {
    let lips = |gap: f32| {
        let mut face = face(0.05, gap, 0.0);
        for (upper, lower, x) in [(83, 84, 0.0f32), (89, 93, -0.05), (90, 94, 0.05), (87, 91, -0.09), (88, 92, 0.09)] {
            // Halfway to the corners, lips part half as far.
            let open = gap * if x.abs() > 0.08 { 0.5 } else { 1.0 };
            face[2 * upper..2 * upper + 2].copy_from_slice(&[x, 0.27 - 0.15 * open]);
            face[2 * lower..2 * lower + 2].copy_from_slice(&[x, 0.33 + 0.85 * open]);
        }
        face
    };
    let shut = lips(0.0);
    let y = moved(&shut, [&lips(0.1), &shut], 1.0);
    let off = (83..103).map(|i| (y[2 * i + 1] - shut[2 * i + 1]).abs()).fold(0.0, f32::max);
    assert!(off < 1e-4, "{off}");
}

/// How far apart the inner lips are, at their middle and beside it.
fn lip_gaps(pose: &[f32]) -> [f32; 3] {
    [(95, 96), (99, 101), (100, 102)].map(|(upper, lower)| pose[2 * lower + 1] - pose[2 * upper + 1])
}

#[test]
fn a_mouth_open_at_rest_opens_the_photos() {
    let run = |photo: f32, rest: f32, driver: f32| {
        let [photo, rest, driver] = [photo, rest, driver].map(|lips| face(0.05, lips, 0.0));
        lip_gaps(&moved(&photo, [&rest, &driver], 1.0))
    };
    // Photo, the driver at rest, the driver now; what shows.
    for (photo, rest, driver, want) in [
        (0.0, 0.1, 0.1, 0.1),
        (0.0, 0.1, 0.16, 0.16),
        (0.0, 0.1, 0.0, 0.0),
        (0.04, 0.1, 0.1, 0.1),
        (0.04, 0.1, 0.0, 0.0),
        // The photo's is as far open at rest, or further: it moves as the driver's does.
        (0.1, 0.1, 0.02, 0.02),
        (0.1, 0.04, 0.04, 0.1),
        // What the photo's is wider open is added to the driver's, all of it at rest, half where that would double the opening.
        (0.1, 0.0, 0.1, 0.15),
        (0.1, 0.05, 0.15, 0.175),
        (0.1, 0.0, 0.3, 0.31),
        // The driver's is shut at rest, but for noise.
        (0.0, 0.011, 0.011, 0.0),
        (0.0, 0.011, 0.061, 0.05),
    ] {
        let gaps = run(photo, rest, driver);
        let off = gaps.map(|gap| (gap - want).abs()).into_iter().fold(0.0, f32::max);
        assert!(off < 1e-4, "{photo} {rest} {driver}: {gaps:?}");
    }
}

#[test]
fn gains_weigh_a_mouth_open_at_rest() {
    let (photo, rest) = (face(0.05, 0.0, 0.0), face(0.05, 0.1, 0.0));
    for (expression_gain, mouth_gain, strength) in [(0.5, 1.0, 1.0), (1.0, 2.0, 1.0), (1.0, 1.0, 0.4)] {
        let mut session = Session::new();
        session.source = self::photo(&photo);
        let control = TransferControl { expression_gain, mouth_gain, strength, ..RELATIVE };
        let gaps = lip_gaps(&session.frame(&rest, control, true));
        let want = 0.1 * expression_gain * mouth_gain * strength;
        assert!(gaps.iter().all(|gap| (gap - want).abs() < 1e-4), "{gaps:?} {want}");
    }
}

#[test]
fn irises_move_with_head_and_gaze() {
    let photo = face(0.05, 0.0, 0.01);
    let turned: Vec<f32> = face(0.05, 0.0, 0.02).chunks(2).flat_map(|p| [p[0] + 0.1, p[1] - 0.05]).collect();
    let y = moved(&photo, [&face(0.05, 0.0, 0.0), &turned], 1.7);
    for eye in 0..2 {
        let (from, to) = (IRISES + 2 * eye, Transfer::PINS_AT + 88 + 2 * eye);
        let want = [photo[from] + 0.12, photo[from + 1] - 0.05];
        assert!((y[to] - want[0]).abs() < 1e-5 && (y[to + 1] - want[1]).abs() < 1e-5, "{:?} {want:?}", &y[to..to + 2]);
    }
}

#[test]
fn head_expression_and_mouth_are_weighed_apart() {
    let rest = face(0.05, 0.02, 0.0);
    let depth = &photo(&rest)[320..];
    // The head turns and sinks; a brow (30), the upper lip (95) and a neural point (120) move besides.
    let turned: Vec<[f32; 2]> = bytemuck::cast_slice::<f32, [f32; 2]>(&rest)
        .iter()
        .zip(depth)
        .map(|(&[x, y], z)| [0.97 * x + 0.2 * z, y + 0.04])
        .collect();
    let twitches = [(30, -0.1), (95, -0.06), (120, 0.08)];
    let mut driver = turned.clone();
    twitches.iter().for_each(|&(i, by)| driver[i][1] += by);
    let run = |head_gain: f32, expression_gain: f32, mouth_gain: f32| {
        let mut session = Session::new();
        session.source = photo(&rest);
        let control = TransferControl { head_gain, expression_gain, mouth_gain, ..RELATIVE };
        session.frame(&rest, control, true);
        let y = session.frame(bytemuck::cast_slice(&driver), control, true);
        y[..COORDS].chunks(2).map(|p| [p[0], p[1]]).collect::<Vec<_>>()
    };
    // Within what the ridge of the fit gives away.
    let near = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).abs().max((a[1] - b[1]).abs()) < 4e-3;
    let resting = |i: usize| [rest[2 * i], rest[2 * i + 1]];
    let (all, head, still) = (run(1.0, 1.0, 1.0), run(1.0, 0.0, 1.0), run(0.0, 1.0, 1.0));
    for (i, by) in twitches {
        let [x, y] = resting(i);
        assert!(near(all[i], driver[i]) && near(head[i], turned[i]) && near(still[i], [x, y + by]), "point {i}");
    }
    assert!((5..30).all(|i| near(all[i], turned[i]) && near(head[i], turned[i]) && near(still[i], resting(i))));
    let (quiet, loud) = (run(0.0, 1.0, 0.0), run(0.0, 2.0, 0.5));
    let [x, y] = resting(30);
    assert!(near(quiet[30], [x, y - 0.1]) && near(loud[30], [x, y - 0.2]));
    let [x, y] = resting(95);
    assert!(near(quiet[95], [x, y]) && near(loud[95], [x, y - 0.06]), "{:?} {:?}", quiet[95], loud[95]);
}

#[test]
fn a_turn_moves_the_photos_own_shape() {
    let rest = face(0.05, 0.02, 0.0);
    // The photo smiles where the driver does not: the ends of its lips are elsewhere, and deeper.
    let mut smile = rest.clone();
    [(85, -0.06), (86, 0.06)].iter().for_each(|&(i, by)| (smile[2 * i], smile[2 * i + 1]) = (smile[2 * i] + by, 0.27));
    let source = photo(&smile);
    let (depth, relief) = (&source[320..478], &source[Transfer::SOURCE_LEN - 212 * 106..]);
    let deeper = |i: usize| (0..212).map(|k| relief[106 * k + i] * (smile[k] - rest[k])).sum::<f32>();
    let turned = |pose: &[f32], i: usize, z: f32| [0.9 * pose[2 * i] + 0.3 * z + 0.1, pose[2 * i + 1] - 0.1 * z];
    let driver: Vec<[f32; 2]> = (0..COORDS / 2).map(|i| turned(&rest, i, depth[i])).collect();
    let run = |head_gain: f32, expression_gain: f32| {
        let mut session = Session::new();
        session.source = source.clone();
        let control = TransferControl { head_gain, expression_gain, ..RELATIVE };
        session.frame(&rest, control, true);
        session.frame(bytemuck::cast_slice(&driver), control, true)
    };
    // The driver only turns: with his expression or without, the photo turns, and without his head it rests.
    let (y, head, still) = (run(1.0, 1.0), run(1.0, 0.0), run(0.0, 1.0));
    assert!(deeper(85).abs() > 1e-2 && deeper(86).abs() > 1e-2, "{} {}", deeper(85), deeper(86));
    for i in (0..106).filter(|&i| !special(2 * i)) {
        let want = turned(&smile, i, depth[i] + deeper(i));
        let resting = [smile[2 * i], smile[2 * i + 1]];
        for (y, want, within) in [(&y, want, 6e-4), (&head, want, 4e-3), (&still, resting, 4e-3)] {
            let far = (y[2 * i] - want[0]).abs().max((y[2 * i + 1] - want[1]).abs());
            assert!(far < within, "point {i}: {:?}, not {want:?}", &y[2 * i..2 * i + 2]);
        }
    }
}

#[test]
fn two_smiles_do_not_add_up() {
    // Ends of the lips, and what goes along with the right one.
    let smiling = |by: f32| {
        let mut pose = face(0.05, 0.02, 0.0);
        [(85, -by), (86, by)].iter().for_each(|&(i, by)| pose[2 * i] += by);
        pose
    };
    let rest = smiling(0.0);
    for (photo, driver, want) in [
        (0.06, 0.0, 0.06),
        // By half of the photo's where both smile alike, nearly all of it where the driver smiles far more.
        (0.06, 0.06, 0.09),
        (0.06, 0.3, 0.3 + 0.06 / 26.0),
        // What is not both of them's is kept: a driver who purses his lips, a photo that does, a photo at rest.
        (0.06, -0.04, 0.02),
        (-0.04, 0.06, 0.02),
        (0.0, 0.06, 0.06),
    ] {
        let source = smiling(photo);
        let y = moved(&source, [&rest, &smiling(driver)], 1.0);
        for (corner, side) in [(85, -1.0), (86, 1.0)] {
            let found = side * (y[2 * corner] - rest[2 * corner]);
            assert!((found - want).abs() < 1e-4, "a photo by {photo}, a driver by {driver}: {found}, not {want}");
        }
        for (i, share) in [(83, 0.0), (87, 0.7), (89, 0.3), (97, 1.0), (99, 0.5), (30, 0.0)] {
            let (found, want) = (source[2 * i] - y[2 * i], share * (want - photo - driver));
            assert!((found - want).abs() < 1e-4, "point {i}: {found}, not {want}");
        }
    }
}

#[test]
fn a_blink_is_no_neutral_pose() {
    let open = face(0.05, 0.0, 0.0);
    let (mut session, control) = (Session::new(), TransferControl { calibrate: Calibrate::TakeIfBetter, ..RELATIVE });
    session.source = photo(&open);
    // The blink is nearer to the photo in all but the lids.
    let (blink, awake) = (face(0.0, 0.0, 0.0), near(&face(0.045, 0.0, 0.0), 0.02, 3));
    session.frame(&blink, control, true);
    assert_eq!(session.neutral()[4..216], blink[..212]);
    session.frame(&awake, control, true);
    session.frame(&blink, control, true);
    assert_eq!(session.neutral()[4..216], awake[..212]);
}

#[test]
fn base_and_pins_can_be_bound_alone() {
    assert_eq!([Transfer::BASE_AT * 4 % 256, Transfer::PINS_AT * 4 % 256], [0; 2]);
    assert_eq!(kernel().bindings().len(), 7);
}

#[test]
fn calibration_keeps_the_frame_most_like_the_source() {
    let mut session = Session::new();
    let rest = face(0.05, 0.02, 0.0);
    session.source = photo(&rest);
    let control = TransferControl { calibrate: Calibrate::TakeIfBetter, ..RELATIVE };
    let noises = [0.03, 0.012, 0.02, 0.004, 0.005, 0.04];
    // The same face elsewhere and at another size: place and size must not count.
    let drivers: Vec<Vec<f32>> = noises
        .iter()
        .enumerate()
        .map(|(i, &n)| {
            let size = 0.4 + 0.1 * i as f32;
            near(&rest, n, i as u64).iter().map(|v| v * size + 0.2 - 0.05 * i as f32).collect()
        })
        .collect();
    for driver in &drivers {
        session.frame(driver, control, true);
    }
    assert_eq!(session.neutral()[4..216], drivers[3][..212]);
    let best = pose_distance(bytemuck::cast_slice(&drivers[3][..212]), bytemuck::cast_slice(&session.source[..212]));
    assert_eq!(session.neutral()[..2], [1.0, best]);
    // Kept afterwards, unless taken.
    session.frame(&drivers[5], RELATIVE, true);
    assert_eq!(session.neutral()[4..216], drivers[3][..212]);
    session.frame(&drivers[5], TransferControl { calibrate: Calibrate::Take, ..RELATIVE }, true);
    assert_eq!(session.neutral()[4..216], drivers[5][..212]);
}

#[test]
fn pose_distance_ignores_place_and_size() {
    let a: Vec<[f32; 2]> = bytemuck::cast_slice(&pose(1)[..212]).to_vec();
    let moved: Vec<[f32; 2]> = a.iter().map(|p| [p[0] * 0.3 + 0.5, p[1] * 0.3 - 0.2]).collect();
    assert!(pose_distance(&a, &moved) < 1e-5);
    let mirrored: Vec<[f32; 2]> = a.iter().map(|p| [-p[0], p[1]]).collect();
    assert!(pose_distance(&a, &mirrored) > 0.5);
    // Opposite points of a circle: distance 2 at radius 1.
    let square = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]];
    let turned = [[-1.0, 0.0], [0.0, -1.0], [1.0, 0.0], [0.0, 1.0]];
    assert!((pose_distance(&square, &turned) - 2.0).abs() < 1e-6);
}

#[test]
fn a_lost_face_holds_everything() {
    let control = TransferControl { filter: Some(FILTER), ..RELATIVE };
    let mut session = Session::new();
    session.frame(&pose(1), control, true);
    let held = session.frame(&near(&pose(1), 0.2, 2), control, true);
    let state = session.state.clone();
    for calibrate in [Calibrate::Keep, Calibrate::Take, Calibrate::TakeIfBetter] {
        let y = session.frame(&pose(9), TransferControl { calibrate, ..control }, false);
        assert_eq!((&y, &session.state), (&held, &state));
    }
    // The output is made anew from what is held.
    let y = session.frame(&pose(9), ABSOLUTE, false);
    assert_eq!((&y[..COORDS], &session.state), (&state[VALUE_AT..VALUE_AT + COORDS], &state));
}

#[test]
fn before_the_first_face_the_source_rests() {
    for control in [ABSOLUTE, RELATIVE, TransferControl { calibrate: Calibrate::Take, ..RELATIVE }] {
        let mut session = Session::new();
        let y = session.frame(&pose(1), control, false);
        assert_eq!(y[..COORDS], session.source[..COORDS]);
        assert!(session.state.iter().all(|&v| v == 0.0));
    }
}

#[test]
fn a_broken_number_keeps_the_last_value() {
    let mut session = Session::new();
    let control = TransferControl { filter: Some(FILTER), ..ABSOLUTE };
    let mut broken = pose(1);
    broken[212 + 7] = f32::NAN;
    let y = session.frame(&broken, control, true);
    assert_eq!(y[219], session.source[219]);
    let before = session.frame(&pose(2), control, true)[219];
    broken[212 + 7] = f32::INFINITY;
    session.frame(&broken, TransferControl { filter: None, ..control }, true);
    assert_eq!(session.state[VALUE_AT + 219], before);
    assert!(session.state.iter().all(|v| v.is_finite()));
}

#[test]
fn a_collapsed_driver_gives_no_scale() {
    let mut session = Session::new();
    session.frame(&[0.25; COORDS], RELATIVE, true);
    assert_eq!(session.neutral()[2], 1.0);
    assert_eq!(session.state[POINT_AT], 0.25);
}

#[test]
fn control_survives_the_round_trip() {
    for calibrate in [Calibrate::Keep, Calibrate::Take, Calibrate::TakeIfBetter] {
        for control in [ABSOLUTE, TransferControl { calibrate, strength: 0.5, ..TransferControl::default() }] {
            assert_eq!(TransferControl::from_floats(control.to_floats()), control);
        }
    }
}

#[test]
fn a_wrong_state_is_seen() {
    if Gpu::open().is_none() {
        return;
    }
    let driver = pose(1);
    let inputs =
        [facial(&driver), neural01(&driver), source(), RELATIVE.to_floats().to_vec(), vec![0.9, 1.0, 0.0, 0.0]];
    let initial = vec![Some(vec![0.0; Transfer::STATE_LEN]), None];
    let report = Check::new(&kernel(), &inputs).initial(initial).perturb(0, POINT_AT + 9, 0.1).report();
    report.expect_err("a wrong neutral point went unseen");
}

#[test]
fn a_rehearsal_sees_a_face_move() {
    let kernel = kernel();
    let mut values: Vec<Vec<f32>> =
        kernel.bindings().iter().zip(1..).map(|(b, seed)| Rng::new(seed).vec(b.len)).collect();
    kernel.rehearse(&mut values);
    let before: Vec<Option<Vec<f32>>> = values[5..].iter().cloned().map(Some).collect();
    let [state, y] = twin(&kernel, &values[..5], &before).try_into().expect("two outputs");
    let moved = |now: &[f32], then: &[f32]| now.iter().zip(then).filter(|(a, b)| (*a - *b).abs() > 1e-3).count();
    assert!(moved(&state[VALUE_AT..VALUE_AT + COORDS], &values[5][VALUE_AT..]) > COORDS * 9 / 10, "filtered");
    assert!(moved(&y[..COORDS], &values[2]) > COORDS * 9 / 10, "moved away from the photo");
}
