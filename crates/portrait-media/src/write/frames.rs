//! One PNG per frame.

use std::fs::File;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::Sink;
use crate::output::{check_target, is_unfinished, parent_of, scratch_dir};
use crate::photo::write_png;
use crate::{MediaError, Picture, Result};

/// Where frames go and how they are called.
pub(super) struct Plan {
    directory: PathBuf,
    /// The name around the number.
    before: String,
    after: String,
    digits: usize,
    /// The directory is made for the frames, so it must be new or empty.
    own_directory: bool,
}

impl Plan {
    /// The plan for a name that asks for frames, or nothing.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let text = path.to_string_lossy();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let directory_form = text.ends_with('/') || text.ends_with(std::path::MAIN_SEPARATOR);
        if directory_form || (path.extension().is_none() && !name.is_empty()) {
            return Some(Self {
                // Without a slash at the end, which systems take differently for a directory that is not there yet.
                directory: path.components().collect(),
                before: "frame_".to_owned(),
                after: ".png".to_owned(),
                digits: 5,
                own_directory: true,
            });
        }
        let (before, rest) = name.split_once('%')?;
        let (digits, after) = rest.split_once('d')?;
        let digits = if digits.is_empty() { 1 } else { digits.parse::<usize>().ok()?.clamp(1, 12) };
        after.to_ascii_lowercase().ends_with(".png").then(|| Self {
            directory: parent_of(path).to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
            digits,
            own_directory: false,
        })
    }

    fn name(&self, index: u64) -> String {
        format!("{}{index:0digits$}{}", self.before, self.after, digits = self.digits)
    }
}

pub(super) struct FrameSink {
    path: PathBuf,
    plan: Plan,
    scratch: TempDir,
    frames: u64,
}

impl FrameSink {
    pub(super) fn create(path: &Path, plan: Plan) -> Result<Self> {
        // One that is there may be another file system, which nothing is renamed into from outside.
        let mut place = plan.directory.as_path();
        if plan.own_directory {
            let in_the_way = |reason| MediaError::InTheWay { path: path.to_owned(), reason };
            match std::fs::read_dir(&plan.directory) {
                Ok(mut entries) => {
                    if entries.any(|entry| !entry.is_ok_and(|entry| is_unfinished(&entry.file_name()))) {
                        return Err(in_the_way("that directory is not empty; choose another or empty it"));
                    }
                }
                Err(_) if plan.directory.exists() => {
                    return Err(in_the_way("a file of that name exists; choose another name"));
                }
                Err(_) => {
                    place = parent_of(&plan.directory);
                    if !place.is_dir() {
                        return Err(MediaError::MissingParent { path: path.to_owned(), parent: place.to_owned() });
                    }
                }
            }
        } else {
            check_target(path)?;
        }
        let scratch = scratch_dir(path, place)?;
        Ok(Self { path: path.to_owned(), plan, scratch, frames: 0 })
    }
}

impl Sink for FrameSink {
    fn push(&mut self, picture: &Picture, _seconds: f64) -> Result<()> {
        let name = self.scratch.path().join(self.plan.name(self.frames));
        let file = File::create(&name).map_err(|e| MediaError::write(&self.path, e))?;
        write_png(&file, &self.path, picture)?;
        self.frames += 1;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        if self.plan.own_directory && !self.plan.directory.exists() {
            let renamed = std::fs::rename(self.scratch.path(), &self.plan.directory);
            return renamed.map_err(|e| MediaError::write(&self.path, e));
        }
        let mut replaced = Vec::new();
        for index in 0..self.frames {
            let done = self.publish(index);
            match done {
                Ok(older) => replaced.push(older),
                Err(error) => {
                    self.undo(&replaced);
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

impl FrameSink {
    /// Gives one frame its name; where the file that had it before is now.
    fn publish(&self, index: u64) -> Result<Option<PathBuf>> {
        let (name, older) = (self.plan.name(index), self.scratch.path().join(format!("{index}.older")));
        let target = self.plan.directory.join(&name);
        if target.is_dir() {
            let reason = "a directory has the name of one of its frames; choose another name";
            return Err(MediaError::InTheWay { path: self.path.clone(), reason });
        }
        let fail = |e| MediaError::write(&self.path, e);
        let older = match std::fs::rename(&target, &older) {
            Ok(()) => Some(older),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => return Err(fail(e)),
        };
        if let Err(error) = std::fs::rename(self.scratch.path().join(&name), &target) {
            if let Some(older) = &older {
                let _ = std::fs::rename(older, &target);
            }
            return Err(fail(error));
        }
        Ok(older)
    }

    /// Takes back the names that were given, as far as the system lets it: the first error is the one that is told.
    fn undo(&self, replaced: &[Option<PathBuf>]) {
        for (index, older) in replaced.iter().enumerate() {
            let target = self.plan.directory.join(self.plan.name(index as u64));
            let _ = match older {
                Some(older) => std::fs::rename(older, &target),
                None => std::fs::remove_file(&target),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let plan = |name: &str| Plan::of(Path::new(name));
        assert_eq!(plan("out/").unwrap().name(7), "frame_00007.png");
        assert_eq!(plan("out").unwrap().directory, Path::new("out"));
        let pattern = plan("a/b_%03d.png").unwrap();
        assert_eq!((pattern.name(12).as_str(), pattern.directory.as_path()), ("b_012.png", Path::new("a")));
        assert_eq!(plan("b%d.PNG").unwrap().name(12), "b12.PNG");
        for other in ["a.mp4", "a.gif", "a_%05d.jpg", "a_%xd.png", "a.png", ""] {
            assert!(plan(other).is_none(), "{other}");
        }
    }
}
