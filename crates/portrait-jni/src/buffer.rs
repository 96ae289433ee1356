//! Java's direct buffers and arrays.

use jni_sys::{JNIEnv, jint, jobject, jshortArray, jstring};
use portrait_ffi::portrait_last_error;
use std::ffi::{CStr, c_char};
use std::ptr::null;

/// Memory of a direct buffer, valid during the call that it was given to.
#[derive(Clone, Copy)]
pub(crate) struct Buffer {
    pub(crate) address: *mut u8,
    pub(crate) length: usize,
}

impl Buffer {
    /// The buffer's memory; no memory for null and for a buffer that is not direct.
    ///
    /// # Safety
    /// What the virtual machine gave to a native method.
    pub(crate) unsafe fn new(env: *mut JNIEnv, buffer: jobject) -> Self {
        let none = Self { address: std::ptr::null_mut(), length: 0 };
        if buffer.is_null() {
            return none;
        }
        // SAFETY: the environment is the machine's, the object a buffer by the method's signature.
        let (address, length) = unsafe {
            let table = &**env;
            ((table.v1_4.GetDirectBufferAddress)(env, buffer), (table.v1_4.GetDirectBufferCapacity)(env, buffer))
        };
        match usize::try_from(length) {
            Ok(length) if !address.is_null() => Self { address: address.cast(), length },
            _ => none,
        }
    }

    /// A text with a zero at its end; null for no buffer or one without the zero.
    pub(crate) fn text(self) -> *const c_char {
        if self.length == 0 {
            return null();
        }
        // SAFETY: the buffer's last byte.
        let last = unsafe { self.address.add(self.length - 1).read() };
        if last == 0 { self.address.cast() } else { null() }
    }

    /// Numbers with fractions, as many as wanted; 0 for those that are not there.
    pub(crate) fn doubles<const N: usize>(self) -> [f64; N] {
        let mut numbers = [0.0; N];
        for (i, number) in numbers.iter_mut().enumerate().take(self.length / 8) {
            // SAFETY: inside the buffer; Java aligns nothing.
            *number = unsafe { self.address.add(8 * i).cast::<f64>().read_unaligned() };
        }
        numbers
    }

    /// Writes numbers, as many as fit.
    pub(crate) fn write<const N: usize>(self, numbers: [u64; N]) {
        for (i, number) in numbers.iter().enumerate().take(self.length / 8) {
            // SAFETY: inside the buffer; Java aligns nothing.
            unsafe { self.address.add(8 * i).cast::<u64>().write_unaligned(*number) };
        }
    }
}

/// A float as a number of [`Buffer::write`].
pub(crate) fn bits(value: f32) -> u64 {
    f64::from(value).to_bits()
}

/// A copy of `length` numbers of an array from `offset` on; a text where they are not there, or there is no memory for them.
///
/// # Safety
/// What the virtual machine gave to a native method.
pub(crate) unsafe fn samples(
    env: *mut JNIEnv,
    array: jshortArray,
    offset: jint,
    length: jint,
) -> Result<Vec<i16>, String> {
    // SAFETY: the environment is the machine's, the object an array by the method's signature.
    let there = if array.is_null() { 0 } else { unsafe { ((**env).v1_1.GetArrayLength)(env, array) } };
    let count = usize::try_from(length).ok().filter(|_| offset >= 0 && length <= there.saturating_sub(offset));
    let count = count.ok_or_else(|| format!("`samples`: {length} from {offset} on of {there} are not there"))?;
    let mut copy = Vec::new();
    copy.try_reserve_exact(count).map_err(|_| format!("`samples`: there is no memory for {count}"))?;
    copy.resize(count, 0);
    if count > 0 {
        // SAFETY: inside the array, and room for as many: no exception is thrown.
        unsafe { ((**env).v1_1.GetShortArrayRegion)(env, array, offset, length, copy.as_mut_ptr()) };
    }
    Ok(copy)
}

/// The text of this thread's last failed call.
///
/// # Safety
/// Called by the virtual machine.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_portrait_Native_lastError(env: *mut JNIEnv, _class: jobject) -> jstring {
    // SAFETY: the text ends with a zero and lives until the next call; the environment is the machine's.
    unsafe { string(env, &CStr::from_ptr(portrait_last_error()).to_string_lossy()) }
}

/// A text for Java. By UTF-16: what is beyond the basic plane, as in a file's name, Java's own UTF-8 writes in another way.
///
/// # Safety
/// The environment is the machine's.
pub(crate) unsafe fn string(env: *mut JNIEnv, text: &str) -> jstring {
    let units: Vec<u16> = text.encode_utf16().collect();
    // SAFETY: the caller's promise.
    unsafe { ((**env).v1_1.NewString)(env, units.as_ptr(), units.len() as i32) }
}
