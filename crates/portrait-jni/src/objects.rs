//! Engines and avatars.

use crate::buffer::{Buffer, bits, string};
use jni_sys::{JNIEnv, jboolean, jfloat, jint, jlong, jobject, jstring};
use portrait_ffi::*;
use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_void};
use std::ptr::{null, null_mut};
use std::sync::{Mutex, MutexGuard, PoisonError};

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
    adapter: jobject,
    cache_directory: jobject,
    precision: jint,
    untested: jboolean,
    share: jlong,
    out: jobject,
) -> jint {
    // SAFETY: the machine's promise; the buffers live until the call returns, and the library copies what it keeps.
    unsafe {
        let [file, weights, preset, adapter, cache, out] =
            [weights_file, weights, preset, adapter, cache_directory, out].map(|buffer| Buffer::new(env, buffer));
        let options = PortraitEngineOptions {
            struct_size: size_of::<PortraitEngineOptions>() as u32,
            precision: precision as u32,
            weights_file: file.text(),
            weights: weights.address,
            weights_length: weights.length,
            preset: preset.text(),
            adapter: adapter.text(),
            cache_directory: cache.text(),
            share: share as u64,
            progress: Some(heard),
            user: null_mut(),
            no_self_test: untested.into(),
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

/// How engines are opening: what is done of it, and what comes next.
static PROGRESS: Mutex<BTreeMap<u64, (f32, String)>> = Mutex::new(BTreeMap::new());

fn progress() -> MutexGuard<'static, BTreeMap<u64, (f32, String)>> {
    PROGRESS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes it for whoever asks: the virtual machine is not called from threads of the library's.
unsafe extern "C" fn heard(_user: *mut c_void, engine: PortraitEngine, done: f32, next: *const c_char) {
    // SAFETY: the library gives a text.
    let next = unsafe { CStr::from_ptr(next) }.to_string_lossy().into_owned();
    progress().insert(engine, (done, next));
}

/// What comes next in opening the engine; what is done of it, 0 to 1, goes to `out`.
///
/// # Safety
/// Called by the virtual machine.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_portrait_Native_engineProgress(
    env: *mut JNIEnv,
    _class: jobject,
    engine: jlong,
    out: jobject,
) -> jstring {
    // The last word on it comes a moment after the engine is open.
    let (done, next) = match portrait_engine_wait(engine as u64, 0) {
        PortraitStatus::Ok => (1.0, "ready".to_owned()),
        _ => progress().get(&(engine as u64)).cloned().unwrap_or_default(),
    };
    // SAFETY: the machine's promise.
    unsafe {
        Buffer::new(env, out).write([bits(done)]);
        string(env, &next)
    }
}

/// Adapter, backend, driver, preset, weights, precision, largest side and then each warning, a line each; null where the call failed. Its
/// status goes to `out`.
///
/// # Safety
/// Called by the virtual machine.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_portrait_Native_engineInfo(
    env: *mut JNIEnv,
    _class: jobject,
    engine: jlong,
    out: jobject,
) -> jstring {
    // SAFETY: plain data, for which zeros are values; then as the library says.
    let (status, info) = unsafe {
        let mut info: PortraitEngineInfo = std::mem::zeroed();
        info.struct_size = size_of::<PortraitEngineInfo>() as u32;
        let status = portrait_engine_info(engine as u64, &mut info);
        Buffer::new(env, out).write([status as u64]);
        (status, info)
    };
    if status != PortraitStatus::Ok {
        return null_mut();
    }
    let texts: [&[c_char]; 5] = [&info.adapter, &info.backend, &info.driver, &info.preset, &info.weights];
    let texts = texts.map(|text| {
        // SAFETY: the library ends each with a zero.
        unsafe { CStr::from_ptr(text.as_ptr()) }.to_string_lossy().replace('\n', " ")
    });
    // SAFETY: as above.
    let warnings = unsafe { CStr::from_ptr(info.warnings.as_ptr()) }.to_string_lossy();
    let mut told = format!("{}\n{}\n{}", texts.join("\n"), info.precision, info.largest_side);
    warnings.lines().for_each(|line| told.extend(["\n", line]));
    // SAFETY: the environment is the machine's.
    unsafe { string(env, &told) }
}

/// Names of the pipelines that are computed wrongly, with commas; null where the call failed. Its status goes to `out`.
///
/// # Safety
/// Called by the virtual machine.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_portrait_Native_engineSelfTest(
    env: *mut JNIEnv,
    _class: jobject,
    engine: jlong,
    out: jobject,
) -> jstring {
    // SAFETY: plain data, for which zeros are values; then as the library says.
    unsafe {
        let mut result: PortraitSelfTest = std::mem::zeroed();
        result.struct_size = size_of::<PortraitSelfTest>() as u32;
        let status = portrait_engine_self_test(engine as u64, &mut result);
        Buffer::new(env, out).write([status as u64]);
        match status {
            PortraitStatus::Ok => string(env, &CStr::from_ptr(result.names.as_ptr()).to_string_lossy()),
            _ => null_mut(),
        }
    }
}

/// Releases an engine.
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_portrait_Native_engineRelease(
    _env: *mut JNIEnv,
    _class: jobject,
    engine: jlong,
) -> jint {
    let status = portrait_engine_release(engine as u64) as jint;
    // Afterwards nobody is told any more.
    progress().remove(&(engine as u64));
    status
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
        mirror: false.into(),
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
    whole: jboolean,
    out: jobject,
) -> jint {
    // SAFETY: the machine's promise; the photo is read until the call returns.
    unsafe {
        let photo = rgba(Buffer::new(env, pixels), [width, height, stride]);
        let struct_size = size_of::<PortraitPrepareOptions>() as u32;
        let options = PortraitPrepareOptions { struct_size, face: face as u32, x, y, whole_photo: whole.into() };
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
