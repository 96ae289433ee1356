//! Depthwise, separable and transposed convolutions against twins, and twins against plain formulas in NCHW.

mod common;

use common::{Rng, assert_close, check, from_layout, twin};
use portrait_kernels::{Activation, ConvTranspose2x2, Depthwise, Separable};

fn verify_depthwise(layer: Depthwise) {
    let mut rng = Rng::new(u64::from(layer.input[0] * 7 + layer.input[2]));
    let [c, h, w] = layer.input;
    let [_, oh, ow] = layer.output();
    let k = layer.kernel;
    let (weight, bias, slopes) = (rng.vec((c * k * k) as usize), rng.vec(c as usize), rng.vec(c as usize));
    let mut list = vec![rng.feature(layer.input)];
    list.extend(layer.residual.map(|n| rng.feature([n, oh, ow])));
    list.push(layer.pack(&weight));
    list.push(layer.act.pack_bias(c, &bias, &slopes));

    let x = from_layout(&list[0], layer.input);
    let residual = layer.residual.map(|n| (n, from_layout(&list[1], [n, oh, ow])));
    let mut want = Vec::new();
    for ch in 0..c {
        for (oy, ox) in (0..oh).flat_map(|oy| (0..ow).map(move |ox| (oy, ox))) {
            let mut sum = bias[ch as usize];
            for (ky, kx) in (0..k).flat_map(|ky| (0..k).map(move |kx| (ky, kx))) {
                let iy = i64::from(oy * layer.stride + ky) - i64::from(layer.pad[0]);
                let ix = i64::from(ox * layer.stride + kx) - i64::from(layer.pad[1]);
                if (0..i64::from(h)).contains(&iy) && (0..i64::from(w)).contains(&ix) {
                    sum +=
                        weight[((ch * k + ky) * k + kx) as usize] * x[((ch * h + iy as u32) * w + ix as u32) as usize];
                }
            }
            if let Some((_, r)) = residual.as_ref().filter(|r| ch < r.0) {
                sum += r[((ch * oh + oy) * ow + ox) as usize];
            }
            want.push(layer.act.apply(sum, slopes[ch as usize]));
        }
    }
    assert_close(&from_layout(&twin(&layer, &list, &[])[0], layer.output()), &want, 1e-10);
    check(&layer, &list);
}

#[test]
fn depthwise() {
    let shapes = [([1, 1, 1], 3, 1), ([3, 1, 9], 5, 1), ([5, 9, 17], 3, 2), ([104, 5, 5], 3, 1), ([8, 35, 66], 5, 2)];
    for (n, (input, kernel, stride)) in shapes.into_iter().enumerate() {
        let pads = [[kernel / 2; 4], [kernel / 2 - 1, kernel / 2 - 1, kernel / 2, kernel / 2]];
        for (i, pad) in pads.into_iter().enumerate().filter(|(i, _)| *i == 0 || input[1] > 4) {
            let residual = (i == 1).then_some(input[0].min(5));
            verify_depthwise(Depthwise { input, kernel, stride, pad, residual, act: Activation::ALL[n] });
        }
    }
}

#[test]
fn every_activation() {
    for act in Activation::ALL {
        let pad = [1; 4];
        verify_depthwise(Depthwise { input: [6, 4, 5], kernel: 3, stride: 1, pad, residual: Some(6), act });
    }
}

