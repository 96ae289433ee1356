//! The compute kernels of the engine: WGSL text, specialisation, parameters and CPU twins.
//!
//! One kernel is one file in `shaders/`, one struct here and one CPU twin. The struct holds the shapes and options of one
//! call; [`Kernel::dispatch`] turns it into shader key, uniform bytes and workgroup count, and [`Kernel::cpu`] computes the
//! same thing on the host. This crate opens no device.
//!
//! # Layout
//! A feature tensor of `C` channels is `[ceil(C/4), H, W] × vec4`: *slices* of four channels, each an image of vec4.
//! Channels past `C` in the last slice are zero in every tensor a kernel writes. On the host the same tensor is a flat
//! `f32` array in the same order, `((slice * H + y) * W + x) * 4 + lane`.

mod activation;
mod add_features;
mod cases;
mod ceiling_copy;
mod ceiling_fma;
mod compose;
mod conv;
mod conv_pack;
mod conv_transpose;
mod convex_hull;
mod crop;
mod decode_face;
mod depthwise;
mod face;
mod find_rims;
mod fold;
mod fully_connected;
mod global_average;
mod grid;
mod head_fit;
mod kernel;
mod landmark_mask;
mod max_pool;
mod motion_combine;
mod motion_input;
mod mouth;
mod one_euro;
mod opening;
mod paste;
mod pin_flow;
mod portrait_crop;
mod pose_distance;
mod profile;
mod refine_crops;
mod refine_points;
mod resize_bilinear;
mod scale_channels;
mod separable;
mod shader;
mod teeth;
mod tier;
mod tps_solve;
mod track;
mod transfer;
mod unpack_frame;
mod warp;

pub use activation::Activation;
pub use add_features::AddFeatures;
pub use cases::{Case, cases};
pub use ceiling_copy::CeilingCopy;
pub use ceiling_fma::CeilingFma;
pub use compose::Compose;
pub use conv::Conv;
pub use conv_transpose::ConvTranspose2x2;
pub use convex_hull::convex_hull_area;
pub use crop::{Border, Crop};
pub use decode_face::{DecodeFace, DetectedFace, WantedFace, decode_faces};
pub use depthwise::Depthwise;
pub use find_rims::FindRims;
pub use fold::shuffled_channel;
pub use fully_connected::FullyConnected;
pub use global_average::GlobalAverage;
pub use kernel::{Bind, Binding, Dispatch, Kernel};
pub use landmark_mask::landmark_mask;
pub use max_pool::MaxPool;
pub use motion_combine::MotionCombine;
pub use motion_input::MotionInput;
pub use one_euro::OneEuro;
pub use paste::Paste;
pub use pin_flow::PinFlow;
pub use portrait_crop::{CROP_SCALE, CROP_UP, portrait_crop};
pub use pose_distance::pose_distance;
pub use profile::{Avoid, DeviceProfile};
pub use refine_crops::RefineCrops;
pub use refine_points::RefinePoints;
pub use resize_bilinear::ResizeBilinear;
pub use scale_channels::ScaleChannels;
pub use separable::Separable;
pub use shader::{ShaderKey, shader_names, shader_texts};
pub use tier::Tier;
pub use tps_solve::TpsSolve;
pub use track::Track;
pub use transfer::{Calibrate, Transfer, TransferControl};
pub use unpack_frame::{FrameLayout, UnpackFrame};
pub use warp::Warp;

/// Number of vec4 slices that hold `channels` channels.
pub const fn slices(channels: u32) -> u32 {
    channels.div_ceil(4)
}

/// Number of `f32` values in the host copy of a feature tensor of this shape.
pub const fn feature_len(channels: u32, height: u32, width: u32) -> usize {
    slices(channels) as usize * 4 * height as usize * width as usize
}
