//! Animated GIF: frames are drawn onto a canvas one at a time.

use std::fs::File;
use std::io::Seek;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gif::{ColorOutput, DecodeOptions, Decoder, DisposalMethod, MemoryLimit};

use super::{Opened, Source, VideoInfo, check_size};
use crate::{MediaError, Picture, Result};

struct GifSource {
    path: PathBuf,
    decoder: Decoder<File>,
    canvas: Picture,
    /// What the last frame asks to be done before the next: a region to clear, or an older canvas.
    undo: Undo,
    /// Time of the next frame, in hundredths of a second.
    time: u64,
    given: u64,
    expected: u64,
}

enum Undo {
    Nothing,
    Clear { left: u32, top: u32, width: u32, height: u32 },
    Restore(Picture),
}

/// Frames shown for 0 or 0.01 s are shown for 0.1 s by every browser.
fn delay(frame: &gif::Frame<'_>) -> u64 {
    if frame.delay < 2 { 10 } else { u64::from(frame.delay) }
}

pub(super) fn open(file: File, path: &Path) -> Result<Opened> {
    let broken = |e: gif::DecodingError| MediaError::damaged(path, e.to_string());
    let mut options = DecodeOptions::new();
    options.set_memory_limit(MemoryLimit::Bytes(std::num::NonZeroU64::MIN.saturating_add(1 << 30)));

    // A first pass over the headers counts frames and adds up delays.
    let mut scan = options.clone();
    scan.skip_frame_decoding(true);
    let mut scan = scan.read_info(file).map_err(broken)?;
    let (width, height) = (u32::from(scan.width()), u32::from(scan.height()));
    check_size(path, width, height)?;
    let (mut frames, mut ticks) = (0u64, 0u64);
    // A cut file shows what it has; the reader reports the cut when it gets there.
    let mut cut = false;
    loop {
        match scan.read_next_frame() {
            Ok(Some(frame)) => {
                frames += 1;
                ticks += delay(frame);
            }
            Ok(None) => break,
            Err(_) => {
                cut = true;
                break;
            }
        }
    }
    if frames == 0 {
        return Err(MediaError::NoFrames { path: path.to_owned(), hint: " (the GIF is empty or cut short)" });
    }
    let mut file = scan.into_inner().into_inner();
    file.rewind().map_err(|e| MediaError::read(path, e))?;
    options.set_color_output(ColorOutput::RGBA);
    let decoder = options.read_info(file).map_err(broken)?;
    let seconds = ticks as f64 / 100.0;
    let info = VideoInfo {
        width,
        height,
        frames: Some(frames),
        fps: frames as f64 / seconds,
        duration: Duration::try_from_secs_f64(seconds).ok(),
        has_audio: false,
        codec: "gif".to_owned(),
    };
    let source = GifSource {
        path: path.to_owned(),
        decoder,
        canvas: Picture::from_fn(width, height, |_, _| [0; 4]),
        undo: Undo::Nothing,
        time: 0,
        given: 0,
        expected: frames + u64::from(cut),
    };
    Ok(Opened { source: Box::new(source), info, audio: None })
}

impl Source for GifSource {
    fn next(&mut self) -> Result<Option<(Picture, f64)>> {
        match std::mem::replace(&mut self.undo, Undo::Nothing) {
            Undo::Nothing => {}
            Undo::Restore(canvas) => self.canvas = canvas,
            Undo::Clear { left, top, width, height } => {
                draw(&mut self.canvas, left, top, width, height, |_| Some([0; 4]));
            }
        }
        let (found, expected) = (self.given, Some(self.expected));
        let frame = match self.decoder.read_next_frame() {
            Ok(Some(frame)) => frame,
            Ok(None) if found < self.expected => {
                return Err(MediaError::TruncatedVideo { path: self.path.clone(), found, expected });
            }
            Ok(None) => return Ok(None),
            Err(_) => return Err(MediaError::TruncatedVideo { path: self.path.clone(), found, expected }),
        };
        let (left, top) = (u32::from(frame.left), u32::from(frame.top));
        let (width, height) = (u32::from(frame.width), u32::from(frame.height));
        self.undo = match frame.dispose {
            DisposalMethod::Any | DisposalMethod::Keep => Undo::Nothing,
            DisposalMethod::Background => Undo::Clear { left, top, width, height },
            DisposalMethod::Previous => Undo::Restore(self.canvas.clone()),
        };
        draw(&mut self.canvas, left, top, width, height, |at| {
            let pixel: [u8; 4] = frame.buffer.get(at * 4..at * 4 + 4)?.try_into().ok()?;
            (pixel[3] > 0).then_some(pixel)
        });
        let seconds = self.time as f64 / 100.0;
        self.time += delay(frame);
        self.given += 1;
        Ok(Some((self.canvas.clone(), seconds)))
    }
}

/// Sets the pixels of a region that lie on the canvas; `pixel` is asked by index into the region.
fn draw(canvas: &mut Picture, left: u32, top: u32, width: u32, height: u32, pixel: impl Fn(usize) -> Option<[u8; 4]>) {
    for y in 0..height.min(canvas.height.saturating_sub(top)) {
        for x in 0..width.min(canvas.width.saturating_sub(left)) {
            if let Some(color) = pixel(y as usize * width as usize + x as usize) {
                let at = ((top + y) as usize * canvas.width as usize + (left + x) as usize) * 4;
                canvas.rgba[at..at + 4].copy_from_slice(&color);
            }
        }
    }
}
