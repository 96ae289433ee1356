//! Whether a device computes what it should.

use crate::call::call;
use crate::engine::PortraitEngine;
use crate::handle;
use crate::input::{fill, fixed, told_size};
use crate::status::PortraitStatus;
use std::ffi::c_char;

/// What a self-test found.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PortraitSelfTest {
    /// `sizeof(PortraitSelfTest)`.
    pub struct_size: u32,
    /// Pipelines tried.
    pub pipelines: u32,
    /// Pipelines among them that this device computes wrongly.
    pub failed: u32,
    /// Which, with commas: as many whole names as there is room for.
    pub names: [c_char; 256],
}

/// As many of the names as there is room for.
fn names<const N: usize>(all: &[String]) -> [c_char; N] {
    let mut text = String::new();
    for name in all {
        let comma = if text.is_empty() { "" } else { ", " };
        if text.len() + comma.len() + name.len() >= N {
            break;
        }
        text.extend([comma, name]);
    }
    fixed(&text)
}

/// Runs every pipeline once with noise and compares with the CPU: some drivers compute some of them wrongly. With a
/// `cache_directory` opening does so by itself, once for each driver. Takes seconds. Waits until the engine is open. Any thread.
///
/// # Safety
/// `result` is null or points at a `PortraitSelfTest` whose `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portrait_engine_self_test(
    engine: PortraitEngine,
    result: *mut PortraitSelfTest,
) -> PortraitStatus {
    call(|| {
        // SAFETY: the host's promise.
        let struct_size = unsafe { told_size(result, "result")? };
        let tests = handle::engine(engine)?.engine()?.self_test()?;
        let failed: Vec<String> =
            tests.iter().filter(|t| !t.passed).map(|t| format!("{} {}", t.name, t.variant)).collect();
        let found = PortraitSelfTest {
            struct_size,
            pipelines: tests.len() as u32,
            failed: failed.len() as u32,
            names: names(&failed),
        };
        // SAFETY: the host's promise.
        unsafe { fill(result, found, "result") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_cut() {
        let all = ["warp f32", "compose f32", "paste f32"].map(str::to_owned);
        let text = |told: &[c_char]| told.iter().take_while(|c| **c != 0).map(|&c| c as u8 as char).collect::<String>();
        assert_eq!(text(&names::<64>(&all)), "warp f32, compose f32, paste f32");
        assert_eq!(text(&names::<32>(&all)), "warp f32, compose f32");
        assert_eq!(text(&names::<22>(&all)), "warp f32, compose f32");
        assert_eq!(text(&names::<21>(&all)), "warp f32");
        assert_eq!(text(&names::<4>(&all)), "");
    }
}
