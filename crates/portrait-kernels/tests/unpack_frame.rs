//! Cameras' byte layouts against their definitions, turned and mirrored.

mod common;

use common::{Check, Gpu, Rng, twin};
use portrait_kernels::{FrameLayout, Kernel, UnpackFrame};

const PLAIN: [[f32; 4]; 3] = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];

/// BT.601, limited range: red, green and blue of luma and both chromas in 0..=1.
const BT601: [[f32; 4]; 3] = [
    [1.164_383, 0.0, 1.596_027, -0.874_202],
    [1.164_383, -0.391_762, -0.812_968, 0.531_668],
    [1.164_383, 2.017_232, 0.0, -1.085_631],
];

fn upright([w, h]: [i32; 2]) -> [[i32; 4]; 2] {
    [[1, 0, 0, w], [0, 1, 0, h]]
}

/// The kernel's inputs: bytes, filled up with noise, and the layout.
fn inputs(kernel: &UnpackFrame, bytes: &[u8], layout: FrameLayout) -> [Vec<f32>; 2] {
    let mut rng = Rng::new(1);
    let mut all = bytes.to_vec();
    // Words that are NaN as numbers must come through as well.
    all.resize_with(kernel.bytes() as usize, || (rng.bits() % 256) as u8 | 0x7F);
    let words = |bytes: &[u8]| bytes.as_chunks().0.iter().map(|b| f32::from_bits(u32::from_le_bytes(*b))).collect();
    [words(&all), words(bytemuck::bytes_of(&layout))]
}

fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    (0..len).map(|_| (rng.bits() % 256) as u8).collect()
}

/// Runs the kernel against its twin; the twin's picture, 8 bits a channel.
fn unpack(size: [u32; 2], bytes: &[u8], layout: FrameLayout) -> Vec<u8> {
    let kernel = UnpackFrame { size };
    let inputs = inputs(&kernel, bytes, layout);
    Check::new(&kernel, &inputs).size(2, size).run();
    twin(&kernel, &inputs, &[]).remove(0).iter().map(|v| (v * 255.0).round() as u8).collect()
}

#[test]
fn bgra_is_put_in_order() {
    let bytes = noise(4 * 17 * 5, 2);
    let planes = [2, 1, 0].map(|first| [first, 4 * 17, 4, 0]);
    let [column, row] = upright([17, 5]);
    let got = unpack([17, 5], &bytes, FrameLayout { column, row, planes, colour: PLAIN });
    let want: Vec<u8> = bytes.as_chunks::<4>().0.iter().flat_map(|&[b, g, r, _]| [r, g, b, 255]).collect();
    assert_eq!(got, want);
}

/// Y, U and V of a pixel by the layout's definition, then BT.601 by its own: luma 16..=235, chroma 16..=240.
fn reference(y: u8, u: u8, v: u8) -> [u8; 3] {
    let luma = (f64::from(y) - 16.0) / 219.0;
    let [cb, cr] = [u, v].map(|c| (f64::from(c) - 128.0) / 224.0);
    let (kr, kb) = (0.299, 0.114);
    let (red, blue) = (luma + 2.0 * (1.0 - kr) * cr, luma + 2.0 * (1.0 - kb) * cb);
    let green = (luma - kr * red - kb * blue) / (1.0 - kr - kb);
    [red, green, blue].map(|c| (c.clamp(0.0, 1.0) * 255.0).round() as u8)
}

