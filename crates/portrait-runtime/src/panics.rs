//! What somebody panicked with.

use std::any::Any;

/// The text of a panic that was caught.
pub(crate) fn text_of(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no text".to_owned());
    // Dropping what somebody panicked with may panic itself.
    std::mem::forget(panic);
    text
}
