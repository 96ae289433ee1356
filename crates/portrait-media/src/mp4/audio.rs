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

#[cfg(test)]
mod tests {
    use super::super::boxes::put_full;
    use super::super::mux::{AudioSource, Muxer, Timebase};
    use super::super::mux_boxes::Avc;
    use super::*;
    use crate::color::ColorSpec;

    /// An `stsd` payload with one `mp4a` entry of QuickTime's version, descriptor in place.
    fn stsd(version: u16, object_type: u8) -> Vec<u8> {
        let mut out = Vec::new();
        put_u32(&mut out, 0);
        put_u32(&mut out, 1);
        put(&mut out, b"mp4a", |out| {
            out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
            out.extend_from_slice(&version.to_be_bytes());
            out.extend_from_slice(&[0; 6]);
            out.extend_from_slice(&[0, 2, 0, 16, 0, 0, 0, 0, 0xbb, 0x80, 0, 0]);
            if version == 1 {
                out.extend_from_slice(&[0; 16]);
            }
            let esds = |out: &mut Vec<u8>| {
                put_full(out, b"esds", 0, 0, |out| {
                    out.extend_from_slice(&[3, 0x80, 0x80, 0x80, 20, 0, 1, 0, 4, 15, object_type]);
                    out.extend_from_slice(&[0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0]);
                });
            };
            if version == 1 { put(out, b"wave", esds) } else { esds(out) }
        });
        out
    }

    fn track(stsd: Vec<u8>) -> Track {
        let window = Window { start: 0, end: i64::MAX, at: 0 };
        Track { id: 1, handler: *b"soun", timescale: 48_000, quarter_turns: 0, stsd, samples: vec![], window }
    }

    #[test]
    fn aac_is_told_from_the_rest() {
        let plain = aac_description(&track(stsd(0, 0x40))).unwrap();
        assert_eq!(plain, stsd(0, 0x40));
        assert_eq!(aac_description(&track(stsd(1, 0x40))).unwrap(), plain);
        assert!(aac_description(&track(stsd(0, 0x6b))).is_none(), "MP3 is not AAC");
        let whole = stsd(1, 0x40);
        for cut in 0..whole.len() {
            let _ = aac_description(&track(whole[..cut].to_vec()));
        }
    }

    /// A driver's sound of 100 packets, 1024 ticks each, with 2112 ticks of priming, beside 25 fps video.
    fn copied(frames: u64) -> Movie {
        let dir = tempfile::tempdir().unwrap();
        let (source, target) = (dir.path().join("driver"), dir.path().join("out.mp4"));
        let packet = |i: usize| vec![i as u8; 50 + i];
        let data: Vec<u8> = (0..100).flat_map(packet).collect();
        std::fs::write(&source, data).unwrap();
        let mut offset = 0;
        let samples = (0..100).map(|i| {
            let size = packet(i).len() as u32;
            offset += u64::from(size);
            let pts = i as i64 * 1024;
            Sample { offset: offset - u64::from(size), size, pts, duration: 1024, sync: true }
        });
        let audio = AudioTrack {
            path: source,
            timescale: 48_000,
            stsd: stsd(0, 0x40),
            samples: samples.collect(),
            window: Window { start: 2112, end: i64::MAX, at: 0 },
        };
        assert_eq!(audio.duration(), Duration::from_secs_f64((102_400.0 - 2112.0) / 48_000.0));
        let mut muxer = Muxer::create(&target, Timebase::of(25.0)).unwrap();
        muxer.set_audio(AudioSource::open(audio).unwrap());
        for i in 0..frames {
            muxer.push_video(&[0, 0, 0, 1, 9], i * 1000, i == 0).unwrap();
        }
        let color = ColorSpec::unmarked(16);
        muxer.finish(&Avc { width: 16, height: 16, sps: &[0x67, 66, 0, 30], pps: &[0x68], color }).unwrap();
        let mut file = File::open(&target).unwrap();
        let movie = Movie::read(&mut file, &target).unwrap();
        // Every packet arrives as it left: the first copied is number 1, one before the first that sounds.
        let sound = AudioTrack::of(&movie, &target).unwrap();
        let mut bytes = Vec::new();
        for (i, sample) in sound.packets().iter().enumerate() {
            sound.read(&mut file, sample, &mut bytes).unwrap();
            assert_eq!(bytes, packet(i + 1), "packet {i}");
        }
        movie
    }

    #[test]
    fn sound_is_copied_and_cut_to_the_video() {
        let movie = copied(25);
        let (video, sound) = (&movie.tracks[0], &movie.tracks[1]);
        assert_eq!(video.samples.len(), 25);
        // One second of sound: 46.9 packets, the priming and a settling packet before them.
        assert_eq!(sound.samples.len(), 48);
        assert_eq!(sound.window, Window { start: 1088, end: 1088 + 48_000, at: 0 });
    }

    #[test]
    fn short_sound_ends_before_the_video() {
        let movie = copied(100);
        assert_eq!(movie.tracks[1].samples.len(), 99);
        let window = movie.tracks[1].window;
        assert!((window.end - window.start - (102_400 - 2112)).abs() <= 2, "{window:?}");
    }
}
