//! Textures of the host's to draw into.

use crate::call::{ask, call};
use crate::engine::PortraitEngine;
use crate::handle::{self, Object};
use crate::input::{sized, write};
use crate::session::PortraitSession;
use crate::status::{Failure, PortraitStatus};
use crate::surface::placement_of;
use portrait_runtime::{ExternalTexture, Gpu, Placement, wgpu};
use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A texture of the host's that pictures may be drawn into; 0 is none.
pub type PortraitTexture = u64;

/// Where a texture comes from.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortraitTextureKind {
    /// `metal` is an `id<MTLTexture>` of the system's default device: RGBA8 or BGRA8, two dimensions, one level, one sample, usage with
    /// `MTLTextureUsageRenderTarget`. It is retained.
    Metal = 0,
    /// Memory of a `VkImage` of the host's own `VkDevice`, on the same GPU and driver (compare `deviceUUID` and `driverUUID`), for Linux
    /// and Android. The image: `VK_IMAGE_TYPE_2D`, no flags, one level, layer and sample, `VK_IMAGE_TILING_OPTIMAL`, usage
    /// `COLOR_ATTACHMENT | SAMPLED | TRANSFER_SRC`, `VK_SHARING_MODE_EXCLUSIVE`, with `VkExternalMemoryImageCreateInfo` of
    /// `VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT`. Its memory: exported with that type, allocated with
    /// `VkMemoryDedicatedAllocateInfo`, bound from byte 0 on. After each drawing it is in the layout
    /// `VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL`, in which it has to be for the next one too.
    VulkanFd = 1,
}

/// A texture of the host's, and how pictures fill it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PortraitTextureOptions {
    /// `sizeof(PortraitTextureOptions)`.
    pub struct_size: u32,
    /// A `PortraitTextureKind`.
    pub kind: u32,
    /// For `PORTRAIT_TEXTURE_KIND_METAL`: the texture. What follows to `memory_kind` is not for it.
    pub metal: *mut c_void,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// `PORTRAIT_FORMAT_RGBA` is `VK_FORMAT_R8G8B8A8_UNORM`, `PORTRAIT_FORMAT_BGRA` is `VK_FORMAT_B8G8R8A8_UNORM`.
    pub format: u32,
    /// Of `vkGetMemoryFdKHR`. It stays the host's, and may be closed after the call.
    pub memory_fd: i32,
    /// Bytes that were allocated.
    pub memory_bytes: u64,
    /// `memoryTypeIndex` of that.
    pub memory_kind: u32,
    /// A `PortraitFit`.
    pub fit: u32,
    /// Red, green and blue of the bars, 0 to 1 as screens show them.
    pub bars: [f32; 3],
}

/// A texture on the engine's device, and how to fill it.
pub(crate) struct Canvas {
    gpu: Arc<Gpu>,
    texture: wgpu::Texture,
    placement: Placement,
    turns: Turns,
}

/// Who draws: one after another, and nobody after the release.
#[derive(Default)]
struct Turns {
    /// Held by whoever draws.
    released: Mutex<bool>,
}

impl Turns {
    /// Waits for the one before.
    fn begin(&self) -> Result<MutexGuard<'_, bool>, Failure> {
        let turn = self.lock();
        if *turn {
            return Err(Failure::new(PortraitStatus::Released, "this texture was released"));
        }
        Ok(turn)
    }

    /// Waits for the one that draws, and stops those who wait for their turn.
    fn end(&self) {
        *self.lock() = true;
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.released.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(unix)]
fn vulkan(given: &PortraitTextureOptions) -> Result<ExternalTexture, Failure> {
    let format = match given.format {
        0 => wgpu::TextureFormat::Rgba8Unorm,
        1 => wgpu::TextureFormat::Bgra8Unorm,
        other => return Err(Failure::argument(format!("`format` is {other}; textures are RGBA (0) or BGRA (1)"))),
    };
    if given.memory_fd < 0 {
        return Err(Failure::argument(format!("`memory_fd` is {}", given.memory_fd)));
    }
    // SAFETY: only copied; one that is not open is an error.
    let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(given.memory_fd) }.try_clone_to_owned();
    let fd = fd.map_err(|error| Failure::argument(format!("`memory_fd` is {}: {error}", given.memory_fd)))?;
    Ok(ExternalTexture::VulkanMemory(portrait_runtime::VulkanMemory {
        fd,
        bytes: given.memory_bytes,
        kind: given.memory_kind,
        size: [given.width, given.height],
        format,
    }))
}

