//! Convolutions: every family and tile against the twin, and the twin against a plain formula in NCHW.

mod common;

use common::{Rng, assert_close, check, from_layout, stored_as, twin};
use portrait_kernels::{Activation, Avoid, Conv, DeviceProfile, Kernel, Tier};

/// A convolution with "same" padding.
fn same(input: [u32; 3], outputs: u32, kernel: u32, stride: u32) -> Conv {
    let pad = [kernel / 2; 4];
    Conv { input, outputs, kernel, stride, pad, upsample: false, residual: None, act: Activation::Relu }
}

fn up2(input: [u32; 3], outputs: u32) -> Conv {
    Conv { upsample: true, ..same(input, outputs, 3, 1) }
}

/// Inputs in binding order, and plain weights, bias and slopes.
fn inputs(conv: &Conv, seed: u64) -> (Vec<Vec<f32>>, [Vec<f32>; 3]) {
    let mut rng = Rng::new(seed);
    let [out, oh, ow] = conv.output();
    let weight = rng.vec((conv.outputs * conv.input[0] * conv.kernel * conv.kernel) as usize);
    let (bias, slopes) = (rng.vec(out as usize), rng.vec(out as usize));
    let mut list = vec![rng.feature(conv.input)];
    list.extend(conv.residual.map(|c| rng.feature([c, oh, ow])));
    list.push(conv.pack(&weight));
    list.push(conv.act.pack_bias(out, &bias, &slopes));
    (list, [weight, bias, slopes])
}

/// The definition, in NCHW, on the upsampled image where asked.
fn formula(conv: &Conv, list: &[Vec<f32>], [weight, bias, slopes]: &[Vec<f32>; 3]) -> Vec<f32> {
    let [c, h, w] = conv.input;
    let x = from_layout(&list[0], conv.input);
    let [out, oh, ow] = conv.output();
    let residual = conv.residual.map(|n| (n, from_layout(&list[1], [n, oh, ow])));
    let scale = if conv.upsample { 2 } else { 1 };
    let k = conv.kernel;
    let mut y = Vec::new();
    for o in 0..out {
        for oy in 0..oh {
            for ox in 0..ow {
                let mut sum = f64::from(bias[o as usize]);
                for i in 0..c {
                    for (ky, kx) in (0..k).flat_map(|ky| (0..k).map(move |kx| (ky, kx))) {
                        let iy = i64::from(oy * conv.stride + ky) - i64::from(conv.pad[0]);
                        let ix = i64::from(ox * conv.stride + kx) - i64::from(conv.pad[1]);
                        if (0..i64::from(h * scale)).contains(&iy) && (0..i64::from(w * scale)).contains(&ix) {
                            let at = (i * h + iy as u32 / scale) * w + ix as u32 / scale;
                            sum += f64::from(weight[(((o * c + i) * k + ky) * k + kx) as usize] * x[at as usize]);
                        }
                    }
                }
                if let Some((_, r)) = residual.as_ref().filter(|r| o < r.0) {
                    sum += f64::from(r[((o * oh + oy) * ow + ox) as usize]);
                }
                y.push(conv.act.apply(sum as f32, slopes[o as usize]));
            }
        }
    }
    y
}

/// Twin against formula, then GPU against twin.
fn verify(conv: Conv) {
    let (list, plain) = inputs(&conv, u64::from(conv.outputs * 31 + conv.input[1]));
    let got = twin(&conv, &list, &[]);
    assert_close(&from_layout(&got[0], conv.output()), &formula(&conv, &list, &plain), 1e-10);
    check(&conv, &list);
}

#[test]
fn conv3x3() {
    for (input, outputs) in [
        ([1, 1, 1], 1),
        ([3, 1, 9], 5),
        ([5, 7, 33], 12),
        ([104, 9, 5], 8),
        ([8, 34, 66], 20),
        ([16, 2, 2], 104),
        ([5, 9, 1], 3),
    ] {
        verify(same(input, outputs, 3, 1));
    }
}

#[test]
fn conv3x3_valid_and_uneven_padding() {
    for pad in [[0; 4], [0, 1, 2, 3], [2, 0, 0, 1]] {
        verify(Conv { pad, ..same([5, 9, 11], 9, 3, 1) });
        verify(Conv { pad, ..same([5, 9, 12], 9, 3, 2) });
    }
}

#[test]
fn conv3x3_stride_2() {
    for (input, outputs) in
        [([1, 1, 1], 1), ([3, 1, 9], 5), ([5, 7, 33], 12), ([104, 4, 4], 13), ([8, 43, 83], 20), ([4, 2, 2], 64)]
    {
        verify(same(input, outputs, 3, 2));
    }
}

