//! MP4 and MOV with H.264.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Opened, Source, VideoInfo, check_size, ffmpeg};
use crate::color::ColorSpec;
use crate::h264::{self, AvcConfig, H264Decoder, Sps};
use crate::mp4::{AudioTrack, Bytes, Movie, Sample, Track, children, read_sample};
use crate::{MediaError, Picture, Result};

/// The type of a NAL unit with a part of a picture that builds on others, or may.
const NON_IDR: u8 = 1;

struct Mp4Source {
    path: PathBuf,
    file: File,
    track: Track,
    config: AvcConfig,
    decoder: H264Decoder,
    /// Next sample to feed, in decoding order.
    next: usize,
    finished: bool,
    /// What went wrong, to be told after the pictures before it.
    trouble: Option<MediaError>,
    /// Coded size; it may not change within a video.
    size: (u32, u32),
    given: u64,
    shown: u64,
    /// Whether more is missing than the index tells.
    cut: bool,
    sample: Vec<u8>,
    annex_b: Vec<u8>,
}

pub(super) fn open(mut file: File, path: &Path) -> Result<Opened> {
    let movie = Movie::read(&mut file, path)?;
    let audio = AudioTrack::of(&movie, path);
    let has_audio = movie.tracks.iter().any(|t| &t.handler == b"soun");
    let no_frames = |hint| MediaError::NoFrames { path: path.to_owned(), hint };
    let track = match movie.video() {
        None if has_audio => return Err(no_frames(", only sound")),
        None => return Err(no_frames("")),
        Some(track) => track.clone(),
    };
    let (kind, entry) =
        track.description().ok_or_else(|| MediaError::damaged(path, "its video track has no description"))?;
    if !matches!(&kind, b"avc1" | b"avc3") {
        let codec = codec_name(&kind);
        return ffmpeg::open(path, &codec, audio);
    }
    let shown = track.samples.iter().filter(|s| track.window.shown(s.pts).is_some());
    let shown_count = shown.clone().count() as u64;
    if shown_count == 0 && movie.cut {
        return Err(MediaError::damaged(path, "it ends before its first picture: the recording was cut off"));
    }
    if shown_count == 0 {
        return Err(no_frames(" (its video track is empty)"));
    }
    let broken = || MediaError::damaged(path, "its H.264 configuration (avcC) cannot be read");
    let boxes = || children(entry.get(78..).unwrap_or_default());
    let avcc = boxes().find(|(kind, _)| kind == b"avcC").ok_or_else(broken)?.1;
    let config = AvcConfig::parse(avcc).ok_or_else(broken)?;
    let mut fields = Bytes(entry.get(24..).unwrap_or_default());
    let entry_size = (u32::from(fields.u16().unwrap_or(0)), u32::from(fields.u16().unwrap_or(0)));
    // `avc3` may keep its parameter sets in the stream.
    let sps = config.sps.as_deref().and_then(Sps::parse);
    if let Some(obstacle) = sps.as_ref().and_then(Sps::obstacle) {
        return ffmpeg::open(path, &obstacle, audio);
    }
    let size = sps.as_ref().map_or(entry_size, |s| (s.width, s.height));
    check_size(path, size.0, size.1)?;
    let (matrix, full_range) = colour_box(entry);
    let color = ColorSpec::marked(
        sps.as_ref().and_then(|s| s.matrix).filter(|&m| m != 2).or(matrix),
        sps.as_ref().and_then(|s| s.full_range).or(full_range),
        size.1,
    );
    let decoder = H264Decoder::new(color).map_err(|e| MediaError::damaged(path, e.to_string()))?;

    let ticks: u64 = shown.map(|s| u64::from(s.duration)).sum();
    let seconds = ticks as f64 / f64::from(track.timescale);
    // No camera is that fast: such rates come from frames without durations.
    let fps = Some(shown_count as f64 / seconds).filter(|fps| *fps < 1001.0).map_or(25.0, |fps| fps.min(1000.0));
    let (width, height) = if track.quarter_turns % 2 == 1 { (size.1, size.0) } else { size };
    let info = VideoInfo {
        width,
        height,
        frames: Some(shown_count),
        fps,
        duration: Duration::try_from_secs_f64(seconds).ok(),
        has_audio,
        codec: "h264".to_owned(),
    };
    let mut source = Mp4Source {
        path: path.to_owned(),
        file,
        track,
        config,
        decoder,
        next: 0,
        finished: false,
        trouble: None,
        size,
        given: 0,
        shown: shown_count,
        cut: movie.cut,
        sample: Vec::new(),
        annex_b: Vec::new(),
    };
    if !source.has_first_picture() && source.begins_amid_pictures() {
        return ffmpeg::open(path, "H.264 that does not begin with a key frame (IDR)", audio);
    }
    Ok(Opened { source: Box::new(source), info, audio })
}

