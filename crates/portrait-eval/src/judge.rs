//! What is read off a picture: landmarks by the engine's own face mesh, features by AlexNet where its weights were given.

use std::rc::Rc;

use anyhow::Result;
use portrait_media::Picture;
use portrait_runtime::{Engine, Frame};

use crate::metrics::{Features, Perceptual, aligned_face};

/// The networks that look at pictures.
pub(crate) struct Judge<'e> {
    pub(crate) engine: &'e Engine,
    pub(crate) perceptual: Option<Perceptual<'e>>,
}

/// A picture and what the judge sees in it.
pub(crate) struct Seen {
    pub(crate) picture: Picture,
    /// 468 points and two irises in pixels of the picture; `None` where no face is found.
    pub(crate) mesh: Option<Vec<[f32; 3]>>,
    /// Of the whole picture.
    pub(crate) features: Option<Features>,
    /// Of the face alone, moved to where the photo's is.
    pub(crate) face: Option<Features>,
}

impl Judge<'_> {
    /// Looks for landmarks alone.
    pub(crate) fn glance(&self, picture: Picture) -> Result<Rc<Seen>> {
        let mesh = self.engine.landmarks(pixels(&picture))?;
        Ok(Rc::new(Seen { picture, mesh, features: None, face: None }))
    }

    /// Looks for all there is; `photo` is the mesh of the photo, whose place the face is moved to, or none for the photo itself.
    pub(crate) fn look(&self, picture: Picture, photo: Option<&[[f32; 3]]>) -> Result<Rc<Seen>> {
        let mesh = self.engine.landmarks(pixels(&picture))?;
        let Some(perceptual) = &self.perceptual else {
            return Ok(Rc::new(Seen { picture, mesh, features: None, face: None }));
        };
        let features = Some(perceptual.features(&picture)?);
        let face = match &mesh {
            Some(mesh) => Some(perceptual.features(&aligned_face(&picture, mesh, photo.unwrap_or(mesh)))?),
            None => None,
        };
        Ok(Rc::new(Seen { picture, mesh, features, face }))
    }
}

/// The pixels of a picture, as the engine takes them.
pub(crate) fn pixels(picture: &Picture) -> Frame<'_> {
    Frame { width: picture.width, height: picture.height, rgba: &picture.rgba }
}

/// A picture of the engine, as files take them.
pub(crate) fn media(picture: portrait_runtime::Picture) -> Picture {
    Picture { width: picture.width, height: picture.height, rgba: picture.rgba }
}
