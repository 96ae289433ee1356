//! Sessions: frames in, pictures out.

use crate::avatar::PortraitAvatar;
use crate::call::{ask, call};
use crate::engine::PortraitEngine;
use crate::frame::{Given, Photo, Pool, PortraitFrame, given, photo};
use crate::handle::{self, Object};
use crate::input::{Flag, fill, numbers, sized, write};
use crate::motion::{PortraitMotion, motion_of};
use crate::status::{Failure, PortraitStatus};
use portrait_runtime::{
    Backdrop, Engine, FrameLimit, Framing, LiveOptions, LivePicture, LiveSession, Portrait, SessionOptions, Thermal,
    Trim,
};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One avatar driven by one camera or by speech, in a thread of its own; 0 is none.
pub type PortraitSession = u64;

/// What pictures show.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortraitFraming {
    /// The animated square.
    Square = 0,
    /// The whole photo, the animated square blended back into it.
    Photo = 1,
    /// The person alone, transparent around; alpha is straight.
    Cutout = 2,
}

/// How hot the device is, in the steps that Android and iOS tell.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortraitThermal {
    /// As usual.
    Nominal = 0,
    /// Warm: at most 30 pictures a second.
    Fair = 1,
    /// Hot: at most 15.
    Serious = 2,
    /// About to be throttled: at most 10, made by the session's `cool_engine` where it has one.
    Critical = 3,
}

/// How much memory to give back.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortraitTrim {
    /// Frames and pictures that wait.
    Waiting = 0,
    /// Also everything the session has on the GPU; the next picture makes it again.
    Session = 1,
    /// Also the engine's compiled pipelines.
    Pipelines = 2,
}

/// How a session runs. What is null or 0 is the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PortraitSessionOptions {
    /// `sizeof(PortraitSessionOptions)`.
    pub struct_size: u32,
    /// A `PortraitFraming`.
    pub framing: u32,
    /// Width of the frames once upright; 0 in either: not known before the first, which then takes longer.
    pub frame_width: u32,
    /// Height of the frames once upright.
    pub frame_height: u32,
    /// For `PORTRAIT_FRAMING_PHOTO`: the photo that the avatar was made of, up to `PortraitEngineInfo.largest_side` pixels a side; copied
    /// before the call returns.
    pub photo: *const PortraitFrame,
    /// How motion is taken over, begun with `portrait_motion_init`.
    pub motion: *const PortraitMotion,
    /// Most pictures a second; 0: as many as frames, and 30 of speech.
    pub rate: f32,
    /// Leaves out the copy of each picture to memory: `portrait_session_take_picture` then has none.
    pub no_pictures: Flag,
    /// Takes over at `PORTRAIT_THERMAL_CRITICAL`: an engine of a smaller preset that was opened to `share` this one's device. 0: none.
    pub cool_engine: PortraitEngine,
    /// The avatar for it.
    pub cool_avatar: PortraitAvatar,
    /// Side of the pictures in pixels where they show the square or the person cut out, from the preset's own side (256) on; 0: that. A
    /// larger one is sharper where the photo is, up to 1024.
    pub picture_side: u32,
}

/// Memory for a picture, and what was put there.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PortraitPicture {
    /// `sizeof(PortraitPicture)`.
    pub struct_size: u32,
    /// Written: width in pixels.
    pub width: u32,
    /// Written: height in pixels.
    pub height: u32,
    /// Where to put it: RGBA, rows from the top.
    pub pixels: *mut u8,
    /// Bytes at `pixels`.
    pub length: usize,
    /// Bytes from row to row; 0: no gaps.
    pub stride: usize,
    /// Written: time stamp of the frame it was made of; of speech, of the moment it shows by the clock of `portrait_session_push_audio`.
    pub timestamp_ns: u64,
}

/// A session and what belongs to its way to C.
pub(crate) struct Live {
    pub(crate) session: LiveSession,
    pub(crate) engine: Arc<Engine>,
    pool: Pool,
    limit: FrameLimit,
    /// A picture that did not fit where the host wanted it.
    kept: Mutex<Option<LivePicture>>,
}

/// Engine and avatar of two handles.
fn portrait_of(engine: PortraitEngine, avatar: PortraitAvatar) -> Result<Portrait, Failure> {
    Ok(Portrait { engine: handle::engine(engine)?.engine()?, avatar: handle::avatar(avatar)? })
}

