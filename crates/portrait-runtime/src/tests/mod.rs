//! Tests of the networks and the frame path against stored numbers of the reference, on the GPU and on the CPU twins.

mod background;
mod camera;
mod first_start;
pub(crate) mod fixtures;
mod frame_path;
mod live;
mod live_ends;
mod live_refusals;
mod live_speech;
mod mediapipe;
mod parity;
mod pictures;
mod preset_fast;
mod refiner;
mod several;
