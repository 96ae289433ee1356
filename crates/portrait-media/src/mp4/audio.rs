//! A sound track that is carried over without being decoded.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::boxes::{Bytes, find, put, put_u32};
use super::demux::{Movie, Track, Window};
use super::table::Sample;
use crate::{MediaError, Result};

/// The AAC sound of an MP4 or MOV file, to be copied into another MP4 as it is.
///
/// Holds the index of the packets, not their bytes. Get it from [`crate::VideoReader::audio`], give it
/// to [`crate::VideoWriter::set_audio`].
#[derive(Clone, Debug)]
pub struct AudioTrack {
    path: PathBuf,
    pub(crate) timescale: u32,
    pub(crate) stsd: Vec<u8>,
    samples: Vec<Sample>,
    pub(crate) window: Window,
}

impl AudioTrack {
    /// The first AAC track of a movie.
    pub(crate) fn of(movie: &Movie, path: &Path) -> Option<Self> {
        let sounds = movie.tracks.iter().filter(|t| &t.handler == b"soun" && !t.samples.is_empty());
        sounds.filter_map(|track| Some((track, aac_description(track)?))).next().map(|(track, stsd)| Self {
            path: path.to_owned(),
            timescale: track.timescale,
            stsd,
            samples: track.samples.clone(),
            window: track.window,
        })
    }

    /// How long it sounds.
    #[must_use]
    pub fn duration(&self) -> Duration {
        let last = self.samples.last().map_or(0, |s| s.pts.saturating_add(i64::from(s.duration)));
        let ticks = last.min(self.window.end).saturating_sub(self.window.start).max(0);
        Duration::from_secs_f64(ticks as f64 / f64::from(self.timescale.max(1)))
    }

    /// Samples per second.
    #[must_use]
    pub fn sample_rate(&self) -> u32 {
        self.timescale
    }

    /// The file that holds it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The packets, in order of time.
    pub(crate) fn packets(&self) -> &[Sample] {
        &self.samples
    }

    pub(crate) fn open(&self) -> Result<File> {
        File::open(&self.path).map_err(|source| MediaError::Open { path: self.path.clone(), source })
    }

    /// Reads one packet into `buffer`.
    pub(crate) fn read(&self, file: &mut File, sample: &Sample, buffer: &mut Vec<u8>) -> Result<()> {
        read_sample(file, sample, buffer).map_err(|e| MediaError::read(&self.path, e))
    }
}

/// The largest sample that is read; a 8192² intra picture is smaller.
const MAX_SAMPLE: u32 = 256 << 20;

/// Reads one sample into `buffer`, growing it only as bytes arrive.
pub(crate) fn read_sample(file: &mut File, sample: &Sample, buffer: &mut Vec<u8>) -> std::io::Result<()> {
    buffer.clear();
    let too_short = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    if sample.size > MAX_SAMPLE {
        return Err(too_short());
    }
    file.seek(SeekFrom::Start(sample.offset))?;
    let got = file.take(u64::from(sample.size)).read_to_end(buffer)?;
    if got < sample.size as usize { Err(too_short()) } else { Ok(()) }
}

/// The sample description of an AAC track in its plain MP4 form. QuickTime's longer form (version 1,
/// descriptor inside a `wave` box) is rewritten; anything but AAC is nothing.
fn aac_description(track: &Track) -> Option<Vec<u8>> {
    let (kind, entry) = track.description()?;
    let fixed = entry.get(..28)?;
    let rest = match (&kind, Bytes(entry.get(8..)?).u16()?) {
        (b"mp4a", 0) => entry.get(28..)?,
        (b"mp4a", 1) => entry.get(44..)?,
        _ => return None,
    };
    let esds = find(rest, &[b"esds"]).or_else(|| find(rest, &[b"wave", b"esds"]))?;
    // MPEG-4 AAC, and MPEG-2 AAC main, LC, SSR.
    if !matches!(object_type(esds)?, 0x40 | 0x66..=0x68) {
        return None;
    }
    let mut out = Vec::new();
    put_u32(&mut out, 0);
    put_u32(&mut out, 1);
    put(&mut out, b"mp4a", |out| {
        out.extend_from_slice(&fixed[..8]);
        // Version, revision, vendor of QuickTime: reserved zeros here.
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&fixed[16..20]);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&fixed[24..28]);
        put(out, b"esds", |out| out.extend_from_slice(esds));
    });
    Some(out)
}

/// `objectTypeIndication` of an elementary stream descriptor (ISO/IEC 14496-1, 7.2.6.6).
fn object_type(esds: &[u8]) -> Option<u8> {
    let mut bytes = Bytes(esds);
    bytes.full_box()?;
    let mut descriptor = |tag: u8| {
        (bytes.u8()? == tag).then_some(())?;
        while bytes.u8()? & 0x80 != 0 {}
        if tag == 3 {
            bytes.u16()?;
            let flags = bytes.u8()?;
            if flags & 0x80 != 0 {
                bytes.u16()?;
            }
            if flags & 0x40 != 0 {
                let length = bytes.u8()?;
                bytes.take(usize::from(length))?;
            }
            if flags & 0x20 != 0 {
                bytes.u16()?;
            }
            Some(0)
        } else {
            bytes.u8()
        }
    };
    descriptor(3)?;
    descriptor(4)
}
