//! Engines: opened in a thread of their own.

use crate::call::{ask, call};
use crate::handle::{self, Object};
use crate::input::{bytes, copied, fill, fixed, sized, text, told_size, write};
use crate::status::{Failure, PortraitStatus};
use portrait_runtime::{Engine, EngineOptions, GpuOptions, Opening, Tier, WeightsSource};
use std::borrow::Cow;
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_void};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{JoinHandle, ThreadId};
use std::time::Duration;

/// Device, networks and weights; 0 is none. One serves any number of avatars and sessions.
pub type PortraitEngine = u64;

/// Precision of weights and features.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortraitPrecision {
    /// What suits the device.
    Auto = 0,
    /// 32 bits.
    F32 = 1,
    /// 16 bits, two in a word; on any device.
    F16Packed = 2,
    /// Native 16 bits, where the device has them.
    F16 = 3,
}

/// Hears how opening goes: `done` from 0 to 1, and what is done next, a text that is valid forever. `engine` is what
/// `portrait_engine_open` gave out. Called in the library's thread; it must not throw. It may call the library, but not wait for
/// this engine.
pub type PortraitProgress =
    Option<unsafe extern "C" fn(user: *mut c_void, engine: PortraitEngine, done: f32, next: *const c_char)>;

/// How to open an engine. What is null or 0 is the default; either `weights_file` or `weights` is needed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PortraitEngineOptions {
    /// `sizeof(PortraitEngineOptions)`.
    pub struct_size: u32,
    /// A `PortraitPrecision`.
    pub precision: u32,
    /// The weights, a safetensors file.
    pub weights_file: *const c_char,
    /// The same in memory; copied before the call returns.
    pub weights: *const u8,
    /// Bytes of `weights`.
    pub weights_length: usize,
    /// Preset that the weights were made for; null: "s".
    pub preset: *const c_char,
    /// Part of the adapter's name; null: the best one.
    pub adapter: *const c_char,
    /// Where compiled pipelines are kept for a faster start (Vulkan), and what the self-test has found; null: nowhere.
    pub cache_directory: *const c_char,
    /// An engine whose device is used, for another preset on the same GPU; `precision`, `adapter` and `cache_directory` are its then,
    /// and its self-test: what the other preset has pipelines of its own for is not tested.
    /// 0: a device of its own.
    pub share: PortraitEngine,
    /// Hears how it goes; may be null.
    pub progress: PortraitProgress,
    /// Handed to `progress`.
    pub user: *mut c_void,
    /// With `cache_directory`, the first start on a driver tests every pipeline (seconds) and goes around what the driver computes
    /// wrongly, by other kernels or another precision; later starts know. Not 0: nothing is tested.
    pub no_self_test: u32,
}

/// What an engine runs on. Texts are UTF-8.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PortraitEngineInfo {
    /// `sizeof(PortraitEngineInfo)`.
    pub struct_size: u32,
    /// The `PortraitPrecision` in use.
    pub precision: u32,
    /// Name of the adapter.
    pub adapter: [c_char; 128],
    /// "Vulkan", "Metal", …
    pub backend: [c_char; 16],
    /// Driver and version.
    pub driver: [c_char; 128],
    /// Name of the preset.
    pub preset: [c_char; 32],
    /// SHA-256 of the weights, in hexadecimal.
    pub weights: [c_char; 65],
    /// Largest side in pixels of a frame, and of a photo that is shown whole (`PORTRAIT_FRAMING_PHOTO`). An avatar's photo may have 16384.
    pub largest_side: u32,
    /// What the host should know although everything works, a line each, cut where there is no more room: kernels that are gone around
    /// and precisions that are given up because the device computes them wrongly, a cache that cannot be used, a window that refused
    /// pictures. UTF-8.
    pub warnings: [c_char; 1024],
}

struct Callback {
    progress: PortraitProgress,
    user: *mut c_void,
}

// SAFETY: the host is told that the call comes from another thread.
unsafe impl Send for Callback {}

enum Stage {
    Opening,
    Ready(Arc<Engine>),
    Failed(Failure),
}

/// An engine, or one that is on its way.
pub(crate) struct Opener {
    stage: Mutex<Stage>,
    changed: Condvar,
    /// Held while it is called, so that release waits for that; gone afterwards.
    callback: Mutex<Option<Callback>>,
    /// Released from within the callback, which cannot wait for itself.
    released: AtomicBool,
    handle: OnceLock<PortraitEngine>,
    thread: OnceLock<ThreadId>,
    /// The thread itself, to wait for.
    work: Mutex<Option<JoinHandle<()>>>,
}

