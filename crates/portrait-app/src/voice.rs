//! Speech as a driver: the photo's own face says it, and moves meanwhile as somebody who has nothing else to do.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use portrait_media::SoundReader;
use portrait_runtime::{Expression, Idle, Speech};

/// Moments a second.
pub(crate) const FPS: f64 = 25.0;

/// A sound file that is heard as far as the moments need.
pub(crate) struct Voice {
    reader: SoundReader,
    speech: Speech,
    pub(crate) idle: Idle,
    next: u64,
    heard: u64,
    ended: bool,
}

impl Voice {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let (reader, speech) = (SoundReader::open(path)?, Speech::new()?);
        Ok(Self { reader, speech, idle: Idle::default(), next: 0, heard: 0, ended: false })
    }

    /// How many moments will come, where that is known.
    pub(crate) fn len(&self) -> Option<u64> {
        self.reader.duration().map(|duration| (duration.as_secs_f64() * FPS).ceil() as u64)
    }

    /// What the face does next, and when.
    pub(crate) fn next(&mut self) -> Result<Option<(Expression, Duration)>> {
        let seconds = self.next as f64 / FPS;
        let lips = loop {
            if self.ended && seconds >= self.heard as f64 / f64::from(Speech::SAMPLE_RATE) {
                return Ok(None);
            }
            if let Some(lips) = self.speech.lips(seconds) {
                break lips;
            }
            match self.reader.next_chunk()? {
                Some(samples) => {
                    self.heard += samples.len() as u64;
                    self.speech.push(&samples);
                }
                None => {
                    // The last word is understood when what follows it is heard.
                    self.speech.push(&vec![0.0; (2.0 * Speech::LATENCY * f64::from(Speech::SAMPLE_RATE)) as usize]);
                    self.ended = true;
                }
            }
        };
        self.next += 1;
        Ok(Some((Expression { lips, ..self.idle.expression(seconds) }, Duration::from_secs_f64(seconds))))
    }
}
