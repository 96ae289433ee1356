//! Who drives: another driver, somebody who comes and goes, a pose that is held.

use std::time::Instant;

use anyhow::Result;
use portrait_runtime::{Orientation, Points, SessionOptions};

use super::{OWED, PATIENCE, Studio};
use crate::console::chain;
use crate::driver::Drive;
use crate::live::input::{Captured, Choice, Input, Source};
use crate::live::worker::is_lost;

/// Seconds between moments that are one and the same.
const STEP: f32 = 1.0 / 30.0;

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
    pub(super) fn turn(&mut self, input: &Input) -> Result<()> {
        let idle = matches!(input, Input::Idle(_));
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
            if self.neutral.is_none() && self.source.neutral.is_none() {
                self.meet(input)?;
            }
        }
        self.settle()
    }

    /// A session for somebody new: it looks for a neutral pose during the whole first second.
    fn meet(&mut self, input: &Input) -> Result<()> {
        let before = self.frame;
        if let Input::Drive(Drive::Picture(picture)) = input {
            self.frame = [picture.width, picture.height];
        }
        self.renew().inspect_err(|_| self.frame = before)
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

    /// Why there is no picture of a driver, where there is none.
    pub(super) fn no_picture(&self) -> Option<&'static str> {
        match &self.held {
            _ if self.idle => Some("nobody drives"),
            Some(Captured { input: Input::Drive(Drive::Points(_)), .. }) => Some("a recorded motion drives"),
            _ => None,
        }
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

    /// [`Studio::reopen`] with other weights. They have neural points of their own, so those of the neutral pose are moved on by what
    /// both see in one and the same moment; where nobody is in sight the neutral pose is looked for anew.
    pub(super) fn reopen_with_other_weights(&mut self) -> Result<()> {
        let neutral = self.session.neutral()?;
        let before = self.look()?;
        self.renew()?;
        let now = self.look()?;
        self.neutral = match (neutral, before, now) {
            (Some(neutral), Some(before), Some(now)) => Some(carried(neutral, &before, &now)),
            _ => None,
        };
        self.settle()
    }

    /// The driver's points in the moment that was animated last, as the session sees them once it has settled on it. Nothing of that is
    /// shown or recorded.
    fn look(&mut self) -> Result<Option<Points>> {
        let Some(Captured { input: Input::Drive(drive), .. }) = &self.held else { return Ok(None) };
        if let Drive::Points(points) = drive {
            return Ok(Some(points.clone()));
        }
        self.session.set_orientation(Orientation { mirror: self.mirrored(), ..Orientation::default() });
        for _ in 0..OWED {
            drive.animate(&mut self.session, STEP)?;
            self.session.finish()?;
        }
        self.drain()?;
        Ok(self.session.take_motion().pop().and_then(|moment| moment.points))
    }

    fn renew(&mut self) -> Result<()> {
        let framing = self.framing.showing(self.shown);
        let (motion, driver_face, [width, height]) = (self.motion, self.driver_face, self.frame);
        let options = SessionOptions { motion, driver_face, ..SessionOptions::new(width, height) };
        self.session = self.sitting.session(&self.engine, &framing, options)?;
        (self.taken_up, self.presented, self.owed) = (0, false, OWED);
        Ok(())
    }

    /// A recording is measured from its own neutral pose, all else but idle motion, which is the photo's own, from a calibration.
    pub(super) fn settle(&mut self) -> Result<()> {
        let neutral = match (&self.source.neutral, self.idle) {
            (_, true) => None,
            (Some(neutral), false) => Some(neutral.clone()),
            (None, false) => self.neutral.take(),
        };
        if let Some(neutral) = neutral {
            self.session.set_neutral(&neutral)?;
        }
        Ok(())
    }
}

/// A neutral pose for other weights: as far from it as the driver was `before`, he is `now`.
fn carried(neutral: Points, before: &Points, now: &Points) -> Points {
    let move_on = |((neutral, before), now): ((&[f32; 2], &[f32; 2]), &[f32; 2])| {
        [0, 1].map(|axis| now[axis] - (before[axis] - neutral[axis]))
    };
    let neural = neutral.neural.iter().zip(&before.neural).zip(&now.neural).map(move_on).collect();
    Points { neural, ..neutral }
}
