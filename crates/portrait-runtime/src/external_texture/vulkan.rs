//! Memory of another `VkDevice`, behind an image of ours (`VK_KHR_external_memory_fd`).

use super::{Gpu, VulkanMemory, extent};
use crate::error::EngineError;
use ash::vk;
use std::os::fd::IntoRawFd;
use wgpu::hal::api::Vulkan;
use wgpu::hal::vulkan::{Device, TextureMemory};

const HANDLE: vk::ExternalMemoryHandleTypeFlags = vk::ExternalMemoryHandleTypeFlags::OPAQUE_FD;

/// # Safety
/// The memory is what it says.
pub(super) unsafe fn import(gpu: &Gpu, memory: VulkanMemory) -> Result<wgpu::Texture, EngineError> {
    let VulkanMemory { size, format, .. } = memory;
    let raw_format = match format {
        wgpu::TextureFormat::Rgba8Unorm => vk::Format::R8G8B8A8_UNORM,
        wgpu::TextureFormat::Bgra8Unorm => vk::Format::B8G8R8A8_UNORM,
        other => return Err(gpu.refused(&format!("its format is {other:?}; Rgba8Unorm and Bgra8Unorm are taken"))),
    };
    let limit = gpu.device.limits().max_texture_dimension_2d;
    if size.iter().any(|side| !(1..=limit).contains(side)) {
        return Err(gpu.refused(&format!("it is {} × {}; sides go from 1 to {limit}", size[0], size[1])));
    }
    if !gpu.device.features().contains(wgpu::Features::VULKAN_EXTERNAL_MEMORY_FD) {
        return Err(gpu.refused("the driver has no VK_KHR_external_memory_fd, or the engine does not run on Vulkan"));
    }
    // SAFETY: nothing of it is destroyed here but what is made here.
    let device = unsafe { gpu.device.as_hal::<Vulkan>() }.ok_or_else(|| gpu.refused("the engine runs on no Vulkan"))?;
    let refused = |what: &str, result: vk::Result| gpu.refused(&format!("{what}: {result}"));
    let usage =
        vk::ImageUsageFlags::COLOR_ATTACHMENT | vk::ImageUsageFlags::SAMPLED | vk::ImageUsageFlags::TRANSFER_SRC;
    importable(&device, raw_format, usage).map_err(|why| gpu.refused(&why))?;

    let mut external = vk::ExternalMemoryImageCreateInfo::default().handle_types(HANDLE);
    let description = vk::ImageCreateInfo::default()
        .image_type(vk::ImageType::TYPE_2D)
        .format(raw_format)
        .extent(vk::Extent3D { width: size[0], height: size[1], depth: 1 })
        .mip_levels(1)
        .array_layers(1)
        .samples(vk::SampleCountFlags::TYPE_1)
        .tiling(vk::ImageTiling::OPTIMAL)
        .usage(usage)
        .sharing_mode(vk::SharingMode::EXCLUSIVE)
        .initial_layout(vk::ImageLayout::UNDEFINED)
        .push_next(&mut external);
    let raw = device.raw_device();
    // SAFETY: of this device, and owned by the texture in the end.
    let image =
        unsafe { raw.create_image(&description, None) }.map_err(|result| refused("no image like it", result))?;
    // SAFETY: the image was just made; on failure it is destroyed, and nothing else has seen it.
    match unsafe { bind(&device, image, memory) } {
        Ok(bound) => {
            let description = wgpu::hal::TextureDescriptor {
                label: Some("external"),
                size: extent(size),
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format,
                usage: wgpu::TextureUses::COLOR_TARGET | wgpu::TextureUses::RESOURCE | wgpu::TextureUses::COPY_SRC,
                memory_flags: wgpu::hal::MemoryFlags::empty(),
                view_formats: Vec::new(),
            };
            // SAFETY: image and memory are of this device and nobody else's; without a callback they are destroyed with the texture.
            unsafe {
                let texture = device.texture_from_raw(image, &description, None, TextureMemory::Dedicated(bound));
                Ok(gpu.adopt::<Vulkan>(texture, size, format))
            }
        }
        Err(why) => {
            // SAFETY: see above.
            unsafe { raw.destroy_image(image, None) };
            Err(gpu.refused(&why))
        }
    }
}

/// Whether the driver takes such memory for such images.
fn importable(device: &Device, format: vk::Format, usage: vk::ImageUsageFlags) -> Result<(), String> {
    let mut external = vk::PhysicalDeviceExternalImageFormatInfo::default().handle_type(HANDLE);
    let wanted = vk::PhysicalDeviceImageFormatInfo2::default()
        .format(format)
        .ty(vk::ImageType::TYPE_2D)
        .tiling(vk::ImageTiling::OPTIMAL)
        .usage(usage)
        .push_next(&mut external);
    let mut told = vk::ExternalImageFormatProperties::default();
    let mut properties = vk::ImageFormatProperties2::default().push_next(&mut told);
    let instance = device.shared_instance().raw_instance();
    // SAFETY: a question about a physical device that is there.
    unsafe {
        instance.get_physical_device_image_format_properties2(device.raw_physical_device(), &wanted, &mut properties)
    }
    .map_err(|result| format!("the driver shares no images like it: {result}"))?;
    let features = told.external_memory_properties.external_memory_features;
    match features.contains(vk::ExternalMemoryFeatureFlags::IMPORTABLE) {
        true => Ok(()),
        false => Err("the driver takes no images by file descriptor".to_owned()),
    }
}

/// The memory, imported and bound to the image.
///
/// # Safety
/// As of [`import`]; the image is of this device, and has no memory yet.
unsafe fn bind(device: &Device, image: vk::Image, memory: VulkanMemory) -> Result<vk::DeviceMemory, String> {
    let raw = device.raw_device();
    // SAFETY: the caller's promise.
    let needed = unsafe { raw.get_image_memory_requirements(image) };
    if memory.bytes < needed.size {
        return Err(format!("such an image needs {} bytes, and its memory has {}", needed.size, memory.bytes));
    }
    if needed.memory_type_bits & 1u32.checked_shl(memory.kind).unwrap_or(0) == 0 {
        return Err(format!("such an image cannot lie in memory of kind {}", memory.kind));
    }
    // Taken over by the driver, if it takes the memory.
    let fd = memory.fd.into_raw_fd();
    let mut imported = vk::ImportMemoryFdInfoKHR::default().handle_type(HANDLE).fd(fd);
    let mut dedicated = vk::MemoryDedicatedAllocateInfo::default().image(image);
    let allocation = vk::MemoryAllocateInfo::default()
        .allocation_size(memory.bytes)
        .memory_type_index(memory.kind)
        .push_next(&mut imported)
        .push_next(&mut dedicated);
    // SAFETY: size and kind were checked; the descriptor is the caller's promise.
    let bound = unsafe { raw.allocate_memory(&allocation, None) }.map_err(|result| {
        // SAFETY: it is still ours.
        drop(unsafe { <std::os::fd::OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(fd) });
        format!("the driver does not take its memory: {result}")
    })?;
    // SAFETY: both are of this device and not bound yet.
    unsafe { raw.bind_image_memory(image, bound, 0) }.map_err(|result| {
        // SAFETY: nothing uses it.
        unsafe { raw.free_memory(bound, None) };
        format!("its memory does not fit such an image: {result}")
    })?;
    Ok(bound)
}
