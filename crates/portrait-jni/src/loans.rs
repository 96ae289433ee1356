//! Frames that are read where the app has them. `Loans.kt` keeps them under a number, and a thread of its own waits for numbers that come
//! back: the virtual machine is not called from threads of the library's.

use jni_sys::{JNIEnv, jlong, jobject};
use portrait_ffi::PortraitRelease;
use std::collections::VecDeque;
use std::ffi::c_void;
use std::ptr::{null_mut, without_provenance_mut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Numbers that came back and were not asked for yet.
static RETURNED: (Mutex<VecDeque<usize>>, Condvar) = (Mutex::new(VecDeque::new()), Condvar::new());

fn returned() -> MutexGuard<'static, VecDeque<usize>> {
    RETURNED.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a frame of this number is given back; 0 is not lent.
pub(crate) fn lend(loan: jlong) -> (PortraitRelease, *mut c_void) {
    match usize::try_from(loan) {
        Ok(number) if number > 0 => (Some(came_back), without_provenance_mut(number)),
        _ => (None, null_mut()),
    }
}

unsafe extern "C" fn came_back(number: *mut c_void) {
    returned().push_back(number.addr());
    RETURNED.1.notify_one();
}

/// Waits for a frame that is read no more; its number.
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_portrait_Native_loanReturned(_env: *mut JNIEnv, _class: jobject) -> jlong {
    let mut numbers =
        RETURNED.1.wait_while(returned(), |numbers| numbers.is_empty()).unwrap_or_else(PoisonError::into_inner);
    numbers.pop_front().unwrap_or_default() as jlong
}
