//! Who is shown: a photo or an avatar whose people are being animated, and a session of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Result;
use portrait_runtime::{Engine, EngineError, FaceChoice, Session, SessionOptions};

use crate::framing::{Faces, FramingArgs};
use crate::source::{Prepared, Source, is_bundled};

/// Photos that are kept prepared after another one is shown.
const SHELF: usize = 4;

/// A photo whose people are being animated. Nothing of it is on a device: it outlives one that is lost, and its file.
pub(crate) struct Sitting {
    pub(crate) path: PathBuf,
    modified: Option<SystemTime>,
    pub(crate) faces: Faces,
    /// How many the photo shows, where there are several and none was chosen; the largest is animated then.
    several: Option<usize>,
    pub(crate) prepared: Prepared,
}

impl Sitting {
    pub(super) fn open(engine: &Engine, path: &Path, faces: Faces) -> Result<Arc<Self>> {
        let modified = modified(path);
        let prepare = |faces| Source::read(path)?.prepare(engine, path, faces);
        let (mut faces, mut several) = (faces, None);
        let prepared = prepare(faces).or_else(|error| match error.downcast_ref() {
            // In a window another one is chosen by a key or a click.
            Some(EngineError::SeveralFaces { faces: found }) => {
                (faces, several) = (Faces::One(FaceChoice::Largest), Some(found.len()));
                prepare(faces)
            }
            _ => Err(error),
        })?;
        Ok(Arc::new(Self { path: path.to_owned(), modified, faces, several, prepared }))
    }

    /// What the user should know of the photo.
    pub(super) fn remarks(&self) -> Vec<String> {
        let bundled = is_bundled(&self.path)
            .then(|| "this is the portrait that comes with the program; O opens yours".to_owned());
        let several = self
            .several
            .map(|n| format!("the photo shows {n} faces, and the largest moves; G chooses another, or all"));
        bundled.into_iter().chain(several).chain(self.prepared.warnings()).collect()
    }

    /// Whether this is these faces of what is in the file now.
    pub(super) fn is(&self, path: &Path, faces: Faces) -> bool {
        // Whoever is alone is the largest.
        let [only, largest] = [FaceChoice::Only, FaceChoice::Largest].map(Faces::One);
        let plain = |faces| if faces == only { largest } else { faces };
        plain(self.faces) == plain(faces)
            && same_file(&self.path, path)
            && self.modified.is_some()
            && self.modified == modified(path)
    }

    pub(super) fn session(&self, engine: &Engine, framing: &FramingArgs, options: SessionOptions) -> Result<Session> {
        let options = framing.session(options, self.prepared.photo.as_ref(), &self.path)?;
        self.prepared.session(engine, &self.path, &SessionOptions { record: true, ..options })
    }
}

/// What is dropped on the window comes with its whole path, what is named on the command line mostly not.
fn same_file(a: &Path, b: &Path) -> bool {
    a == b || a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b)
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|about| about.modified()).ok()
}

/// Keeps a photo prepared, in place of the oldest one where there are enough.
pub(super) fn put(shelf: &mut Vec<Arc<Sitting>>, sitting: Arc<Sitting>) {
    if shelf.len() == SHELF {
        shelf.remove(0);
    }
    shelf.push(sitting);
}
