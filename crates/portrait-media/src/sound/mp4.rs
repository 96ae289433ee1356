//! AAC and FLAC in MP4, M4A and MOV: the file's index is read here, so that its edit list holds, and symphonia decodes.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_FLAC};
use symphonia::core::errors::Error;
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};

use super::decoded::{Opened, Source, Step};
use super::decoder::Decoder;
use super::ffmpeg;
use crate::mp4::{Movie, Sample, SoundCodec, Track, first_needed, read_sample, sound_codec};
use crate::{MediaError, Result};

/// The longest silence before the sound that is believed, in seconds.
const MAX_DELAY: u64 = 3600;
/// Frames of silence that are given at a time.
const BLOCK: u64 = 1024;

struct Mp4Sound {
    path: PathBuf,
    file: File,
    samples: Vec<Sample>,
    /// Next packet to decode.
    next: usize,
    decoder: Decoder,
    /// Frames of silence before the sound.
    silence: u64,
    /// Frames still to be dropped, from before what is played.
    early: u64,
    /// Frames still to be played.
    left: u64,
    /// Whether more is missing than the index tells.
    cut: bool,
    packet: Vec<u8>,
}

pub(super) fn open(mut file: File, path: &Path) -> Result<Opened> {
    let movie = Movie::read(&mut file, path).map_err(|e| match e {
        MediaError::DamagedVideo { path, reason } => MediaError::DamagedSound { path, reason },
        other => other,
    })?;
    let mut sounds = movie.tracks.iter().filter(|t| &t.handler == b"soun");
    let track = sounds.clone().find(|t| !t.samples.is_empty()).or_else(|| sounds.next());
    let track = track.ok_or_else(|| MediaError::NoSound { path: path.to_owned() })?;
    let mut parameters = AudioCodecParameters::new();
    match sound_codec(track) {
        SoundCodec::Aac(config) => parameters.for_codec(CODEC_ID_AAC).with_extra_data(config.into()),
        SoundCodec::Flac(info) => parameters.for_codec(CODEC_ID_FLAC).with_extra_data(info.into()),
        SoundCodec::Other(name) => return ffmpeg::open(path, &name),
    };
    match Decoder::new(path, &parameters) {
        Ok(decoder) => Ok(opened(file, path, track, decoder, movie.cut)),
        Err(Error::Unsupported(what)) => ffmpeg::open(path, &format!("sound of an unusual make ({what})")),
        Err(e) => Err(MediaError::damaged_sound(path, e.to_string())),
    }
}

/// What of a track is played, in the frames that the decoder gives: of AAC with spectral band replication half as many as
/// there are ticks.
fn opened(file: File, path: &Path, track: &Track, decoder: Decoder, cut: bool) -> Opened {
    let (rate, channels) = (decoder.rate, decoder.channels);
    let frames = |ticks: i64| {
        let frames = u128::from(ticks.max(0).unsigned_abs()) * u128::from(rate);
        u64::try_from(frames / u128::from(track.timescale.max(1))).unwrap_or(u64::MAX)
    };
    let (window, samples) = (track.window, track.samples.clone());
    let next = first_needed(&samples, window.start);
    let first = samples.get(next).map_or(0, |sample| sample.pts);
    let end = samples.last().map_or(0, |sample| sample.pts.saturating_add(i64::from(sample.duration)));
    let silence = Some(frames(window.at)).filter(|delay| *delay <= MAX_DELAY * u64::from(rate)).unwrap_or(0);
    let total = silence.saturating_add(frames(end.min(window.end).saturating_sub(window.start)));
    let source = Mp4Sound {
        path: path.to_owned(),
        file,
        next,
        decoder,
        silence,
        early: frames(window.start.saturating_sub(first)),
        left: if window.end == i64::MAX { u64::MAX } else { frames(window.end.saturating_sub(window.start)) },
        samples,
        cut,
        packet: Vec::new(),
    };
    // Recorders leave gaps between packets: fewer frames than ticks are no sign of a cut.
    Opened { source: Box::new(source), rate, channels, frames: Some(total).filter(|_| !cut), exact: false }
}

impl Source for Mp4Sound {
    fn next(&mut self, out: &mut Vec<f32>) -> Result<Step> {
        if self.silence > 0 {
            let silence = self.silence.min(BLOCK);
            self.silence -= silence;
            out.resize(silence as usize * self.decoder.channels, 0.0);
            return Ok(Step::Sound);
        }
        let Some(sample) = self.samples.get(self.next).filter(|_| self.left > 0) else {
            return Ok(if self.cut { Step::Cut } else { Step::End });
        };
        self.next += 1;
        match read_sample(&mut self.file, sample, &mut self.packet) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(Step::Cut),
            Err(e) => return Err(MediaError::read(&self.path, e)),
        }
        let packet = PacketRef::new(0, Timestamp::new(sample.pts), Duration::from(sample.duration), &self.packet);
        self.decoder.decode(&packet, out)?;
        let channels = self.decoder.channels.max(1);
        let early = self.early.min((out.len() / channels) as u64);
        self.early -= early;
        out.drain(..early as usize * channels);
        let kept = self.left.min((out.len() / channels) as u64);
        self.left -= kept;
        out.truncate(kept as usize * channels);
        Ok(Step::Sound)
    }
}
