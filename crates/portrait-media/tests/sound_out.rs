//! Sound files in the videos that are written.

mod common;

use std::path::Path;

use common::sound::{Coding, listen, signal_to_noise, stored, tone, wav};
use common::{have_ffmpeg, moving};
use portrait_media::{AudioTrack, MediaError, VideoReader, VideoWriter};

/// A signal with all that a coder meets: silence, tones, noise, both ends of the scale. Samples are whole 16-bit numbers.
fn signal(frames: usize, channels: usize) -> Vec<f32> {
    let mut noise = 1u32;
    let mut sample = |i: usize| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (frame, channel) = (i / channels, i % channels);
        match frame / 6000 % 4 {
            0 => 0.0,
            1 => (10_000.0 * (frame as f32 * 0.05 * (channel + 1) as f32).sin()).round(),
            2 => ((noise >> 16) as i16).into(),
            _ => {
                if frame / 50 % 2 == 0 {
                    32767.0
                } else {
                    -32768.0
                }
            }
        }
    };
    (0..frames * channels).map(|i| sample(i) / 32768.0).collect()
}

/// A video of 25 frames per second with a sound.
fn write(path: &Path, sound: AudioTrack, frames: u32) {
    let mut writer = VideoWriter::create(path, 64, 48, 25.0).unwrap();
    writer.set_audio(sound).unwrap();
    (0..frames).for_each(|t| writer.push(&moving(64, 48, t)).unwrap());
    writer.finish().unwrap();
}

/// What ffmpeg decodes of the sound, and what ffprobe says of it.
fn judged(path: &Path) -> (Vec<i16>, String) {
    let run = |program: &str, before: &[&str], after: &[&str]| {
        let out = std::process::Command::new(program).args(before).arg(path).args(after).output().unwrap();
        assert!(out.status.success() && out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
        out.stdout
    };
    let pcm = run("ffmpeg", &["-v", "error", "-i"], &["-vn", "-f", "s16le", "-"]);
    let entries = "stream=codec_name,sample_rate,channels,bits_per_raw_sample,start_time,duration";
    let said =
        run("ffprobe", &["-v", "error", "-select_streams", "a", "-of", "csv=p=0", "-show_entries", entries], &[]);
    let samples = pcm.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
    (samples, String::from_utf8(said).unwrap().trim().to_owned())
}

#[test]
fn a_sound_file_is_kept_without_loss() {
    let dir = tempfile::tempdir().unwrap();
    let (sound, out) = (dir.path().join("a.wav"), dir.path().join("out.mp4"));
    // At 16 kHz the reader changes nothing, and so hears every difference. Longer than the video, and shorter.
    for (frames, heard) in [(48_000, 32_000), (20_011, 20_011), (4096, 4096), (5, 5)] {
        let wanted = signal(frames, 1);
        std::fs::write(&sound, wav(16_000, 1, Coding::I16, &wanted)).unwrap();
        let track = AudioTrack::of_sound(&sound).unwrap();
        assert_eq!((track.sample_rate(), track.path()), (16_000, sound.as_path()));
        assert!((track.duration().as_secs_f64() - frames as f64 / 16_000.0).abs() < 1e-9);
        write(&out, track, 50);
        let (found, error) = listen(&out);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(found.len(), heard);
        assert!(found.iter().zip(&wanted).all(|(found, wanted)| found == wanted), "{frames} samples");
        let reader = VideoReader::open(&out).unwrap();
        assert!(reader.info().has_audio && reader.info().frames == Some(50));
    }
}

#[test]
fn others_decode_it_to_the_same_samples() {
    if !have_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (sound, out) = (dir.path().join("a.wav"), dir.path().join("out.mp4"));
    for (rate, channels) in [(44_100, 2), (48_000, 1), (8000, 1), (96_000, 2), (192_000, 1)] {
        let wanted = signal(3 * rate, channels);
        std::fs::write(&sound, wav(rate as u32, channels as u16, Coding::I16, &wanted)).unwrap();
        write(&out, AudioTrack::of_sound(&sound).unwrap(), 50);
        let (found, said) = judged(&out);
        assert_eq!(said, format!("flac,{rate},{channels},0.000000,2.000000,16"));
        // Two seconds, and what the last packet has behind them, which ffmpeg plays too.
        assert!((2 * rate..2 * rate + 4096).contains(&(found.len() / channels)), "{}", found.len());
        let same = found.iter().zip(&wanted).all(|(&found, &wanted)| f32::from(found) == wanted * 32768.0);
        assert!(same, "{rate} Hz, {channels} channels");
    }
}

#[test]
fn more_channels_than_two_are_mixed_and_more_bits_rounded() {
    let dir = tempfile::tempdir().unwrap();
    let (sound, out) = (dir.path().join("a.wav"), dir.path().join("out.mp4"));
    let mono = tone(0.3, 16_000, 1.0);
    let six: Vec<f32> = mono.iter().flat_map(|s| [s + 0.1, s - 0.1, *s, *s, s * 0.5, s * 1.5]).collect();
    std::fs::write(&sound, wav(16_000, 6, Coding::I24, &six)).unwrap();
    write(&out, AudioTrack::of_sound(&sound).unwrap(), 50);
    let found = listen(&out).0;
    assert_eq!(found.len(), 16_000);
    assert!(found.iter().zip(&mono).all(|(found, wanted)| (found - wanted).abs() < 0.6 / 32768.0));
}

#[test]
fn stored_sounds_go_into_a_video() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.mp4");
    let opus = have_ffmpeg().then_some("tone.opus");
    for name in ["tone.mp3", "tone.ogg", "tone.flac", "tone.m4a"].into_iter().chain(opus) {
        write(&out, AudioTrack::of_sound(stored(name)).unwrap(), 25);
        let (before, (after, error)) = (listen(&stored(name)).0, listen(&out));
        assert!(error.is_none(), "{error:?}");
        let quality = signal_to_noise(&after, &before);
        assert!(after.len().abs_diff(before.len()) < 32 && quality > 50.0, "{name}: {quality:.1} dB");
        // AAC goes in as it is, and comes out so.
        let copied = VideoReader::open(&out).unwrap().audio().is_some();
        assert_eq!(copied, name == "tone.m4a", "{name}");
    }
}

#[test]
fn a_sound_that_breaks_off_goes_in_up_to_there() {
    let dir = tempfile::tempdir().unwrap();
    let (sound, out) = (dir.path().join("a.wav"), dir.path().join("out.mp4"));
    let wanted = signal(32_000, 1);
    std::fs::write(&sound, &wav(16_000, 1, Coding::I16, &wanted)[..44 + 30_000]).unwrap();
    write(&out, AudioTrack::of_sound(&sound).unwrap(), 50);
    assert_eq!(listen(&out).0, wanted[..15_000]);
    std::fs::write(&sound, "words").unwrap();
    assert!(matches!(AudioTrack::of_sound(&sound), Err(MediaError::NotASound { .. })));
}
