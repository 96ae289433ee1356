//! Animates one portrait photo in real time on any wgpu device.
//!
//! An [`Engine`] holds device and networks, an [`Avatar`] everything that depends on the photo alone, a [`Session`] turns
//! driving frames into pictures: one submission a frame, no read-back on the way.

mod adapter;
mod avatar;
mod avatar_file;
mod camera_frame;
mod engine;
mod error;
mod expression;
mod external_texture;
mod face_model;
mod first_start;
mod frame;
mod framing;
mod frozen;
mod glue;
mod gpu;
mod idle;
mod inpaint;
mod inventory;
mod known_faults;
mod live;
mod motion;
mod mouth;
mod nets;
mod network;
mod open_session;
mod options;
mod orient;
mod panics;
mod photo;
mod pipeline_cache;
mod present;
mod readback;
mod report;
mod runner;
mod seek;
mod self_test;
mod session;
mod sitter;
mod speech;
mod timing;
mod views;

#[cfg(test)]
mod tests;

pub use adapter::{AdapterSummary, GpuOptions, adapters};
pub use avatar::{Avatar, AvatarInfo, FaceBox, FaceChoice, PrepareOptions};
pub use camera_frame::{CameraFrame, ColourSpace, FrameLimit, PixelFormat, Plane};
pub use engine::{Engine, EngineOptions, Opening, WeightsSource};
pub use error::EngineError;
pub use expression::Expression;
pub use external_texture::ExternalTexture;
#[cfg(unix)]
pub use external_texture::VulkanMemory;
pub use frame::{Frame, Picture};
pub use framing::{Backdrop, Framing};
pub use gpu::Gpu;
pub use idle::Idle;
pub use inventory::{FrameStep, FrameTensor, Part, frame_steps, optional_steps, prepare_steps};
pub use live::{
    FrameTimes, HeldFrame, LiveOptions, LivePicture, LiveSession, LiveStatus, Portrait, Thermal, Trim, Window,
};
pub use motion::{MotionFrame, Points, RecordedMotion};
pub use network::Network;
pub use options::{FaceStatus, LOOK_AHEAD, LOOK_EVERY, Mode, Motion, MotionOptions, SessionOptions, SessionStats};
pub use orient::{Orientation, Rotation};
pub use portrait_graph::TensorKind;
pub use portrait_kernels::{Avoid, OneEuro, Tier};
pub use portrait_models::{Preset, PresetError, facial_points};
pub use present::{Fit, Placement, Presenter};
pub use runner::{RunTime, Runner};
pub use self_test::PipelineTest;
pub use session::Session;
pub use speech::{Lips, Speech};
pub use timing::GpuStages;
pub use wgpu;