#[test]
fn conv1x1() {
    for (input, outputs) in [([1, 1, 1], 1), ([5, 7, 33], 12), ([104, 3, 3], 5), ([8, 30, 33], 20), ([3, 1, 9], 1)] {
        verify(same(input, outputs, 1, 1));
        verify(same(input, outputs, 1, 2));
    }
}

#[test]
fn any_kernel() {
    for (kernel, stride) in [(5, 1), (5, 2), (7, 2), (7, 1)] {
        for (input, outputs) in [([3, 17, 19], 33), ([5, 8, 8], 3), ([1, 1, 9], 7), ([4, 40, 41], 24)] {
            verify(same(input, outputs, kernel, stride));
        }
    }
    verify(Conv { pad: [0; 4], ..same([9, 7, 7], 6, 7, 1) });
    verify(Conv { pad: [1, 2, 2, 1], ..same([9, 12, 11], 6, 5, 2) });
}

#[test]
fn upsampled() {
    for (input, outputs) in [
        ([1, 1, 1], 1),
        ([3, 1, 5], 5),
        ([5, 7, 17], 12),
        ([104, 2, 2], 8),
        ([8, 18, 34], 20),
        ([12, 4, 4], 13),
        ([6, 5, 1], 3),
    ] {
        verify(up2(input, outputs));
    }
}

#[test]
fn every_activation_and_residual() {
    for (n, act) in Activation::ALL.into_iter().enumerate() {
        let residual = [None, Some(9), Some(5), Some(4)][n % 4];
        for conv in [
            same([6, 6, 7], 9, 3, 1),
            same([6, 6, 7], 9, 3, 2),
            same([6, 6, 7], 9, 1, 1),
            same([6, 6, 7], 9, 5, 1),
            up2([6, 3, 5], 9),
        ] {
            verify(Conv { act, residual, ..conv });
        }
    }
}

#[test]
fn narrow_devices_get_narrow_tiles() {
    let layers = [
        same([64, 128, 128], 64, 3, 1),
        same([64, 128, 128], 64, 3, 2),
        same([64, 64, 64], 64, 1, 1),
        up2([64, 64, 64], 64),
    ];
    for conv in layers {
        let file = |profile| conv.dispatch(Tier::F32, &profile).shader.file;
        assert!(file(DeviceProfile::SOFTWARE).ends_with("_16x8"), "{conv:?}");
        assert!(file(DeviceProfile::WIDE).ends_with("_8x8"), "{conv:?}");
        assert!(file(DeviceProfile::MEDIUM).ends_with("_4x8"), "{conv:?}");
        assert!(file(DeviceProfile::NARROW).ends_with("_4x4"), "{conv:?}");
    }
}

#[test]
fn what_a_device_computes_wrongly_is_gone_around() {
    for profile in DeviceProfile::ALL {
        for conv in [
            same([64, 128, 128], 64, 3, 1),
            same([64, 64, 64], 64, 3, 2),
            same([64, 64, 64], 64, 1, 1),
            same([3, 128, 128], 64, 7, 2),
            same([512, 4, 4], 512, 3, 2),
            up2([64, 64, 64], 64),
        ] {
            let file = |avoid| conv.dispatch(Tier::F32, &DeviceProfile { avoid, ..profile }).shader.file;
            let (mut avoid, mut tried) = (Avoid::NONE, Vec::new());
            while !avoid.contains(file(avoid)) {
                tried.push(file(avoid));
                avoid = avoid.with(file(avoid));
            }
            assert!(tried.len() >= 3, "{conv:?} on {profile:?}: {tried:?}");
            assert_eq!(avoid.names().count(), tried.len(), "each once: {tried:?}");
        }
    }
    assert_eq!(Avoid::NONE.with("no shader"), Avoid::NONE);
    assert!(!Avoid::NONE.with("warp").contains("no shader"));
}

#[test]
fn small_images_do_not_idle_the_device() {
    let file = |conv: Conv, profile| conv.dispatch(Tier::F32, &profile).shader.file;
    assert_eq!(file(up2([512, 2, 2], 512), DeviceProfile::SOFTWARE), "conv_up2_4x8");
    assert_eq!(file(same([256, 4, 4], 256, 3, 1), DeviceProfile::SOFTWARE), "conv3x3_16x8");
    assert_eq!(file(same([256, 4, 4], 256, 3, 1), DeviceProfile { lanes: 0, ..DeviceProfile::WIDE }), "conv3x3_4x4");
}

