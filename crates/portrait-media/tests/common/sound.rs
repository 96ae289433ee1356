//! Sounds made up for the tests.
//!
//! `tests/sounds` holds the tone below as others code it, half a second with its middle at 0.25 s:
//!
//!     S="-f lavfi -i aevalsrc=exprs='0.5*sin(2*PI*1000*(t-0.25))*exp(-pow((t-0.25)/0.01\,2))':s=44100:d=0.5 -bitexact"
//!     ffmpeg $S -c:a libmp3lame -b:a 64k tone.mp3
//!     ffmpeg $S -c:a libvorbis -q:a 3 -page_duration 50000 tone.ogg
//!     ffmpeg $S -c:a aac -b:a 64k tone.m4a
//!     ffmpeg $S -c:a flac -sample_fmt s16 -metadata_header_padding 0 tone.flac
//!     ffmpeg $S -c:a libopus -b:a 24k tone.opus

use std::path::{Path, PathBuf};

use portrait_media::{MediaError, SoundReader};

/// One kilohertz that swells and fades within 20 ms of a middle, half of full scale.
pub(crate) fn tone(middle: f64, rate: u32, seconds: f64) -> Vec<f32> {
    let frames = (seconds * f64::from(rate)).round() as usize;
    let at = |i: usize| {
        let t = i as f64 / f64::from(rate) - middle;
        (0.5 * (std::f64::consts::TAU * 1000.0 * t).sin() * (-(t / 0.01).powi(2)).exp()) as f32
    };
    (0..frames).map(at).collect()
}

/// How much stronger a wanted signal is than what differs from it, in dB. What one has more counts as if the other were silent.
pub(crate) fn signal_to_noise(found: &[f32], wanted: &[f32]) -> f64 {
    let at = |samples: &[f32], i: usize| f64::from(samples.get(i).copied().unwrap_or(0.0));
    let sum = |power: &dyn Fn(usize) -> f64| (0..found.len().max(wanted.len())).map(power).sum::<f64>();
    let noise = sum(&|i| (at(found, i) - at(wanted, i)).powi(2));
    10.0 * (sum(&|i| at(wanted, i).powi(2)) / noise.max(1e-12)).log10()
}

/// By how much a sound of 16 kHz is later than the tone, in seconds up to half a wave (0.5 ms), and how much stronger the
/// tone, that much later, is than all else that is heard, in dB.
pub(crate) fn tone_in(found: &[f32], middle: f64) -> (f64, f64) {
    let quarter = 0.25 / 1000.0;
    let seconds = found.len() as f64 / 16_000.0;
    let alike =
        |middle: f64| found.iter().zip(tone(middle, 16_000, seconds)).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let late = alike(middle + quarter).atan2(alike(middle)) / std::f64::consts::TAU / 1000.0;
    (late, signal_to_noise(found, &tone(middle + late, 16_000, seconds)))
}

/// How a WAV file holds its samples.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Coding {
    U8,
    I16,
    I24,
    F32,
}

/// A WAV file of interleaved samples.
pub(crate) fn wav(rate: u32, channels: u16, coding: Coding, samples: &[f32]) -> Vec<u8> {
    let (format, bytes) = match coding {
        Coding::U8 => (1u16, 1u16),
        Coding::I16 => (1, 2),
        Coding::I24 => (1, 3),
        Coding::F32 => (3, 4),
    };
    let data: Vec<u8> = match coding {
        Coding::U8 => samples.iter().map(|s| (s * 127.0 + 128.0).round() as u8).collect(),
        Coding::I16 => samples.iter().flat_map(|s| ((s * 32768.0).round() as i16).to_le_bytes()).collect(),
        Coding::I24 => samples.iter().flat_map(|s| ((s * 8_388_608.0) as i32).to_le_bytes()[..3].to_vec()).collect(),
        Coding::F32 => samples.iter().flat_map(|s| s.to_le_bytes()).collect(),
    };
    let mut out = b"RIFF".to_vec();
    out.extend_from_slice(&(36 + data.len() as u32).to_le_bytes());
    out.extend_from_slice(b"WAVEfmt \x10\0\0\0");
    out.extend_from_slice(&format.to_le_bytes());
    out.extend_from_slice(&channels.to_le_bytes());
    out.extend_from_slice(&rate.to_le_bytes());
    out.extend_from_slice(&(rate * u32::from(channels * bytes)).to_le_bytes());
    out.extend_from_slice(&(channels * bytes).to_le_bytes());
    out.extend_from_slice(&(bytes * 8).to_le_bytes());
    out.extend_from_slice(b"data");
    out.extend_from_slice(&(data.len() as u32).to_le_bytes());
    out.extend_from_slice(&data);
    out
}

/// One of the files in `tests/sounds`.
pub(crate) fn stored(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sounds").join(name)
}

/// All of a sound, and the error that ended it.
pub(crate) fn listen(path: &Path) -> (Vec<f32>, Option<MediaError>) {
    let mut reader = SoundReader::open(path).unwrap_or_else(|e| panic!("{e}"));
    let mut all = Vec::new();
    loop {
        match reader.next_chunk() {
            Ok(Some(chunk)) => {
                assert!(!chunk.is_empty() && chunk.iter().all(|s| (-1.0..=1.0).contains(s)));
                all.extend(chunk);
            }
            Ok(None) => return (all, None),
            Err(error) => {
                assert!(matches!(reader.next_chunk(), Ok(None)), "nothing follows an error");
                return (all, Some(error));
            }
        }
    }
}