/// Matrix and range of a `colr` box inside a sample description.
fn colour_box(entry: &[u8]) -> (Option<u8>, Option<bool>) {
    let read = || {
        let payload = children(entry.get(78..)?).find(|(kind, _)| kind == b"colr")?.1;
        let mut bytes = Bytes(payload);
        let kind = bytes.take(4)?;
        bytes.u32()?;
        let matrix = bytes.u16()? as u8;
        let range = if kind == b"nclx" { bytes.u8().map(|b| b & 0x80 != 0) } else { None };
        matches!(kind, b"nclx" | b"nclc").then_some((matrix, range))
    };
    match read() {
        Some((2, range)) => (None, range),
        Some((matrix, range)) => (Some(matrix), range),
        None => (None, None),
    }
}

fn codec_name(kind: &[u8; 4]) -> String {
    let name = match kind {
        b"hvc1" | b"hev1" => "HEVC (H.265)",
        b"av01" => "AV1",
        b"vp08" => "VP8",
        b"vp09" => "VP9",
        b"mp4v" => "MPEG-4 part 2",
        b"apcn" | b"apch" | b"apcs" | b"apco" | b"ap4h" => "ProRes",
        b"jpeg" | b"mjpa" => "Motion JPEG",
        other => return format!("the codec `{}`", other.escape_ascii()),
    };
    format!("{name} video")
}

impl Mp4Source {
    /// Decodes up to the first picture, which waits to be taken; whether there is one.
    fn has_first_picture(&mut self) -> bool {
        while !self.finished && !self.decoder.is_ready() {
            self.feed();
        }
        self.decoder.is_ready()
    }

    /// Whether the stream is sound but begins with another picture than openh264 needs: a clip that was cut without coding it anew
    /// may begin at a recovery point, from where other decoders go on.
    fn begins_amid_pictures(&mut self) -> bool {
        let Some(&first) = self.track.samples.first() else { return false };
        self.annex_b.clear();
        let whole = read_sample(&mut self.file, &first, &mut self.sample).ok();
        let whole = whole.and_then(|()| self.config.to_annex_b(&self.sample, &mut self.annex_b));
        whole.is_some() && h264::split(&self.annex_b).any(|unit| unit[0] & 0x1f == NON_IDR)
    }

    /// Feeds the next sample, or ends the stream.
    fn feed(&mut self) {
        let Some(&sample) = self.track.samples.get(self.next) else {
            self.decoder.finish();
            self.finished = true;
            return;
        };
        self.next += 1;
        if let Err(trouble) = self.feed_sample(sample) {
            self.decoder.finish();
            self.finished = true;
            self.trouble = Some(trouble);
        }
    }

    fn feed_sample(&mut self, sample: Sample) -> Result<()> {
        read_sample(&mut self.file, &sample, &mut self.sample).map_err(|e| match e.kind() {
            // How many were found is known when all pictures are out.
            std::io::ErrorKind::UnexpectedEof => {
                MediaError::TruncatedVideo { path: self.path.clone(), found: 0, expected: Some(self.shown) }
            }
            _ => MediaError::read(&self.path, e),
        })?;
        self.annex_b.clear();
        // Before every picture that can start a stream, as broadcasters do.
        if sample.sync || self.next == 1 {
            self.annex_b.extend_from_slice(&self.config.parameter_sets);
        }
        let whole = self.config.to_annex_b(&self.sample, &mut self.annex_b);
        let decoded = self.decoder.feed(&self.annex_b, sample.pts);
        if whole.is_none() || decoded.is_err() {
            let (frame, all) = (self.next, self.track.samples.len());
            let reason = format!("coded frame {frame} of {all} cannot be decoded");
            return Err(MediaError::damaged(&self.path, reason));
        }
        Ok(())
    }
}

impl Source for Mp4Source {
    fn next(&mut self) -> Result<Option<(Picture, f64)>> {
        loop {
            if let Some(decoded) = self.decoder.take() {
                // A picture that the edit list cuts away was needed for the ones after it.
                let Some(ticks) = self.track.window.shown(decoded.pts) else { continue };
                let size = (decoded.picture.width, decoded.picture.height);
                if size != self.size {
                    let reason = format!(
                        "its frame size changes from {}×{} to {}×{} half-way",
                        self.size.0, self.size.1, size.0, size.1
                    );
                    return Err(MediaError::damaged(&self.path, reason));
                }
                self.given += 1;
                let picture = decoded.picture.rotated(self.track.quarter_turns);
                return Ok(Some((picture, self.track.seconds(ticks))));
            }
            if self.finished {
                return match self.trouble.take() {
                    Some(MediaError::TruncatedVideo { path, expected, .. }) => {
                        Err(MediaError::TruncatedVideo { path, found: self.given, expected })
                    }
                    Some(error) => Err(error),
                    None if self.cut => {
                        let (path, found) = (self.path.clone(), self.given);
                        Err(MediaError::TruncatedVideo { path, found, expected: None })
                    }
                    None if self.given == 0 => {
                        let reason = "none of its frames can be decoded";
                        Err(MediaError::damaged(&self.path, reason))
                    }
                    None => Ok(None),
                };
            }
            self.feed();
        }
    }
}
