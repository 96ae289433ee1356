//! What a session takes on the device, by plan and as the allocator counts it, and what a trim gives back.

mod device;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use device::device;
use portrait_runtime::{
    CameraFrame, Engine, EngineOptions, Frame, GpuOptions, HeldFrame, LiveOptions, LiveSession, Orientation, Portrait,
    PrepareOptions, SessionOptions, Tier, Trim, WeightsSource,
};

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

struct Held(Arc<Vec<u8>>, [u32; 2]);

impl HeldFrame for Held {
    fn frame(&self) -> CameraFrame<'_> {
        let Self(rgba, [width, height]) = self;
        Frame { width: *width, height: *height, rgba }.into()
    }
}

const MIB: f64 = 1024.0 * 1024.0;
/// MiB of a block that the engine's allocator takes of the device.
const BLOCK: f64 = 8.0;

/// MiB that the allocator has taken of the device, and how much of that is in use; `None` where the system's own takes care of it.
fn taken(engine: &Engine) -> Option<[f64; 2]> {
    let report = engine.gpu().device().generate_allocator_report()?;
    Some([report.total_reserved_bytes, report.total_allocated_bytes].map(|bytes| bytes as f64 / MIB))
}

/// The one that software drivers take; with `PORTRAIT_EVERY_TIER` all, which takes minutes to compile.
fn tiers() -> Vec<Tier> {
    match std::env::var_os("PORTRAIT_EVERY_TIER") {
        Some(_) => vec![Tier::F32, Tier::F16Packed, Tier::F16],
        None => vec![Tier::F32],
    }
}

#[test]
fn a_trimmed_session_gives_its_memory_back_to_the_device() {
    if !device() {
        return;
    }
    let photo = image::open(root("assets/astronaut.png")).expect("the photo").to_rgba8();
    let size = [photo.width(), photo.height()];
    let rgba = Arc::new(photo.into_raw());
    for tier in tiers() {
        let gpu = GpuOptions { tier: Some(tier), ..GpuOptions::default() };
        let weights = WeightsSource::File(root("weights/portrait_s.safetensors"));
        let engine =
            Engine::open(&EngineOptions { gpu, ..EngineOptions::new(weights) }).expect("the committed weights");
        let engine = Arc::new(engine);
        let Some(opened) = taken(&engine) else {
            println!("SKIP: nothing counts this device's memory");
            return;
        };
        let frame = Frame { width: size[0], height: size[1], rgba: &rgba };
        let avatar = Arc::new(engine.prepare(frame, &PrepareOptions::default()).expect("a face"));
        let options = SessionOptions::new(size[0], size[1]);
        let plan = engine.session(&avatar, &options).expect("a session").stats();
        let prepared = taken(&engine).expect("counted");

        let portrait = Portrait { engine: engine.clone(), avatar };
        let session = LiveSession::start(portrait, LiveOptions { session: options, rate: None, cool: None });
        let session = session.expect("a thread");
        let show = |ms| {
            let held = Box::new(Held(rgba.clone(), size));
            session.push(held, Orientation::default(), Duration::from_millis(ms)).expect("it takes frames");
            session.take_picture(Duration::from_secs(120)).expect("no failure").expect("a picture");
        };
        show(40);
        let at_work = taken(&engine).expect("counted");
        session.trim(Trim::Session);
        let trimmed = taken(&engine).expect("counted");
        show(80);
        let again = taken(&engine).expect("counted");
        drop(session);
        let [weights, buffers] = [plan.weight_bytes, plan.arena_bytes].map(|bytes| bytes as f64 / MIB);
        println!(
            "{tier:?}, MiB by plan: weights {weights:.1}, buffers {buffers:.1}; taken of the device, and in use: engine \
             {opened:.1?}, avatar {prepared:.1?}, session at work {at_work:.1?}, trimmed {trimmed:.1?}, next picture {again:.1?}"
        );
        assert!(at_work[0] - trimmed[0] > buffers, "what a session had for itself goes back to the device");
        // A block can be partly free in each of two kinds of memory: the device's own, and what the host sees.
        assert!(at_work[0] < at_work[1] + 2.0 * BLOCK, "little is taken that is not in use");
        assert!(again[0] < again[1] + 0.15 * (weights + buffers), "nor after a trim");
        assert!(again[0] < at_work[0] + BLOCK, "what is made again is there once");
    }
}
