//! The warp of the source picture and the composition of the result.

mod common;

use common::pins::face;
use common::{Rng, assert_close, check, from_layout, to_layout, twin};
use portrait_kernels::{Compose, Warp, shuffled_channel};

const WARPS: [Warp; 8] = [
    Warp { size: 1, fold: 1 },
    Warp { size: 17, fold: 1 },
    Warp { size: 33, fold: 1 },
    Warp { size: 2, fold: 2 },
    Warp { size: 38, fold: 2 },
    Warp { size: 15, fold: 3 },
    Warp { size: 64, fold: 1 },
    Warp { size: 256, fold: 2 },
];

const LARGE: Warp = Warp { size: 256, fold: 1 };

/// Flow (partly outside the picture), source with mask, background, and mouth and pins of lips that are open by as much in the source
/// and in the driver.
fn warp_inputs(kernel: &Warp, [source, driver]: [f32; 2], seed: u64) -> Vec<Vec<f32>> {
    let mut rng = Rng::new(seed);
    let m = kernel.size as usize;
    let flow = (0..m * m)
        .flat_map(|i| {
            let [x, y] = [i % m, i / m].map(|v| 2.0 * v as f32 / (m.max(2) - 1) as f32 - 1.0);
            [x * 1.3 + rng.range(-0.1, 0.1), y * 1.2 + rng.range(-0.1, 0.1), rng.range(0.0, 1.0), rng.range(0.0, 1.0)]
        })
        .collect();
    let [rows, columns] = Warp::MOUTH;
    let mut mouth = rng.feature([4, rows, columns]);
    let (layers, about) = mouth.as_chunks_mut::<4>().0.split_at_mut(((rows - 1) * columns) as usize);
    layers.iter_mut().for_each(|p| p[3] = p[3].abs().min(1.0));
    about.fill([0.7, 0.0, 0.0, Warp::opening(&face(0.1, source))]);
    vec![
        flow,
        rng.feature([4, kernel.size, kernel.size]),
        rng.feature([4, kernel.size, kernel.size]),
        mouth,
        face(0.1, driver).concat(),
    ]
}

/// Keys' cubic convolution kernel with a = -1/2, which is the Catmull-Rom spline.
fn keys(d: f64) -> f64 {
    match d.abs() {
        d if d <= 1.0 => 1.5 * d.powi(3) - 2.5 * d.powi(2) + 1.0,
        d if d < 2.0 => -0.5 * d.powi(3) + 2.5 * d.powi(2) - 4.0 * d + 2.0,
        _ => 0.0,
    }
}

/// Catmull-Rom, align_corners, clamped to the edge and to the four nearest neighbours.
fn sample64(plane: &[f64], size: usize, at: [f64; 2]) -> f64 {
    let [x, y] = at.map(|v| v.clamp(0.0, size as f64 - 1.0));
    let texel = |j: f64, k: f64| {
        let [row, column] = [y.floor() + j, x.floor() + k].map(|v| v.clamp(0.0, size as f64 - 1.0) as usize);
        plane[row * size + column]
    };
    let steps = [-1.0, 0.0, 1.0, 2.0];
    let part = |j: f64, k: f64| keys(y - y.floor() - j) * keys(x - x.floor() - k) * texel(j, k);
    let value: f64 = steps.iter().flat_map(|&j| steps.iter().map(move |&k| part(j, k))).sum();
    let nearest = [texel(0.0, 0.0), texel(0.0, 1.0), texel(1.0, 0.0), texel(1.0, 1.0)];
    value.clamp(nearest.into_iter().fold(f64::MAX, f64::min), nearest.into_iter().fold(f64::MIN, f64::max))
}

#[test]
fn what_moves_by_half_a_pixel_stays_sharp_and_nothing_overshoots() {
    // Stripes of four pixels and one edge, moved by half a pixel.
    let kernel = Warp { size: 65, fold: 1 };
    let colour =
        |i: usize| if i % 65 < 32 { 0.5 + 0.4 * (i as f32 % 65.0 * std::f32::consts::FRAC_PI_2).sin() } else { 1.0 };
    let source: Vec<f32> = (0..65 * 65).flat_map(|i| [colour(i); 4]).collect();
    let place = |v: usize, by: f32| (2.0 * v as f32 + by) / 64.0 - 1.0;
    let flow: Vec<f32> = (0..65 * 65).flat_map(|i| [place(i % 65, 1.0), place(i / 65, 0.0), 1.0, 1.0]).collect();
    let mouth = vec![0.0; (Warp::MOUTH.iter().product::<u32>() * 4) as usize];
    let inputs = [flow, source, vec![0.0; 65 * 65 * 4], mouth, vec![0.0; 92]];
    let row: Vec<f32> = twin(&kernel, &inputs, &[])[1].chunks(4).take(65).map(|p| p[0]).collect();
    let spread = row[4..28].iter().fold(0.0f32, |most, v| most.max((v - 0.5).abs()));
    // A bilinear sample leaves half of their 0.4.
    assert!(spread > 0.24, "{spread}");
    assert!(row[32..].iter().all(|&v| v == 1.0), "beside the edge: {:?}", &row[30..36]);
}

