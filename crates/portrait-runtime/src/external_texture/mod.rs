//! Textures that somebody else has made on the same GPU, to be drawn into without a copy.
#![allow(unsafe_code, reason = "memory of another owner's: the caller promises what it is")]

#[cfg(target_vendor = "apple")]
mod metal;
#[cfg(all(unix, not(target_vendor = "apple")))]
mod vulkan;

use crate::error::EngineError;
use crate::gpu::Gpu;

/// A texture of another owner's: two dimensions, one level, one sample.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExternalTexture {
    /// An `id<MTLTexture>` that may be rendered to, of the device that the engine runs on: iOS has one.
    Metal(std::ptr::NonNull<std::ffi::c_void>),
    /// Memory of a `VkImage`, exported as an opaque file descriptor.
    #[cfg(unix)]
    VulkanMemory(VulkanMemory),
}

/// Memory of a `VkImage` that another `VkDevice` of the same GPU and driver has made: `VK_IMAGE_TYPE_2D`, no flags, optimal tiling,
/// usage [colour attachment, sampled, transfer source], not shared between queues, made for handles of the type `OPAQUE_FD`; memory
/// allocated for it alone (`VkMemoryDedicatedAllocateInfo`), bound from byte 0 on.
///
/// [colour attachment, sampled, transfer source]: https://registry.khronos.org/vulkan/specs/latest/man/html/VkImageUsageFlagBits.html
#[cfg(unix)]
#[derive(Debug)]
pub struct VulkanMemory {
    /// The exported memory.
    pub fd: std::os::fd::OwnedFd,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its index among the GPU's kinds of memory.
    pub kind: u32,
    /// Width and height in pixels.
    pub size: [u32; 2],
    /// `Rgba8Unorm` or `Bgra8Unorm`.
    pub format: wgpu::TextureFormat,
}

impl Gpu {
    /// The texture as one of this device. Content from before is lost; what it holds between two drawings belongs to its owner, who has
    /// to be done with it before the next.
    ///
    /// # Safety
    /// It is what it says, and nobody else uses it while it is drawn into.
    ///
    /// # Errors
    /// [`EngineError::ExternalTexture`] where platform or driver has no way to it, or it is not what it says.
    pub unsafe fn import(&self, texture: ExternalTexture) -> Result<wgpu::Texture, EngineError> {
        // SAFETY: the caller's promise.
        match texture {
            #[cfg(target_vendor = "apple")]
            ExternalTexture::Metal(texture) => unsafe { metal::import(self, texture) },
            #[cfg(all(unix, not(target_vendor = "apple")))]
            ExternalTexture::VulkanMemory(memory) => unsafe { vulkan::import(self, memory) },
            other => Err(self.refused(&format!("this system has no {}", other.name()))),
        }
    }

    fn refused(&self, reason: &str) -> EngineError {
        EngineError::ExternalTexture { adapter: self.adapter().name.clone(), reason: reason.to_owned() }
    }

    /// Makes the handle of wgpu-hal's, whose state is not known, a texture.
    ///
    /// # Safety
    /// It is of this device, and as described.
    #[cfg(unix)]
    unsafe fn adopt<A: wgpu::hal::Api>(
        &self,
        texture: A::Texture,
        size: [u32; 2],
        format: wgpu::TextureFormat,
    ) -> wgpu::Texture {
        let descriptor = wgpu::TextureDescriptor {
            label: Some("external"),
            size: extent(size),
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format,
            usage: USAGE,
            view_formats: &[],
        };
        // SAFETY: the caller's promise.
        unsafe { self.device.create_texture_from_hal::<A>(texture, &descriptor, wgpu::TextureUses::UNINITIALIZED) }
    }
}

impl ExternalTexture {
    fn name(&self) -> &'static str {
        match self {
            Self::Metal(_) => "Metal",
            #[cfg(unix)]
            Self::VulkanMemory(_) => "Vulkan memory by file descriptor",
        }
    }
}

/// What is done with it here, or by its owner afterwards.
#[cfg(unix)]
const USAGE: wgpu::TextureUsages = wgpu::TextureUsages::RENDER_ATTACHMENT
    .union(wgpu::TextureUsages::TEXTURE_BINDING)
    .union(wgpu::TextureUsages::COPY_SRC);

#[cfg(unix)]
fn extent([width, height]: [u32; 2]) -> wgpu::Extent3d {
    wgpu::Extent3d { width, height, depth_or_array_layers: 1 }
}
