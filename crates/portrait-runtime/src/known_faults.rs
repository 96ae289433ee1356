//! Drivers known to compute wrongly what shaders here may do. What no shader here does is kept out by the kernels' own tests:
//! workgroups of 8 × 8 and 4 × 16 (Adreno 840, executorch #22328), atomics in workgroup memory (Mali, wgpu #8643).

use portrait_kernels::Avoid;

/// What is known of a driver.
#[derive(Debug)]
pub(crate) struct KnownFault {
    /// Who made the GPU, by PCI or Khronos number.
    vendor: u32,
    /// Part of the adapter's name.
    adapter: &'static str,
    /// Part of the driver's name and version; empty: all that are known.
    driver: &'static str,
    /// Whether native 16-bit shaders are wrong.
    native_f16: bool,
    /// Shaders that are wrong in any precision.
    shaders: &'static [&'static str],
    /// Who saw it.
    source: &'static str,
}

const QUALCOMM: u32 = 0x5143;

static TABLE: [KnownFault; 1] = [KnownFault {
    vendor: QUALCOMM,
    adapter: "Adreno (TM) 630",
    driver: "",
    native_f16: true,
    shaders: &[],
    source: "16-bit arithmetic gives other pictures than 32-bit (ncnn #1084)",
}];

/// What the table says of one adapter.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Known {
    pub(crate) no_native_f16: bool,
    pub(crate) avoid: Avoid,
    pub(crate) notes: Vec<String>,
}

/// Looks an adapter up.
pub(crate) fn known_faults(info: &wgpu::AdapterInfo) -> Known {
    known_in(&TABLE, info)
}

fn known_in(table: &[KnownFault], info: &wgpu::AdapterInfo) -> Known {
    let driver = format!("{} {}", info.driver, info.driver_info);
    let concerns =
        |f: &&KnownFault| f.vendor == info.vendor && info.name.contains(f.adapter) && driver.contains(f.driver);
    table.iter().filter(concerns).fold(Known::default(), |mut known, fault| {
        known.no_native_f16 |= fault.native_f16;
        known.avoid = fault.shaders.iter().fold(known.avoid, |avoid, shader| avoid.with(shader));
        let way = if fault.native_f16 { "f16 is used only where it is asked for" } else { "gone around" };
        known.notes.push(format!("known of {}: {}; {way}", info.name, fault.source));
        known
    })
}

#[cfg(test)]
mod unit {
    use super::*;
    use portrait_kernels::shader_names;

    fn adapter(vendor: u32, name: &str) -> wgpu::AdapterInfo {
        let mut info = wgpu::AdapterInfo::new(wgpu::DeviceType::IntegratedGpu, wgpu::Backend::Vulkan);
        (info.vendor, info.name) = (vendor, name.to_owned());
        info
    }

    #[test]
    fn only_the_adapter_that_is_meant() {
        let known = known_faults(&adapter(QUALCOMM, "Adreno (TM) 630"));
        assert!(known.no_native_f16 && known.notes[0].contains("f16 is used only where"), "{:?}", known.notes);
        assert_eq!(known_faults(&adapter(QUALCOMM, "Adreno (TM) 740")), Known::default());
        assert_eq!(known_faults(&adapter(0x13B5, "Adreno (TM) 630")), Known::default());
    }

    #[test]
    fn shaders_are_gone_around_with_the_driver_that_is_meant() {
        let fault = |shaders, source| KnownFault {
            vendor: QUALCOMM,
            adapter: "Adreno",
            driver: "512.615",
            native_f16: false,
            shaders,
            source,
        };
        let table = [fault(&["warp"], "one"), fault(&["conv3x3_8x8", "paste"], "two")];
        let mut info = adapter(QUALCOMM, "Adreno (TM) 740");
        (info.driver, info.driver_info) = ("Qualcomm".to_owned(), "Driver 512.615.0".to_owned());
        let known = known_in(&table, &info);
        let avoid = ["warp", "conv3x3_8x8", "paste"].iter().fold(Avoid::NONE, |avoid, shader| avoid.with(shader));
        let notes = ["one", "two"].map(|source| format!("known of Adreno (TM) 740: {source}; gone around"));
        assert_eq!(known, Known { no_native_f16: false, avoid, notes: notes.to_vec() });
        info.driver_info = "Driver 676.0.0".to_owned();
        assert_eq!(known_in(&table, &info), Known::default());
    }

    #[test]
    fn shaders_of_the_table_exist() {
        for shader in TABLE.iter().flat_map(|fault| fault.shaders) {
            assert!(shader_names().any(|name| name == *shader), "{shader}");
        }
    }
}
