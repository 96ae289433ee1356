//! Sessions.

use crate::buffer::{Buffer, bits, samples, string};
use crate::loans::lend;
use crate::objects::rgba;
use jni_sys::{JNIEnv, jboolean, jfloat, jint, jlong, jobject, jshortArray, jstring};
use portrait_ffi::*;
use std::ffi::CStr;
use std::ptr::{null, null_mut};

/// Opens a session; its handle goes to `out`.
///
/// # Safety
/// Called by the virtual machine.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_portrait_Native_sessionOpen(
    env: *mut JNIEnv,
    _class: jobject,
    engine: jlong,
    avatar: jlong,
    framing: jint,
    width: jint,
    height: jint,
    photo: jobject,
    photo_width: jint,
    photo_height: jint,
    rate: jfloat,
    pictures: jboolean,
    motion: jobject,
    cool_engine: jlong,
    cool_avatar: jlong,
    picture_side: jint,
    out: jobject,
) -> jint {
    // SAFETY: the machine's promise; the photo is copied.
    unsafe {
        let photo = Buffer::new(env, photo);
        let photo_given = photo.length > 0;
        let photo = rgba(photo, [photo_width, photo_height, photo_width.saturating_mul(4)]);
        let motion = Some(Buffer::new(env, motion)).filter(|told| told.length > 0).map(taken_over);
        let options = PortraitSessionOptions {
            struct_size: size_of::<PortraitSessionOptions>() as u32,
            framing: framing as u32,
            frame_width: width as u32,
            frame_height: height as u32,
            photo: if photo_given { &photo } else { null() },
            motion: motion.as_ref().map_or(null(), |motion| motion),
            rate,
            no_pictures: (!pictures).into(),
            cool_engine: cool_engine as u64,
            cool_avatar: cool_avatar as u64,
            picture_side: picture_side as u32,
        };
        let mut session = 0;
        let status = portrait_session_open(engine as u64, avatar as u64, &options, &mut session);
        Buffer::new(env, out).write([session]);
        status as jint
    }
}

/// Number of Android's `YUV_420_888`, which leaves it to the device how chroma lies; beside those of `PortraitFormat`.
const YUV_420_888: jint = 100;

/// Finds out which of the usual layouts a `YUV_420_888` is: chroma apart, or in turns, told by where both planes begin. A text where it is
/// none of them.
fn settle(frame: &mut PortraitFrame, chroma_step: jint) -> Result<(), String> {
    let [_, blue, red] = frame.planes;
    let (format, first) = match chroma_step {
        1 => (PortraitFormat::I420, None),
        2 if red.addr() == blue.addr() + 1 => (PortraitFormat::Nv12, Some(1)),
        2 if blue.addr() == red.addr() + 1 => (PortraitFormat::Nv21, Some(2)),
        _ => {
            return Err(format!(
                "chroma planes {} bytes apart with a pixel stride of {chroma_step} are none of the layouts that are taken: have \
                 CameraX give RGBA, by setOutputImageFormat(OUTPUT_IMAGE_FORMAT_RGBA_8888), and push Frame.rgba",
                red.addr().abs_diff(blue.addr())
            ));
        }
    };
    frame.format = format as u32;
    if let Some(first) = first {
        // Both are shown from their own first sample, one byte apart, to where the device lets them end: together that is one plane.
        let [length, other] = [frame.lengths[first], frame.lengths[3 - first]];
        let reached = if length == 0 || other == 0 { length } else { length.max(other.saturating_add(1)) };
        frame.planes[1] = frame.planes[first];
        frame.lengths[1] = reached;
    }
    Ok(())
}

/// Pushes a frame. With the number of a loan it is read where it is until that number comes back; with 0 it is copied.
///
/// # Safety
/// Called by the virtual machine.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_portrait_Native_sessionPush(
    env: *mut JNIEnv,
    _class: jobject,
    session: jlong,
    format: jint,
    colour: jint,
    width: jint,
    height: jint,
    first: jobject,
    second: jobject,
    third: jobject,
    stride: jint,
    chroma_stride: jint,
    chroma_step: jint,
    rotation: jint,
    mirror: jboolean,
    timestamp: jlong,
    loan: jlong,
) -> jint {
    // SAFETY: the machine's promise.
    let planes = unsafe { [first, second, third].map(|buffer| Buffer::new(env, buffer)) };
    let strides = [stride, chroma_stride, chroma_stride].map(|v| usize::try_from(v).unwrap_or(0));
    let mut frame = PortraitFrame {
        struct_size: size_of::<PortraitFrame>() as u32,
        format: format as u32,
        colour: colour as u32,
        width: width as u32,
        height: height as u32,
        rotation: rotation as u32,
        planes: planes.map(|plane| plane.address.cast_const()),
        lengths: planes.map(|plane| plane.length),
        strides,
        timestamp_ns: timestamp as u64,
        mirror: mirror.into(),
        release: None,
        user: null_mut(),
    };
    (frame.release, frame.user) = lend(loan);
    if format == YUV_420_888
        && let Err(text) = settle(&mut frame, chroma_step)
    {
        if let Some(release) = frame.release {
            // SAFETY: the library does not hear of this frame; it comes back all the same.
            unsafe { release(frame.user) };
        }
        return refuse(PortraitStatus::Frame, text) as jint;
    }
    // SAFETY: the buffers live until the call returns, and `Loans.kt` keeps lent ones until they come back.
    unsafe { portrait_session_push(session as u64, &frame) as jint }
}

