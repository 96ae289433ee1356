//! A frame allocates nothing on the heap in our code. What wgpu allocates to record and submit is its own.
//! One test in a process of its own: it has its own allocator.
#![allow(unsafe_code, reason = "an allocator that counts")]

use portrait_runtime::{Engine, EngineError, Gpu, GpuOptions, Picture, PrepareOptions, Preset, SessionOptions};
use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::path::PathBuf;

struct Watched;

thread_local! {
    static WATCHING: Cell<bool> = const { Cell::new(false) };
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn note() {
    if WATCHING.get() {
        // What the note itself allocates is not of interest.
        WATCHING.set(false);
        SEEN.with_borrow_mut(|seen| seen.push(Backtrace::force_capture().to_string()));
        WATCHING.set(true);
    }
}

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

/// Where each allocation of `work` came from.
fn allocations(work: impl FnOnce()) -> Vec<String> {
    WATCHING.set(true);
    work();
    WATCHING.set(false);
    SEEN.take()
}

/// The file of the function that asked for memory: the innermost one that is neither the standard library's nor this one. Inlined
/// functions have no crate in their name, but they have a file.
fn asked(trace: &str) -> &str {
    let mut files = trace.lines().filter_map(|line| line.trim_start().strip_prefix("at "));
    let library = |file: &str| ["/rustc/", "/library/", "tests/allocations.rs"].iter().any(|part| file.contains(part));
    files.find(|file| !library(file)).unwrap_or("nobody known")
}

/// Whether it was our code.
fn is_ours(trace: &str) -> bool {
    asked(trace).contains("crates/portrait-")
}

/// Whether it was our code, or a library that it called for this and nobody else does.
fn is_for_us(trace: &str) -> bool {
    is_ours(trace) || ["/bytemuck-", "/half-", "/safetensors-"].iter().any(|part| asked(trace).contains(part))
}

fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn picture(file: &str) -> Picture {
    let image = image::open(root(file)).expect("a picture").to_rgba8();
    Picture { width: image.width(), height: image.height(), rgba: image.into_raw() }
}

#[test]
fn frames_allocate_nothing_of_ours() {
    // wgpu keeps traces of its locks in debug builds, under the lock that ours would wait for.
    // SAFETY: the only test of this process, which has started no thread yet.
    unsafe { std::env::set_var("RUST_LIB_BACKTRACE", "0") };
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![1u8; 100]))).len(), 1, "an allocation is seen");
    let preset = allocations(|| drop(Preset::named("s").expect("a preset")));
    assert!(preset.iter().any(|trace| is_ours(trace)), "ours are told apart: {preset:?}");
    let gpu = match pollster::block_on(Gpu::open(&GpuOptions::default())) {
        Err(EngineError::NoAdapter(why)) if std::env::var("PORTRAIT_REQUIRE_GPU").as_deref() != Ok("1") => {
            println!("SKIP: {why}");
            return;
        }
        other => other.expect("a device"),
    };
    println!("adapter: {} ({})", gpu.adapter().name, gpu.adapter().driver);
    let engine = Engine::with_noise(gpu, Preset::named("s").expect("a preset"), 7).expect("it builds");
    let photo = picture("assets/astronaut.png");
    let avatar = engine.prepare(photo.frame(), &PrepareOptions::default()).expect("an avatar");
    let options = SessionOptions { read_back: false, ..SessionOptions::new(photo.width, photo.height) };
    let mut session = engine.session(&avatar, &options).expect("a session");
    let points = engine.pose(&avatar, &portrait_runtime::Expression::default());
    // Finished frames have reports, which the next one takes in.
    let mut frames = |keypoints: bool| {
        let before = session.status().map_or(0, |status| status.frames);
        let seen = allocations(|| {
            match keypoints {
                true => session.animate_keypoints(&points, 0.04).expect("animated"),
                false => session.animate(photo.frame(), 0.04).expect("animated"),
            }
            session.finish().expect("finished");
        });
        assert!(session.status().map_or(0, |status| status.frames) > before, "a report was taken in");
        seen
    };
    for keypoints in [false, true] {
        // The first frames of a session fill what grows once.
        (0..4).for_each(|_| drop(frames(keypoints)));
        let seen = frames(keypoints);
        let ours: Vec<&String> = seen.iter().filter(|trace| is_for_us(trace)).collect();
        println!(
            "driven by {}: {} allocations, {} ours",
            if keypoints { "points" } else { "video" },
            seen.len(),
            ours.len()
        );
        assert!(!seen.is_empty(), "wgpu allocates to submit");
        assert!(ours.is_empty(), "{}", ours[0]);
    }
}