/// The block as the networks' papers draw it: two convolutions with a bias each, and a shortcut.
fn verify_separable(block: Separable) {
    let mut rng = Rng::new(u64::from(block.input[0] * 7 + block.outputs));
    let ([c, h, w], [out, oh, ow], s) = (block.input, block.output(), block.stride);
    let (taps, dense) = (rng.vec((c * 9) as usize), rng.vec((out * c) as usize));
    let (first, second, slopes) = (rng.vec(c as usize), rng.vec(out as usize), rng.vec(out as usize));
    let bias = block.act.pack_bias(out, &block.bias(&first, &dense, &second), &slopes);
    let list = vec![rng.feature(block.input), block.pack(&taps, &dense), bias];

    let x = from_layout(&list[0], block.input);
    let at = |ch: u32, y: u32, column: u32| x[((ch * h + y) * w + column) as usize];
    let pad = 2 - i64::from(s);
    let depthwise = |ch: u32, oy: u32, ox: u32| {
        let mut sum = first[ch as usize];
        for (ky, kx) in (0..3).flat_map(|ky| (0..3).map(move |kx| (ky, kx))) {
            let (iy, ix) = (i64::from(oy * s + ky) - pad, i64::from(ox * s + kx) - pad);
            if (0..i64::from(h)).contains(&iy) && (0..i64::from(w)).contains(&ix) {
                sum += taps[((ch * 3 + ky) * 3 + kx) as usize] * at(ch, iy as u32, ix as u32);
            }
        }
        sum
    };
    let mut want = Vec::new();
    for o in 0..out {
        for (oy, ox) in (0..oh).flat_map(|oy| (0..ow).map(move |ox| (oy, ox))) {
            let product = |ch: u32| dense[(o * c + ch) as usize] * depthwise(ch, oy, ox);
            let mut sum = second[o as usize] + (0..c).map(product).sum::<f32>();
            if o < c {
                let window = (0..s * s).map(|n| at(o, oy * s + n / s, ox * s + n % s));
                sum += window.fold(f32::NEG_INFINITY, f32::max);
            }
            want.push(block.act.apply(sum, slopes[o as usize]));
        }
    }
    assert_close(&from_layout(&twin(&block, &list, &[])[0], block.output()), &want, 1e-10);
    check(&block, &list);
}

#[test]
fn separable() {
    let shapes = [
        ([1, 1, 1], 1, 1),
        ([3, 1, 9], 5, 1),
        ([5, 10, 18], 5, 2),
        ([24, 13, 7], 28, 1),
        ([104, 6, 4], 130, 2),
        ([256, 3, 3], 256, 1),
    ];
    for (n, (input, outputs, stride)) in shapes.into_iter().enumerate() {
        verify_separable(Separable { input, outputs, stride, act: Activation::ALL[(n + 1) % Activation::ALL.len()] });
    }
}

#[test]
fn conv_transpose() {
    let shapes = [([1, 1, 1], 1), ([3, 1, 9], 5), ([5, 7, 5], 12), ([104, 2, 3], 1), ([16, 33, 9], 6)];
    for (n, (input, outputs)) in shapes.into_iter().enumerate() {
        let layer = ConvTranspose2x2 { input, outputs, act: Activation::ALL[(n + 2) % Activation::ALL.len()] };
        let mut rng = Rng::new(n as u64);
        let [c, h, w] = input;
        let weight = rng.vec((c * outputs * 4) as usize);
        let (bias, slopes) = (rng.vec(outputs as usize), rng.vec(outputs as usize));
        let list = vec![rng.feature(input), layer.pack(&weight), layer.act.pack_bias(outputs, &bias, &slopes)];

        let x = from_layout(&list[0], input);
        let mut want = Vec::new();
        for o in 0..outputs {
            for (oy, ox) in (0..2 * h).flat_map(|oy| (0..2 * w).map(move |ox| (oy, ox))) {
                let product = |i: u32| {
                    weight[(((i * outputs + o) * 2 + oy % 2) * 2 + ox % 2) as usize]
                        * x[((i * h + oy / 2) * w + ox / 2) as usize]
                };
                let sum = bias[o as usize] + (0..c).map(product).sum::<f32>();
                want.push(layer.act.apply(sum, slopes[o as usize]));
            }
        }
        assert_close(&from_layout(&twin(&layer, &list, &[])[0], layer.output()), &want, 1e-10);
        check(&layer, &list);
    }
}
