//! What drives a live session: a clip looped in real time, a recorded motion, or nothing. Each runs in a thread of its own and
//! only ever leaves its newest moment.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::latest::Latest;
use crate::driver::{Drive, Driver};

/// Moments a second where nothing else sets a pace.
const IDLE_RATE: f64 = 30.0;
/// The longest nap between two looks at whether to end.
const NAP: Duration = Duration::from_millis(50);

/// A moment of a driver, and when it happened.
pub(crate) struct Captured {
    pub(crate) input: Input,
    pub(crate) at: Instant,
}

pub(crate) enum Input {
    Drive(Drive),
    /// Seconds of idle motion.
    Idle(f64),
}

/// A running source; dropping it ends its thread.
pub(crate) struct Source {
    pub(crate) newest: Arc<Latest<Captured>>,
    /// Width and height of its frames.
    pub(crate) size: [u32; 2],
    pub(crate) name: String,
    idle: bool,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Source {
    /// A clip or a motion file, from the start again after its end.
    pub(crate) fn file(path: &Path) -> Result<Self> {
        let first = Driver::open(path)?;
        let (size, path) = (first.size(), path.to_owned());
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self::start(size, name, move |newest, end| {
            let mut driver = Some(first);
            while let Some(mut playing) = driver.take().or_else(|| Driver::open(&path).ok()) {
                let (start, mut any) = (Instant::now(), false);
                // A clip that breaks off starts again like one that ends.
                while let Ok(Some(moment)) = playing.next() {
                    let at = start + moment.timestamp;
                    if !sleep_until(at, end) {
                        return;
                    }
                    any = true;
                    newest.put(Captured { input: Input::Drive(moment.drive), at: Instant::now() });
                }
                if !any {
                    return;
                }
            }
        }))
    }

    /// Whether nobody drives.
    pub(crate) fn is_idle(&self) -> bool {
        self.idle
    }

    /// Idle motion.
    pub(crate) fn idle() -> Self {
        let mut source = Self::start([64; 2], "idle motion".to_owned(), |newest, end| {
            let start = Instant::now();
            for moment in 0u64.. {
                let seconds = moment as f64 / IDLE_RATE;
                if !sleep_until(start + Duration::from_secs_f64(seconds), end) {
                    return;
                }
                newest.put(Captured { input: Input::Idle(seconds), at: Instant::now() });
            }
        });
        source.idle = true;
        source
    }

    fn start(size: [u32; 2], name: String, run: impl FnOnce(&Latest<Captured>, &AtomicBool) + Send + 'static) -> Self {
        let (newest, end) = (Arc::new(Latest::default()), Arc::new(AtomicBool::new(false)));
        let theirs = (newest.clone(), end.clone());
        let thread = std::thread::spawn(move || run(&theirs.0, &theirs.1));
        Self { newest, size, name, idle: false, end, thread: Some(thread) }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

/// Whether the time came before the end was asked for.
fn sleep_until(time: Instant, end: &AtomicBool) -> bool {
    while !end.load(Ordering::Relaxed) {
        match time.checked_duration_since(Instant::now()) {
            Some(rest) if !rest.is_zero() => std::thread::sleep(rest.min(NAP)),
            _ => return true,
        }
    }
    false
}
