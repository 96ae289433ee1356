//! What is kept of the pictures: screenshots, videos, motions, and what other programs see.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;

use super::Studio;
use crate::console::chain;
use crate::live::broadcast::Broadcast;
use crate::live::recording::{MotionRecording, VideoRecording};
use crate::source::media_picture;

impl Studio {
    /// Takes pictures and points where somebody wants them.
    pub(super) fn collect(&mut self, at: Instant) -> Result<()> {
        if let Some(fault) = self.broadcast.as_ref().and_then(Broadcast::fault) {
            self.broadcast = None;
            self.warn(fault);
        }
        if self.screenshot.is_some() || self.video.is_some() || self.broadcast.is_some() {
            let mut newest = None;
            while let Some(picture) = self.session.take_picture(true)? {
                newest = Some(media_picture(picture));
            }
            if let Some(picture) = newest {
                if let Some(path) = self.screenshot.take() {
                    match portrait_media::save_png(&path, &picture) {
                        Ok(()) => self.say(format!("saved {}", path.display())),
                        Err(error) => self.warn(error.to_string()),
                    }
                }
                if let Some(broadcast) = &self.broadcast {
                    broadcast.show(picture.clone());
                }
                if let Some(video) = &mut self.video {
                    video.push(picture, at);
                }
            }
        }
        let points = self.session.take_motion();
        if let Some(recording) = &mut self.points {
            recording.extend(points, at);
        }
        Ok(())
    }

    /// Pictures that were copied while nobody took them are old.
    pub(super) fn drain(&mut self) -> Result<()> {
        while self.session.take_picture(true)?.is_some() {}
        Ok(())
    }

    /// Ends a video that cannot go on, and tells of what it leaves out.
    pub(super) fn watch_video(&mut self) {
        if self.video.as_ref().is_some_and(VideoRecording::failed) {
            self.record_video(None);
        } else if let Some(news) = self.video.as_mut().and_then(VideoRecording::news) {
            self.warn(news);
        }
    }

    /// Ends the video there is, and begins one.
    pub(super) fn record_video(&mut self, path: Option<PathBuf>) {
        if let Some(mut video) = self.video.take() {
            if self.hold {
                video.hold_until(Instant::now());
            }
            self.tell(video.finish());
        }
        if let Some(path) = &path {
            let texture = self.session.texture();
            match VideoRecording::start(path, [texture.width(), texture.height()]) {
                // Of a pose that is held, too.
                Ok(video) => (self.video, self.owed) = (Some(video), self.owed.max(1)),
                Err(error) => self.warn(chain(&error)),
            }
        }
        self.shared.view().video = path.filter(|_| self.video.is_some());
    }

    /// Ends the motion there is, and begins one.
    pub(super) fn record_points(&mut self, path: Option<PathBuf>) {
        if let Some(mut recording) = self.points.take() {
            if self.hold {
                recording.hold_until(Instant::now());
            }
            let neutral = self.session.neutral().ok().flatten();
            self.tell(recording.finish(neutral));
        }
        self.points = path.clone().map(MotionRecording::new);
        // Of a pose that is held, too.
        self.owed = self.owed.max(u32::from(self.points.is_some()));
        self.shared.view().points = path;
    }

    /// Tells what became of something.
    fn tell(&self, done: Result<String, String>) {
        match done {
            Ok(text) => self.say(text),
            Err(fault) => self.warn(fault),
        }
    }
}
