//! Results on their way back to the host: a ring of mapped buffers, read a frame or more after they were written.

use crate::error::EngineError;
use crate::gpu::Gpu;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

const WAITING: u8 = 0;
const READY: u8 = 1;
const FAILED: u8 = 2;

#[derive(Debug)]
struct Slot {
    buffer: wgpu::Buffer,
    state: Arc<AtomicU8>,
    submission: Option<wgpu::SubmissionIndex>,
}

/// Buffers that take turns.
#[derive(Debug)]
pub(crate) struct Ring {
    free: Vec<Slot>,
    /// In order of submission.
    busy: VecDeque<Slot>,
    bytes: usize,
    /// How many of the oldest in `busy` nobody wants any more.
    stale: usize,
}

impl Ring {
    pub(crate) fn new(gpu: &Gpu, label: &str, depth: usize, bytes: usize) -> Self {
        use wgpu::BufferUsages as U;
        let slot = |_| Slot {
            buffer: gpu.buffer(label, bytes, U::COPY_DST | U::MAP_READ),
            state: Arc::new(AtomicU8::new(WAITING)),
            submission: None,
        };
        Self { free: (0..depth).map(slot).collect(), busy: VecDeque::with_capacity(depth), bytes, stale: 0 }
    }

    /// Forgets the results that are on their way.
    pub(crate) fn discard(&mut self) {
        self.stale = self.busy.len();
    }

    /// How many results are on their way.
    pub(crate) fn pending(&self) -> usize {
        self.busy.len()
    }

    /// Whether another result would be taken in.
    pub(crate) fn has_room(&self) -> bool {
        !self.free.is_empty() || self.stale > 0
    }

    /// Takes back what nobody wants any more; where there is no room otherwise, waits for one of those.
    pub(crate) fn make_room(&mut self, gpu: &Gpu) -> Result<(), EngineError> {
        while self.stale > 0 {
            let wait = self.free.is_empty();
            if self.next(gpu, wait, |_| ())?.is_none() {
                break;
            }
            self.stale -= 1;
        }
        Ok(())
    }

    /// The buffer that the next submission copies into; `None` when all are on their way.
    pub(crate) fn target(&self) -> Option<&wgpu::Buffer> {
        self.free.last().map(|slot| &slot.buffer)
    }

    /// Notes that `submission` fills [`Ring::target`]; whether there was one.
    pub(crate) fn submitted(&mut self, submission: wgpu::SubmissionIndex) -> bool {
        let Some(mut slot) = self.free.pop() else { return false };
        slot.state.store(WAITING, Ordering::Release);
        slot.submission = Some(submission);
        let state = slot.state.clone();
        slot.buffer.slice(..).map_async(wgpu::MapMode::Read, move |result| {
            state.store(if result.is_ok() { READY } else { FAILED }, Ordering::Release);
        });
        self.busy.push_back(slot);
        true
    }

    /// The oldest result through `read`, if it is there; with `wait`, blocks until it is.
    pub(crate) fn take<T>(
        &mut self,
        gpu: &Gpu,
        wait: bool,
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>, EngineError> {
        while self.stale > 0 {
            if self.next(gpu, wait, |_| ())?.is_none() {
                return Ok(None);
            }
            self.stale -= 1;
        }
        self.next(gpu, wait, read)
    }

    fn next<T>(&mut self, gpu: &Gpu, wait: bool, read: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, EngineError> {
        let Some(slot) = self.busy.front() else { return Ok(None) };
        let device_failed = |e: &dyn std::fmt::Display| EngineError::Device(e.to_string());
        if slot.state.load(Ordering::Acquire) == WAITING {
            let poll = match (&slot.submission, wait) {
                (Some(index), true) => wgpu::PollType::Wait { submission_index: Some(index.clone()), timeout: None },
                _ => wgpu::PollType::Poll,
            };
            gpu.poll(poll)?;
        }
        match slot.state.load(Ordering::Acquire) {
            WAITING => return Ok(None),
            FAILED => {
                gpu.check()?;
                return Err(EngineError::Device("a result could not be read back".to_owned()));
            }
            _ => {}
        }
        let range = slot.buffer.slice(..self.bytes as u64).get_mapped_range().map_err(|e| device_failed(&e))?;
        let value = read(&range);
        drop(range);
        slot.buffer.unmap();
        self.free.extend(self.busy.pop_front());
        Ok(Some(value))
    }
}
