//! What is read off a picture: landmarks and person mask, by the engine's own face mesh and segmentation.

use anyhow::Result;
use portrait_media::Picture;
use portrait_runtime::{Engine, Frame};

/// A picture and what the judge sees in it.
pub(crate) struct Seen {
    pub(crate) picture: Picture,
    /// 468 points in pixels of the picture; `None` where no face is found.
    pub(crate) mesh: Option<Vec<[f32; 3]>>,
}

impl Seen {
    pub(crate) fn new(engine: &Engine, picture: Picture) -> Result<Self> {
        let mesh = engine.landmarks(pixels(&picture))?;
        Ok(Self { picture, mesh })
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
