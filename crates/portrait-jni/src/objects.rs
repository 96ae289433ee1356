//! Engines and avatars.

use crate::buffer::{Buffer, bits};
use jni_sys::{JNIEnv, jfloat, jint, jlong, jobject, jstring};
use portrait_ffi::*;
use std::ffi::c_char;
use std::ptr::{null, null_mut};

/// Opens an engine; its handle goes to `out`.
///
/// # Safety
/// Called by the virtual machine.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_portrait_Native_engineOpen(
    env: *mut JNIEnv,
    _class: jobject,
    weights_file: jobject,
    weights: jobject,
    preset: jobject,
    cache_directory: jobject,
    precision: jint,
    share: jlong,
    out: jobject,
) -> jint {
    // SAFETY: the machine's promise; the buffers live until the call returns, and the library copies what it keeps.
    unsafe {
        let [file, weights, preset, cache, out] =
            [weights_file, weights, preset, cache_directory, out].map(|buffer| Buffer::new(env, buffer));
        let options = PortraitEngineOptions {
            struct_size: size_of::<PortraitEngineOptions>() as u32,
            precision: precision as u32,
            weights_file: file.text(),
            weights: weights.address,
            weights_length: weights.length,
            preset: preset.text(),
            adapter: null(),
            cache_directory: cache.text(),
            share: share as u64,
            progress: None,
            user: null_mut(),
            no_self_test: 0,
        };
        let mut engine = 0;
        let status = portrait_engine_open(&options, &mut engine);
        out.write([engine]);
        status as jint
    }
}

/// Waits until the engine is open.
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_portrait_Native_engineWait(
    _env: *mut JNIEnv,
    _class: jobject,
    engine: jlong,
    milliseconds: jint,
) -> jint {
    portrait_engine_wait(engine as u64, milliseconds) as jint
}

/// Name of the adapter; null where the call failed.
///
/// # Safety
/// Called by the virtual machine.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_portrait_Native_engineAdapter(
    env: *mut JNIEnv,
    _class: jobject,
    engine: jlong,
) -> jstring {
    // SAFETY: plain data, for which zeros are values; then as the library says.
    let info = unsafe {
        let mut info: PortraitEngineInfo = std::mem::zeroed();
        info.struct_size = size_of::<PortraitEngineInfo>() as u32;
        match portrait_engine_info(engine as u64, &mut info) {
            PortraitStatus::Ok => info,
            _ => return null_mut(),
        }
    };
    let name: *const c_char = info.adapter.as_ptr();
    // SAFETY: the environment is the machine's; the text ends with a zero.
    unsafe { ((**env).v1_1.NewStringUTF)(env, name) }
}

/// Releases an engine.
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_portrait_Native_engineRelease(
    _env: *mut JNIEnv,
    _class: jobject,
    engine: jlong,
) -> jint {
    portrait_engine_release(engine as u64) as jint
}

/// RGBA in a direct buffer.
pub(crate) fn rgba(pixels: Buffer, [width, height, stride]: [jint; 3]) -> PortraitFrame {
    PortraitFrame {
        struct_size: size_of::<PortraitFrame>() as u32,
        format: PortraitFormat::Rgba as u32,
        colour: 0,
        width: width as u32,
        height: height as u32,
        rotation: 0,
        planes: [pixels.address, null(), null()],
        lengths: [pixels.length, 0, 0],
        strides: [usize::try_from(stride).unwrap_or(0), 0, 0],
        timestamp_ns: 0,
        mirror: false,
        release: None,
        user: null_mut(),
    }
}

/// Makes an avatar of RGBA; its handle goes to `out`.
///
/// # Safety
/// Called by the virtual machine.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_portrait_Native_avatarPrepare(
    env: *mut JNIEnv,
    _class: jobject,
    engine: jlong,
    pixels: jobject,
    width: jint,
    height: jint,
    stride: jint,
    face: jint,
    x: jfloat,
    y: jfloat,
    out: jobject,
) -> jint {
    // SAFETY: the machine's promise; the photo is copied.
    unsafe {
        let photo = rgba(Buffer::new(env, pixels), [width, height, stride]);
        let struct_size = size_of::<PortraitPrepareOptions>() as u32;
        let options = PortraitPrepareOptions { struct_size, face: face as u32, x, y, whole_photo: false };
        let mut avatar = 0;
        let status = portrait_avatar_prepare(engine as u64, &photo, &options, &mut avatar);
        Buffer::new(env, out).write([avatar]);
        status as jint
    }
}

/// Makes an avatar of its bytes; its handle goes to `out`.
///
/// # Safety
/// Called by the virtual machine.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_portrait_Native_avatarRead(
    env: *mut JNIEnv,
    _class: jobject,
    data: jobject,
    out: jobject,
) -> jint {
    // SAFETY: the machine's promise.
    unsafe {
        let data = Buffer::new(env, data);
        let mut avatar = 0;
        let status = portrait_avatar_read(data.address, data.length, &mut avatar);
        Buffer::new(env, out).write([avatar]);
        status as jint
    }
}

/// Writes an avatar's bytes into `data`; how many they are goes to `out`.
///
/// # Safety
/// Called by the virtual machine.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_portrait_Native_avatarWrite(
    env: *mut JNIEnv,
    _class: jobject,
    avatar: jlong,
    data: jobject,
    out: jobject,
) -> jint {
    // SAFETY: the machine's promise.
    unsafe {
        let data = Buffer::new(env, data);
        let mut length = data.length;
        let status = portrait_avatar_write(avatar as u64, data.address, &mut length);
        Buffer::new(env, out).write([length as u64]);
        status as jint
    }
}

/// Side of the pictures, size of the photo, face size and yaw go to `out`.
///
/// # Safety
/// Called by the virtual machine.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_portrait_Native_avatarInfo(
    env: *mut JNIEnv,
    _class: jobject,
    avatar: jlong,
    out: jobject,
) -> jint {
    // SAFETY: plain data, for which zeros are values; then as the library says.
    unsafe {
        let mut info: PortraitAvatarInfo = std::mem::zeroed();
        info.struct_size = size_of::<PortraitAvatarInfo>() as u32;
        let status = portrait_avatar_info(avatar as u64, &mut info);
        let PortraitAvatarInfo { side, photo_width, photo_height, face_size, yaw, .. } = info;
        let sizes = [side, photo_width, photo_height].map(u64::from);
        Buffer::new(env, out).write([sizes[0], sizes[1], sizes[2], bits(face_size), bits(yaw)]);
        status as jint
    }
}

/// Releases an avatar.
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_portrait_Native_avatarRelease(
    _env: *mut JNIEnv,
    _class: jobject,
    avatar: jlong,
) -> jint {
    portrait_avatar_release(avatar as u64) as jint
}
