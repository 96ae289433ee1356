//! Windows of the host's to draw on.

use crate::call::call;
use crate::handle;
use crate::input::sized;
use crate::session::PortraitSession;
use crate::status::{Failure, PortraitStatus};
use portrait_runtime::wgpu::SurfaceTargetUnsafe;
use portrait_runtime::wgpu::rwh;
use portrait_runtime::{Fit, Placement, Window};
use std::ffi::c_void;
use std::num::{NonZeroIsize, NonZeroU32};
use std::ptr::NonNull;

/// What kind of window. Which can be drawn on depends on platform and driver; where one cannot, making the surface fails.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortraitWindow {
    /// X11 by Xlib: `display` is a `Display *`, `window` a `Window`. The host has called `XInitThreads`.
    Xlib = 0,
    /// X11 by XCB: `display` is an `xcb_connection_t *`, `window` an `xcb_window_t`.
    Xcb = 1,
    /// `display` is a `wl_display *`, `window` a `wl_surface *`.
    Wayland = 2,
    /// `display` is null, `window` an `HWND`.
    Win32 = 3,
    /// `display` is null, `window` an `ANativeWindow *`.
    Android = 4,
    /// `display` is null, `window` a `CAMetalLayer *`.
    MetalLayer = 5,
}

/// How a picture fills a window or texture of another shape.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortraitFit {
    /// All of it, with bars beside or above it.
    Contain = 0,
    /// All of it covered; what is too wide or too high is cut off evenly.
    Cover = 1,
}

/// A window.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PortraitSurface {
    /// `sizeof(PortraitSurface)`.
    pub struct_size: u32,
    /// A `PortraitWindow`.
    pub kind: u32,
    /// Connection to the display server, where there is one.
    pub display: *mut c_void,
    /// The window: a pointer, or a number.
    pub window: usize,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// A `PortraitFit`.
    pub fit: u32,
    /// Red, green and blue of the bars, 0 to 1 as screens show them.
    pub bars: [f32; 3],
}

fn target_of(surface: &PortraitSurface) -> Result<SurfaceTargetUnsafe, Failure> {
    let gone = || Failure::argument("`window` is 0 or out of range");
    let pointer = || NonNull::new(surface.window as *mut c_void).ok_or_else(gone);
    let number = || u32::try_from(surface.window).ok().and_then(NonZeroU32::new).ok_or_else(gone);
    let display = NonNull::new(surface.display);
    let connected = || display.ok_or_else(|| Failure::argument("`display` is null"));
    let (display, window): (Option<rwh::RawDisplayHandle>, rwh::RawWindowHandle) = match surface.kind {
        0 => (
            Some(rwh::XlibDisplayHandle::new(Some(connected()?), 0).into()),
            rwh::XlibWindowHandle::new(number()?.get().into()).into(),
        ),
        1 => (
            Some(rwh::XcbDisplayHandle::new(Some(connected()?), 0).into()),
            rwh::XcbWindowHandle::new(number()?).into(),
        ),
        2 => (
            Some(rwh::WaylandDisplayHandle::new(connected()?).into()),
            rwh::WaylandWindowHandle::new(pointer()?).into(),
        ),
        3 => {
            let hwnd = NonZeroIsize::new(surface.window as isize).ok_or_else(gone)?;
            (Some(rwh::WindowsDisplayHandle::new().into()), rwh::Win32WindowHandle::new(hwnd).into())
        }
        4 => (Some(rwh::AndroidDisplayHandle::new().into()), rwh::AndroidNdkWindowHandle::new(pointer()?).into()),
        5 => return layer(pointer()?),
        other => return Err(Failure::argument(format!("`kind` is {other}; it goes from 0 to 5"))),
    };
    Ok(SurfaceTargetUnsafe::RawHandle { raw_display_handle: display, raw_window_handle: window })
}

#[cfg(target_vendor = "apple")]
fn layer(layer: NonNull<c_void>) -> Result<SurfaceTargetUnsafe, Failure> {
    Ok(SurfaceTargetUnsafe::CoreAnimationLayer(layer.as_ptr()))
}

#[cfg(not(target_vendor = "apple"))]
fn layer(_layer: NonNull<c_void>) -> Result<SurfaceTargetUnsafe, Failure> {
    Err(Failure::new(PortraitStatus::Unsupported, "a CAMetalLayer is drawn on by Apple's systems only"))
}

/// How pictures fill a window or a texture.
pub(crate) fn placement_of(fit: u32, bars: [f32; 3]) -> Result<Placement, Failure> {
    let fit = match fit {
        0 => Fit::Contain,
        1 => Fit::Cover,
        other => return Err(Failure::argument(format!("`fit` is {other}; it is 0 or 1"))),
    };
    if !bars.iter().all(|v| (0.0..=1.0).contains(v)) {
        return Err(Failure::argument("`bars` go from 0 to 1"));
    }
    Ok(Placement { fit, bars })
}

/// Draws every picture on this window from now on, in place of the one before; the newest picture at once, unless paused. Waits until
/// the window before is no longer in use, and for nothing where there is none: a session that is still opening draws later. A window that
/// refuses pictures then is given up, which `PortraitSessionStatus::window` tells, and why, its `window_failure`. The window
/// has to stay until `portrait_session_surface_destroyed` or `portrait_session_release` returns. Any thread.
///
/// # Safety
/// `surface` is null or points at a `PortraitSurface` whose `struct_size` is set, with handles of a window that is there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portrait_session_surface_created(
    session: PortraitSession,
    surface: *const PortraitSurface,
) -> PortraitStatus {
    call(|| {
        let live = handle::session(session)?;
        // SAFETY: the host's promise.
        let given = unsafe { sized(surface, "surface")? };
        let placement = placement_of(given.fit, given.bars)?;
        let target = target_of(&given)?;
        // The window before first: a window has one surface at a time, and it may be the same one.
        live.session.window_destroyed();
        // SAFETY: the host's promise.
        let (surface, capabilities) = unsafe { live.engine.gpu().raw_surface(target)? };
        let size = [given.width, given.height];
        Ok(live.session.window_created(Window { surface, capabilities, size, placement })?)
    })
}

/// Fits pictures to a window that has another size now, in pixels. Waits for nothing. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn portrait_session_surface_changed(
    session: PortraitSession,
    width: u32,
    height: u32,
) -> PortraitStatus {
    call(|| {
        handle::session(session)?.session.window_resized([width, height]);
        Ok(())
    })
}

/// Draws on no window any more. Waits until the window is no longer in use: afterwards the host may destroy it. One that the session
/// has not begun to use is not waited for. Done also where there is none. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn portrait_session_surface_destroyed(session: PortraitSession) -> PortraitStatus {
    call(|| {
        handle::session(session)?.session.window_destroyed();
        Ok(())
    })
}
