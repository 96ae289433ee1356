//! How the driver's motion is taken over.

use crate::call::call;
use crate::input::{Flag, sized, write};
use crate::status::{Failure, PortraitStatus};
use portrait_runtime::{Mode, MotionOptions};

/// How the driver's motion is taken over. Begin with `portrait_motion_init`: factors that are 0 hold the portrait still.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PortraitMotion {
    /// `sizeof(PortraitMotion)`.
    pub struct_size: u32,
    /// Factor on relative motion; 1 is the driver's own. This and the gains go from 0 to 10 and say nothing of absolute motion.
    pub strength: f32,
    /// Factor on what the head does as a whole.
    pub head_gain: f32,
    /// Factor on everything else that the face does.
    pub expression_gain: f32,
    /// Further factor on the motion of the lids; at 1 an eye that closes closes the photo's.
    pub eye_gain: f32,
    /// Further factor on the motion of the lips.
    pub mouth_gain: f32,
    /// Takes over the driver's pose as it is, instead of how it differs from the driver's neutral pose.
    pub absolute: Flag,
    /// Leaves out the smoothing.
    pub raw: Flag,
}

/// The defaults: relative, smoothed, at full strength. Any thread.
///
/// # Safety
/// `motion` is null or points at memory for a `PortraitMotion`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn portrait_motion_init(motion: *mut PortraitMotion) -> PortraitStatus {
    let MotionOptions { strength, head_gain, expression_gain, eye_gain, mouth_gain, .. } = MotionOptions::default();
    let usual = PortraitMotion {
        struct_size: size_of::<PortraitMotion>() as u32,
        strength,
        head_gain,
        expression_gain,
        eye_gain,
        mouth_gain,
        absolute: false.into(),
        raw: false.into(),
    };
    // SAFETY: the host's promise.
    call(|| unsafe { write(motion, usual, "motion") })
}

/// # Safety
/// `motion` is null or points at a `PortraitMotion` whose `struct_size` is set.
pub(crate) unsafe fn motion_of(motion: *const PortraitMotion) -> Result<MotionOptions, Failure> {
    // SAFETY: the host's promise.
    let given = unsafe { sized(motion, "motion")? };
    let PortraitMotion { strength, head_gain, expression_gain, eye_gain, mouth_gain, .. } = given;
    let factors = [
        ("strength", strength),
        ("head_gain", head_gain),
        ("expression_gain", expression_gain),
        ("eye_gain", eye_gain),
        ("mouth_gain", mouth_gain),
    ];
    for (name, value) in factors {
        if !(0.0..=10.0).contains(&value) {
            return Err(Failure::argument(format!("`{name}` is {value}; it goes from 0 to 10")));
        }
    }
    let usual = MotionOptions::default();
    Ok(MotionOptions {
        mode: if given.absolute.is_set() { Mode::Absolute } else { Mode::Relative },
        filter: if given.raw.is_set() { None } else { usual.filter },
        strength,
        head_gain,
        expression_gain,
        eye_gain,
        mouth_gain,
    })
}
