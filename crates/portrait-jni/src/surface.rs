//! Android's surfaces.

use jni_sys::{JNIEnv, jfloat, jint, jlong, jobject};
use portrait_ffi::{portrait_session_surface_changed, portrait_session_surface_destroyed};

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
    let status = portrait_session_surface_destroyed(session as u64) as jint;
    forget(session);
    status
}

/// Gives the session's window back to Android; after the session no longer uses it.
pub(crate) fn forget(session: jlong) {
    platform::forget(session);
}

#[cfg(target_os = "android")]
mod platform {
    use super::{JNIEnv, jint, jlong, jobject};
    use portrait_ffi::{PortraitStatus, PortraitSurface, PortraitWindow, portrait_session_surface_created};
    use std::collections::HashMap;
    use std::ffi::c_void;
    use std::ptr::null_mut;
    use std::sync::{LazyLock, Mutex, PoisonError};

    #[link(name = "android")]
    unsafe extern "C" {
        fn ANativeWindow_fromSurface(env: *mut JNIEnv, surface: jobject) -> *mut c_void;
        fn ANativeWindow_release(window: *mut c_void);
    }

    /// The window that each session holds, by address.
    static WINDOWS: LazyLock<Mutex<HashMap<jlong, usize>>> = LazyLock::new(Mutex::default);

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
        // SAFETY: the window stays: this function holds it.
        let status = unsafe { portrait_session_surface_created(session as u64, &given) };
        if matches!(status, PortraitStatus::Ok | PortraitStatus::Surface) {
            // The one before is no longer in use. Other failures do not get so far.
            forget(session);
        }
        if status == PortraitStatus::Ok {
            WINDOWS.lock().unwrap_or_else(PoisonError::into_inner).insert(session, window.addr());
        } else if !window.is_null() {
            // SAFETY: nobody uses it.
            unsafe { ANativeWindow_release(window) };
        }
        status as jint
    }

    pub(super) fn forget(session: jlong) {
        let held = WINDOWS.lock().unwrap_or_else(PoisonError::into_inner).remove(&session);
        if let Some(window) = held {
            // SAFETY: it came from `ANativeWindow_fromSurface`, and nobody uses it any more.
            unsafe { ANativeWindow_release(window as *mut c_void) };
        }
    }
}

#[cfg(not(target_os = "android"))]
mod platform {
    use super::{JNIEnv, jint, jlong, jobject};
    use portrait_ffi::portrait_session_surface_created;
    use std::ptr::null;

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

    pub(super) fn forget(_session: jlong) {}
}
