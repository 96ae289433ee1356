//! The case table: shapes that stand for the engine's work. `tests/cases.rs` holds each against its twin, and `cargo xtask bench`
//! times those marked `perf`. Odd shapes and every option are in the kernels' own tests.

use crate::{
    Activation, Conv, Depthwise, FullyConnected, Kernel, MotionCombine, MotionInput, ResizeBilinear, Separable, Warp,
};
use std::sync::Arc;

/// One row of the table.
#[derive(Clone, Debug)]
pub struct Case {
    /// Operation and shape.
    pub name: &'static str,
    /// The call.
    pub kernel: Arc<dyn Kernel>,
    /// Whether its speed is measured.
    pub perf: bool,
}

const RELU: Activation = Activation::Relu;

fn case(name: &'static str, kernel: impl Kernel + 'static, perf: bool) -> Case {
    Case { name, kernel: Arc::new(kernel), perf }
}

/// A convolution with "same" padding of `[channels, side]`.
const fn conv([c, side]: [u32; 2], outputs: u32, kernel: u32, stride: u32) -> Conv {
    let pad = [kernel / 2; 4];
    Conv { input: [c, side, side], outputs, kernel, stride, pad, upsample: false, residual: None, act: RELU }
}

/// A 3 × 3 convolution that reads its input through nearest ×2.
const fn up2(input: [u32; 2], outputs: u32) -> Conv {
    Conv { upsample: true, ..conv(input, outputs, 3, 1) }
}

const fn depthwise([c, side]: [u32; 2], stride: u32) -> Depthwise {
    Depthwise { input: [c, side, side], kernel: 3, stride, pad: [1; 4], residual: None, act: RELU }
}

const fn separable([c, side]: [u32; 2], outputs: u32, stride: u32) -> Separable {
    Separable { input: [c, side, side], outputs, stride, act: Activation::Prelu }
}

/// All rows. Large, middle and deep layers of the networks, and the kernels around them.
pub fn cases() -> Vec<Case> {
    let residual = Conv { residual: Some(64), ..conv([64, 32], 64, 3, 1) };
    let connected = FullyConnected { input: [256, 2, 2], outputs: 256, float_input: false, residual: false, act: RELU };
    let resize = ResizeBilinear { input: [32, 32, 32], height: 64, width: 64 };
    vec![
        case("conv3x3 8→16 @128²", conv([8, 128], 16, 3, 1), true),
        case("conv3x3 32→32 @64²", conv([32, 64], 32, 3, 1), true),
        case("conv3x3 64→64 @32² + residual", residual, true),
        case("conv3x3 256→256 @4²", conv([256, 4], 256, 3, 1), true),
        case("conv3x3 32→4 @128², a head", conv([32, 128], 4, 3, 1), true),
        case("conv3x3 s2 32→64 @64²", conv([32, 64], 64, 3, 2), true),
        case("conv3x3 s2 256→512 @8²", conv([256, 8], 512, 3, 2), true),
        case("conv1x1 64→64 @32²", conv([64, 32], 64, 1, 1), true),
        case("conv1x1 512→512 @8²", conv([512, 8], 512, 1, 1), true),
        case("conv7x7 s2 3→32 @128²", conv([3, 128], 32, 7, 2), true),
        case("conv up2 64→32 @32²", up2([64, 32], 32), true),
        case("conv up2 512→512 @2²", up2([512, 2], 512), true),
        case("conv up2 12→8 @9²", up2([12, 9], 8), false),
        case("depthwise 64 @32²", depthwise([64, 32], 1), true),
        case("depthwise s2 24 @17²", depthwise([24, 17], 2), false),
        case("separable 128 @12²", separable([128, 12], 128, 1), true),
        case("separable s2 16→32 @96²", separable([16, 96], 32, 2), true),
        case("fully connected 1024→256", connected, true),
        case("bilinear ×2 32 @32²", resize, true),
        case("motion input @32²", MotionInput { size: 32, groups: 10, keypoints: 50, variance: 0.01 }, true),
        case("motion combine @64²", MotionCombine { size: 64, groups: 10 }, true),
        case("warp @128²", Warp { size: 128, fold: 1 }, true),
    ]
}
