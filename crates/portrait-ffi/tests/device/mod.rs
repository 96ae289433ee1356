//! What the tests of every binding ask first.

/// Whether there is a device; printed where not, a failure where one is required.
pub(crate) fn device() -> bool {
    let options = portrait_runtime::GpuOptions::default();
    match pollster::block_on(portrait_runtime::Gpu::open(&options)) {
        Ok(_) => true,
        Err(error) => {
            assert!(std::env::var("PORTRAIT_REQUIRE_GPU").as_deref() != Ok("1"), "PORTRAIT_REQUIRE_GPU=1: {error}");
            println!("SKIP: {error}");
            false
        }
    }
}
