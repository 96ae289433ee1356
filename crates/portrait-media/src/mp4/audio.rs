//! A sound track that goes into a video: copied packets, or a sound file that is encoded as it is needed.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::demux::{Movie, Window};
use super::flac;
use super::sound_entry::aac_description;
use super::table::Sample;
use crate::Result;
use crate::sniff::{self, Kind};
use crate::sound::Decoded;

/// Sound to go into an MP4: the AAC of an MP4 or MOV file, copied as it is, or any other sound, coded without loss as FLAC.
///
/// Holds the index of the packets or the name of the file, not its bytes. Get it from [`crate::VideoReader::audio`] or
/// [`Self::of_sound`], give it to [`crate::VideoWriter::set_audio`].
#[derive(Clone, Debug)]
pub struct AudioTrack {
    pub(super) path: PathBuf,
    pub(super) timescale: u32,
    pub(super) stsd: Vec<u8>,
    pub(super) packets: Packets,
    pub(super) window: Window,
}

/// Where the packets come from.
#[derive(Clone, Debug)]
pub(super) enum Packets {
    /// They are in the file, in order of time.
    Copied(Vec<Sample>),
    /// They are encoded when they are needed. How many ticks there will be, where the file says so.
    Encoded(Option<u64>),
}

impl AudioTrack {
    /// The sound of any file that [`crate::SoundReader`] reads, at its own rate. AAC in MP4 and MOV is copied; everything
    /// else will be FLAC of 16 bits, of one channel, or of two where the file has two.
    ///
    /// # Errors
    /// As [`crate::SoundReader::open`].
    pub fn of_sound(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (mut file, kind) = sniff::open(path, "sound")?;
        if matches!(kind, Kind::Mp4 | Kind::M4a)
            && let Some(copied) = Self::of(&Movie::read(&mut file, path)?, path)
        {
            return Ok(copied);
        }
        let sound = Decoded::open(path)?;
        Ok(Self {
            path: path.to_owned(),
            timescale: sound.rate(),
            stsd: flac::description(sound.rate(), flac::channels(&sound)),
            packets: Packets::Encoded(sound.frames()),
            window: Window { start: 0, end: i64::MAX, at: 0 },
        })
    }

    /// The first AAC track of a movie.
    pub(crate) fn of(movie: &Movie, path: &Path) -> Option<Self> {
        let sounds = movie.tracks.iter().filter(|t| &t.handler == b"soun" && !t.samples.is_empty());
        sounds.filter_map(|track| Some((track, aac_description(track)?))).next().map(|(track, stsd)| Self {
            path: path.to_owned(),
            timescale: track.timescale,
            stsd,
            packets: Packets::Copied(track.samples.clone()),
            window: track.window,
        })
    }

    /// How long it sounds; zero where a sound file does not say.
    #[must_use]
    pub fn duration(&self) -> Duration {
        let last = match &self.packets {
            Packets::Copied(samples) => samples.last().map_or(0, |s| s.pts.saturating_add(i64::from(s.duration))),
            Packets::Encoded(ticks) => ticks.and_then(|ticks| i64::try_from(ticks).ok()).unwrap_or(0),
        };
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
