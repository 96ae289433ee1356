//! The engine behind a C ABI. `include/portrait.h` is generated from this crate; `docs/embedding.md` is the guide.
//!
//! Every export checks pointers and lengths, catches panics, and returns a [`PortraitStatus`]; the text to it is
//! [`portrait_last_error`]. Objects are numbers, not pointers: a stale one is told apart from a live one.
#![allow(
    unsafe_code,
    reason = "a C ABI: pointers from the host are read after they were checked for null, alignment and length"
)]

mod avatar;
mod call;
mod engine;
mod frame;
mod handle;
mod input;
mod motion;
mod self_test;
mod session;
mod session_status;
mod status;
mod surface;
mod texture;

pub use avatar::*;
pub use engine::*;
pub use frame::*;
pub use input::Flag;
pub use motion::*;
pub use self_test::*;
pub use session::*;
pub use session_status::*;
pub use status::*;
pub use surface::*;
pub use texture::*;

/// Grows with every change of this interface that breaks programs built against an earlier header. Structs that begin with their size
/// may get longer without that: what an older header does not know of them is 0, the default, and is not written.
pub const PORTRAIT_ABI_VERSION: u32 = 1;

/// `PORTRAIT_ABI_VERSION` of the library, to compare with the header's. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn portrait_abi_version() -> u32 {
    PORTRAIT_ABI_VERSION
}