/// Starts a session and returns at once; frames may be pushed from now on. What is wrong with the options shows here, what is wrong
/// with the device perhaps in a later call. Waits for the engine. Any thread.
///
/// # Safety
/// The pointers are null or point at what their fields say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portrait_session_open(
    engine: PortraitEngine,
    avatar: PortraitAvatar,
    options: *const PortraitSessionOptions,
    session: *mut PortraitSession,
) -> PortraitStatus {
    call(|| {
        // SAFETY: the host's promise.
        let (given, lent) = unsafe {
            let given = sized(options, "options");
            // First: a loan is given back whatever else is wrong.
            let lent = given.as_ref().ok().filter(|given| given.framing == 1).map(|given| photo(given.photo));
            write(session, 0, "session")?;
            (given?, lent.transpose()?.map(Photo::into_picture).transpose()?)
        };
        let framing = match given.framing {
            0 => Framing::Crop,
            1 => Framing::Photo(Arc::new(lent.ok_or_else(|| Failure::argument("`photo` is null"))?)),
            2 => Framing::Cutout(Backdrop::Transparent),
            other => return Err(Failure::argument(format!("`framing` is {other}; it goes from 0 to 2"))),
        };
        if !(0.0..=1000.0).contains(&given.rate) {
            return Err(Failure::argument(format!("`rate` is {}; it goes from 0 to 1000", given.rate)));
        }
        let mut live = SessionOptions {
            framing,
            side: Some(given.picture_side).filter(|side| *side > 0),
            read_back: !given.no_pictures.is_set(),
            ..SessionOptions::new(given.frame_width, given.frame_height)
        };
        if !given.motion.is_null() {
            // SAFETY: the host's promise.
            live.motion = unsafe { motion_of(given.motion)? };
        }
        let cool = match given.cool_engine {
            0 => None,
            engine => Some(portrait_of(engine, given.cool_avatar)?),
        };
        let rate = Some(given.rate).filter(|rate| *rate > 0.0);
        let portrait = portrait_of(engine, avatar)?;
        let engine = portrait.engine.clone();
        if cool.as_ref().is_some_and(|cool: &Portrait| !Arc::ptr_eq(cool.engine.gpu(), engine.gpu())) {
            return Err(Failure::argument("`cool_engine` is on another device: open it to `share` the engine's"));
        }
        let live = LiveSession::start(portrait, LiveOptions { session: live, rate, cool })?;
        let limit = engine.gpu().frame_limit();
        let object = Live { session: live, engine, pool: Pool::default(), limit, kept: Mutex::default() };
        let number = handle::insert(Object::Session(Arc::new(object)))?;
        // SAFETY: the host's promise.
        unsafe { write(session, number, "session") }
    })
}

/// Gives the newest frame of the driver. Never waits; a frame that was not begun when the next one comes is given back unused. Ends
/// speech: what was pushed and not shown yet is dropped. Any thread.
///
/// # Safety
/// `frame` is null or points at a frame with planes as it says; borrowed ones stay until `release` is called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portrait_session_push(
    session: PortraitSession,
    frame: *const PortraitFrame,
) -> PortraitStatus {
    call(|| {
        let live = handle::session(session);
        let (pool, limit) = live.as_ref().map(|live| (live.pool.clone(), live.limit)).unwrap_or_default();
        // Before the session is looked at: a loan is given back whatever happens.
        // SAFETY: the host's promise.
        let given = unsafe { given(frame, &pool, limit) };
        let (live, Given { frame, orientation, timestamp }) = (live?, given?);
        Ok(live.session.push(frame, orientation, timestamp)?)
    })
}

/// Copies the newest picture that was not taken yet. Waits for one no longer than `timeout_ms`; `PORTRAIT_STATUS_PENDING` if there is
/// none. Where `length` is too small, the picture stays and `width` and `height` tell its size. Any thread.
///
/// # Safety
/// `picture` is null or points at a `PortraitPicture` whose `struct_size`, `pixels`, `length` and `stride` are set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portrait_session_take_picture(
    session: PortraitSession,
    timeout_ms: u32,
    picture: *mut PortraitPicture,
) -> PortraitStatus {
    ask(|| {
        let live = handle::session(session)?;
        // SAFETY: the host's promise.
        let given = unsafe { sized(picture, "picture")? };
        let kept = || live.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let older = kept().take();
        let patience = if older.is_some() { 0 } else { timeout_ms };
        let newer = match live.session.take_picture(Duration::from_millis(patience.into())) {
            // A session that has failed since says so at the next call: what is kept is not lost.
            Err(_) if older.is_some() => None,
            taken => taken?,
        };
        let Some(taken) = newer.or(older) else { return Ok(PortraitStatus::Pending) };
        let (width, height) = (taken.picture.width, taken.picture.height);
        let timestamp_ns = taken.timestamp.as_nanos() as u64;
        // SAFETY: the host's promise.
        unsafe { fill(picture, PortraitPicture { width, height, timestamp_ns, ..given }, "picture")? };
        let row = 4 * width as usize;
        let stride = if given.stride == 0 { row } else { given.stride };
        let needed = stride.checked_mul(height as usize - 1).and_then(|bytes| bytes.checked_add(row));
        if given.pixels.is_null() || stride < row || needed.is_none_or(|needed| given.length < needed) {
            *kept() = Some(taken);
            let text =
                format!("a picture of {width} × {height} does not fit in {} bytes with rows of {stride}", given.length);
            return Err(Failure::new(PortraitStatus::BufferTooSmall, text));
        }
        for (y, from) in taken.picture.rgba.chunks_exact(row).enumerate() {
            // SAFETY: not null, and the last row ends before `length` does.
            unsafe { given.pixels.add(y * stride).copy_from_nonoverlapping(from.as_ptr(), row) };
        }
        Ok(PortraitStatus::Ok)
    })
}