#[cfg(not(unix))]
fn vulkan(_given: &PortraitTextureOptions) -> Result<ExternalTexture, Failure> {
    Err(Failure::new(PortraitStatus::Unsupported, "memory by file descriptor is shared on Unix only"))
}

/// Makes a texture of the host's one that sessions of this engine, and of engines that share its device, can draw into. Waits for the
/// engine. `PORTRAIT_STATUS_UNSUPPORTED` where the platform, the driver or the texture does not allow it. Once for each texture, not
/// for each picture. Any thread.
///
/// # Safety
/// `options` is null or points at a `PortraitTextureOptions` whose `struct_size` is set, with a texture that is as it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portrait_texture_open(
    engine: PortraitEngine,
    options: *const PortraitTextureOptions,
    texture: *mut PortraitTexture,
) -> PortraitStatus {
    call(|| {
        // SAFETY: the host's promise.
        let given = unsafe {
            write(texture, 0, "texture")?;
            sized(options, "options")?
        };
        let placement = placement_of(given.fit, given.bars)?;
        let external = match given.kind {
            0 => ExternalTexture::Metal(NonNull::new(given.metal).ok_or_else(|| Failure::argument("`metal` is null"))?),
            1 => vulkan(&given)?,
            other => return Err(Failure::argument(format!("`kind` is {other}; it is 0 or 1"))),
        };
        let engine = handle::engine(engine)?.engine()?;
        // SAFETY: the host's promise.
        let imported = unsafe { engine.gpu().import(external)? };
        let gpu = engine.gpu().clone();
        let canvas = Canvas { gpu, texture: imported, placement, turns: Turns::default() };
        let number = handle::insert(Object::Texture(Arc::new(canvas)))?;
        // SAFETY: the host's promise.
        unsafe { write(texture, number, "texture") }
    })
}

/// Draws the newest picture that was not drawn yet into a texture, and waits until the GPU has done it: the host may use the texture
/// when the call returns. Waits for a picture no longer than `timeout_ms`; `PORTRAIT_STATUS_PENDING` if there is none, or the session is
/// paused, and the texture stays as it is. Nothing is copied, neither to memory nor on the GPU. With two textures in turn one can be shown
/// while the other is drawn. Independent of `portrait_session_take_picture` and of a window. Any thread.
///
/// # Safety
/// `timestamp_ns` is null, or takes the time stamp of the picture, as `PortraitPicture` has it. The host does not use the texture meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portrait_session_draw_picture(
    session: PortraitSession,
    timeout_ms: u32,
    texture: PortraitTexture,
    timestamp_ns: *mut u64,
) -> PortraitStatus {
    ask(|| {
        let live = handle::session(session)?;
        let canvas = handle::texture(texture)?;
        if !Arc::ptr_eq(&canvas.gpu, live.engine.gpu()) {
            return Err(Failure::argument("the texture was opened for an engine on another device than the session's"));
        }
        let _turn = canvas.turns.begin()?;
        let patience = Duration::from_millis(timeout_ms.into());
        let Some(drawn) = live.session.draw_picture(patience, &canvas.texture, canvas.placement)? else {
            return Ok(PortraitStatus::Pending);
        };
        if !timestamp_ns.is_null() {
            // SAFETY: the host's promise.
            unsafe { write(timestamp_ns, drawn.as_nanos() as u64, "timestamp_ns")? };
        }
        Ok(PortraitStatus::Ok)
    })
}

/// Gives a texture back to its owner alone; waits for a call that draws into it, and none does afterwards. Done also for 0 and for a
/// texture that was released before. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn portrait_texture_release(texture: PortraitTexture) -> PortraitStatus {
    call(|| {
        handle::release(texture, handle::TEXTURE, |object| {
            if let Object::Texture(canvas) = object {
                canvas.turns.end();
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn nobody_draws_after_the_release() {
        let turns = Turns::default();
        let first = turns.begin().expect("not released");
        let (told, heard) = channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                turns.end();
                told.send(()).expect("heard");
            });
            assert!(heard.recv_timeout(Duration::from_millis(20)).is_err(), "a release waits for who draws");
            drop(first);
            heard.recv().expect("released");
        });
        let refused = turns.begin().map(drop).expect_err("released");
        assert_eq!(refused.status, PortraitStatus::Released);
        // A second release has nobody to wait for.
        turns.end();
    }
}
