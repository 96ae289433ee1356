//! A thread for a camera that can only be waited for: it is opened there, and of its frames only the newest is kept.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::decode::{Coding, decode};
use super::{CameraError, Shot};

/// How long leaving a camera waits for it to be free again. A system that waits for a frame without end is left behind.
const LEAVE: Duration = Duration::from_secs(1);
/// Pictures a second that are fast enough.
const FAST: u32 = 30;
/// Up to here pixels come uncompressed, as USB 2 carries them at 30 pictures a second.
const PLAIN_PIXELS: u32 = 640 * 480;

/// One of the ways in which a camera can send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mode {
    pub(super) coding: Coding,
    pub(super) size: [u32; 2],
    /// Pictures a second.
    pub(super) rate: u32,
}

impl Mode {
    /// The one of the size nearest to this; of these one that is fast; of these large ones as JPEG, small ones not.
    pub(super) fn nearest(modes: &[Self], wanted: [u32; 2]) -> Option<Self> {
        let key = |mode: &Self| {
            let [x, y] = [0, 1].map(|side| u64::from(mode.size[side].abs_diff(wanted[side])));
            let large = u64::from(mode.size[0]) * u64::from(mode.size[1]) > u64::from(PLAIN_PIXELS);
            let odd = (mode.coding == Coding::Jpeg) != large;
            (x * x + y * y, FAST.saturating_sub(mode.rate), odd, mode.rate)
        };
        modes.iter().copied().min_by_key(key)
    }
}

/// A picture as it was sent.
pub(super) struct Frame {
    pub(super) coding: Coding,
    pub(super) size: [u32; 2],
    /// Bytes from a row to the next.
    pub(super) stride: usize,
    pub(super) bytes: Vec<u8>,
}

/// What an open camera does. It stays in its thread.
pub(super) trait Source {
    /// Waits for the next frame; `None` now and then where none comes.
    fn next(&mut self) -> Result<Option<Frame>, CameraError>;
}

/// Where the thread leaves its newest frame.
#[derive(Default)]
struct Slot {
    newest: Mutex<Option<(Frame, Instant)>>,
    filled: Condvar,
    end: AtomicBool,
}

/// A running camera; dropping it closes it.
pub(super) struct Capture {
    name: String,
    slot: Arc<Slot>,
    /// That it is open, then why it failed; the other end is gone when the camera is closed.
    told: Receiver<Result<(), CameraError>>,
}

impl Capture {
    /// Opens a camera in a thread of its own, and waits until that is done.
    pub(super) fn start<S: Source>(
        name: &str,
        open: impl FnOnce() -> Result<S, CameraError> + Send + 'static,
    ) -> Result<Self, CameraError> {
        let (tell, told) = mpsc::channel();
        let capture = Self { name: name.to_owned(), slot: Arc::default(), told };
        let slot = Arc::clone(&capture.slot);
        thread::spawn(move || {
            let run = open().and_then(|source| {
                // Where nobody waits any more, the slot says so too.
                let _ = tell.send(Ok(()));
                slot.fill_from(source)
            });
            if let Err(error) = run {
                let _ = tell.send(Err(error));
            }
        });
        capture.told.recv().unwrap_or_else(|_| Err(capture.broken()))?;
        Ok(capture)
    }

    /// The newest picture that was not taken yet; `None` if there is none within this time, or it is damaged.
    pub(super) fn next_frame(&mut self, patience: Duration) -> Result<Option<Shot>, CameraError> {
        let newest = self.slot.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.slot.filled.wait_timeout_while(newest, patience, |newest| newest.is_none());
        let frame = waited.unwrap_or_else(PoisonError::into_inner).0.take();
        if let Some((frame, arrived)) = frame {
            let picture = decode(frame.coding, &frame.bytes, frame.size, frame.stride);
            return Ok(picture.map(|picture| Shot { picture, arrived }));
        }
        match self.told.try_recv() {
            Ok(Err(error)) => Err(error),
            Err(TryRecvError::Disconnected) => Err(self.broken()),
            Ok(Ok(())) | Err(TryRecvError::Empty) => Ok(None),
        }
    }

    /// The thread is gone without a word: the system's part of it panicked.
    fn broken(&self) -> CameraError {
        CameraError::Io { name: self.name.clone(), source: io::Error::other("the system's camera code broke off") }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.slot.end.store(true, Ordering::Relaxed);
        // What it says last is of no interest; that it has nothing more to say is.
        while self.told.recv_timeout(LEAVE).is_ok() {}
    }
}

