//! Animates one portrait photo in real time on any wgpu device.
//!
//! An [`Engine`] holds device and networks, an [`Avatar`] everything that depends on the photo alone, a [`Session`] turns
//! driving frames into pictures: one submission a frame, no read-back on the way.

mod adapter;
mod avatar;
mod avatar_file;
mod engine;
mod error;
mod frame;
mod frozen;
mod glue;
mod gpu;
mod inpaint;
mod inventory;
mod nets;
mod network;
mod options;
mod photo;
mod pipeline_cache;
mod readback;
mod runner;
mod self_test;
mod session;
mod timing;
mod views;

#[cfg(test)]
mod tests;

pub use adapter::{AdapterSummary, GpuOptions, adapters};
pub use avatar::{Avatar, AvatarInfo, FaceBox, PrepareOptions};
pub use engine::{Engine, EngineOptions, WeightsSource};
pub use error::EngineError;
pub use frame::{Frame, Picture};
pub use gpu::Gpu;
pub use inventory::{FrameStep, FrameTensor, Part, frame_steps};
pub use network::Network;
pub use options::{FaceStatus, Mode, Motion, SessionOptions, SessionStats};
pub use portrait_graph::TensorKind;
pub use portrait_kernels::{OneEuro, Tier};
pub use portrait_models::{Preset, PresetError, facial_points};
pub use runner::{RunTime, Runner};
pub use self_test::PipelineTest;
pub use session::Session;
pub use wgpu;