/// PyTorch's `pixel_unshuffle` of planes `[channels, size, size]`, its channels in the order of the folded layout.
fn unshuffled(planes: &[f32], channels: u32, size: u32, fold: u32) -> Vec<f32> {
    let side = size / fold;
    let square = fold * fold;
    let channel = |to: u32| {
        let k = shuffled_channel(to, fold);
        let (c, dy, dx) = (k / square, k % square / fold, k % fold);
        (0..side * side)
            .map(move |i| planes[((c * size + i / side * fold + dy) * size + i % side * fold + dx) as usize])
    };
    (0..channels * square).flat_map(channel).collect()
}

#[test]
fn warp_matches_twin() {
    // Mouths that show half of what they need, less, nothing of a little or of wide open lips, and shut ones.
    for (kernel, lips) in
        WARPS.iter().zip([[0.1, 0.2], [0.04, 0.12], [0.0, 0.05], [0.0, 0.3], [0.0, 0.0]].iter().cycle())
    {
        check(kernel, &warp_inputs(kernel, *lips, 1));
    }
    check(&LARGE, &warp_inputs(&LARGE, [0.02, 0.2], 1));
    check(&LARGE, &warp_inputs(&LARGE, [0.0, 0.09], 2));
    check(&LARGE, &warp_inputs(&LARGE, [0.1, 0.014], 3));
}

#[test]
fn warp_matches_formula() {
    for kernel in &WARPS[1..6] {
        let inputs = warp_inputs(kernel, [0.1, 0.0], 2);
        let size = kernel.size as usize;
        let area = size * size;
        let wide = |v: Vec<f32>| v.into_iter().map(f64::from).collect::<Vec<f64>>();
        let flow = wide(from_layout(&inputs[0], [4, kernel.size, kernel.size]));
        let source = wide(from_layout(&inputs[1], [4, kernel.size, kernel.size]));
        let background = from_layout(&inputs[2], [4, kernel.size, kernel.size]);
        let (mut y, mut warped) = (vec![0.0; 8 * area], vec![0.0; 4 * area]);
        for i in 0..area {
            let moved = |c: usize| flow[c * area + i];
            let to = [moved(0), moved(1)].map(|v| (v + 1.0) / 2.0 * (size as f64 - 1.0));
            for c in 0..4 {
                let still = if c < 3 { f64::from(background[c * area + i]) } else { 0.0 };
                let carried = sample64(&source[c * area..][..area], size, to);
                let v = carried * moved(3) + still * (1.0 - moved(3));
                warped[c * area + i] = if c < 3 { v as f32 } else { 0.0 };
                y[if c < 3 { c } else { 7 } * area + i] = if c < 3 { v * moved(2) } else { v } as f32;
            }
            y[3 * area + i] = moved(2) as f32;
            for c in 0..3 {
                y[(4 + c) * area + i] = background[c * area + i];
            }
        }
        let got = twin(kernel, &inputs, &[]);
        let side = kernel.size / kernel.fold;
        let y = unshuffled(&y, 8, kernel.size, kernel.fold);
        assert_close(&from_layout(&got[0], [8 * kernel.fold * kernel.fold, side, side]), &y, 1e-9);
        assert_close(&from_layout(&got[1], [4, kernel.size, kernel.size]), &warped, 1e-9);
    }
}

/// The mouth at a share of its width and of the gap between its lips, by tent weights over the layers, rows and columns, in f64.
fn mouth64(mouth: &[f32], [width, opening]: [f64; 2], share: [f64; 2]) -> [f64; 3] {
    let tent = |at: f64, nodes: &[f64]| -> Vec<f64> {
        let at = at.clamp(nodes[0], nodes[nodes.len() - 1]);
        let up = |k: usize| if k == 0 { 1.0 } else { (at - nodes[k - 1]) / (nodes[k] - nodes[k - 1]) };
        let down = |k: usize| if k + 1 == nodes.len() { 1.0 } else { (nodes[k + 1] - at) / (nodes[k + 1] - nodes[k]) };
        (0..nodes.len()).map(|k| up(k).min(down(k)).max(0.0)).collect()
    };
    let texels = |count: usize| (0..count).map(|i| (i as f64 + 0.5) / count as f64).collect::<Vec<f64>>();
    let (wide, open) = (tent(width, &[0.45, 0.62]), tent(opening, &[0.12, 0.21, 0.31, 0.47, 0.7]));
    let (column, row) = (tent(share[0], &texels(32)), tent(share[1], &texels(16)));
    let mut sum = [0.0; 3];
    for (i, texel) in mouth.as_chunks::<4>().0[..10 * 512].iter().enumerate() {
        let (x, y, o, w) = (i % 32, i / 32 % 16, i / 512 % 5, i / 2560);
        let weight = column[x] * row[y] * open[o] * wide[w];
        sum = [0, 1, 2].map(|c| sum[c] + weight * f64::from(texel[c]));
    }
    sum
}

