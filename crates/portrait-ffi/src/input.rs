//! Reading what the host points at.

use crate::status::{Failure, PortraitStatus};
use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;

/// What `pointer` points at, read once.
///
/// # Safety
/// If not null and aligned, it points at a `T`.
pub(crate) unsafe fn read<T: Copy>(pointer: *const T, name: &str) -> Result<T, Failure> {
    check(pointer, name)?;
    // SAFETY: not null and aligned; the host promises the rest.
    Ok(unsafe { pointer.read() })
}

/// Writes through `pointer`.
///
/// # Safety
/// If not null and aligned, it points at memory for a `T`.
pub(crate) unsafe fn write<T>(pointer: *mut T, value: T, name: &str) -> Result<(), Failure> {
    check(pointer, name)?;
    // SAFETY: not null and aligned; the host promises the rest.
    unsafe { pointer.write(value) };
    Ok(())
}

/// Whether something may be at `pointer`.
pub(crate) fn check<T>(pointer: *const T, name: &str) -> Result<(), Failure> {
    match () {
        () if pointer.is_null() => Err(Failure::argument(format!("`{name}` is null"))),
        () if !pointer.is_aligned() => Err(Failure::argument(format!("`{name}` is not aligned"))),
        () => Ok(()),
    }
}

/// Bytes of a struct of the host's that begins with its own size: a `T`, or what an older header knew of one.
///
/// # Safety
/// If not null and aligned, `pointer` points at a `u32`.
unsafe fn size<T>(pointer: *const T, name: &str) -> Result<usize, Failure> {
    check(pointer, name)?;
    // SAFETY: the struct begins with its size.
    let found = unsafe { pointer.cast::<u32>().read() } as usize;
    let wanted = size_of::<T>();
    if !(size_of::<u32>()..=wanted).contains(&found) {
        let text = format!(
            "`{name}->struct_size` is {found}, and at most {wanted} here: set it to sizeof, of a portrait.h that is not newer \
             than this library"
        );
        return Err(Failure::argument(text));
    }
    Ok(found)
}

/// Yes or no in a struct that the host fills: a `bool` of C's, of which any byte but 0 is yes. In Rust, a `bool` of any other byte than
/// 0 and 1 is no value at all, and C checks nothing.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Flag(u8);

impl Flag {
    /// Whether it is yes.
    pub fn is_set(self) -> bool {
        self.0 != 0
    }
}

impl From<bool> for Flag {
    fn from(set: bool) -> Self {
        Self(set.into())
    }
}

/// The size that a struct of the host's says it has, where nothing else of it has to be set yet.
///
/// # Safety
/// If not null and aligned, `pointer` points at a `u32`.
pub(crate) unsafe fn told_size<T>(pointer: *const T, name: &str) -> Result<u32, Failure> {
    // SAFETY: the caller's promise.
    unsafe { size(pointer, name) }.map(|size| size as u32)
}

/// A struct of the host's that begins with its own size. What an older header does not know is 0, the default.
///
/// # Safety
/// If not null and aligned, `pointer` points at a `u32`, and at as much of a `T` as that says. A `T` may be of any bytes.
pub(crate) unsafe fn sized<T: Copy>(pointer: *const T, name: &str) -> Result<T, Failure> {
    let mut whole = MaybeUninit::<T>::zeroed();
    // SAFETY: it is as large as the host says, and not larger than a `T`; the rest is 0.
    unsafe {
        let size = size(pointer, name)?;
        pointer.cast::<u8>().copy_to_nonoverlapping(whole.as_mut_ptr().cast(), size);
        Ok(whole.assume_init())
    }
}

/// Fills a struct of the host's that begins with its own size, as much of it as the host knows.
///
/// # Safety
/// As of [`sized`], and it may be written.
pub(crate) unsafe fn fill<T: Copy>(pointer: *mut T, value: T, name: &str) -> Result<(), Failure> {
    // SAFETY: it is as large as the host says, and not larger than a `T`.
    unsafe {
        let size = size(pointer, name)?;
        (&raw const value).cast::<u8>().copy_to_nonoverlapping(pointer.cast(), size);
    }
    Ok(())
}

/// Bytes; empty where `length` is 0.
///
/// # Safety
/// As of [`numbers`].
pub(crate) unsafe fn bytes<'a>(pointer: *const u8, length: usize, name: &str) -> Result<&'a [u8], Failure> {
    // SAFETY: the caller's promise.
    unsafe { numbers(pointer, length, name) }
}

/// Numbers in a row; none where `count` is 0.
///
/// # Safety
/// If not null, `count` numbers are at `pointer` for as long as the result lives. A `T` may be of any bytes.
pub(crate) unsafe fn numbers<'a, T>(pointer: *const T, count: usize, name: &str) -> Result<&'a [T], Failure> {
    if count == 0 {
        return Ok(&[]);
    }
    let length = count.saturating_mul(size_of::<T>());
    match () {
        () if pointer.is_null() => Err(Failure::argument(format!("`{name}` is null and is to have {length} bytes"))),
        () if length > isize::MAX as usize => Err(Failure::argument(format!("`{name}` is to have {length} bytes"))),
        () => {
            check(pointer, name)?;
            // SAFETY: not null, aligned, not longer than memory can be; the host promises the rest.
            Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
        }
    }
}

/// Makes room for a copy of so many bytes. Where there is no memory for it Rust would end the app.
pub(crate) fn reserve(memory: &mut Vec<u8>, bytes: usize, status: PortraitStatus) -> Result<(), Failure> {
    let failed = |_| Failure::new(status, format!("no memory for a copy of {bytes} bytes: free some, and call again"));
    memory.try_reserve_exact(bytes).map_err(failed)
}

/// A copy of the host's bytes.
pub(crate) fn copied(bytes: &[u8], status: PortraitStatus) -> Result<Vec<u8>, Failure> {
    let mut memory = Vec::new();
    reserve(&mut memory, bytes.len(), status)?;
    memory.extend_from_slice(bytes);
    Ok(memory)
}

/// A text; `None` where `pointer` is null.
///
/// # Safety
/// If not null, it ends with a zero.
pub(crate) unsafe fn text(pointer: *const c_char, name: &str) -> Result<Option<String>, Failure> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not null; the host promises the zero.
    let text = unsafe { CStr::from_ptr(pointer) };
    let text = text.to_str().map_err(|_| Failure::argument(format!("`{name}` is not UTF-8")))?;
    Ok(Some(text.to_owned()))
}

/// A text of fixed size with a zero at its end, cut where a character begins.
pub(crate) fn fixed<const N: usize>(text: &str) -> [c_char; N] {
    let mut out = [0; N];
    let end = (0..N).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    out.iter_mut().zip(text.as_bytes().iter().take(end)).for_each(|(to, &from)| *to = from as c_char);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        let back = |text: [c_char; 4]| text.map(|c| c as u8);
        assert_eq!(back(fixed("ab")), *b"ab\0\0");
        assert_eq!(back(fixed("abcd")), *b"abc\0");
        assert_eq!(back(fixed("ab°")), *b"ab\0\0");
    }

    #[test]
    fn too_little_memory_is_a_failure() {
        let mut memory = vec![1, 2];
        let failure = reserve(&mut memory, isize::MAX as usize, PortraitStatus::Frame).expect_err("nobody has that");
        assert!(failure.status == PortraitStatus::Frame && failure.text.contains("9223372036854775807 bytes"));
        assert_eq!(copied(&memory, PortraitStatus::Frame).expect("two bytes"), memory);
    }
}
