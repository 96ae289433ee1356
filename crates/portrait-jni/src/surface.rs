//! Android's surfaces.

use jni_sys::{JNIEnv, jfloat, jint, jlong, jobject};
use portrait_ffi::{
    PortraitStatus, portrait_session_release, portrait_session_surface_changed, portrait_session_surface_destroyed,
};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Draws every picture on an `android.view.Surface` from now on.
///
/// # Safety
/// Called by the virtual machine.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_portrait_Native_surfaceCreated(
    env: *mut JNIEnv,
    _class: jobject,
    session: jlong,
    surface: jobject,
    width: jint,
    height: jint,
    fit: jint,
    red: jfloat,
    green: jfloat,
    blue: jfloat,
) -> jint {
    // SAFETY: the machine's promise.
    unsafe { platform::created(env, session, surface, [width, height], fit, [red, green, blue]) }
}

/// Fits pictures to a surface that has another size.
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_portrait_Native_surfaceChanged(
    _env: *mut JNIEnv,
    _class: jobject,
    session: jlong,
    width: jint,
    height: jint,
) -> jint {
    portrait_session_surface_changed(session as u64, width.max(0) as u32, height.max(0) as u32) as jint
}

/// Draws on no surface any more.
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_portrait_Native_surfaceDestroyed(
    _env: *mut JNIEnv,
    _class: jobject,
    session: jlong,
) -> jint {
    platform::held().end(session, || {
        let status = portrait_session_surface_destroyed(session as u64);
        if status == PortraitStatus::Released {
            // Another thread is releasing the session, which uses the surface until that is done.
            portrait_session_release(session as u64);
        }
        status as jint
    })
}

/// Gives the session's window back to Android; after the session no longer uses it.
pub(crate) fn forget(session: jlong) {
    platform::held().end(session, || ());
}

/// The window that each session holds. One call at a time works with it: a window that is noted after its session was released
/// would be held for ever.
struct Held<W>(Mutex<HashMap<jlong, W>>);

impl<W> Held<W> {
    fn new() -> Self {
        Self(Mutex::default())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<jlong, W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `draw` has the session draw on the window: it is held if that says so, and else let go.
    #[cfg_attr(not(any(target_os = "android", test)), expect(dead_code, reason = "there is no window to hold"))]
    fn begin(&self, session: jlong, window: W, draw: impl FnOnce(&W) -> PortraitStatus) -> PortraitStatus {
        let mut held = self.lock();
        let status = draw(&window);
        let before = match status {
            PortraitStatus::Ok => held.insert(session, window),
            // The one before is no longer in use. Other failures do not get so far.
            PortraitStatus::Surface => held.remove(&session),
            _ => None,
        };
        drop(held);
        drop(before);
        status
    }

    /// After `stop` the session uses no window, which is let go.
    fn end<T>(&self, session: jlong, stop: impl FnOnce() -> T) -> T {
        let mut held = self.lock();
        let done = stop();
        let window = held.remove(&session);
        drop(held);
        drop(window);
        done
    }
}

#[cfg(target_os = "android")]
mod platform {
    use super::{Held, JNIEnv, jint, jlong, jobject};
    use portrait_ffi::{PortraitSurface, PortraitWindow, portrait_session_surface_created};
    use std::ffi::c_void;
    use std::ptr::{NonNull, null_mut};
    use std::sync::LazyLock;

    #[link(name = "android")]
    unsafe extern "C" {
        fn ANativeWindow_fromSurface(env: *mut JNIEnv, surface: jobject) -> *mut c_void;
        fn ANativeWindow_release(window: *mut c_void);
    }

    /// A reference to a window of Android's.
    pub(super) struct Window(NonNull<c_void>);

    // SAFETY: its count of references may be changed by any thread.
    unsafe impl Send for Window {}

    impl Drop for Window {
        fn drop(&mut self) {
            // SAFETY: it came from `ANativeWindow_fromSurface`, and nobody uses it any more.
            unsafe { ANativeWindow_release(self.0.as_ptr()) };
        }
    }

    static WINDOWS: LazyLock<Held<Window>> = LazyLock::new(Held::new);

    pub(super) fn held() -> &'static Held<Window> {
        &WINDOWS
    }

    pub(super) unsafe fn created(
        env: *mut JNIEnv,
        session: jlong,
        surface: jobject,
        [width, height]: [jint; 2],
        fit: jint,
        bars: [f32; 3],
    ) -> jint {
        // SAFETY: the environment is the machine's, the object a surface by the method's signature.
        let window = if surface.is_null() { null_mut() } else { unsafe { ANativeWindow_fromSurface(env, surface) } };
        let given = PortraitSurface {
            struct_size: size_of::<PortraitSurface>() as u32,
            kind: PortraitWindow::Android as u32,
            display: null_mut(),
            window: window.addr(),
            width: width.max(0) as u32,
            height: height.max(0) as u32,
            fit: fit as u32,
            bars,
        };
        // SAFETY: the window stays: it is held until the session no longer uses it. Null is refused.
        let draw = || unsafe { portrait_session_surface_created(session as u64, &given) };
        let status = match NonNull::new(window).map(Window) {
            Some(window) => held().begin(session, window, |_| draw()),
            None => draw(),
        };
        status as jint
    }
}

#[cfg(not(target_os = "android"))]
mod platform {
    use super::{Held, JNIEnv, jint, jlong, jobject};
    use portrait_ffi::portrait_session_surface_created;
    use std::ptr::null;
    use std::sync::LazyLock;

    static WINDOWS: LazyLock<Held<()>> = LazyLock::new(Held::new);

    pub(super) fn held() -> &'static Held<()> {
        &WINDOWS
    }

    /// There is no such surface here; the call says what is missing.
    pub(super) unsafe fn created(
        _env: *mut JNIEnv,
        session: jlong,
        _surface: jobject,
        _size: [jint; 2],
        _fit: jint,
        _bars: [f32; 3],
    ) -> jint {
        // SAFETY: null is refused.
        unsafe { portrait_session_surface_created(session as u64, null()) as jint }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::mpsc::channel;

    #[test]
    fn a_window_is_let_go_whoever_comes_first() {
        let held = Held::new();
        let window = Arc::new(());
        let count = || Arc::strong_count(&window) - 1;
        let draws = |status| held.begin(1, window.clone(), |_| status);
        assert_eq!((draws(PortraitStatus::Ok), count()), (PortraitStatus::Ok, 1));
        assert_eq!((draws(PortraitStatus::Ok), count()), (PortraitStatus::Ok, 1), "the one before is let go");
        assert_eq!((draws(PortraitStatus::InvalidArgument), count()), (PortraitStatus::InvalidArgument, 1));
        assert_eq!((draws(PortraitStatus::Surface), count()), (PortraitStatus::Surface, 0));
        draws(PortraitStatus::Ok);
        held.end(1, || ());
        assert_eq!(count(), 0);
        // The session is released by another thread while its window is being made.
        std::thread::scope(|scope| {
            let (begun, released) = channel();
            let held = &held;
            scope.spawn(move || {
                released.recv().expect("it begins");
                held.end(1, || ());
            });
            held.begin(1, window.clone(), |_| {
                begun.send(()).expect("somebody waits");
                PortraitStatus::Ok
            });
        });
        assert_eq!(count(), 0);
    }
}