impl Opener {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, done: f32, next: &'static CStr) {
        let callback = self.callback.lock().unwrap_or_else(PoisonError::into_inner);
        if self.released.load(Ordering::Relaxed) {
            return;
        }
        if let Some(Callback { progress: Some(progress), user }) = &*callback {
            // SAFETY: the host gave this function for this.
            unsafe { progress(*user, self.handle.get().copied().unwrap_or_default(), done, next.as_ptr()) };
        }
    }

    fn run(&self, options: &EngineOptions, share: Option<&Opener>) {
        // A device that fails its test is opened again: what is done does not become less.
        let furthest = Cell::new(0.0f32);
        let tell = |opening: Opening| {
            let (done, next) = match opening {
                Opening::Weights => (0.0, c"reading weights"),
                Opening::Device => (0.1, c"opening the device"),
                Opening::Networks => (0.3, c"building networks"),
                Opening::SelfTest => (0.6, c"testing the device"),
            };
            furthest.set(furthest.get().max(done));
            self.tell(furthest.get(), next);
        };
        let mut made = Err(Failure::new(PortraitStatus::Internal, "no result"));
        let status = call(|| {
            made = match share {
                None => pollster::block_on(Engine::open_async(options, tell)).map_err(Failure::from),
                Some(share) => share.engine().and_then(|share| {
                    tell(Opening::Networks);
                    Ok(Engine::with_gpu(share.gpu().clone(), &options.preset, &options.weights)?)
                }),
            };
            Ok(())
        });
        if status != PortraitStatus::Ok {
            made = Err(Failure::new(status, "opening the engine panicked; please report that"));
        }
        let done = made.is_ok();
        *self.stage() = match made {
            Ok(engine) => Stage::Ready(Arc::new(engine)),
            Err(failure) => Stage::Failed(failure),
        };
        self.changed.notify_all();
        self.tell(1.0, if done { c"ready" } else { c"failed" });
    }

    /// The engine, once it is open.
    pub(crate) fn engine(&self) -> Result<Arc<Engine>, Failure> {
        self.wait(None).and_then(|engine| engine.ok_or_else(|| Failure::new(PortraitStatus::Internal, "no engine")))
    }

    /// The engine; `None` while it is still on its way after this time.
    fn wait(&self, patience: Option<Duration>) -> Result<Option<Arc<Engine>>, Failure> {
        let opening = |stage: &mut Stage| matches!(stage, Stage::Opening);
        if patience != Some(Duration::ZERO)
            && self.thread.get() == Some(&std::thread::current().id())
            && opening(&mut self.stage())
        {
            return Err(Failure::argument("an engine's progress callback cannot wait for this engine"));
        }
        let stage = match patience {
            Some(patience) => {
                self.changed
                    .wait_timeout_while(self.stage(), patience, opening)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
            None => self.changed.wait_while(self.stage(), opening).unwrap_or_else(PoisonError::into_inner),
        };
        match &*stage {
            Stage::Opening => Ok(None),
            Stage::Ready(engine) => Ok(Some(engine.clone())),
            Stage::Failed(failure) => Err(failure.clone()),
        }
    }

    /// After this the host hears no more, and an engine that was open is held by nobody here.
    fn close(&self) {
        self.released.store(true, Ordering::Relaxed);
        if self.thread.get() == Some(&std::thread::current().id()) {
            return;
        }
        *self.callback.lock().unwrap_or_else(PoisonError::into_inner) = None;
        // A thread that has opened its engine holds it for a moment still; one that has not lets go of it by itself.
        let done = !matches!(&*self.stage(), Stage::Opening);
        let work = self.work.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(work) = work.filter(|_| done) {
            // It has noted a panic as a failure.
            let _ = work.join();
        }
    }
}

fn precision_of(tier: Tier) -> PortraitPrecision {
    match tier {
        Tier::F32 => PortraitPrecision::F32,
        Tier::F16Packed => PortraitPrecision::F16Packed,
        Tier::F16 => PortraitPrecision::F16,
    }
}