#[test]
fn a_mouth_that_opens_is_given_its_inside_and_nothing_else_is() {
    // Ends of the inner lips at ±0.14, 0.35 of the distance of the eyes: narrower than any layer.
    for open in [0.05, 0.12, 0.2] {
        let mut inputs = warp_inputs(&LARGE, [0.0, open], 4);
        inputs[3].as_chunks_mut::<4>().0[..10 * 512].iter_mut().for_each(|p| p[3] = 0.0); // no teeth
        let got = from_layout(&twin(&LARGE, &inputs, &[])[1], [4, 256, 256]);
        let own = from_layout(&twin(&LARGE, &warp_inputs(&LARGE, [0.2, open], 4), &[])[1], [4, 256, 256]);
        let mut shown = 0;
        for i in 0..256 * 256 {
            let [x, y] = [i % 256, i / 256].map(|v| v as f64 * 2.0 / 255.0 - 1.0);
            let given = got[3 * 256 * 256 + i];
            // Rims are straight between points at 0.07 from each other, and a fourth of the way closed at the outer ones.
            let gap = |at: f64| f64::from(open) * (1.0 - at * at / 4.0);
            let (low, t) = ((x.abs() / 0.07).floor(), (x.abs() / 0.07).fract());
            let gap = if low >= 2.0 { 0.0 } else { gap(low) * (1.0 - t) + gap(low + 1.0) * t };
            let depth = gap / 2.0 - (y - 0.5).abs();
            if depth > 0.01 {
                let want = mouth64(&inputs[3], [0.35, f64::from(open) / 0.28], [x / 0.28 + 0.5, (y - 0.5) / gap + 0.5]);
                for c in 0..3 {
                    let found = f64::from(got[c * 256 * 256 + i]);
                    assert!((found - want[c]).abs() < 2e-3, "{x} {y}: {found} for {}", want[c]);
                }
                assert!(given > 0.99999, "{x} {y}: {given}");
                shown += 1;
            } else if depth < -0.01 {
                assert_eq!(given, 0.0, "{x} {y}");
                assert!((0..3).all(|c| got[c * 256 * 256 + i] == own[c * 256 * 256 + i]));
            }
        }
        assert!(shown > 50, "{shown} pixels of a mouth open by {open}");
    }
}

/// How much of a mouth is replaced, so many pixels below its middle: sources that are white, mouths that are black.
fn replaced_at(source: f32, driver: f32, below: i32) -> f32 {
    let mut inputs = warp_inputs(&LARGE, [source, driver], 5);
    inputs[1].fill(1.0);
    inputs[2].fill(1.0);
    inputs[3].as_chunks_mut::<4>().0.iter_mut().for_each(|p| p[..3].fill(0.0));
    let warped = twin(&LARGE, &inputs, &[]).remove(1);
    // The mouth's middle lies at (0, 0.5).
    1.0 - warped[4 * ((191 + below) * 256 + 127) as usize]
}

fn replaced(source: f32, driver: f32) -> f32 {
    replaced_at(source, driver, 0)
}

#[test]
fn a_mouth_that_is_open_in_the_photo_keeps_its_own_inside() {
    for [source, driver] in [[0.1, 0.1], [0.1, 0.06], [0.1, 0.15], [0.0, 0.0], [0.035, 0.02]] {
        assert_eq!(replaced(source, driver), 0.0, "{source} {driver}");
    }
    let half = replaced(0.058, 0.1);
    assert!(half > 0.4 && half < 0.6, "{half}");
    // From the lower lip upwards: teeth of the photo end in the dark and do not fade.
    assert_eq!([replaced_at(0.058, 0.1, -4), replaced_at(0.058, 0.1, 4)], [0.0, 1.0]);
    assert!(replaced(0.05, 0.12) > 0.99);
    // Lips that are all but shut show no rest of the photo's teeth.
    let half = replaced(0.1, 0.014);
    assert!(half > 0.4 && half < 0.6, "{half}");
}