#[test]
fn deep_layers_are_split() {
    let file = |conv: &Conv, profile| conv.dispatch(Tier::F32, &profile).shader.file;
    for (conv, tile) in [
        (same([512, 4, 4], 512, 3, 2), 1),
        (up2([512, 2, 2], 512), 1),
        (same([256, 4, 4], 256, 3, 1), 4),
        (same([512, 8, 8], 512, 1, 1), 8),
        (up2([512, 8, 8], 256), 8),
    ] {
        assert_eq!(file(&conv, DeviceProfile::WIDE), "conv_split_4x8", "{conv:?}");
        assert!(!file(&conv, DeviceProfile::SOFTWARE).contains("split"), "{conv:?}");
        // Workgroups take all tiles of the picture, at most eight of 4 × 8.
        let [x, _, _] = conv.dispatch(Tier::F32, &DeviceProfile::WIDE).workgroups;
        let [_, h, w] = if conv.upsample { conv.input } else { conv.output() };
        assert_eq!(x, (h * w).div_ceil(4 * tile), "{conv:?}");
    }
    assert_eq!(file(&same([512, 4, 4], 512, 3, 2), DeviceProfile::MEDIUM), "conv_split_4x8");
    assert_eq!(file(&same([512, 4, 4], 512, 3, 2), DeviceProfile::NARROW), "conv3x3_s2_4x4");
    // Enough tiles if they are smaller, enough tiles, or too few channels to share out.
    assert_eq!(file(&same([86, 64, 64], 32, 3, 1), DeviceProfile::WIDE), "conv3x3_4x8");
    assert_eq!(file(&same([32, 128, 128], 64, 3, 1), DeviceProfile::WIDE), "conv3x3_8x8");
    assert_eq!(file(&same([64, 2, 2], 64, 1, 1), DeviceProfile::WIDE), "conv1x1_4x4");
}

/// Where a layer waits for its weights they take two bytes in every tier; elsewhere they are stored as features are.
#[test]
fn weights_of_deep_layers_are_halves() {
    let weights = |conv: Conv| {
        let kind = conv.bindings()[1].kind;
        Tier::ALL.map(|tier| stored_as(kind, tier).bytes())
    };
    for deep in [same([512, 4, 4], 512, 3, 2), up2([512, 4, 4], 256), same([512, 8, 8], 512, 1, 1)] {
        assert_eq!(weights(deep), [2, 2, 2], "{deep:?}");
    }
    for other in [same([64, 64, 64], 64, 3, 1), up2([512, 8, 8], 256), same([8, 4, 4], 8, 3, 1)] {
        assert_eq!(weights(other), [4, 2, 2], "{other:?}");
    }
}

#[test]
fn split() {
    let layers = [
        same([131, 1, 1], 9, 3, 1),
        same([128, 1, 7], 5, 3, 1),
        same([117, 5, 3], 12, 3, 1),
        same([128, 2, 2], 13, 3, 2),
        same([130, 5, 7], 20, 3, 2),
        same([1024, 1, 3], 6, 1, 1),
        same([516, 9, 5], 9, 1, 1),
        same([516, 9, 5], 9, 1, 2),
        same([44, 3, 3], 9, 5, 1),
        same([44, 11, 9], 9, 5, 2),
        up2([256, 1, 1], 3),
        up2([130, 3, 5], 9),
        up2([130, 7, 9], 17),
        Conv { pad: [0, 1, 2, 3], ..same([117, 5, 6], 9, 3, 2) },
        Conv { residual: Some(5), act: Activation::Prelu, ..same([117, 3, 3], 9, 3, 1) },
        Conv { residual: Some(9), act: Activation::Sigmoid, ..up2([130, 2, 3], 9) },
    ];
    for conv in layers {
        for profile in [DeviceProfile::WIDE, DeviceProfile::MEDIUM] {
            let file = conv.dispatch(Tier::F32, &profile).shader.file;
            assert!(file.starts_with("conv_split"), "{conv:?}: {file}");
        }
        verify(conv);
    }
}

#[test]
fn every_variant_runs() {
    let layers = [
        same([5, 38, 71], 24, 3, 1),
        same([5, 75, 141], 24, 3, 2),
        same([5, 38, 71], 24, 1, 1),
        same([5, 38, 71], 24, 5, 1),
        up2([5, 22, 39], 24),
    ];
    for conv in layers {
        let files = DeviceProfile::ALL.map(|profile| conv.dispatch(Tier::F32, &profile).shader.file);
        let distinct: std::collections::BTreeSet<&str> = files.into_iter().collect();
        assert_eq!(distinct.len(), DeviceProfile::ALL.len(), "{files:?}");
        verify(Conv { residual: Some(7), ..conv });
    }
    let head = same([9, 30, 31], 4, 3, 1);
    assert_eq!(head.dispatch(Tier::F32, &DeviceProfile::SOFTWARE).shader.file, "conv3x3_16x4");
    verify(head);
}
