//! Avatars: photos made ready, and their bytes.

use crate::call::call;
use crate::engine::PortraitEngine;
use crate::frame::{PortraitFrame, photo};
use crate::handle::{self, Object};
use crate::input::{Flag, bytes, check, fill, fixed, read, sized, told_size, write};
use crate::status::{Failure, PortraitStatus};
use portrait_runtime::{Avatar, FaceChoice, PrepareOptions};
use std::ffi::c_char;
use std::sync::Arc;

/// A photo, ready to be animated; 0 is none. Kept apart from the engine: it may outlive it, and be written to a file by the host.
pub type PortraitAvatar = u64;

/// Which of several faces in a photo.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortraitFace {
    /// The only one; several are an error.
    Only = 0,
    /// The largest.
    Largest = 1,
    /// The one nearest to `x`, `y`.
    At = 2,
}

/// How to make an avatar.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PortraitPrepareOptions {
    /// `sizeof(PortraitPrepareOptions)`.
    pub struct_size: u32,
    /// A `PortraitFace`.
    pub face: u32,
    /// For `PORTRAIT_FACE_AT`: from the left, in pixels of the photo.
    pub x: f32,
    /// For `PORTRAIT_FACE_AT`: from the top.
    pub y: f32,
    /// Animates the centre square of the photo instead of a crop around the face.
    pub whole_photo: Flag,
}

/// What is known about an avatar.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PortraitAvatarInfo {
    /// `sizeof(PortraitAvatarInfo)`.
    pub struct_size: u32,
    /// Side of the animated square in pixels of the pictures.
    pub side: u32,
    /// Size of the photo.
    pub photo_width: u32,
    /// Size of the photo.
    pub photo_height: u32,
    /// Left, top and side of the animated square in the photo.
    pub crop: [u32; 3],
    /// Longer side of the face in the photo.
    pub face_size: f32,
    /// Turn of the head in degrees; positive: towards the picture's right.
    pub yaw: f32,
    /// What may spoil the result, a line each; UTF-8.
    pub warnings: [c_char; 512],
}

/// Makes an avatar of a photo: RGBA or BGRA, upright, up to 16384 pixels a side and 67 million in all. RGBA without gaps is read where it
/// is. `options` may be null. Waits for the engine and for the GPU: tens of milliseconds and more. Any thread.
///
/// # Safety
/// The pointers are null or point at what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portrait_avatar_prepare(
    engine: PortraitEngine,
    picture: *const PortraitFrame,
    options: *const PortraitPrepareOptions,
    avatar: *mut PortraitAvatar,
) -> PortraitStatus {
    call(|| {
        // SAFETY: the host's promise.
        let (picture, given) = unsafe {
            // First: a loan is given back whatever else is wrong.
            let picture = photo(picture);
            write(avatar, 0, "avatar")?;
            (picture?, if options.is_null() { None } else { Some(sized(options, "options")?) })
        };
        let options = match given {
            None => PrepareOptions::default(),
            Some(PortraitPrepareOptions { face, x, y, whole_photo, .. }) => {
                let face = match face {
                    0 => FaceChoice::Only,
                    1 => FaceChoice::Largest,
                    2 if x.is_finite() && y.is_finite() => FaceChoice::At([x, y]),
                    2 => return Err(Failure::argument("`x` and `y` have to be finite")),
                    other => return Err(Failure::argument(format!("`face` is {other}; it goes from 0 to 2"))),
                };
                PrepareOptions { face, whole_photo: whole_photo.is_set() }
            }
        };
        let made = handle::engine(engine)?.engine()?.prepare(picture.frame(), &options)?;
        let number = handle::insert(Object::Avatar(Arc::new(made)))?;
        // SAFETY: the host's promise.
        unsafe { write(avatar, number, "avatar") }
    })
}

/// Makes an avatar of bytes that `portrait_avatar_write` wrote. Any thread.
///
/// # Safety
/// `data` is null or has `length` bytes; `avatar` is null or points at memory for a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portrait_avatar_read(
    data: *const u8,
    length: usize,
    avatar: *mut PortraitAvatar,
) -> PortraitStatus {
    call(|| {
        // SAFETY: the host's promise.
        let data = unsafe {
            write(avatar, 0, "avatar")?;
            check(data, "data")?;
            bytes(data, length, "data")?
        };
        let number = handle::insert(Object::Avatar(Arc::new(Avatar::from_bytes("the avatar", data)?)))?;
        // SAFETY: the host's promise.
        unsafe { write(avatar, number, "avatar") }
    })
}

/// Writes the avatar's bytes, for a file of the host's. `length` holds the size of `data`, and afterwards the avatar's; with `data` null
/// or too small for it `PORTRAIT_STATUS_BUFFER_TOO_SMALL`. Any thread.
///
/// # Safety
/// `length` is null or points at a number; `data` is null or has as many bytes as that says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portrait_avatar_write(
    avatar: PortraitAvatar,
    data: *mut u8,
    length: *mut usize,
) -> PortraitStatus {
    call(|| {
        let written = handle::avatar(avatar)?.to_bytes();
        // SAFETY: the host's promise.
        let room = unsafe {
            let room = read(length, "length")?;
            write(length, written.len(), "length")?;
            if data.is_null() { 0 } else { room }
        };
        if room < written.len() {
            let text = format!("the avatar has {} bytes, `data` {room}", written.len());
            return Err(Failure::new(PortraitStatus::BufferTooSmall, text));
        }
        // SAFETY: not null, and as much room as is written; the avatar's bytes are nobody else's.
        unsafe { data.copy_from_nonoverlapping(written.as_ptr(), written.len()) };
        Ok(())
    })
}

/// What is known about the avatar. Any thread.
///
/// # Safety
/// `info` is null or points at a `PortraitAvatarInfo` whose `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portrait_avatar_info(avatar: PortraitAvatar, info: *mut PortraitAvatarInfo) -> PortraitStatus {
    call(|| {
        let avatar = handle::avatar(avatar)?;
        let known = avatar.info();
        // SAFETY: the host's promise.
        let struct_size = unsafe { told_size(info, "info")? };
        let found = PortraitAvatarInfo {
            struct_size,
            side: known.image,
            photo_width: known.photo[0],
            photo_height: known.photo[1],
            crop: known.crop,
            face_size: known.face_size,
            yaw: known.yaw,
            warnings: fixed(&known.warnings.join("\n")),
        };
        // SAFETY: the host's promise.
        unsafe { fill(info, found, "info") }
    })
}

/// Releases the avatar; sessions of it go on. Done also for 0 and for an avatar that was released before. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn portrait_avatar_release(avatar: PortraitAvatar) -> PortraitStatus {
    call(|| handle::release(avatar, handle::AVATAR, |_| ()))
}