/// Pushes speech: `length` samples of an array from `offset` on, copied.
///
/// # Safety
/// Called by the virtual machine.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_portrait_Native_sessionPushAudio(
    env: *mut JNIEnv,
    _class: jobject,
    session: jlong,
    sound: jshortArray,
    offset: jint,
    length: jint,
    timestamp: jlong,
) -> jint {
    // SAFETY: the machine's promise.
    let status = match unsafe { samples(env, sound, offset, length) } {
        // SAFETY: as many as the vector has.
        Ok(sound) => unsafe {
            portrait_session_push_audio(session as u64, sound.as_ptr(), sound.len(), timestamp as u64)
        },
        Err(text) => refuse(PortraitStatus::InvalidArgument, text),
    };
    status as jint
}

/// Copies the newest picture into `pixels`; width, height and time stamp go to `out`.
///
/// # Safety
/// Called by the virtual machine.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_portrait_Native_sessionTakePicture(
    env: *mut JNIEnv,
    _class: jobject,
    session: jlong,
    milliseconds: jint,
    pixels: jobject,
    out: jobject,
) -> jint {
    // SAFETY: the machine's promise.
    unsafe {
        let pixels = Buffer::new(env, pixels);
        let mut picture = PortraitPicture {
            struct_size: size_of::<PortraitPicture>() as u32,
            width: 0,
            height: 0,
            pixels: pixels.address,
            length: pixels.length,
            stride: 0,
            timestamp_ns: 0,
        };
        let milliseconds = u32::try_from(milliseconds).unwrap_or(0);
        let status = portrait_session_take_picture(session as u64, milliseconds, &mut picture);
        Buffer::new(env, out).write([picture.width.into(), picture.height.into(), picture.timestamp_ns]);
        status as jint
    }
}

/// The fields of `Session.Motion` in their order.
fn taken_over(told: Buffer) -> PortraitMotion {
    let [strength, head_gain, expression_gain, eye_gain, mouth_gain, absolute, raw] = told.doubles();
    let [strength, head_gain, expression_gain] = [strength, head_gain, expression_gain].map(|v| v as f32);
    let [eye_gain, mouth_gain] = [eye_gain, mouth_gain].map(|v| v as f32);
    let [absolute, raw] = [absolute, raw].map(|v| (v != 0.0).into());
    let struct_size = size_of::<PortraitMotion>() as u32;
    PortraitMotion { struct_size, strength, head_gain, expression_gain, eye_gain, mouth_gain, absolute, raw }
}

/// How motion is taken over.
///
/// # Safety
/// Called by the virtual machine.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_portrait_Native_sessionSetMotion(
    env: *mut JNIEnv,
    _class: jobject,
    session: jlong,
    motion: jobject,
) -> jint {
    // SAFETY: the machine's promise; then a motion.
    unsafe { portrait_session_set_motion(session as u64, &taken_over(Buffer::new(env, motion))) as jint }
}

/// A call without further arguments.
macro_rules! plain {
    ($($name:ident => $call:ident),*) => {$(
        /// See the C call.
        #[unsafe(no_mangle)]
        pub extern "system" fn $name(_env: *mut JNIEnv, _class: jobject, session: jlong) -> jint {
            $call(session as u64) as jint
        }
    )*};
}

plain! {
    Java_org_portrait_Native_sessionRecalibrate => portrait_session_recalibrate,
    Java_org_portrait_Native_sessionPause => portrait_session_pause,
    Java_org_portrait_Native_sessionResume => portrait_session_resume,
    Java_org_portrait_Native_sessionInterruptAudio => portrait_session_interrupt_audio
}

/// How hot the device is.
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_portrait_Native_sessionSetThermal(
    _env: *mut JNIEnv,
    _class: jobject,
    session: jlong,
    thermal: jint,
) -> jint {
    portrait_session_set_thermal(session as u64, thermal as u32) as jint
}

/// Gives memory back.
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_portrait_Native_sessionTrim(
    _env: *mut JNIEnv,
    _class: jobject,
    session: jlong,
    trim: jint,
) -> jint {
    portrait_session_trim(session as u64, trim as u32) as jint
}