#[test]
fn chroma_of_half_the_size_in_one_plane_or_two() {
    // Odd sides: the last column and row of chroma serve one pixel each.
    let (w, h) = (13usize, 7usize);
    let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
    let bytes = noise(w * h + 2 * cw * ch, 3);
    let (wide, area) = (w as u32, (w * h) as u32);
    let luma = [0, wide, 1, 0];
    let [column, row] = upright([13, 7]);
    let pair = |u: u32, v: u32| [luma, [area + u, 2 * cw as u32, 2, 1], [area + v, 2 * cw as u32, 2, 1]];
    let apart = [luma, [area, cw as u32, 1, 1], [area + (cw * ch) as u32, cw as u32, 1, 1]];
    let at = |plane: usize, x: usize, y: usize, step: usize, row: usize| {
        bytes[w * h + plane + (y / 2) * row + (x / 2) * step]
    };
    type Chroma<'a> = Box<dyn Fn(usize, usize) -> [u8; 2] + 'a>;
    let cases: [(&str, [[u32; 4]; 3], Chroma<'_>); 3] = [
        ("NV12", pair(0, 1), Box::new(|x, y| [at(0, x, y, 2, 2 * cw), at(1, x, y, 2, 2 * cw)])),
        ("NV21", pair(1, 0), Box::new(|x, y| [at(1, x, y, 2, 2 * cw), at(0, x, y, 2, 2 * cw)])),
        ("I420", apart, Box::new(|x, y| [at(0, x, y, 1, cw), at(cw * ch, x, y, 1, cw)])),
    ];
    for (name, planes, chroma) in cases {
        let got = unpack([13, 7], &bytes, FrameLayout { column, row, planes, colour: BT601 });
        for (i, texel) in got.as_chunks::<4>().0.iter().enumerate() {
            let (x, y) = (i % w, i / w);
            let [u, v] = chroma(x, y);
            let want = reference(bytes[i], u, v);
            let off = (0..3).map(|c| texel[c].abs_diff(want[c])).max();
            assert!(off <= Some(1) && texel[3] == 255, "{name} ({x}, {y}): {texel:?}, wanted {want:?}");
        }
    }
}

#[test]
fn turned_and_mirrored() {
    // a b c   turned clockwise: d a
    // d e f                     e b
    //                           f c
    let bytes: Vec<u8> = b"abcdef".iter().flat_map(|&v| [v; 4]).collect();
    let planes = [[0, 12, 4, 0]; 3];
    let turned = FrameLayout { column: [0, 1, 0, 3], row: [-1, 0, 1, 2], planes, colour: PLAIN };
    let text = |rgba: Vec<u8>| String::from_utf8(rgba.iter().step_by(4).copied().collect()).expect("letters");
    assert_eq!(text(unpack([2, 3], &bytes, turned)), "daebfc");
    let mirrored = FrameLayout { column: [-1, 0, 2, 3], row: [0, 1, 0, 2], ..turned };
    assert_eq!(text(unpack([3, 2], &bytes, mirrored)), "cbafed");
}

#[test]
fn nonsense_stays_inside_the_frame() {
    let wild = FrameLayout {
        column: [i32::MAX, -7, 3, 0x3F00_0000],
        row: [i32::MIN, 9, -2, -5],
        planes: [[u32::MAX, 3, u32::MAX, 9], [7, u32::MAX, 1, 1], [0, 0, 0, u32::MAX]],
        colour: PLAIN,
    };
    unpack([9, 4], &noise(100, 4), wild);
}

#[test]
fn the_comparison_sees_one_wrong_texel() {
    let kernel = UnpackFrame { size: [9, 4] };
    let [column, row] = upright([9, 4]);
    let planes = [0, 1, 2].map(|first| [first, 36, 4, 0]);
    let inputs = inputs(&kernel, &noise(144, 5), FrameLayout { column, row, planes, colour: PLAIN });
    let perturbed = Check::new(&kernel, &inputs).size(2, [9, 4]).perturb(0, 40, 0.1).report();
    assert!(perturbed.is_err() || common::Gpu::open().is_none());
}

#[test]
fn a_rehearsal_shows_a_picture() {
    let kernel = UnpackFrame { size: [6, 4] };
    let mut values: Vec<Vec<f32>> = kernel.bindings().iter().map(|b| Rng::new(3).vec(b.len)).collect();
    kernel.rehearse(&mut values);
    let picture = twin(&kernel, &values[..2], &[]).remove(0);
    let bytes: &[u8] = bytemuck::cast_slice(&values[0]);
    let shown: Vec<u8> = picture.iter().map(|v| (v * 255.0).round() as u8).collect();
    assert!(shown.chunks(4).zip(bytes.chunks(4)).all(|(shown, byte)| shown[..3] == byte[..3] && shown[3] == 255));
}

#[test]
fn the_comparison_can_fail() {
    if Gpu::open().is_none() {
        return;
    }
    let kernel = UnpackFrame { size: [6, 4] };
    let mut values: Vec<Vec<f32>> = kernel.bindings().iter().map(|b| Rng::new(3).vec(b.len)).collect();
    kernel.rehearse(&mut values);
    let inputs = &values[..2];
    Check::new(&kernel, inputs).size(2, kernel.size).run();
    assert!(Check::new(&kernel, inputs).size(2, kernel.size).perturb(0, 5, 0.02).report().is_err());
}