impl Slot {
    fn fill_from(&self, mut source: impl Source) -> Result<(), CameraError> {
        while !self.end.load(Ordering::Relaxed) {
            if let Some(frame) = source.next()? {
                *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some((frame, Instant::now()));
                self.filled.notify_one();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU8;

    use super::*;

    /// Sends what comes through a channel, as grey pictures of one pixel; gone where that ends.
    struct Fake {
        frames: Receiver<u8>,
        last: u8,
        marks: Arc<Marks>,
    }

    #[derive(Default)]
    struct Marks {
        /// The last frame that was left for the host.
        left: AtomicU8,
        closed: AtomicBool,
    }

    impl Source for Fake {
        fn next(&mut self) -> Result<Option<Frame>, CameraError> {
            self.marks.left.store(self.last, Ordering::Relaxed);
            match self.frames.recv_timeout(Duration::from_millis(5)) {
                Ok(13) => panic!("an unlucky frame, as this test wants it"),
                Ok(grey) => {
                    self.last = grey;
                    Ok(Some(Frame { coding: Coding::Rgb, size: [1, 1], stride: 3, bytes: vec![grey; 3] }))
                }
                Err(mpsc::RecvTimeoutError::Timeout) => Ok(None),
                Err(mpsc::RecvTimeoutError::Disconnected) => Err(CameraError::Gone { name: "fake".to_owned() }),
            }
        }
    }

    impl Drop for Fake {
        fn drop(&mut self) {
            self.marks.closed.store(true, Ordering::Relaxed);
        }
    }

    fn fake() -> (mpsc::Sender<u8>, Arc<Marks>, Capture) {
        let (send, frames) = mpsc::channel();
        let marks = Arc::<Marks>::default();
        let source = Fake { frames, last: 0, marks: Arc::clone(&marks) };
        (send, marks, Capture::start("fake", move || Ok(source)).expect("opens"))
    }

    /// The error that ends a camera.
    fn end_of(mut capture: Capture) -> CameraError {
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < Duration::from_secs(20), "it does not end");
            if let Err(error) = capture.next_frame(Duration::from_millis(1)) {
                return error;
            }
        }
    }

    #[test]
    fn the_newest_frame_wins_and_nobody_waits_longer_than_patience() {
        let (send, marks, mut capture) = fake();
        let start = Instant::now();
        assert_eq!(capture.next_frame(Duration::from_millis(20)).expect("it runs"), None);
        assert!((20..20_000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
        for grey in [1, 2, 3] {
            send.send(grey).expect("it runs");
        }
        // All three come before the first look.
        while marks.left.load(Ordering::Relaxed) < 3 {
            assert!(start.elapsed() < Duration::from_secs(60), "they do not come");
            thread::sleep(Duration::from_millis(1));
        }
        let picture = capture.next_frame(Duration::from_secs(20)).expect("it runs").expect("a picture").picture;
        assert_eq!(picture.rgba, [3, 3, 3, 255]);
        assert_eq!(capture.next_frame(Duration::ZERO).expect("it runs"), None, "taken once");
        drop(capture);
        assert!(marks.closed.load(Ordering::Relaxed), "the camera is closed");
    }

    #[test]
    fn what_ends_a_camera_is_said() {
        let (send, _, capture) = fake();
        drop(send);
        assert!(matches!(end_of(capture), CameraError::Gone { .. }));
        let (send, marks, capture) = fake();
        send.send(13).expect("it runs");
        let error = end_of(capture).to_string();
        assert!(error.contains("`fake`") && error.contains("broke off"), "{error}");
        assert!(marks.closed.load(Ordering::Relaxed));
        let busy = || Err::<Fake, _>(CameraError::Busy { name: "fake".to_owned() });
        assert!(matches!(Capture::start("fake", busy).err(), Some(CameraError::Busy { .. })));
        let panics = || -> Result<Fake, _> { panic!("while it opens, as this test wants it") };
        assert!(matches!(Capture::start("fake", panics).err(), Some(CameraError::Io { .. })));
    }

    #[test]
    fn the_nearest_mode_is_fast_and_large_ones_are_jpeg() {
        let mode = |coding, width, height, rate| Mode { coding, size: [width, height], rate };
        let modes = [
            mode(Coding::Yuyv, 1280, 720, 10),
            mode(Coding::Jpeg, 1280, 720, 30),
            mode(Coding::Nv12, 1280, 720, 30),
            mode(Coding::Jpeg, 640, 480, 30),
            mode(Coding::Yuyv, 640, 480, 60),
            mode(Coding::Yuyv, 640, 480, 30),
            mode(Coding::Yuyv, 320, 240, 15),
        ];
        assert_eq!(Mode::nearest(&modes, [1280, 800]), Some(modes[1]));
        assert_eq!(Mode::nearest(&modes, [640, 480]), Some(modes[5]));
        assert_eq!(Mode::nearest(&modes, [100, 100]), Some(modes[6]));
        assert_eq!(Mode::nearest(&modes[..1], [640, 480]), Some(modes[0]));
        assert_eq!(Mode::nearest(&[], [640, 480]), None);
    }
}
