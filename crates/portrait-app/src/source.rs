//! What is animated: a photo, or an avatar made of one before.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
use portrait_media::Picture;
use portrait_runtime::{Avatar, Engine, FaceChoice, PrepareOptions, Session, SessionOptions};

use crate::driver::pixels;
use crate::framing::Faces;

/// The portrait that comes with the program (NASA, public domain), for those who have no photo at hand; and the name it goes by.
const PORTRAIT: &[u8] = include_bytes!("../../../assets/astronaut.png");
pub(crate) const BUNDLED: &str = "the bundled portrait";
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
        if is_bundled(path) {
            let photo = image::load_from_memory_with_format(PORTRAIT, image::ImageFormat::Png)?.into_rgba8();
            return Ok(Self::Photo(Picture { width: photo.width(), height: photo.height(), rgba: photo.into_raw() }));
        }
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

    /// The avatars: made now where this is a photo.
    pub(crate) fn prepare(self, engine: &Engine, path: &Path, faces: Faces) -> Result<Prepared> {
        match self {
            Self::Photo(photo) => {
                let avatars = match faces {
                    Faces::All => engine.prepare_all(pixels(&photo)),
                    Faces::One(face) => {
                        let options = PrepareOptions { face, ..PrepareOptions::default() };
                        engine.prepare(pixels(&photo), &options).map(|avatar| vec![avatar])
                    }
                };
                let avatars = avatars.with_context(|| format!("cannot animate `{}`", path.display()))?;
                Ok(Prepared { avatars, photo: Some(photo) })
            }
            Self::Avatar(avatar) => {
                if !matches!(faces, Faces::One(FaceChoice::Only | FaceChoice::Largest)) {
                    bail!(
                        "`{}` is an avatar and holds one face; --face chooses among those of a photo",
                        path.display()
                    );
                }
                Ok(Prepared { avatars: vec![*avatar], photo: None })
            }
        }
    }
}

/// Who is animated, at least one, and the photo where they were made now.
pub(crate) struct Prepared {
    pub(crate) avatars: Vec<Avatar>,
    pub(crate) photo: Option<Picture>,
}

impl Prepared {
    /// The only one, or the one with the largest face.
    pub(crate) fn avatar(&self) -> &Avatar {
        &self.avatars[0]
    }

    /// A session of them; `path` is where they come from.
    pub(crate) fn session(&self, engine: &Engine, path: &Path, options: &SessionOptions) -> Result<Session> {
        let avatars: Vec<&Avatar> = self.avatars.iter().collect();
        engine.session_of(&avatars, options).with_context(|| format!("cannot animate `{}`", path.display()))
    }

    /// What may spoil the result.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.avatars.iter().flat_map(|avatar| avatar.warnings().iter().cloned()).collect()
    }

    /// The square that is animated, as it was in the photo.
    pub(crate) fn picture(&self) -> Picture {
        match &self.photo {
            Some(photo) => cut(photo, self.avatar().info().crop),
            None => media_picture(self.avatar().picture()),
        }
    }
}

/// Whether this is no file but the portrait that comes with the program.
pub(crate) fn is_bundled(path: &Path) -> bool {
    path == Path::new(BUNDLED) && !path.exists()
}

/// A picture of the engine, as files take them.
pub(crate) fn media_picture(picture: portrait_runtime::Picture) -> Picture {
    Picture { width: picture.width, height: picture.height, rgba: picture.rgba }
}

/// A square of a photo: left, top, side.
fn cut(photo: &Picture, [left, top, side]: [u32; 3]) -> Picture {
    Picture::from_fn(side, side, |x, y| photo.pixel(left + x, top + y).unwrap_or_default())
}

/// Reads a picture. What is transparent is put over white, as viewers do: the colours there are leftovers.
pub(crate) fn read_opaque(path: &Path) -> Result<Picture> {
    let mut picture = portrait_media::load_photo(path)?;
    picture.flatten([255; 3]);
    Ok(picture)
}

/// Reads a photo that is large enough to show a face.
pub(crate) fn read_photo(path: &Path) -> Result<Picture> {
    let photo = read_opaque(path)?;
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
