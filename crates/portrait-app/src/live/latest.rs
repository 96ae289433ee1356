//! A place for one thing: the newest wins, nothing queues.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Holds the newest value until it is taken; one that nobody took makes room and is counted.
#[derive(Debug)]
pub(crate) struct Latest<T> {
    slot: Mutex<Slot<T>>,
    filled: Condvar,
}

#[derive(Debug)]
struct Slot<T> {
    value: Option<T>,
    dropped: u64,
}

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self { slot: Mutex::new(Slot { value: None, dropped: 0 }), filled: Condvar::new() }
    }
}

impl<T> Latest<T> {
    fn lock(&self) -> MutexGuard<'_, Slot<T>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a value in, in place of one that nobody took.
    pub(crate) fn put(&self, value: T) {
        let mut slot = self.lock();
        slot.dropped += u64::from(slot.value.replace(value).is_some());
        drop(slot);
        self.filled.notify_one();
    }

    /// [`Latest::put`] of something that nobody misses when it is not taken.
    pub(crate) fn put_lightly(&self, value: T) {
        let mut slot = self.lock();
        slot.value = Some(value);
        drop(slot);
        self.filled.notify_one();
    }

    /// Takes the newest value; waits for one no longer than this.
    pub(crate) fn take(&self, patience: Duration) -> Option<T> {
        let waited = self.filled.wait_timeout_while(self.lock(), patience, |slot| slot.value.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.value.take()
    }

    /// How many values nobody took, but for those that nobody misses.
    pub(crate) fn dropped(&self) -> u64 {
        self.lock().dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_wins_and_the_rest_is_counted() {
        let latest = Latest::default();
        assert_eq!(latest.take(Duration::ZERO), None);
        (1..=5).for_each(|value| latest.put(value));
        assert_eq!((latest.take(Duration::ZERO), latest.dropped()), (Some(5), 4));
        assert_eq!(latest.take(Duration::from_millis(1)), None);
        std::thread::scope(|scope| {
            scope.spawn(|| latest.put(6));
            assert_eq!(latest.take(Duration::from_secs(10)), Some(6));
        });
        assert_eq!(latest.dropped(), 4);
    }
}