/// What is warped with a mouth that is open by 0.2, and white and all tooth or none of it.
fn white_mouth(tooth: f32, colourful: f32) -> Vec<f32> {
    let mut inputs = warp_inputs(&LARGE, [0.0, 0.2], 7);
    let (layers, about) = inputs[3].as_chunks_mut::<4>().0.split_at_mut(10 * 512);
    layers.fill([0.8, 0.8, 0.8, tooth]);
    about.iter_mut().for_each(|p| p[0] = colourful);
    twin(&LARGE, &inputs, &[]).remove(1)
}

/// The mouth's middle lies at (0, 0.5), and the corners of the eyes are 0.8 from each other: these are in that unit.
#[test]
fn teeth_are_drawn_where_a_mouth_is_all_tooth() {
    let (teeth, grey, none) = (white_mouth(1.0, 1.0), white_mouth(1.0, 0.0), white_mouth(0.0, 1.0));
    let at = |picture: &[f32], x: f32, below_lip: f32| {
        let pixel = |v: f32| ((v + 1.0) * 127.5).round() as usize;
        let i = pixel(0.5 - 0.1 + 0.8 * below_lip) * 256 + pixel(0.8 * x);
        [0, 1, 2].map(|c| picture[4 * i + c])
    };
    assert!((at(&none, 0.0, 0.1)[0] - 0.8).abs() < 1e-3, "no tooth, nothing drawn");
    let [middle, side] = [0.046, 0.092].map(|x| at(&teeth, x, 0.03)[1]);
    assert!(middle > 0.8 && side < 0.95 * middle, "a seam at the side of a tooth: {side} beside {middle}");
    let [r, g, b] = at(&teeth, 0.046, 0.12);
    assert!(g < 0.4 * middle && r > 1.5 * g && b < g, "dark and red below them: {r} {g} {b}");
    let [r, g, b] = at(&grey, 0.046, 0.12);
    assert!((r - g).abs() < 1e-3 && (g - b).abs() < 1e-3, "without colours in a photo that has none");
    let deeper = at(&teeth, 0.046, 0.22)[1];
    assert!(deeper > g, "the tongue is lighter: {deeper} than {g}");
}

/// Whatever it shows, a mouth is not painted over, and the network is told that all of it is seen.
#[test]
fn a_mouth_is_given() {
    let inputs = warp_inputs(&LARGE, [0.1, 0.1], 6);
    let [y, warped] = twin(&LARGE, &inputs, &[]).try_into().expect("two outputs");
    let (middle, below) = (191 * 256 + 127, 230 * 256 + 127);
    assert!(warped[4 * middle + 3] > 0.99999 && y[4 * middle + 3] > 0.99999);
    assert_eq!([warped[4 * below + 3], y[4 * below + 3]], [0.0, inputs[0][4 * below + 2]]);
}

#[test]
fn an_identity_flow_returns_the_source() {
    let kernel = Warp { size: 9, fold: 3 };
    let mut inputs = warp_inputs(&kernel, [0.1, 0.0], 3);
    inputs[0] = (0..81).flat_map(|i| [(i % 9) as f32 / 4.0 - 1.0, (i / 9) as f32 / 4.0 - 1.0, 1.0, 1.0]).collect();
    let got = twin(&kernel, &inputs, &[]);
    let rgb = |v: &[f32]| v.as_chunks::<4>().0.iter().flat_map(|p| [p[0], p[1], p[2]]).collect::<Vec<f32>>();
    assert_close(&rgb(&got[1]), &rgb(&inputs[1]), 1e-12);
    check(&kernel, &inputs);
}

#[test]
fn compose_matches_twin_and_formula() {
    for (size, fold) in [(1, 1), (5, 1), (17, 1), (64, 1), (2, 2), (34, 2), (9, 3), (20, 4)] {
        let kernel = Compose { size, fold };
        let mut rng = Rng::new(u64::from(size));
        let mut head = rng.feature([4, size, size]);
        head.iter_mut().for_each(|v| *v *= 6.0);
        let warped: Vec<f32> = (0..head.len()).map(|_| rng.range(0.0, 1.0)).collect();
        let sigmoid = |v: f32| 1.0 / (1.0 + f64::from(-v).exp());
        let want: Vec<f32> = (0..head.len())
            .map(|i| {
                let m = sigmoid(head[i / 4 * 4 + 3]).max(f64::from(warped[i / 4 * 4 + 3]));
                if i % 4 == 3 { 1.0 } else { (m * f64::from(warped[i]) + (1.0 - m) * sigmoid(head[i])) as f32 }
            })
            .collect();
        let planes = from_layout(&head, [4, size, size]);
        let folded = to_layout(&unshuffled(&planes, 4, size, fold), [4 * fold * fold, size / fold, size / fold]);
        let inputs = [folded, warped];
        assert_close(&twin(&kernel, &inputs, &[])[0], &want, 1e-12);
        check(&kernel, &inputs);
    }
}
