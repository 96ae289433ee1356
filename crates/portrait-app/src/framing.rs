//! Arguments that choose what the pictures show, and which of several faces.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use portrait_media::Picture;
use portrait_runtime::{Backdrop, FaceChoice, Framing, SessionOptions};

use crate::source::read_opaque;

/// What the pictures show.
#[derive(Args, Clone, Debug)]
pub(crate) struct FramingArgs {
    /// What the result shows; `crop` unless --background or --face all say otherwise
    #[arg(long, value_name = "WHAT")]
    output_as: Option<Shown>,
    /// Side of the result in pixels where it shows the square around the face: at most 1024 have the photo's detail
    #[arg(long, value_name = "PIXELS", default_value = "512", value_parser = clap::value_parser!(u32).range(256..=4096))]
    size: u32,
    /// What is behind the person of a cutout: a colour like #20a060, or a picture; implies --output-as cutout
    #[arg(long, value_name = "COLOUR|PICTURE")]
    background: Option<String>,
}

/// What a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shown {
    /// The square around the face
    Crop,
    /// The whole photo, with the animated square blended back into it
    Photo,
    /// The person alone: transparent in PNG frames, or in front of --background
    Cutout,
}

impl FramingArgs {
    /// What is shown at first.
    pub(crate) fn shown(&self) -> Shown {
        if self.background.is_some() { Shown::Cutout } else { self.output_as.unwrap_or(Shown::Crop) }
    }

    /// The same for these faces: all of them are shown in the whole photo.
    pub(crate) fn of(&self, faces: Faces) -> Result<Self> {
        match (faces, self.output_as, &self.background) {
            (Faces::One(_), ..) => Ok(self.clone()),
            (Faces::All, None | Some(Shown::Photo), None) => Ok(self.showing(Shown::Photo)),
            (Faces::All, ..) => {
                bail!("--face all animates everybody in the whole photo: leave --output-as and --background out")
            }
        }
    }

    /// The same for something else that is to be shown.
    pub(crate) fn showing(&self, shown: Shown) -> Self {
        let background = self.background.clone().filter(|_| shown == Shown::Cutout);
        Self { output_as: Some(shown), background, size: self.size }
    }

    /// The person in front of this picture.
    pub(crate) fn before(&self, picture: &Path) -> Self {
        Self { background: Some(picture.to_string_lossy().into_owned()), ..self.clone() }
    }

    /// Pictures that are read besides photo and clip.
    pub(crate) fn inputs(&self) -> Option<&Path> {
        self.background.as_deref().filter(|text| !text.starts_with('#')).map(Path::new)
    }

    /// These options with pictures that show this of a photo; `None` for an avatar, which holds the square alone.
    pub(crate) fn session(
        &self,
        options: SessionOptions,
        photo: Option<&Picture>,
        source: &Path,
    ) -> Result<SessionOptions> {
        Ok(SessionOptions { framing: self.framing(photo, source)?, side: Some(self.size), ..options })
    }

    /// Width and height of the pictures.
    pub(crate) fn dimensions(&self, photo: Option<&Picture>, source: &Path) -> Result<[u32; 2]> {
        Ok(match self.framing(photo, source)? {
            Framing::Photo(photo) => [photo.width, photo.height],
            Framing::Crop | Framing::Cutout(_) => [self.size; 2],
        })
    }

    fn framing(&self, photo: Option<&Picture>, source: &Path) -> Result<Framing> {
        if let Some(background) = &self.background {
            if let Some(kept @ (Shown::Photo | Shown::Crop)) = self.output_as {
                let kept = if kept == Shown::Photo { "photo" } else { "crop" };
                bail!(
                    "--background replaces what is behind the person, and --output-as {kept} keeps it; give one of them"
                );
            }
            return Ok(Framing::Cutout(backdrop(background)?));
        }
        match (self.shown(), photo) {
            (Shown::Crop, _) => Ok(Framing::Crop),
            (Shown::Cutout, _) => Ok(Framing::Cutout(Backdrop::Transparent)),
            (Shown::Photo, Some(photo)) => Ok(Framing::Photo(Arc::new(engine_picture(photo)))),
            (Shown::Photo, None) => bail!(
                "`{}` is an avatar and holds only the square around one face; give the photo itself for --output-as photo \
                 or --face all",
                source.display()
            ),
        }
    }

    /// Refuses transparency in files that cannot keep it.
    pub(crate) fn check_output(&self, output: &Path) -> Result<()> {
        let opaque = output.extension().is_some_and(|extension| {
            ["mp4", "m4v", "mov", "gif", "jpg", "jpeg"].iter().any(|known| extension.eq_ignore_ascii_case(known))
        });
        if opaque && self.output_as == Some(Shown::Cutout) && self.background.is_none() {
            bail!(
                "`{}` keeps no transparency; write PNG (a name like out/ or out_%05d.png), or give a --background",
                output.display()
            );
        }
        Ok(())
    }
}

