//! Pictures on their way to a virtual camera, by a thread of its own: the newest wins.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use portrait_media::{Picture, VirtualCamera, VirtualCameraError};

use super::latest::Latest;

/// Size of its pictures: what every program that reads cameras takes.
pub(crate) const SIZE: [u32; 2] = [640, 480];
/// Between two looks at whether to end.
const NAP: Duration = Duration::from_millis(50);

/// A virtual camera that is being fed; dropping it ends that.
pub(crate) struct Broadcast {
    newest: Arc<Latest<Picture>>,
    fault: Arc<Mutex<Option<String>>>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Broadcast {
    pub(crate) fn open(path: &Path) -> Result<Self, VirtualCameraError> {
        let mut camera = VirtualCamera::open(path, SIZE)?;
        let newest = Arc::<Latest<Picture>>::default();
        let fault = Arc::<Mutex<Option<String>>>::default();
        let end = Arc::<AtomicBool>::default();
        let (theirs, told, ended) = (newest.clone(), fault.clone(), end.clone());
        let thread = std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let Some(picture) = theirs.take(NAP) else { continue };
                if let Err(error) = camera.show(&picture) {
                    *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
                    return;
                }
            }
        });
        Ok(Self { newest, fault, end, thread: Some(thread) })
    }

    /// Shows a picture, unless a newer one comes before.
    pub(crate) fn show(&self, picture: Picture) {
        self.newest.put(picture);
    }

    /// Why no more pictures are shown.
    pub(crate) fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Broadcast {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}
