//! Which adapter to use, and what it likes.

use crate::error::EngineError;
use portrait_kernels::{Avoid, DeviceProfile, Tier};

/// How to choose adapter and precision.
#[derive(Clone, Debug, Default)]
pub struct GpuOptions {
    /// Part of the adapter's name, or its index in [`adapters`]; `None`: the fastest kind there is.
    pub adapter: Option<String>,
    /// Precision; `None`: what suits the adapter.
    pub tier: Option<Tier>,
    /// Tiles of the kernels; `None`: what suits the adapter.
    pub profile: Option<DeviceProfile>,
    /// Shaders that this device computes wrongly, besides those that are known of its driver.
    pub avoid: Avoid,
    /// Directory for compiled pipelines, so that the next start is faster; made when there is something to write. Vulkan only.
    /// `None`: nothing is written.
    pub cache: Option<std::path::PathBuf>,
}

/// One adapter of this machine.
#[derive(Clone, Debug)]
pub struct AdapterSummary {
    /// Name as the driver gives it.
    pub name: String,
    /// `Vulkan`, `Metal`, …
    pub backend: String,
    /// `DiscreteGpu`, `IntegratedGpu`, `Cpu`, …
    pub kind: String,
    /// Driver name and version.
    pub driver: String,
    /// Whether shaders may use native f16.
    pub shader_f16: bool,
    /// What the adapter allows; the engine asks for no more than WebGPU's defaults.
    pub limits: wgpu::Limits,
}

pub(crate) fn instance() -> wgpu::Instance {
    wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env())
}

pub(crate) fn summarise(info: &wgpu::AdapterInfo, features: wgpu::Features, limits: wgpu::Limits) -> AdapterSummary {
    AdapterSummary {
        name: info.name.clone(),
        backend: format!("{:?}", info.backend),
        kind: format!("{:?}", info.device_type),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        shader_f16: features.contains(wgpu::Features::SHADER_F16),
        limits,
    }
}

/// All adapters of this machine, in the order that an index in [`GpuOptions::adapter`] counts.
pub async fn adapters() -> Vec<AdapterSummary> {
    let found = instance().enumerate_adapters(wgpu::Backends::all()).await;
    found.iter().map(|a| summarise(&a.get_info(), a.features(), a.limits())).collect()
}

/// Tile profile of an adapter, by vendor. The only place that looks at who made a GPU.
pub(crate) fn profile_of(info: &wgpu::AdapterInfo) -> DeviceProfile {
    const ARM: u32 = 0x13B5;
    match (info.device_type, info.vendor) {
        (wgpu::DeviceType::Cpu, _) => DeviceProfile::SOFTWARE,
        (wgpu::DeviceType::DiscreteGpu, _) => DeviceProfile::WIDE,
        (_, ARM) => DeviceProfile::NARROW,
        _ => DeviceProfile::MEDIUM,
    }
}

/// Lower rank = better choice when nothing was asked for.
fn rank(kind: wgpu::DeviceType) -> u32 {
    match kind {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

/// The adapter whose index or name is `wanted`, or the best one.
pub(crate) async fn choose(instance: &wgpu::Instance, wanted: Option<&str>) -> Result<wgpu::Adapter, EngineError> {
    let mut found: Vec<(usize, wgpu::Adapter)> =
        instance.enumerate_adapters(wgpu::Backends::all()).await.into_iter().enumerate().collect();
    found.sort_by_key(|(i, a)| (rank(a.get_info().device_type), *i));
    match wanted {
        None => found.into_iter().next().map(|(_, a)| a).ok_or_else(|| {
            EngineError::NoAdapter(
                "no Vulkan or Metal adapter found; install a GPU driver, or Mesa's software one: \
                     apt-get install mesa-vulkan-drivers libvulkan1"
                    .to_owned(),
            )
        }),
        Some(wanted) => {
            let names: Vec<String> = found.iter().map(|(i, a)| format!("  {i}: {}", a.get_info().name)).collect();
            let named = |a: &wgpu::Adapter| a.get_info().name.to_lowercase().contains(&wanted.to_lowercase());
            // A number is an index before it is part of a name.
            let index = wanted.parse::<usize>().ok();
            let at = found.iter().position(|(i, _)| Some(*i) == index);
            let at = at.or_else(|| found.iter().position(|(_, a)| named(a)));
            at.map(|at| found.swap_remove(at).1).ok_or_else(|| {
                let list = if names.is_empty() { "  none".to_owned() } else { names.join("\n") };
                EngineError::NoAdapter(format!("no adapter matches `{wanted}`; there are:\n{list}"))
            })
        }
    }
}

/// The adapter that these options choose.
pub(crate) async fn adapter_info(options: &GpuOptions) -> Result<wgpu::AdapterInfo, EngineError> {
    Ok(choose(&instance(), options.adapter.as_deref()).await?.get_info())
}
