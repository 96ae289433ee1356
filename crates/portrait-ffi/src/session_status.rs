//! What a session tells of itself.

use crate::call::call;
use crate::handle;
use crate::input::{fill, fixed, told_size};
use crate::session::PortraitSession;
use crate::status::PortraitStatus;
use std::ffi::c_char;

/// What a session does.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PortraitSessionStatus {
    /// `sizeof(PortraitSessionStatus)`.
    pub struct_size: u32,
    /// Whether it has what it needs on the GPU.
    pub open: bool,
    /// Whether it was told to pause.
    pub paused: bool,
    /// Whether there is a window to draw on.
    pub window: bool,
    /// Whether `cool_engine` makes the pictures.
    pub cooled: bool,
    /// Whether the newest frame showed a face; no while speech drives.
    pub face: bool,
    /// Certainty of that, 0 to 1.
    pub face_score: f32,
    /// Centre, side and angle (radians, clockwise) of a square around the face, in pixels of the upright frame.
    pub face_region: [f32; 4],
    /// Frames pushed.
    pub pushed: u64,
    /// Frames among them that were given back unused, because a newer one or speech came or the session paused.
    pub dropped: u64,
    /// Pictures made.
    pub pictures: u64,
    /// From the push of the newest picture's frame, or from when a picture of speech was begun, until it was done, in nanoseconds.
    pub latency_ns: u64,
    /// GPU time of that in nanoseconds; 0 where the device does not tell.
    pub gpu_ns: u64,
    /// What of that finding the face, tracking it, transferring its motion, dense motion, synthesis and composing took, in this order;
    /// 0 where the device does not tell.
    pub gpu_stages_ns: [u64; 6],
    /// Whether it has ended by a failure; the next push tells of which.
    pub failed: bool,
    /// What half of the newest 240 latencies stayed below, in nanoseconds.
    pub latency_p50_ns: u64,
    /// What 95 % of them stayed below.
    pub latency_p95_ns: u64,
    /// Pictures a second in the last three seconds.
    pub rate: f32,
    /// Why the last window was given up, UTF-8; empty where none was since the last one that could be drawn on.
    pub window_failure: [c_char; 256],
}

/// What the session does. Any thread.
///
/// # Safety
/// `status` is null or points at a `PortraitSessionStatus` whose `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portrait_session_status(
    session: PortraitSession,
    status: *mut PortraitSessionStatus,
) -> PortraitStatus {
    call(|| {
        let live = handle::session(session)?;
        let found = live.session.status();
        // SAFETY: the host's promise.
        let struct_size = unsafe { told_size(status, "status")? };
        let face = found.face.unwrap_or_default();
        let stages = found.gpu_stages.unwrap_or_default();
        let stages =
            [stages.search, stages.track, stages.transfer, stages.dense_motion, stages.synthesis, stages.compose];
        let told = PortraitSessionStatus {
            struct_size,
            open: found.open,
            paused: found.paused,
            window: found.window,
            cooled: found.cooled,
            face: face.found,
            face_score: face.score,
            face_region: face.region,
            pushed: found.pushed,
            dropped: found.dropped,
            pictures: found.pictures,
            latency_ns: found.latency.as_nanos() as u64,
            gpu_ns: found.gpu_seconds.map_or(0, |seconds| (seconds * 1e9) as u64),
            gpu_stages_ns: stages.map(|stage| stage.as_nanos() as u64),
            failed: found.failed,
            latency_p50_ns: found.latency_p50.as_nanos() as u64,
            latency_p95_ns: found.latency_p95.as_nanos() as u64,
            rate: found.rate as f32,
            window_failure: fixed(&live.session.window_failure().unwrap_or_default()),
        };
        // SAFETY: the host's promise.
        unsafe { fill(status, told, "status") }
    })
}
