//! Who drives: another driver, somebody who comes and goes, a pose that is held.

use std::time::Instant;

use anyhow::Result;
use portrait_runtime::SessionOptions;

use super::{OWED, PATIENCE, Studio, open_session};
use crate::console::chain;
use crate::live::input::{Captured, Choice, Source};
use crate::live::worker::is_lost;

impl Studio {
    /// What to animate now, if anything: the newest moment, or while the pose is held the one before, where something else about its
    /// picture has changed.
    pub(super) fn moment(&mut self) -> Option<Captured> {
        let newest = self.source.newest.take(PATIENCE);
        // Unseen pictures are made for recordings and other programs only.
        let kept = self.video.is_some() || self.points.is_some() || self.screenshot.is_some();
        if self.hold || (self.hidden && !kept && self.broadcast.is_none()) {
            self.last = None;
            let due = self.hold && self.owed > 0 && !self.hidden;
            let again = self.held.take_if(|_| due).map(|held| Captured { at: Instant::now(), ..held });
            return again.or(newest.filter(|_| due));
        }
        newest
    }

    /// Takes up driving or idling. The driver's neutral pose waits while nobody drives.
    pub(super) fn turn(&mut self, idle: bool) -> Result<()> {
        if idle == self.idle {
            return Ok(());
        }
        if idle {
            self.neutral = self.session.neutral()?;
        }
        self.idle = idle;
        self.session.restart();
        self.taken_up = 0;
        if !idle {
            // The pose it has is the photo's.
            self.session.recalibrate();
        }
        self.settle()
    }

    /// Fits the session to frames of another size: a camera was turned, or has changed its mind.
    pub(super) fn fit(&mut self, size: [u32; 2]) -> Result<()> {
        if size == self.frame {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.frame, size);
        self.reopen().inspect_err(|_| self.frame = before)
    }

    /// Another driver, from a neutral pose of its own.
    pub(super) fn set_driver(&mut self, driver: Choice) -> Result<()> {
        let source = Source::open(&driver)?;
        let size = source.size;
        let before = (
            std::mem::replace(&mut self.driver, driver),
            std::mem::replace(&mut self.source, source),
            std::mem::replace(&mut self.frame, size),
        );
        if let Err(error) = self.renew() {
            (self.driver, self.source, self.frame) = before;
            return Err(error);
        }
        self.dropped += before.1.newest.dropped();
        (self.neutral, self.idle, self.held) = (None, false, None);
        self.settle()?;
        let mut view = self.shared.view();
        (view.preview, view.status) = (None, None);
        Ok(())
    }

    /// A driver that cannot be used is put aside, and nobody drives.
    pub(super) fn give_up_driver(&mut self, error: anyhow::Error) -> Result<()> {
        if self.idle || is_lost(&error) {
            return Err(error);
        }
        self.dropped += self.source.newest.dropped();
        self.source = Source::nobody(&self.source.about().name, chain(&error));
        Ok(())
    }

    pub(super) fn mirrored(&self) -> bool {
        self.mirror.unwrap_or(self.driver.mirrored())
    }

    /// A session for what is wanted now, in place of the one there is. Its driver's neutral pose is kept.
    pub(super) fn reopen(&mut self) -> Result<()> {
        if !self.idle {
            self.neutral = self.session.neutral()?;
        }
        self.renew()?;
        self.settle()
    }

    fn renew(&mut self) -> Result<()> {
        let framing = self.framing.showing(self.shown);
        let (motion, driver_face, [width, height]) = (self.motion, self.driver_face, self.frame);
        let options = SessionOptions { motion, driver_face, ..SessionOptions::new(width, height) };
        self.session = open_session(&self.engine, &self.sitting, &framing, options)?;
        (self.taken_up, self.presented, self.owed) = (0, false, OWED);
        Ok(())
    }

    /// Idle motion is measured from the photo itself, a recording from its own neutral pose, all else from a calibration.
    pub(super) fn settle(&mut self) -> Result<()> {
        let neutral = match (&self.source.neutral, self.idle) {
            (_, true) => Some(self.sitting.prepared.avatar().points()),
            (Some(neutral), false) => Some(neutral.clone()),
            (None, false) => self.neutral.take(),
        };
        if let Some(neutral) = neutral {
            self.session.set_neutral(&neutral)?;
        }
        Ok(())
    }
}
