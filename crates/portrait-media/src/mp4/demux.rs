//! The index of an MP4 or MOV file: tracks, samples, edit lists, rotation. Media data stays on disk.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::boxes::{Bytes, children, find};
use super::fragments::{self, Defaults};
use super::table::{self, Sample};
use crate::{MediaError, Result};

/// The largest index that is read: an hour of video needs well under 10 MB.
const MAX_INDEX: u64 = 256 << 20;

/// What the file holds.
#[derive(Debug)]
pub(crate) struct Movie {
    pub(crate) tracks: Vec<Track>,
    /// Whether the file ends in the middle of the index of a fragment: what comes after is missing.
    pub(crate) cut: bool,
}

/// One track.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    pub(crate) id: u32,
    /// `vide`, `soun`, …
    pub(crate) handler: [u8; 4],
    /// Ticks per second.
    pub(crate) timescale: u32,
    /// Clockwise quarter turns to show the picture upright.
    pub(crate) quarter_turns: u8,
    /// Payload of the sample description box (`stsd`).
    pub(crate) stsd: Vec<u8>,
    /// In decoding order.
    pub(crate) samples: Vec<Sample>,
    pub(crate) window: Window,
}

/// The part of a track that is shown, from its edit list, in the track's ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// First tick shown.
    pub(crate) start: i64,
    /// End of what is shown.
    pub(crate) end: i64,
    /// When `start` is shown.
    pub(crate) at: i64,
}

impl Window {
    /// Time of presentation in ticks from the start of the movie; nothing where the sample is cut away.
    pub(crate) fn shown(&self, pts: i64) -> Option<i64> {
        (self.start <= pts && pts < self.end).then(|| pts.saturating_sub(self.start).saturating_add(self.at))
    }
}

impl Track {
    /// Type and payload of the first sample description.
    pub(crate) fn description(&self) -> Option<([u8; 4], &[u8])> {
        children(self.stsd.get(8..)?).next()
    }

    pub(crate) fn seconds(&self, ticks: i64) -> f64 {
        ticks as f64 / f64::from(self.timescale.max(1))
    }
}

impl Movie {
    /// Reads the index of an open file.
    pub(crate) fn read(file: &mut File, path: &Path) -> Result<Self> {
        let damaged = |reason: &str| MediaError::damaged(path, reason);
        let fail = |e| MediaError::read(path, e);
        let length = file.seek(SeekFrom::End(0)).map_err(fail)?;
        let mut moov: Option<Vec<u8>> = None;
        let (mut fragments, mut cut) = (Vec::new(), false);
        let mut at = 0u64;
        while let Some((kind, header, size)) = box_at(file, at, length).map_err(fail)? {
            let body = at + header;
            let index = matches!(&kind, b"moov" | b"moof");
            // A recording that was cut off plays up to there.
            if &kind == b"moof" && moov.is_some() && at.saturating_add(size) > length {
                cut = true;
                break;
            }
            if index && (at.saturating_add(size) > length || size > MAX_INDEX) {
                return Err(damaged("its index runs past the end of the file; the recording was cut off"));
            }
            if index {
                let mut data = vec![0; (size - header) as usize];
                file.seek(SeekFrom::Start(body)).map_err(fail)?;
                file.read_exact(&mut data).map_err(fail)?;
                match &kind {
                    b"moov" if moov.is_none() => moov = Some(data),
                    b"moof" => fragments.push((at, data)),
                    _ => {}
                }
            }
            at = at.saturating_add(size);
        }
        let moov =
            moov.ok_or_else(|| damaged("it has no index (moov): the recording was cut off before it was closed"))?;
        let movie_scale = find(&moov, &[b"mvhd"]).and_then(header_timescale).unwrap_or(1000);
        let defaults = Defaults::of(&moov);
        let mut tracks = Vec::new();
        for (_, trak) in children(&moov).filter(|(kind, _)| kind == b"trak") {
            // A track that cannot be understood is left out; the others may do.
            let Some(mut track) = parse_track(trak, path)? else { continue };
            for (position, moof) in &fragments {
                fragments::append(&mut track, *position, moof, &defaults, path)?;
            }
            track.window = window(trak, &track, movie_scale);
            tracks.push(track);
        }
        Ok(Self { tracks, cut })
    }

    /// The video track: the first with samples, else the first.
    pub(crate) fn video(&self) -> Option<&Track> {
        let mut videos = self.tracks.iter().filter(|t| &t.handler == b"vide");
        videos.clone().find(|t| !t.samples.is_empty()).or_else(|| videos.next())
    }

    /// Whether there are tracks of sound and none of pictures.
    pub(crate) fn is_sound(&self) -> bool {
        !self.tracks.is_empty() && self.tracks.iter().all(|t| &t.handler == b"soun")
    }
}