/// How motion is taken over from the next frame on. Any thread.
///
/// # Safety
/// `motion` is null or points at a `PortraitMotion` whose `struct_size` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portrait_session_set_motion(
    session: PortraitSession,
    motion: *const PortraitMotion,
) -> PortraitStatus {
    call(|| {
        // SAFETY: the host's promise.
        handle::session(session)?.session.set_motion(unsafe { motion_of(motion)? });
        Ok(())
    })
}

/// Takes the pose of the next moment as the driver's neutral one: of the frames of the next 0.3 seconds with a face the one most like the
/// photo's, so that a blink is passed over. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn portrait_session_recalibrate(session: PortraitSession) -> PortraitStatus {
    call(|| {
        handle::session(session)?.session.recalibrate();
        Ok(())
    })
}

/// Stops making pictures, and waits for the frame at hand, but not for a session to open: afterwards nothing is submitted to the GPU.
/// Before an app goes to the background. Frames pushed meanwhile are given back at once. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn portrait_session_pause(session: PortraitSession) -> PortraitStatus {
    call(|| {
        handle::session(session)?.session.pause();
        Ok(())
    })
}

/// Goes on after a pause. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn portrait_session_resume(session: PortraitSession) -> PortraitStatus {
    call(|| {
        handle::session(session)?.session.resume();
        Ok(())
    })
}

/// How hot the device is, a `PortraitThermal`: fewer pictures a second first, then `cool_engine`. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn portrait_session_set_thermal(session: PortraitSession, thermal: u32) -> PortraitStatus {
    call(|| {
        let thermal = match thermal {
            0 => Thermal::Nominal,
            1 => Thermal::Fair,
            2 => Thermal::Serious,
            3 => Thermal::Critical,
            other => return Err(Failure::argument(format!("`thermal` is {other}; it goes from 0 to 3"))),
        };
        handle::session(session)?.session.set_thermal(thermal);
        Ok(())
    })
}

/// Gives memory back, a `PortraitTrim`; waits until that is done, but not for a session to open. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn portrait_session_trim(session: PortraitSession, trim: u32) -> PortraitStatus {
    call(|| {
        let trim = match trim {
            0 => Trim::Waiting,
            1 => Trim::Session,
            2 => Trim::Pipelines,
            other => return Err(Failure::argument(format!("`trim` is {other}; it goes from 0 to 2"))),
        };
        let live = handle::session(session)?;
        live.session.trim(trim);
        live.pool.clear();
        live.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(())
    })
}

/// Gives speech that moves the mouth: 16 kHz, mono, in pieces of any length, as fast as there are any. Never waits; the samples are
/// copied. Where more than a minute (960,000 samples) would wait, it is `PORTRAIT_STATUS_INVALID_ARGUMENT` and nothing of it is taken:
/// push less, or later. Any thread.
///
/// From then on, and from a push of no samples on too, the session makes pictures by itself, at its `rate` or 30 a second, and leaves out
/// moments for which there is no time. Lips say what is pushed; all else, and everything where nothing is said, is idle motion: breathing,
/// blinks, glances. The next frame pushed ends that.
///
/// The first sample is seen 300 ms after it is pushed: by so much delay what you play, or push ahead. Each sample after it is seen by as
/// much later as it comes later in the sound. Where less than 0.2 seconds are left to be shown, a sentence ends in silence, and what is
/// pushed then begins anew, 300 ms later. So push in real time or faster; a piece may be 60 ms late. `portrait_session_pause` and
/// `portrait_session_interrupt_audio` make the next piece a first one, too.
///
/// `timestamp_ns` is when the first of these samples is, by a clock of yours. Pictures carry that of the moment that they show, and between
/// sentences the clock goes on.
///
/// What is pushed while the session is paused is dropped at once, and a pause drops what is not shown yet.
///
/// # Safety
/// `samples` is null or has `count` samples.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portrait_session_push_audio(
    session: PortraitSession,
    samples: *const i16,
    count: usize,
    timestamp_ns: u64,
) -> PortraitStatus {
    call(|| {
        let live = handle::session(session)?;
        // SAFETY: the host's promise.
        let samples = unsafe { numbers(samples, count, "samples")? };
        Ok(live.session.push_audio(samples, Duration::from_nanos(timestamp_ns))?)
    })
}

/// Drops the speech that was pushed and not shown yet, as when somebody speaks into it: the mouth shuts within a tenth of a second, and
/// the face idles. Nothing where no speech drives. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn portrait_session_interrupt_audio(session: PortraitSession) -> PortraitStatus {
    call(|| {
        handle::session(session)?.session.interrupt_audio();
        Ok(())
    })
}

/// Releases the session and waits for its thread, also where another thread is releasing it: afterwards no memory, surface or callback
/// of the host's is in use. Calls that wait in other threads return. Done also for 0 and for a session that was released before. Any
/// thread; from a `release` callback in the session's own thread it does not wait.
#[unsafe(no_mangle)]
pub extern "C" fn portrait_session_release(session: PortraitSession) -> PortraitStatus {
    call(|| {
        handle::release(session, handle::SESSION, |object| {
            if let Object::Session(live) = object {
                live.session.close();
            }
        })
    })
}
