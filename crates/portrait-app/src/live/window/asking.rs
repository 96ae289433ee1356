//! What the user asks for: by keys, with the pointer, in dialogs.

use std::path::PathBuf;

use portrait_media::{is_sound, is_video};
use portrait_runtime::{FaceChoice, Mode};
use winit::event_loop::ActiveEventLoop;
use winit::window::Fullscreen;

use super::Live;
use crate::driver::is_motion;
use crate::framing::Faces;
use crate::live::dialog::{Dialog, Purpose};
use crate::live::input::Choice;
use crate::live::keys::Deed;
use crate::live::overlay::Request;
use crate::live::worker::{Command, Notice};

/// What a file is dropped on the window for: a clip or a motion drives, as a sound that cannot would, all else is shown.
pub(super) fn dropped(path: PathBuf) -> Command {
    match is_motion(&path) || is_video(&path) || is_sound(&path) {
        true => Command::Driver(Choice::File(path)),
        false => Command::Photo(path, Faces::One(FaceChoice::Only)),
    }
}

impl Live {
    pub(super) fn ask(&mut self, request: Request) {
        match request {
            Request::Motion(motion) => {
                self.plan.motion = motion;
                self.overlay.motion = motion;
                self.send(Command::Motion(motion));
            }
            Request::Show(shown) => {
                self.overlay.shown = shown;
                self.send(Command::Show(shown));
            }
            Request::Open(purpose) => self.open_dialog(purpose),
            Request::Follow(place) => self.send(Command::Follow(place)),
        }
    }

    /// One dialog at a time.
    fn open_dialog(&mut self, purpose: Purpose) {
        if let (Some(window), None) = (&self.window, &self.dialog) {
            let proxy = self.proxy.clone();
            self.dialog = Some(Dialog::open(purpose, window, move || {
                // The event loop may have ended before the dialog has.
                let _ = proxy.send_event(());
            }));
        }
    }

    /// Takes what was chosen in a dialog.
    pub(super) fn take_file(&mut self) {
        match self.dialog.take().map(Dialog::taken) {
            None | Some(Ok((_, Ok(None)))) => {}
            Some(Err(open)) => self.dialog = Some(open),
            Some(Ok((_, Err(text)))) => self.tell(Notice::fault(text)),
            Some(Ok((Purpose::Photo, Ok(Some(path))))) => {
                self.send(Command::Photo(path, Faces::One(FaceChoice::Only)));
            }
            Some(Ok((Purpose::Background, Ok(Some(path))))) => self.send(Command::Background(path)),
            Some(Ok((Purpose::Driver, Ok(Some(path))))) => self.send(Command::Driver(Choice::File(path))),
        }
    }

    fn tell(&self, notice: Notice) {
        crate::console::note(&notice.text);
        if let Some(worker) = &self.worker {
            worker.view().notice = Some(notice);
        }
    }

    pub(super) fn act(&mut self, deed: Deed, events: &ActiveEventLoop) {
        let overlay = &mut self.overlay;
        match deed {
            Deed::Leave => match self.window.as_ref().filter(|window| window.fullscreen().is_some()) {
                Some(window) => window.set_fullscreen(None),
                None => events.exit(),
            },
            Deed::Hold => {
                overlay.hold = !overlay.hold;
                let hold = overlay.hold;
                self.send(Command::Hold(hold));
            }
            Deed::Keys => overlay.keys = !overlay.keys,
            Deed::Hide => overlay.visible = !overlay.visible,
            Deed::Calibrate => self.send(Command::Calibrate),
            Deed::Mode => {
                let mut motion = overlay.motion;
                motion.mode = if motion.mode == Mode::Relative { Mode::Absolute } else { Mode::Relative };
                self.ask(Request::Motion(motion));
            }
            Deed::View => self.send(Command::NextView),
            Deed::Preset if self.plan.presets.len() < 2 => {
                self.tell(Notice::new("no other preset has weights here".to_owned()));
            }
            Deed::Preset => self.send(Command::NextPreset),
            Deed::Photo if self.plan.photos.all().len() < 2 => {
                let way = if overlay.drops { "drop another one here" } else { "O opens another one" };
                self.tell(Notice::new(format!("there is one photo; {way}")));
            }
            Deed::Photo => {
                let (at, photo) = self.plan.photos.next();
                let command = Command::Photo(photo.clone(), self.plan.faces[at]);
                self.send(command);
            }
            Deed::OpenPhoto => self.open_dialog(Purpose::Photo),
            Deed::OpenBackground => self.open_dialog(Purpose::Background),
            Deed::OpenDriver => self.open_dialog(Purpose::Driver),
            Deed::Face => self.send(Command::NextFace),
            Deed::DriverFace => self.send(Command::NextDriverFace),
            Deed::Driver => {
                // One may have been plugged in since.
                self.plan.drivers.add(Choice::cameras(self.plan.camera_size));
                if self.plan.drivers.all().len() < 2 {
                    self.tell(Notice::new("there is no other driver; L opens a clip".to_owned()));
                } else {
                    let (_, driver) = self.plan.drivers.next();
                    let command = Command::Driver(driver.clone());
                    self.send(command);
                }
            }
            Deed::Mirror => {
                let mirror = !self.plan.mirrored();
                self.plan.mirror = Some(mirror);
                self.send(Command::Mirror(mirror));
            }
            Deed::Screenshot => self.send(Command::Screenshot(self.plan.file("png"))),
            Deed::Video => self.send(Command::Video(self.plan.file("mp4"))),
            Deed::Motion => self.send(Command::Points(self.plan.file("motion"))),
            Deed::FullScreen => {
                if let Some(window) = &self.window {
                    let full = window.fullscreen().is_none().then_some(Fullscreen::Borderless(None));
                    window.set_fullscreen(full);
                }
            }
        }
        if let Some(window) = &self.window {
            window.request_redraw();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_told_by_its_content() {
        let directory = tempfile::tempdir().expect("a directory");
        let drives = |name: &str, bytes: &[u8]| {
            let path = directory.path().join(name);
            std::fs::write(&path, bytes).expect("writes");
            matches!(dropped(path), Command::Driver(_))
        };
        assert!(drives("clip.avi", b"RIFF\0\0\0\0AVI LIST"));
        assert!(drives("clip", b"\0\0\0\x18ftypisom\0\0\0\0"));
        assert!(drives("clip.3gp", b"\0\0\0\x18ftyp3gp4\0\0\0\0"));
        assert!(drives("me.motion", b"") && drives("motion.bin", b"PTMOTION"));
        // A photo whose name is wrong; a GIF may be either and is shown.
        assert!(!drives("photo.mp4", b"\x89PNG\r\n\x1a\n") && !drives("a.gif", b"GIF89a") && !drives("a.heic", b""));
        assert!(matches!(dropped(directory.path().join("none.mp4")), Command::Photo(..)));
    }
}
