//! Sounds of many makes, at the right time.

mod common;

use std::path::{Path, PathBuf};
use std::time::Duration;

use common::sound::{Coding, listen, stored, tone, tone_in, wav};
use common::{ffmpeg, have_ffmpeg, write_moving};
use portrait_media::{SoundReader, VideoReader, is_sound, is_video, load_photo};

fn file(dir: &tempfile::TempDir, name: &str, data: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, data).unwrap();
    path
}

/// The sound of a file must be the tone, at its time to a thirtieth of a millisecond; how much stronger than all else, in dB.
fn quality(path: &Path, middle: f64, seconds: f64) -> f64 {
    let (found, error) = listen(path);
    assert!(error.is_none(), "{}: {error:?}", path.display());
    let told = SoundReader::open(path).unwrap().duration().unwrap().as_secs_f64();
    assert!((told - seconds).abs() < 0.01, "{} claims {told} s", path.display());
    let length = found.len() as f64 / 16_000.0;
    assert!((length - seconds).abs() < 0.001, "{} lasts {length} s", path.display());
    let (late, quality) = tone_in(&found, middle);
    assert!(late.abs() < 0.000_033, "{} is {late} s late", path.display());
    quality
}

#[test]
fn every_rate_keeps_its_time() {
    let dir = tempfile::tempdir().unwrap();
    for rate in [8000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000] {
        // Near both ends too: nothing is lost there.
        for middle in [0.02, 0.4, 0.773] {
            let path = file(&dir, "a.wav", &wav(rate, 1, Coding::F32, &tone(middle, rate, 0.8)));
            let found = quality(&path, middle, 0.8);
            assert!(found > 50.0, "{rate} Hz, middle at {middle} s: {found:.1} dB");
        }
    }
    // The measure can fail: it knows a sixteenth of a millisecond, and more than a wave.
    let (late, quality) = tone_in(&tone(0.4, 16_000, 0.8)[1..], 0.4);
    assert!((late + 0.000_062_5).abs() < 1e-6 && quality > 50.0, "{late}, {quality}");
    assert!(tone_in(&tone(0.402, 16_000, 0.8), 0.4).1 < 20.0);
}

#[test]
fn every_coding_is_read() {
    let dir = tempfile::tempdir().unwrap();
    for (coding, least) in [(Coding::U8, 20.0), (Coding::I16, 60.0), (Coding::I24, 100.0), (Coding::F32, 100.0)] {
        let path = file(&dir, "a.wav", &wav(16_000, 1, coding, &tone(0.1, 16_000, 0.3)));
        let found = quality(&path, 0.1, 0.3);
        assert!(found > least, "{coding:?}: {found:.1} dB");
    }
    for (name, least) in [("tone.flac", 50.0), ("tone.mp3", 20.0), ("tone.ogg", 20.0), ("tone.m4a", 20.0)] {
        let found = quality(&stored(name), 0.25, 0.5);
        assert!(found > least, "{name}: {found:.1} dB");
    }
}

#[test]
fn what_the_lower_rate_cannot_hold_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    for (frequency, kept) in [(100.0, 1.0), (6500.0, 1.0), (9500.0, 0.0), (15_000.0, 0.0), (23_000.0, 0.0)] {
        let wave = |i: u32| (f64::from(i) * frequency * std::f64::consts::TAU / 48_000.0).sin() as f32 * 0.5;
        let samples: Vec<f32> = (0..48_000).map(wave).collect();
        let (found, _) = listen(&file(&dir, "a.wav", &wav(48_000, 1, Coding::F32, &samples)));
        let middle = &found[4000..12_000];
        let loudness = (middle.iter().map(|s| f64::from(s * s)).sum::<f64>() / 8000.0).sqrt() / 0.125f64.sqrt();
        assert!((loudness - kept).abs() < 0.002, "{frequency} Hz: {loudness}");
    }
}

#[test]
fn channels_are_averaged_and_what_is_no_number_is_silence() {
    let dir = tempfile::tempdir().unwrap();
    let frames: Vec<f32> = (0..500).flat_map(|i| [i as f32 / 500.0, -0.5, 0.1]).collect();
    let (found, _) = listen(&file(&dir, "three.wav", &wav(16_000, 3, Coding::F32, &frames)));
    assert_eq!(found.len(), 500);
    for (i, sample) in found.iter().enumerate() {
        assert!((sample - (i as f32 / 500.0 - 0.4) / 3.0).abs() < 1e-6, "{i}: {sample}");
    }
    let odd = [f32::NAN, 0.5, f32::INFINITY, f32::NEG_INFINITY, 3.0, -3.0];
    let (found, _) = listen(&file(&dir, "odd.wav", &wav(16_000, 1, Coding::F32, &odd)));
    assert_eq!(found, [0.0, 0.5, 0.0, 0.0, 1.0, -1.0]);
    let (found, _) = listen(&file(&dir, "loud.wav", &wav(8000, 2, Coding::F32, &[f32::MAX; 2000])));
    assert!(found[500..1500].iter().all(|s| *s > 0.99), "sums of what is too loud are numbers");
}