/// # Safety
/// As the header says of the fields.
unsafe fn options_of(given: &PortraitEngineOptions) -> Result<EngineOptions, Failure> {
    // SAFETY: the host promises texts with a zero at their end and as many bytes as it says.
    let (file, memory, preset, adapter, cache) = unsafe {
        (
            text(given.weights_file, "weights_file")?,
            bytes(given.weights, given.weights_length, "weights")?,
            text(given.preset, "preset")?,
            text(given.adapter, "adapter")?,
            text(given.cache_directory, "cache_directory")?,
        )
    };
    let weights = match file {
        Some(_) if !memory.is_empty() => return Err(Failure::argument("`weights_file` and `weights` are both given")),
        Some(file) => WeightsSource::File(file.into()),
        None if memory.is_empty() => return Err(Failure::argument("neither `weights_file` nor `weights` is given")),
        None => WeightsSource::Bytes(Cow::Owned(copied(memory, PortraitStatus::Weights)?)),
    };
    let tier = match given.precision {
        0 => None,
        1 => Some(Tier::F32),
        2 => Some(Tier::F16Packed),
        3 => Some(Tier::F16),
        other => return Err(Failure::argument(format!("`precision` is {other}; it goes from 0 to 3"))),
    };
    let self_test = cache.is_some() && given.no_self_test == 0;
    let gpu = GpuOptions { adapter, tier, cache: cache.map(PathBuf::from), ..GpuOptions::default() };
    let mut options = EngineOptions { gpu, self_test, ..EngineOptions::new(weights) };
    if let Some(preset) = preset {
        options.preset = preset;
    }
    Ok(options)
}

/// Begins to open an engine and returns at once; `portrait_engine_wait` and `progress` tell when it is open. Any thread.
///
/// # Safety
/// The pointers are null or point at what their fields say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portrait_engine_open(
    options: *const PortraitEngineOptions,
    engine: *mut PortraitEngine,
) -> PortraitStatus {
    call(|| {
        // SAFETY: the host's promise.
        let (given, options) = unsafe {
            write(engine, 0, "engine")?;
            let given = sized(options, "options")?;
            (given, options_of(&given)?)
        };
        let share = match given.share {
            0 => None,
            share => Some(handle::engine(share)?),
        };
        let opener = Arc::new(Opener {
            stage: Mutex::new(Stage::Opening),
            changed: Condvar::new(),
            callback: Mutex::new(Some(Callback { progress: given.progress, user: given.user })),
            released: AtomicBool::new(false),
            handle: OnceLock::new(),
            thread: OnceLock::new(),
            work: Mutex::new(None),
        });
        let number = handle::insert(Object::Engine(opener.clone()))?;
        opener.handle.get_or_init(|| number);
        let inside = opener.clone();
        let thread = std::thread::Builder::new().name("portrait open".to_owned()).spawn(move || {
            inside.thread.get_or_init(|| std::thread::current().id());
            inside.run(&options, share.as_deref());
        });
        match thread {
            Ok(thread) => *opener.work.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread),
            Err(error) => {
                handle::release(number, handle::ENGINE, |_| ())?;
                return Err(Failure::new(PortraitStatus::Internal, format!("no thread could be started: {error}")));
            }
        }
        // SAFETY: the host's promise.
        unsafe { write(engine, number, "engine") }
    })
}

/// Waits until the engine is open, no longer than `timeout_ms` (negative: as long as it takes). `PORTRAIT_STATUS_PENDING` while it is
/// not; an error if it could not be opened. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn portrait_engine_wait(engine: PortraitEngine, timeout_ms: i32) -> PortraitStatus {
    ask(|| {
        let patience = u64::try_from(timeout_ms).ok().map(Duration::from_millis);
        let open = handle::engine(engine)?.wait(patience)?;
        Ok(if open.is_some() { PortraitStatus::Ok } else { PortraitStatus::Pending })
    })
}

/// What the engine runs on. Waits until it is open. Any thread.
///
/// # Safety
/// `info` is null or points at a `PortraitEngineInfo` whose `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portrait_engine_info(engine: PortraitEngine, info: *mut PortraitEngineInfo) -> PortraitStatus {
    call(|| {
        let engine = handle::engine(engine)?.engine()?;
        let adapter = engine.gpu().adapter();
        // SAFETY: the host's promise.
        let struct_size = unsafe { told_size(info, "info")? };
        let found = PortraitEngineInfo {
            struct_size,
            precision: precision_of(engine.gpu().tier()) as u32,
            adapter: fixed(&adapter.name),
            backend: fixed(&adapter.backend),
            driver: fixed(&adapter.driver),
            preset: fixed(&engine.preset().name),
            weights: fixed(engine.weights_id()),
            largest_side: engine.gpu().frame_limit().side,
            warnings: fixed(&engine.gpu().warnings().join("\n")),
        };
        // SAFETY: the host's promise.
        unsafe { fill(info, found, "info") }
    })
}

/// Releases the engine; avatars and sessions of it go on. Afterwards `progress` is not called any more. One that is not open yet goes on
/// until it is, in its own thread, and is let go then. Done also for 0 and for an engine that was released before. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn portrait_engine_release(engine: PortraitEngine) -> PortraitStatus {
    call(|| {
        handle::release(engine, handle::ENGINE, |object| {
            if let Object::Engine(opener) = object {
                opener.close();
            }
        })
    })
}
