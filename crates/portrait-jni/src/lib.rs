//! The C interface for Java virtual machines: the native methods of `org.portrait.Native` in `bindings/android`.
//!
//! Nothing of the machine's is kept, and no object is made but a text: numbers, direct buffers and arrays of sound go in, a status comes
//! out, and Kotlin makes an exception of it. What a call has to tell more is written into a direct buffer as 64-bit integers and floats.
#![allow(
    unsafe_code,
    reason = "JNI: buffers and arrays from Java are read after they were checked for null and length"
)]
#![allow(non_snake_case, reason = "the names that the Java virtual machine looks for")]

pub mod buffer;
pub mod loans;
pub mod objects;
pub mod session;
pub mod surface;
