//! The animated picture back in its photo, and the person cut out.

mod common;

use common::{Check, Rng, twin};
use portrait_kernels::{Kernel, Paste};

const CASES: [Paste; 4] = [
    Paste { size: 16, canvas: [16, 16], side: 16, origin: [0, 0], fade: 2.0, edges: [Some(0.0); 4], matte: false },
    Paste {
        size: 16,
        canvas: [37, 37],
        side: 37,
        origin: [0, 0],
        fade: 5.5,
        edges: [Some(0.0), None, Some(0.0), None],
        matte: false,
    },
    Paste { size: 33, canvas: [7, 7], side: 7, origin: [0, 0], fade: 1.0, edges: [None; 4], matte: false },
    Paste { size: 16, canvas: [23, 23], side: 23, origin: [0, 0], fade: 1.0, edges: [None; 4], matte: true },
];

fn texels(side: u32, rng: &mut Rng, alpha: &dyn Fn(usize) -> f32) -> Vec<f32> {
    let n = (side * side) as usize;
    (0..4 * n).map(|i| if i % 4 == 3 { alpha(i / 4) } else { (rng.bits() % 256) as f32 / 255.0 }).collect()
}

/// Flow, source, background, picture, photo, and with `matte` the backdrop. The flow stays close to the identity.
fn inputs(kernel: &Paste, seed: u64) -> Vec<Vec<f32>> {
    let mut rng = Rng::new(seed);
    let m = kernel.size as usize;
    let flow = (0..m * m)
        .flat_map(|i| {
            let [x, y] = [i % m, i / m].map(|v| 2.0 * v as f32 / (m - 1) as f32 - 1.0);
            [x + rng.range(-0.2, 0.2), y + rng.range(-0.2, 0.2), rng.range(0.0, 1.0), rng.range(0.0, 1.0)]
        })
        .collect();
    let source = texels(kernel.size, &mut rng, &|i| (i % 5) as f32 / 4.0);
    let background = texels(kernel.size, &mut rng, &|i| (i % 4) as f32 / 3.0);
    let picture = texels(kernel.size, &mut rng, &|_| 1.0);
    let mut squares = || texels(kernel.side, &mut rng, &|i| if i % 3 == 0 { 0.0 } else { 1.0 });
    let photo = squares();
    let backdrop = kernel.matte.then(squares);
    [flow, source, background, picture, photo].into_iter().chain(backdrop).collect()
}

/// The flow that moves nothing, everything visible, and carries as much along.
fn still(size: u32, carried: f32) -> Vec<f32> {
    let m = size as usize;
    (0..m * m)
        .flat_map(|i| {
            let [x, y] = [i % m, i / m].map(|v| 2.0 * v as f32 / (m - 1) as f32 - 1.0);
            [x, y, 1.0, carried]
        })
        .collect()
}

#[test]
fn paste_matches_twin() {
    for (seed, kernel) in CASES.iter().enumerate() {
        Check::new(kernel, &inputs(kernel, seed as u64)).run();
    }
    let kernel = &CASES[1];
    assert!(Check::new(kernel, &inputs(kernel, 1)).perturb(0, 400, 0.1).report().is_err() || no_gpu());
}

fn no_gpu() -> bool {
    common::Gpu::open().is_none()
}

#[test]
fn a_picture_like_the_photo_gives_the_photo() {
    let kernel = Paste { edges: [Some(0.0); 4], ..CASES[1] };
    for carried in [0.0, 0.3, 1.0] {
        let mut given = inputs(&kernel, 7);
        given[0] = still(kernel.size, carried);
        given[2] = given[1].clone();
        given[2].iter_mut().skip(3).step_by(4).for_each(|hole| *hole = 0.0);
        given[3] = given[1].clone();
        given[4].iter_mut().skip(3).step_by(4).for_each(|a| *a = 1.0);
        let canvas = twin(&kernel, &given, &[]).remove(0);
        let worst = canvas.iter().zip(&given[4]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-4, "fine detail survives: {worst}");
    }
}

#[test]
fn what_was_behind_the_person_has_no_detail() {
    let kernel = Paste { edges: [None; 4], ..CASES[1] };
    let mut given = inputs(&kernel, 8);
    given[0] = still(kernel.size, 0.0);
    given[2].fill(1.0);
    given[3].fill(1.0);
    let canvas = twin(&kernel, &given, &[]).remove(0);
    assert!(canvas.as_chunks::<4>().0.iter().all(|p| p[..3] == [1.0; 3]), "the photo's person shines through");
}

#[test]
fn edges_are_the_photo_and_the_rest_of_the_canvas_is_left() {
    let kernel = Paste { canvas: [30, 41], side: 20, origin: [6, 11], fade: 4.0, ..CASES[0] };
    let given = inputs(&kernel, 3);
    let before = vec![0.5; 4 * 30 * 41];
    let canvas = twin(&kernel, &given, &[Some(before)]).remove(0);
    let at = |x: usize, y: usize| &canvas[4 * (y * 30 + x)..][..3];
    assert_eq!(
        (at(5, 11), at(26, 30), at(6, 10), at(25, 31)),
        (&[0.5; 3][..], &[0.5; 3][..], &[0.5; 3][..], &[0.5; 3][..])
    );
    for k in 0..20 {
        for (x, y) in [(k, 0), (0, k), (k, 19), (19, k)] {
            for (c, v) in at(6 + x, 11 + y).iter().enumerate() {
                let photo = given[4][4 * (y * 20 + x) + c];
                assert!((v - photo).abs() < 0.05, "({x}, {y}): {v} beside {photo}");
            }
        }
    }
    assert_eq!(kernel.bindings()[5].len, 4 * 30 * 41);
}

#[test]
fn what_lies_outside_of_the_edges_is_left() {
    let kernel = Paste { canvas: [20, 20], side: 20, fade: 4.0, edges: [Some(7.0), None, None, Some(3.5)], ..CASES[0] };
    let given = inputs(&kernel, 4);
    let before = vec![Some(vec![0.5; 4 * 20 * 20])];
    let canvas = twin(&kernel, &given, &before).remove(0);
    Check::new(&kernel, &given).initial(before).run();
    for (pixel, colour) in canvas.as_chunks::<4>().0.iter().enumerate() {
        let (x, y) = (pixel % 20, pixel / 20);
        assert_eq!(*colour == [0.5; 4], x < 7 || y > 16, "({x}, {y}): {colour:?}");
    }
}

#[test]
fn the_matte_keeps_the_person_and_clears_the_rest() {
    let kernel = CASES[3];
    let mut given = inputs(&kernel, 5);
    given[0] = still(kernel.size, 1.0);
    given[3] = given[1].clone(); // alpha of a picture is not read
    given[5].fill(0.0);
    let person = |x: usize| if x < 8 { 1.0 } else { 0.0 };
    (0..256).for_each(|i| given[1][4 * i + 3] = person(i % 16));
    let canvas = twin(&kernel, &given, &[]).remove(0);
    let alpha = |x: usize| canvas[4 * (11 * 23 + x) + 3];
    assert_eq!((alpha(2), alpha(20)), (1.0, 0.0));
    let row = 4 * 11 * 23;
    let worst = (0..3).map(|c| (canvas[row + 8 + c] - given[4][row + 8 + c]).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-4, "a person like the photo has the photo's detail: {worst}");
    // Over a colour nothing stays transparent.
    given[5].fill(1.0);
    assert!(twin(&kernel, &given, &[]).remove(0).iter().skip(3).step_by(4).all(|&a| a == 1.0));
}
