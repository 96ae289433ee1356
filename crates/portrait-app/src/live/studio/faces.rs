//! Whom of several the thread works with: the faces of a group photo, and the one in front of the camera that drives.

use anyhow::Result;
use portrait_runtime::FaceChoice;
use std::path::Path;

use super::{Sitting, Studio, put};
use crate::driver::pixels;
use crate::framing::{Faces, Shown};
use crate::live::stage::PLACEMENT;

impl Studio {
    /// Follows the next face in front of the camera, by size.
    pub(super) fn next_driver_face(&mut self) {
        // Of those that the newest search saw, or of two: somebody may have come since.
        let faces = self.session.status().map_or(0, |status| status.faces as usize).max(2);
        let number = match self.driver_face {
            FaceChoice::Index(number) => number % faces + 1,
            _ => 2,
        };
        self.follow(FaceChoice::Index(number));
        self.say(format!("looking for the driver's face number {number} by size"));
    }

    /// Tells when another face may drive than before.
    pub(super) fn watch_driver_face(&mut self) {
        self.settle_driver_face();
        let taken_up = self.session.status().map_or(0, |status| status.taken_up);
        if taken_up > self.taken_up {
            let asked = std::mem::take(&mut self.asked);
            if self.taken_up > 0 && !asked {
                self.say("whoever is there now is followed; a click on the driver's picture chooses".to_owned());
            }
            self.taken_up = taken_up;
        }
    }

    /// A face of a number that nobody in front of the camera has would never be found again once the one that is followed is lost.
    fn settle_driver_face(&mut self) {
        let faces = self.session.status().map_or(0, |status| status.faces as usize);
        if let (true, FaceChoice::Index(number)) = (self.asked && faces > 0, self.driver_face)
            && number > faces
        {
            self.follow(FaceChoice::Largest);
            self.say(format!("{faces} in front of the camera: the largest face is followed"));
        }
    }

    pub(super) fn follow(&mut self, face: FaceChoice) {
        (self.driver_face, self.asked) = (face, true);
        self.session.follow(face);
        self.ready();
    }

    /// Animates these faces of a photo.
    pub(super) fn sit(&mut self, doing: &'static str, what: String, path: &Path, faces: Faces) -> Result<()> {
        if self.sitting.is(path, faces) {
            self.say(format!("{what} is shown already"));
            self.ready();
            return Ok(());
        }
        self.change(doing, what, |studio| {
            let sitting = match studio.shelf.iter().position(|sitting| sitting.is(path, faces)) {
                Some(at) => studio.shelf.remove(at),
                None => Sitting::open(&studio.engine, path, faces)?,
            };
            let shown = if faces == Faces::All { Shown::Photo } else { studio.shown };
            let sitting = std::mem::replace(&mut studio.sitting, sitting);
            let shown = std::mem::replace(&mut studio.shown, shown);
            if let Err(error) = studio.reopen() {
                (studio.sitting, studio.shown) = (sitting, shown);
                return Err(error);
            }
            put(&mut studio.shelf, sitting);
            studio.remarks = studio.sitting.remarks();
            Ok(())
        })
    }

    /// The next face of a group photo; after the last one all, then the first.
    pub(super) fn next_face(&mut self) -> Result<()> {
        let Some(photo) = &self.sitting.prepared.photo else {
            self.say("an avatar holds one face; open the photo itself to choose another".to_owned());
            return Ok(());
        };
        let count = self.engine.faces(pixels(photo))?.len();
        if count < 2 {
            self.say("the photo shows one face".to_owned());
            return Ok(());
        }
        let next = match self.sitting.faces {
            Faces::All => 1,
            Faces::One(FaceChoice::Index(number)) => number + 1,
            Faces::One(_) => 2,
        };
        let (faces, what) = match next <= count {
            true => (Faces::One(FaceChoice::Index(next)), format!("face {next} of {count}")),
            false => (Faces::All, format!("all {count} faces")),
        };
        let path = self.sitting.path.clone();
        self.sit("preparing another face", what, &path, faces)
    }

    /// Whoever is at this place of the window, where it shows the whole photo.
    pub(super) fn pick(&mut self, [x, y]: [f32; 2], window: [u32; 2]) -> Result<()> {
        let Some(photo) = self.sitting.prepared.photo.as_ref().filter(|_| self.shown == Shown::Photo) else {
            return Ok(());
        };
        let (width, height) = (photo.width, photo.height);
        let [left, top, shown, _] = PLACEMENT.rectangle([width, height], window);
        let place = [x - left, y - top].map(|v| v * width as f32 / shown.max(1.0));
        let inside = (0.0..width as f32).contains(&place[0]) && (0.0..height as f32).contains(&place[1]);
        let Some(number) = inside.then(|| self.nearest(place)).transpose()?.flatten() else { return Ok(()) };
        let path = self.sitting.path.clone();
        self.sit("preparing another face", format!("face {number}"), &path, Faces::One(FaceChoice::Index(number)))
    }

    /// The number of the face of the photo at this place, unless it is the one that is animated.
    fn nearest(&self, place: [f32; 2]) -> Result<Option<usize>> {
        let Some(photo) = &self.sitting.prepared.photo else { return Ok(None) };
        let faces = self.engine.faces(pixels(photo))?;
        let far = |center: [f32; 2]| (center[0] - place[0]).hypot(center[1] - place[1]);
        let near = faces.iter().enumerate().filter(|(_, face)| far(face.center) < face.side);
        let near = near.min_by(|(_, a), (_, b)| far(a.center).total_cmp(&far(b.center)));
        let alone = matches!(self.sitting.faces, Faces::One(_));
        let [left, top, side] = self.sitting.prepared.avatar().info().crop.map(|v| v as f32);
        let shown = |center: [f32; 2]| {
            let middle = [left, top].map(|v| v + 0.5 * side);
            (center[0] - middle[0]).abs().max((center[1] - middle[1]).abs()) < 0.25 * side
        };
        Ok(near.filter(|(_, face)| !(alone && shown(face.center))).map(|(i, _)| i + 1))
    }
}
