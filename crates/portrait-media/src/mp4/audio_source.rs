//! The sound that goes into a file being written, packet by packet.

use std::fs::File;
use std::path::PathBuf;

use super::audio::{AudioTrack, Packets, read_sample};
use super::demux::Window;
use super::flac::FlacPackets;
use super::mux_boxes::{Edit, TrackOut};
use super::table::Sample;
use crate::sound::Decoded;
use crate::{MediaError, Result};

/// The sound being copied or encoded, and the table of what is written of it.
pub(crate) struct AudioSource {
    feed: Feed,
    timescale: u32,
    stsd: Vec<u8>,
    window: Window,
    pub(super) out: TrackOut,
    /// Time of the first packet written, in its ticks.
    first: i64,
}

enum Feed {
    Copy { path: PathBuf, file: File, samples: Vec<Sample>, next: usize },
    Encode(Box<FlacPackets>),
}

impl AudioSource {
    pub(crate) fn open(track: AudioTrack) -> Result<Self> {
        let AudioTrack { path, timescale, stsd, packets, window } = track;
        let (feed, first) = match packets {
            Packets::Copied(samples) => {
                let file = File::open(&path).map_err(|source| MediaError::Open { path: path.clone(), source })?;
                let next = first_needed(&samples, window.start);
                let first = samples.get(next).map_or(0, |p| p.pts);
                (Feed::Copy { path, file, samples, next }, first)
            }
            Packets::Encoded(_) => (Feed::Encode(Box::new(FlacPackets::new(Decoded::open(&path)?)?)), 0),
        };
        Ok(Self { feed, timescale, stsd, window, out: TrackOut::default(), first })
    }

    /// The next packet's start, in seconds of the movie.
    pub(super) fn next_time(&self) -> Option<f64> {
        let pts = match &self.feed {
            Feed::Copy { samples, next, .. } => samples.get(*next)?.pts,
            Feed::Encode(packets) => packets.position()?,
        };
        if pts >= self.window.end {
            return None;
        }
        let ticks = pts.saturating_sub(self.window.start).saturating_add(self.window.at);
        Some(ticks as f64 / f64::from(self.timescale))
    }

    /// The next packet and its length in ticks; nothing after the last.
    pub(super) fn next(&mut self) -> Result<Option<(Vec<u8>, u32)>> {
        let (path, file, samples, next) = match &mut self.feed {
            Feed::Copy { path, file, samples, next } => (path, file, samples, next),
            Feed::Encode(packets) => return packets.next(),
        };
        let Some(sample) = samples.get(*next) else { return Ok(None) };
        let mut packet = Vec::new();
        match read_sample(file, sample, &mut packet) {
            Ok(()) => {
                *next += 1;
                Ok(Some((packet, sample.duration)))
            }
            // A driver that was cut short still gives the sound it has.
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                *next = usize::MAX;
                Ok(None)
            }
            Err(e) => Err(MediaError::read(path, e)),
        }
    }

    /// Ticks per second, sample description, and what of it a movie of so many seconds plays, in the movie's `ticks`.
    pub(super) fn playing(&self, seconds: f64, ticks: impl Fn(f64) -> u64) -> (u32, &[u8], Edit) {
        let window = self.window;
        let scale = f64::from(self.timescale);
        let delay = window.at as f64 / scale;
        let lead = window.start.saturating_sub(self.first).max(0) as u64;
        let sounds = (self.out.duration().saturating_sub(lead)) as f64 / scale;
        let shown = sounds.min((window.end.saturating_sub(window.start)) as f64 / scale).min(seconds - delay);
        let edit = Edit { delay: ticks(delay), duration: ticks(shown.max(0.0)), media_time: lead };
        (self.timescale, &self.stsd, edit)
    }
}

/// The first packet that a decoder needs to give the sound from a tick on: one before the first that sounds.
pub(crate) fn first_needed(samples: &[Sample], start: i64) -> usize {
    let sounding = samples.iter().position(|p| p.pts.saturating_add(i64::from(p.duration)) > start);
    sounding.unwrap_or(samples.len()).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::demux::{Movie, Window};
    use super::super::mux::{Muxer, Timebase};
    use super::super::mux_boxes::Avc;
    use super::super::sound_entry::tests::stsd;
    use super::*;
    use crate::color::ColorSpec;

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
            packets: Packets::Copied(samples.collect()),
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
        let Packets::Copied(samples) = &sound.packets else { panic!("{sound:?}") };
        let mut bytes = Vec::new();
        for (i, sample) in samples.iter().enumerate() {
            read_sample(&mut file, sample, &mut bytes).unwrap();
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
