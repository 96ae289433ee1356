//! H.264: the byte stream, the parameter set, and openh264 behind two small types.

mod decode;
mod encode;
mod nal;
mod sps;

pub(crate) use decode::H264Decoder;
pub(crate) use encode::{H264Encoder, MAX_LONG_SIDE, MAX_SHORT_SIDE, MIN_SIDE};
pub(crate) use nal::{AvcConfig, split};
pub(crate) use sps::Sps;
