//! One file per metric. Pictures are 8-bit, distances in pixels of a 256-pixel picture, colours in 0..=1 unless said otherwise.

mod background;
mod difference;
mod gaze;
mod identity;
mod jitter;
mod landmarks;
mod perceptual;
mod pose;
mod region;
mod ssim;

pub(crate) use background::background_change;
pub(crate) use difference::difference;
pub(crate) use gaze::gaze_error;
pub(crate) use identity::{aligned_face, identity_distance};
pub(crate) use jitter::jitter;
pub(crate) use landmarks::{aligned, distances, opening_errors};
pub(crate) use perceptual::{Features, Perceptual};
pub(crate) use pose::rotation;
pub(crate) use region::{mouth, uncovered};
pub(crate) use ssim::ssim;

/// The side that distances are given for.
pub(crate) const UNIT: f32 = 256.0;