#[test]
fn sounds_are_known_by_their_first_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let sound = file(&dir, "a.txt", &wav(8000, 1, Coding::U8, &[0.0; 10]));
    let mut named = std::fs::read(stored("tone.mp3")).unwrap();
    named.splice(0..0, *b"ID3\x04\0\0\0\0\0\x0a0123456789");
    let named = file(&dir, "named.mp3", &named);
    assert!(quality(&named, 0.25, 0.5) > 20.0);
    let video = dir.path().join("a.mp4");
    write_moving(&video, 32, 32, 25.0, 2);
    for (path, expected) in [
        (&sound, true),
        (&named, true),
        (&stored("tone.mp3"), true),
        (&stored("tone.ogg"), true),
        (&stored("tone.flac"), true),
        (&stored("tone.opus"), true),
        (&stored("tone.m4a"), true),
        (&video, false),
        (&file(&dir, "b.wav", b"words"), false),
        (&dir.path().join("none"), false),
        (&dir.path().to_owned(), false),
    ] {
        assert_eq!(is_sound(path), expected, "{}", path.display());
        assert_eq!(is_video(path), path == &video, "{}", path.display());
        if expected {
            let text = VideoReader::open(path).unwrap_err().to_string();
            assert!(text.contains("sound file") || text.contains("only sound"), "{text}");
            let text = load_photo(path).unwrap_err().to_string();
            assert!(text.contains("sound file"), "{text}");
        }
    }
    // By its tracks, not by its brand.
    let mut other = std::fs::read(stored("tone.m4a")).unwrap();
    other[8..12].copy_from_slice(b"isom");
    let other = file(&dir, "other.mp4", &other);
    assert!(is_sound(&other) && quality(&other, 0.25, 0.5) > 20.0);
}

#[test]
fn other_sounds_go_through_ffmpeg() {
    if !have_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    assert!(quality(&stored("tone.opus"), 0.25, 0.5) > 15.0);
    let wave = file(&dir, "a.wav", &wav(44_100, 1, Coding::I16, &tone(0.25, 44_100, 0.5)));
    for (name, options) in [
        ("a.aiff", ""),
        ("adpcm.wav", "-c:a adpcm_ima_wav"),
        ("a.aac", "-c:a aac"),
        ("opus.mp4", "-c:a libopus -ar 48000"),
        ("alac.m4a", "-c:a alac"),
        ("a.webm", "-c:a libopus"),
    ] {
        let path = dir.path().join(name);
        ffmpeg(&format!("-i {} {options}", wave.display()), &path);
        let (found, error) = listen(&path);
        // Bare AAC does not tell how much comes before the sound.
        let early = if name == "a.aac" { 1024 * 160 / 441 } else { 0 };
        let (late, quality) = tone_in(&found[early..], 0.25);
        assert!(
            error.is_none() && late.abs() < 0.0001 && quality > 15.0,
            "{name}: {late} s, {quality:.1} dB, {error:?}"
        );
    }
}

#[test]
fn sound_of_a_video_keeps_its_place() {
    if !have_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let wave = file(&dir, "a.wav", &wav(48_000, 1, Coding::I16, &tone(0.25, 48_000, 0.5)));
    // The sound begins 0.3 s after the pictures.
    let video = format!("-f lavfi -i testsrc2=s=64x48:r=10:d=1 -itsoffset 0.3 -i {}", wave.display());
    for (name, middle, options) in [
        ("aac.mp4", 0.55, "-c:v libx264 -pix_fmt yuv420p -c:a aac"),
        ("aac.mov", 0.55, "-c:v libx264 -pix_fmt yuv420p -c:a aac"),
        ("fragments.mp4", 0.55, "-c:v libx264 -pix_fmt yuv420p -c:a aac -movflags frag_keyframe+empty_moov+delay_moov"),
        ("flac.mp4", 0.55, "-c:v libx264 -pix_fmt yuv420p -c:a flac -strict -2"),
        ("pcm.mov", 0.55, "-c:v libx264 -pix_fmt yuv420p -c:a pcm_s16le"),
        // As ffmpeg writes it, the sound is 6 ms too early.
        ("opus.mkv", 0.544, "-c:v libx264 -c:a libopus"),
    ] {
        let path = dir.path().join(name);
        ffmpeg(&format!("{video} -map 0:v -map 1:a {options}"), &path);
        let (found, error) = listen(&path);
        assert!(error.is_none(), "{name}: {error:?}");
        let (late, quality) = tone_in(&found, middle);
        // Edit lists count in milliseconds.
        assert!(late.abs() < 0.0004 && quality > 15.0, "{name}: {late} s late, {quality:.1} dB");
        assert!(!is_sound(&path), "{name}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn hours_are_read_in_small_pieces() {
    let dir = tempfile::tempdir().unwrap();
    let mut head = wav(16_000, 1, Coding::I16, &[]);
    let bytes = 3u32 * 3600 * 16_000 * 2;
    head[4..8].copy_from_slice(&(bytes + 36).to_le_bytes());
    head[40..44].copy_from_slice(&bytes.to_le_bytes());
    let path = file(&dir, "hours.wav", &head);
    // Silence that takes no room on the disk.
    std::fs::File::options().write(true).open(&path).unwrap().set_len(u64::from(bytes) + 44).unwrap();
    let mut reader = SoundReader::open(&path).unwrap();
    assert_eq!(reader.duration(), Some(Duration::from_secs(3 * 3600)));
    let (mut samples, mut largest) = (0, 0);
    while let Some(chunk) = reader.next_chunk().unwrap() {
        samples += chunk.len();
        largest = largest.max(chunk.len());
    }
    assert_eq!(samples, 3 * 3600 * 16_000);
    assert!(largest < 16_000, "{largest}");
}
