//! What the first start is testing, in a file: a driver that takes the process along in a test would do so at every start.
//!
//! A shader whose test has not ended twice counts as wrong, and is not run a third time. Not after the first: an app is also ended by
//! its user, and what is found is kept for as long as the driver stays.

use crate::avatar_file::write_whole;
use portrait_kernels::Tier;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How often a test may not end.
const FORGIVEN: u32 = 1;

/// A shader in a tier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Test {
    tier: String,
    shader: String,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Record {
    /// What is being tested.
    now: Option<Test>,
    /// What did not end, and how often.
    lost: Vec<(Test, u32)>,
}

#[derive(Debug)]
struct Watched {
    file: PathBuf,
    record: Record,
}

impl Watched {
    /// Where nothing can be written, nothing is remembered either.
    fn write(&self) {
        let _ = serde_json::to_vec(&self.record)
            .map_err(std::io::Error::from)
            .and_then(|text| write_whole(&self.file, &text));
    }
}

/// Notes what a first start is testing, one at a time in a process: another one beside it is not watched.
#[derive(Debug, Default)]
pub(crate) struct Marker(Mutex<Option<Watched>>);

/// The process's own.
pub(crate) static MARKER: Marker = Marker(Mutex::new(None));

/// A first start that is watched; dropped without [`Watch::end`], what was being tested did not end.
pub(crate) struct Watch<'a>(Option<&'a Marker>);

impl Marker {
    fn lock(&self) -> MutexGuard<'_, Option<Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to note in this file, in which an earlier start may have left something.
    pub(crate) fn watch(&self, file: Option<&Path>) -> Watch<'_> {
        let mut watched = self.lock();
        let Some(file) = file.filter(|_| watched.is_none()) else { return Watch(None) };
        let stored = std::fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let mut record: Record = stored.unwrap_or_default();
        if let Some(test) = record.now.take() {
            match record.lost.iter_mut().find(|(lost, _)| *lost == test) {
                Some((_, times)) => *times = times.saturating_add(1),
                None => record.lost.push((test, 1)),
            }
        }
        *watched = Some(Watched { file: file.to_owned(), record });
        Watch(Some(self))
    }

    /// The test of a shader begins, and the one before has ended. Whether it may run.
    pub(crate) fn enter(&self, tier: Tier, shader: &str) -> bool {
        let mut watched = self.lock();
        let Some(watched) = &mut *watched else { return true };
        let test = Test { tier: tier.name().to_owned(), shader: shader.to_owned() };
        watched.passed();
        if watched.record.lost.iter().any(|(lost, times)| *lost == test && *times > FORGIVEN) {
            return false;
        }
        watched.record.now = Some(test);
        watched.write();
        true
    }

    /// All tests have ended.
    pub(crate) fn leave(&self) {
        if let Some(watched) = &mut *self.lock() {
            watched.passed();
            watched.write();
        }
    }
}

impl Watched {
    fn passed(&mut self) {
        if let Some(test) = self.record.now.take() {
            self.record.lost.retain(|(lost, _)| *lost != test);
        }
    }
}

impl Watch<'_> {
    /// The start has ended. `known`: what was found is kept elsewhere.
    pub(crate) fn end(self, known: bool) {
        let Some(marker) = self.0 else { return };
        if let Some(watched) = &*marker.lock()
            && (known || watched.record == Record::default())
        {
            // What cannot be removed counts as one more test that did not end, at most.
            let _ = std::fs::remove_file(&watched.file);
        }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Some(marker) = self.0 {
            *marker.lock() = None;
        }
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_test_that_did_not_end_twice_is_not_run_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("x.testing");
        // A process that ends in the test of `warp`.
        let crash = || {
            let marker = Marker::default();
            let watch = marker.watch(Some(&file));
            let runs = ["crop", "warp"].map(|shader| marker.enter(Tier::F32, shader));
            drop(watch);
            runs
        };
        assert_eq!([crash(), crash()], [[true; 2]; 2]);
        assert_eq!(crash(), [true, false]);
        // Another tier is another test.
        let marker = Marker::default();
        let watch = marker.watch(Some(&file));
        assert!(marker.enter(Tier::F16Packed, "warp") && !marker.enter(Tier::F32, "warp"));
        marker.leave();
        watch.end(false);
        assert!(file.exists(), "it is not kept elsewhere");
        let watch = marker.watch(Some(&file));
        assert!(!marker.enter(Tier::F32, "warp"));
        watch.end(true);
        assert!(!file.exists());
    }

    #[test]
    fn a_test_that_ends_the_second_time_is_forgiven() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("x.testing");
        let marker = Marker::default();
        for _ in 0..3 {
            drop(marker.watch(Some(&file)));
            let watch = marker.watch(Some(&file));
            assert!(marker.enter(Tier::F32, "warp"), "the app was ended here, now and then");
            drop(watch);
            let watch = marker.watch(Some(&file));
            assert!(marker.enter(Tier::F32, "warp"));
            marker.leave();
            watch.end(false);
            assert!(!file.exists());
        }
    }

    #[test]
    fn one_start_is_watched_at_a_time_and_a_damaged_file_says_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let [file, other] = ["x.testing", "y.testing"].map(|name| folder.path().join(name));
        std::fs::write(&file, "{\"now\": 3").expect("written");
        let marker = Marker::default();
        let watch = marker.watch(Some(&file));
        let beside = marker.watch(Some(&other));
        assert!(marker.enter(Tier::F32, "warp"));
        drop(beside);
        marker.leave();
        watch.end(false);
        assert!(!file.exists() && !other.exists());
        // Nothing is written where nothing may be, and nobody is watched.
        let watch = marker.watch(None);
        assert!(marker.enter(Tier::F32, "warp"));
        watch.end(true);
    }
}
