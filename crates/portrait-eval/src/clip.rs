//! Driving clips: frames as the engine takes them, and which of them are measured.

use std::path::Path;

use anyhow::{Result, bail};
use image::imageops::{self, FilterType};
use portrait_media::{Picture, VideoReader};

/// How many frames the tracker sees before one that counts.
const WARM_UP: u64 = 2;
/// Runs of consecutive frames in a clip whose jitter is measured, and their length.
const RUNS: u64 = 2;
const RUN: u64 = 6;

/// What a frame of a clip is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Use {
    /// The tracker sees it.
    pub(crate) track: bool,
    /// All metrics.
    pub(crate) measure: bool,
    /// It belongs to this run of consecutive frames.
    pub(crate) run: Option<usize>,
}

impl Use {
    /// Whether a picture is made.
    pub(crate) fn animate(self) -> bool {
        self.measure || self.run.is_some()
    }
}

/// For each frame of a clip of `frames` frames what it is for, where every `every`th is measured, or the last of a shorter clip.
/// The first is the photo.
pub(crate) fn plan(frames: u64, every: u64) -> Vec<Use> {
    let every = every.min(frames - 1);
    let mut plan = vec![Use::default(); frames as usize];
    for at in (every..frames).step_by(every as usize) {
        plan[at as usize].measure = true;
    }
    for run in 0..RUNS {
        // Runs start after equal parts of the clip.
        let start = (run + 1) * frames / (RUNS + 1);
        for at in start..(start + RUN).min(frames) {
            plan[at as usize].run = Some(run as usize);
        }
    }
    for at in 0..plan.len() {
        plan[at].track = plan[at..].iter().take(1 + WARM_UP as usize).any(|u| u.animate());
    }
    plan
}

/// Name of a clip: of its file, without extension.
pub(crate) fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The pictures of a clip, one by one.
pub(crate) struct Clip {
    reader: VideoReader,
    /// Frames there are.
    pub(crate) frames: u64,
    /// Width and height.
    pub(crate) size: [u32; 2],
    /// Seconds from frame to frame.
    pub(crate) step: f32,
}

impl Clip {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        // Files may say nothing about their length, or something wrong.
        let mut counting = VideoReader::open(path)?;
        let mut frames = 0;
        while counting.next_frame()?.is_some() {
            frames += 1;
        }
        if frames < 2 {
            bail!("it has {frames} frames; at least two are needed");
        }
        let reader = VideoReader::open(path)?;
        let info = reader.info();
        let (size, step) = ([info.width, info.height], (1.0 / info.fps) as f32);
        Ok(Self { reader, frames, size, step })
    }

    /// The next frame.
    pub(crate) fn next(&mut self) -> Result<Picture> {
        match self.reader.next_frame()? {
            Some(frame) => Ok(frame.picture),
            None => bail!("it ends before its {} frames", self.frames),
        }
    }
}

/// The largest square in the middle of a picture, resized to this side by the filter that made the photo's: a picture that does not move
/// must be the photo.
pub(crate) fn centre_square(picture: &Picture, side: u32) -> Picture {
    let least = picture.width.min(picture.height);
    let (x, y) = ((picture.width - least) / 2, (picture.height - least) / 2);
    let part = Picture::from_fn(least, least, |dx, dy| picture.pixel(x + dx, y + dy).unwrap_or_default());
    filtered(part, side, side, FilterType::CatmullRom)
}

/// A picture resized.
pub(crate) fn resized(picture: Picture, width: u32, height: u32) -> Picture {
    let filter = if width > picture.width { FilterType::CatmullRom } else { FilterType::Triangle };
    filtered(picture, width, height, filter)
}

fn filtered(picture: Picture, width: u32, height: u32, filter: FilterType) -> Picture {
    let (from_width, from_height) = (picture.width, picture.height);
    if (from_width, from_height) == (width, height) {
        return picture;
    }
    match image::RgbaImage::from_raw(from_width, from_height, picture.rgba) {
        Some(buffer) => Picture { width, height, rgba: imageops::resize(&buffer, width, height, filter).into_raw() },
        None => Picture::from_fn(width, height, |_, _| [0; 4]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_frames_are_tracked_before() {
        let plan = plan(60, 15);
        let measured: Vec<usize> = (0..60).filter(|&i| plan[i].measure).collect();
        assert_eq!(measured, [15, 30, 45]);
        assert!(plan.iter().take(13).all(|u| !u.track) && plan[13].track && plan[14].track);
        let run = |r| (0..60).filter(|&i| plan[i].run == Some(r)).collect::<Vec<_>>();
        assert_eq!((run(0), run(1)), ((20..26).collect(), (40..46).collect()));
        let short = super::plan(3, 10);
        assert_eq!([0, 1, 2].map(|i| short[i].measure), [false, false, true]);
    }

    #[test]
    fn squares_are_cut_from_the_middle() {
        let wide = Picture::from_fn(6, 4, |x, _| [x as u8, 0, 0, 255]);
        let square = centre_square(&wide, 4);
        assert_eq!([0, 3].map(|x| square.pixel(x, 0).unwrap()[0]), [1, 4]);
        assert_eq!(centre_square(&wide, 9).width, 9);
    }

    #[test]
    fn squares_are_reduced_as_photos_are() {
        // Beside an edge Catmull-Rom goes beyond both sides of it, and a triangle does not.
        let edge = Picture::from_fn(16, 16, |x, _| [if x < 8 { 50 } else { 200 }, 0, 0, 255]);
        let square = centre_square(&edge, 8);
        let row: Vec<u8> = (0..8).map(|x| square.pixel(x, 4).unwrap()[0]).collect();
        assert!(row[2] < 50 && row[5] > 200 && [row[0], row[7]] == [50, 200], "{row:?}");
    }
}