/// Type, header length and size of the top-level box at a position. Nothing at the end of the file.
fn box_at(file: &mut File, at: u64, length: u64) -> std::io::Result<Option<([u8; 4], u64, u64)>> {
    if length.saturating_sub(at) < 8 {
        return Ok(None);
    }
    let mut head = [0; 16];
    let wide = if length - at < 16 { 8 } else { 16 };
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut head[..wide])?;
    let mut bytes = Bytes(&head);
    let size = u64::from(bytes.u32().unwrap_or(0));
    let mut kind = [0; 4];
    kind.copy_from_slice(bytes.take(4).unwrap_or(&[0; 4]));
    Ok(match size {
        0 => Some((kind, 8, length - at)),
        1 if wide == 16 => bytes.u64().filter(|&size| size >= 16).map(|size| (kind, 16, size)),
        size if size >= 8 => Some((kind, 8, size)),
        _ => None,
    })
}

/// The timescale of an `mvhd` or `mdhd` payload.
fn header_timescale(payload: &[u8]) -> Option<u32> {
    let mut bytes = Bytes(payload);
    let (version, _) = bytes.full_box()?;
    bytes.versioned(version)?;
    bytes.versioned(version)?;
    bytes.u32().filter(|&scale| scale > 0)
}

fn parse_track(trak: &[u8], path: &Path) -> Result<Option<Track>> {
    let parts = || {
        let mdia = find(trak, &[b"mdia"])?;
        let handler = find(mdia, &[b"hdlr"])?.get(8..12)?.try_into().ok()?;
        let stbl = find(mdia, &[b"minf", b"stbl"])?;
        let timescale = header_timescale(find(mdia, &[b"mdhd"])?)?;
        let (id, quarter_turns) = track_header(find(trak, &[b"tkhd"])?)?;
        let stsd = find(stbl, &[b"stsd"])?.to_vec();
        Some((
            stbl,
            Track {
                id,
                handler,
                timescale,
                quarter_turns,
                stsd,
                samples: Vec::new(),
                window: Window { start: 0, end: i64::MAX, at: 0 },
            },
        ))
    };
    let Some((stbl, mut track)) = parts() else { return Ok(None) };
    // Only pictures and packed sound are needed; raw sound has one entry per sample.
    if !matches!(&track.handler, b"vide" | b"soun") {
        return Ok(None);
    }
    match table::samples(stbl) {
        Ok(samples) => track.samples = samples,
        Err(reason) if &track.handler == b"vide" => return Err(MediaError::damaged(path, reason)),
        // That there is sound is known all the same.
        Err(_) => {}
    }
    Ok(Some(track))
}

/// Track number and clockwise quarter turns of a `tkhd` payload.
fn track_header(payload: &[u8]) -> Option<(u32, u8)> {
    let mut bytes = Bytes(payload);
    let (version, _) = bytes.full_box()?;
    bytes.versioned(version)?;
    bytes.versioned(version)?;
    let id = bytes.u32()?;
    bytes.u32()?;
    bytes.versioned(version)?;
    bytes.take(16)?;
    let [a, b] = [bytes.i32()?, bytes.i32()?];
    bytes.u32()?;
    let [c, d] = [bytes.i32()?, bytes.i32()?];
    // The matrix maps (x, y) to (a·x + c·y, b·x + d·y); only quarter turns are found in the wild.
    let turns = match (a.signum(), b.signum(), c.signum(), d.signum()) {
        (0, 1, -1, 0) => 1,
        (-1, 0, 0, -1) => 2,
        (0, -1, 1, 0) => 3,
        _ => 0,
    };
    Some((id, turns))
}

/// What the edit list shows. One plain edit, with an empty one before it, is honoured exactly; of a
/// list of several, the start of the first.
fn window(trak: &[u8], track: &Track, movie_scale: u32) -> Window {
    let first = track.samples.iter().map(|s| s.pts).min().unwrap_or(0);
    let all = Window { start: first, end: i64::MAX, at: 0 };
    let to_ticks = |movie: u64| {
        let ticks = u128::from(movie) * u128::from(track.timescale);
        i64::try_from(ticks.div_ceil(u128::from(movie_scale.max(1)))).unwrap_or(i64::MAX)
    };
    let read = || {
        let mut bytes = Bytes(find(trak, &[b"edts", b"elst"])?);
        let (version, _) = bytes.full_box()?;
        let count = bytes.u32()?;
        let mut at = 0i64;
        let mut found: Option<Window> = None;
        for _ in 0..count.min(1024) {
            let duration = bytes.versioned(version)?;
            let media_time = if version == 1 { bytes.u64()? as i64 } else { i64::from(bytes.i32()?) };
            bytes.u32()?;
            match &mut found {
                None if media_time < 0 => at = at.saturating_add(to_ticks(duration)),
                None => {
                    let end = match duration {
                        0 => i64::MAX,
                        some => media_time.saturating_add(to_ticks(some)),
                    };
                    found = Some(Window { start: media_time, end, at });
                }
                Some(window) => window.end = i64::MAX,
            }
        }
        found
    };
    // An edit that shows nothing at all is damage: show everything instead.
    read().filter(|w| track.samples.iter().any(|s| w.shown(s.pts).is_some())).unwrap_or(all)
}