/// `#rrggbb`, or a picture file.
fn backdrop(text: &str) -> Result<Backdrop> {
    let Some(digits) = text.strip_prefix('#') else {
        if !Path::new(text).exists() {
            bail!(
                "`{text}` is neither a picture nor a colour; write a colour as six hexadecimal digits, for example #20a060"
            );
        }
        return Ok(Backdrop::Picture(Arc::new(engine_picture(&read_opaque(Path::new(text))?))));
    };
    let byte = |at: usize| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    match (digits.len(), byte(0), byte(2), byte(4)) {
        (6, Some(r), Some(g), Some(b)) => Ok(Backdrop::Colour([r, g, b])),
        _ => bail!("`{text}` is no colour; write six hexadecimal digits, for example #20a060"),
    }
}

/// A picture of a file, as the engine takes them.
fn engine_picture(picture: &Picture) -> portrait_runtime::Picture {
    portrait_runtime::Picture { width: picture.width, height: picture.height, rgba: picture.rgba.clone() }
}

/// Which face where the photo shows several.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct FaceArgs {
    /// Which face, where the photo shows several: a number from 1 (the largest), `largest`, or the place X,Y in photo pixels
    #[arg(long, value_name = "N|largest|X,Y", value_parser = face)]
    face: Option<FaceChoice>,
}

impl FaceArgs {
    pub(crate) fn choice(self) -> FaceChoice {
        self.face.unwrap_or_default()
    }
}

/// Who in a photo is animated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Faces {
    One(FaceChoice),
    /// Everybody, by the same driver.
    All,
}

/// Which faces, in the photo and in front of the camera.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct FacesArgs {
    /// Which face, where the photo shows several: a number from 1 (the largest), `largest`, the place X,Y in photo pixels, or `all`
    #[arg(long, value_name = "N|largest|X,Y|all", value_parser = faces)]
    face: Option<Faces>,
    /// Which face drives, where the driver shows several: a number from 1 (the largest), `largest`, or the place X,Y in its pixels
    #[arg(long, value_name = "N|largest|X,Y", value_parser = driver_face, default_value = "largest")]
    driver_face: FaceChoice,
}

impl FacesArgs {
    pub(crate) fn faces(self) -> Faces {
        self.face.unwrap_or(Faces::One(FaceChoice::Only))
    }

    pub(crate) fn driver(self) -> FaceChoice {
        self.driver_face
    }
}

fn faces(text: &str) -> Result<Faces, String> {
    match text {
        "all" => Ok(Faces::All),
        _ => face(text).map(Faces::One).map_err(|error| format!("{error}, or `all`")),
    }
}

fn driver_face(text: &str) -> Result<FaceChoice, String> {
    face(text).and_then(|choice| match choice {
        FaceChoice::Index(0) => Err("faces are counted from 1, the largest".to_owned()),
        choice => Ok(choice),
    })
}

fn face(text: &str) -> Result<FaceChoice, String> {
    let place = |(x, y): (&str, &str)| Some(FaceChoice::At([x.trim().parse().ok()?, y.trim().parse().ok()?]));
    let choice = match text.split_once(',') {
        Some(pair) => place(pair),
        None if text == "largest" => Some(FaceChoice::Largest),
        None => text.parse().ok().map(FaceChoice::Index),
    };
    choice.ok_or_else(|| "give a number from 1, `largest`, or a place like 320,200".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faces_and_colours_are_read() {
        assert_eq!(face("2"), Ok(FaceChoice::Index(2)));
        assert_eq!(face("largest"), Ok(FaceChoice::Largest));
        assert_eq!(face("320, 200.5"), Ok(FaceChoice::At([320.0, 200.5])));
        assert!(face("left").is_err() && face("3,").is_err() && face("-1").is_err());
        assert_eq!([faces("all"), faces("2")], [Ok(Faces::All), Ok(Faces::One(FaceChoice::Index(2)))]);
        assert!(faces("none").is_err() && driver_face("0").is_err() && driver_face("1").is_ok());
        assert_eq!(backdrop("#20a0FF").unwrap(), Backdrop::Colour([0x20, 0xa0, 0xff]));
        assert!(backdrop("red").is_err_and(|error| error.to_string().contains("nor a colour")));
        assert!(backdrop("#20a0f").is_err() && backdrop("#20a0fg").is_err() && backdrop("#é0a0f").is_err());
    }
}
