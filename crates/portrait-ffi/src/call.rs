//! The frame of every export: no panic crosses into C.

use crate::status::{Failure, PortraitStatus, note};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs an export's work; a failure or a panic becomes a status and a text.
pub(crate) fn call(work: impl FnOnce() -> Result<(), Failure>) -> PortraitStatus {
    ask(|| work().map(|()| PortraitStatus::Ok))
}

/// [`call`] for work that has more to say than "done".
pub(crate) fn ask(work: impl FnOnce() -> Result<PortraitStatus, Failure>) -> PortraitStatus {
    let failure = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(status)) => return status,
        Ok(Err(failure)) => failure,
        Err(panic) => Failure::new(PortraitStatus::Internal, format!("a fault in the library: {}", text_of(panic))),
    };
    note(&failure);
    failure.status
}

fn text_of(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no text".to_owned());
    // Dropping what somebody panicked with may panic itself.
    std::mem::forget(panic);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portrait_last_error;
    use std::ffi::CStr;

    #[test]
    fn panics_become_texts() {
        let text = || {
            // SAFETY: the text is this thread's own, and no call lies between.
            let text = unsafe { CStr::from_ptr(portrait_last_error()) };
            text.to_str().expect("UTF-8").to_owned()
        };
        assert_eq!(call(|| panic!("at {}", 7)), PortraitStatus::Internal);
        assert_eq!(text(), "a fault in the library: at 7");
        assert_eq!(call(|| Err(Failure::argument("nul \0 inside"))), PortraitStatus::InvalidArgument);
        assert_eq!(text(), "nul   inside");
        assert_eq!(call(|| Ok(())), PortraitStatus::Ok);
        assert_eq!(text(), "nul   inside", "success leaves the text");
        assert_eq!(std::thread::spawn(move || text().len()).join().expect("no panic"), 0, "each thread has its own");
    }
}