/// Why the last window was given up; empty: none was. The status of the call goes to `out`.
///
/// # Safety
/// Called by the virtual machine.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_portrait_Native_sessionWindowFailure(
    env: *mut JNIEnv,
    _class: jobject,
    session: jlong,
    out: jobject,
) -> jstring {
    // SAFETY: plain data, for which zeros are values; then as the library says.
    unsafe {
        let mut told: PortraitSessionStatus = std::mem::zeroed();
        told.struct_size = size_of::<PortraitSessionStatus>() as u32;
        let status = portrait_session_status(session as u64, &mut told);
        Buffer::new(env, out).write([status as u64]);
        string(env, &CStr::from_ptr(told.window_failure.as_ptr()).to_string_lossy())
    }
}

/// Open, paused, window, cooled, face; pushed, dropped, pictures, latency, GPU time; score, region, the GPU's stages, failed, p50 and p95
/// of latency, and rate go to `out`.
///
/// # Safety
/// Called by the virtual machine.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_portrait_Native_sessionStatus(
    env: *mut JNIEnv,
    _class: jobject,
    session: jlong,
    out: jobject,
) -> jint {
    // SAFETY: plain data, for which zeros are values; then as the library says.
    unsafe {
        let mut s: PortraitSessionStatus = std::mem::zeroed();
        s.struct_size = size_of::<PortraitSessionStatus>() as u32;
        let status = portrait_session_status(session as u64, &mut s);
        let [open, paused, window, cooled, face] = [s.open, s.paused, s.window, s.cooled, s.face].map(u64::from);
        let [x, y, side, angle] = s.face_region.map(bits);
        let score = bits(s.face_score);
        let counts = [s.pushed, s.dropped, s.pictures, s.latency_ns, s.gpu_ns];
        let [pushed, dropped, pictures, latency, gpu] = counts;
        let [search, track, transfer, motion, synthesis, compose] = s.gpu_stages_ns;
        let told = [
            open,
            paused,
            window,
            cooled,
            face,
            pushed,
            dropped,
            pictures,
            latency,
            gpu,
            score,
            x,
            y,
            side,
            angle,
            search,
            track,
            transfer,
            motion,
            synthesis,
            compose,
            u64::from(s.failed),
            s.latency_p50_ns,
            s.latency_p95_ns,
            bits(s.rate),
        ];
        Buffer::new(env, out).write(told);
        status as jint
    }
}

/// Releases a session.
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_portrait_Native_sessionRelease(
    _env: *mut JNIEnv,
    _class: jobject,
    session: jlong,
) -> jint {
    let status = portrait_session_release(session as u64) as jint;
    crate::surface::forget(session);
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame whose planes are these parts of one memory.
    fn frame(memory: &[u8], blue: std::ops::Range<usize>, red: std::ops::Range<usize>) -> PortraitFrame {
        let pixels = Buffer { address: memory.as_ptr().cast_mut(), length: 4 };
        let mut frame = rgba(pixels, [4, 4, 4]);
        for (plane, part) in [blue, red].into_iter().enumerate() {
            frame.planes[plane + 1] = memory[part.start..].as_ptr();
            frame.lengths[plane + 1] = part.len();
        }
        frame
    }

    #[test]
    fn chroma_in_turns_ends_where_either_plane_does() {
        let memory = [0; 16];
        // What Android documents; a device that shows both to the memory's end; one that shows both to the last blue sample.
        for (blue, red, length) in [(0..7, 1..8, 8), (0..8, 1..8, 8), (0..7, 1..7, 7), (0..0, 1..8, 0), (0..8, 1..1, 8)]
        {
            let mut nv12 = frame(&memory, blue.clone(), red.clone());
            settle(&mut nv12, 2).expect("NV12");
            assert_eq!((nv12.format, nv12.lengths[1]), (PortraitFormat::Nv12 as u32, length), "{blue:?} {red:?}");
            assert_eq!(nv12.planes[1], memory.as_ptr());
            let mut nv21 = frame(&memory, red, blue);
            settle(&mut nv21, 2).expect("NV21");
            assert_eq!((nv21.format, nv21.lengths[1]), (PortraitFormat::Nv21 as u32, length));
            assert_eq!(nv21.planes[1], memory.as_ptr());
        }
    }

    #[test]
    fn chroma_in_turns_of_two_memories_is_refused_with_a_way_out() {
        let memory = [0; 16];
        for (red, step) in [(8..15, 2), (1..8, 3)] {
            let text = settle(&mut frame(&memory, 0..7, red), step).expect_err("no layout");
            assert!(text.contains("OUTPUT_IMAGE_FORMAT_RGBA_8888"), "{text}");
        }
        settle(&mut frame(&memory, 0..4, 8..12), 1).expect("I420");
    }
}
