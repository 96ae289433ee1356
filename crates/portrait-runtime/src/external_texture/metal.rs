//! A texture of Metal's: it is taken as it is.

use super::Gpu;
use crate::error::EngineError;
use objc2::rc::Retained;
use objc2::runtime::ProtocolObject;
use objc2_metal::{MTLPixelFormat, MTLResource, MTLTexture, MTLTextureType, MTLTextureUsage};
use std::ffi::c_void;
use std::ptr::NonNull;
use wgpu::hal::api::Metal;

type Texture = ProtocolObject<dyn MTLTexture>;

/// # Safety
/// An `id<MTLTexture>`.
pub(super) unsafe fn import(gpu: &Gpu, texture: NonNull<c_void>) -> Result<wgpu::Texture, EngineError> {
    // SAFETY: the caller's promise; it is kept for as long as this device uses it.
    let texture: Retained<Texture> = unsafe { Retained::retain(texture.as_ptr().cast()) }
        .ok_or_else(|| gpu.refused("it is no texture of Metal's"))?;
    let format = match texture.pixelFormat() {
        MTLPixelFormat::RGBA8Unorm => wgpu::TextureFormat::Rgba8Unorm,
        MTLPixelFormat::RGBA8Unorm_sRGB => wgpu::TextureFormat::Rgba8UnormSrgb,
        MTLPixelFormat::BGRA8Unorm => wgpu::TextureFormat::Bgra8Unorm,
        MTLPixelFormat::BGRA8Unorm_sRGB => wgpu::TextureFormat::Bgra8UnormSrgb,
        other => return Err(gpu.refused(&format!("its format is {other:?}; RGBA8 and BGRA8 are taken"))),
    };
    if texture.textureType() != MTLTextureType::Type2D || texture.mipmapLevelCount() != 1 {
        return Err(gpu.refused("it is not of two dimensions with one level and one sample"));
    }
    let usage = texture.usage();
    // `MTLTextureUsageUnknown` is 0 and allows everything.
    if !usage.is_empty() && !usage.contains(MTLTextureUsage::RenderTarget) {
        return Err(gpu.refused("it may not be rendered to: make it with MTLTextureUsageRenderTarget"));
    }
    // SAFETY: only looked at.
    let device =
        unsafe { gpu.device.as_hal::<Metal>() }.ok_or_else(|| gpu.refused("the engine does not run on Metal"))?;
    if texture.device() != *device.raw_device() {
        return Err(gpu.refused("it is of another device than the engine's"));
    }
    let [width, height] = [texture.width(), texture.height()].map(|side| side as u32);
    let size = wgpu::hal::CopyExtent { width, height, depth: 1 };
    // SAFETY: all of it was just read from the texture.
    unsafe {
        let texture =
            wgpu::hal::metal::Device::texture_from_raw(texture, format, MTLTextureType::Type2D, 1, 1, size, None);
        Ok(gpu.adopt::<Metal>(texture, [width, height], format))
    }
}
