//! What is animated: a photo, or an avatar made of one before.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
use portrait_media::Picture;
use portrait_runtime::{Avatar, Engine, FaceChoice, PrepareOptions};

use crate::driver::pixels;

/// Photos with a shorter side are refused before anything is looked for in them.
const SMALLEST_SIDE: u32 = 32;

/// What is animated, read but not yet worked on.
pub(crate) enum Source {
    Photo(Picture),
    Avatar(Box<Avatar>),
}

impl Source {
    /// Reads a photo or an avatar; the content decides which, then the extension.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let is_named_avatar = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("avatar"));
        if is_avatar(path) || is_named_avatar {
            return Ok(Self::Avatar(Box::new(Avatar::load(path)?)));
        }
        Ok(Self::Photo(read_photo(path)?))
    }

    /// The photo, where this is one.
    pub(crate) fn photo(&self) -> Option<&Picture> {
        match self {
            Self::Photo(photo) => Some(photo),
            Self::Avatar(_) => None,
        }
    }

    /// The avatar: made now where this is a photo.
    pub(crate) fn prepare(self, engine: &Engine, path: &Path, face: FaceChoice) -> Result<Prepared> {
        match self {
            Self::Photo(photo) => {
                let avatar = engine
                    .prepare(pixels(&photo), &PrepareOptions { face, ..PrepareOptions::default() })
                    .with_context(|| format!("cannot animate `{}`", path.display()))?;
                Ok(Prepared { avatar, photo: Some(photo) })
            }
            Self::Avatar(avatar) => {
                if !matches!(face, FaceChoice::Only | FaceChoice::Largest) {
                    bail!(
                        "`{}` is an avatar and holds one face; --face chooses among those of a photo",
                        path.display()
                    );
                }
                Ok(Prepared { avatar: *avatar, photo: None })
            }
        }
    }
}

/// An avatar, and the photo where it was made now.
pub(crate) struct Prepared {
    pub(crate) avatar: Avatar,
    pub(crate) photo: Option<Picture>,
}

impl Prepared {
    /// The square that is animated, as it was in the photo.
    pub(crate) fn picture(&self) -> Picture {
        match &self.photo {
            Some(photo) => cut(photo, self.avatar.info().crop),
            None => media_picture(self.avatar.picture()),
        }
    }
}

/// A picture of the engine, as files take them.
pub(crate) fn media_picture(picture: portrait_runtime::Picture) -> Picture {
    Picture { width: picture.width, height: picture.height, rgba: picture.rgba }
}

/// A square of a photo: left, top, side.
fn cut(photo: &Picture, [left, top, side]: [u32; 3]) -> Picture {
    Picture::from_fn(side, side, |x, y| photo.pixel(left + x, top + y).unwrap_or_default())
}

/// Reads a photo that is large enough to show a face.
pub(crate) fn read_photo(path: &Path) -> Result<Picture> {
    let photo = portrait_media::load_photo(path)?;
    if photo.width.min(photo.height) < SMALLEST_SIDE {
        bail!(
            "`{}` is {}×{} pixels: too small to show a face; use a photo of at least 256×256",
            path.display(),
            photo.width,
            photo.height
        );
    }
    Ok(photo)
}

/// Whether a file starts as avatars do. A file that cannot be read is none; reading it says why.
pub(crate) fn is_avatar(path: &Path) -> bool {
    Avatar::is_avatar(&head(path))
}

/// The first bytes of a file; empty where it cannot be read.
pub(crate) fn head(path: &Path) -> Vec<u8> {
    let mut head = Vec::new();
    if let Ok(file) = File::open(path) {
        // What cannot be read is reported by whoever reads the whole file.
        let _ = file.take(16).read_to_end(&mut head);
    }
    head
}
