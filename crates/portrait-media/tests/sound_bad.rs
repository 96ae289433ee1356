//! Sounds that are damaged, cut, or no sounds.

mod common;

use std::path::{Path, PathBuf};

use common::sound::{Coding, listen, stored, tone, wav};
use common::{ffmpeg, have_ffmpeg, moving, tried_without_ffmpeg, write_moving};
use portrait_media::{MediaError, SoundReader, save_png};

fn file(dir: &tempfile::TempDir, name: &str, data: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, data).unwrap();
    path
}

fn refusal(path: &Path) -> MediaError {
    SoundReader::open(path).unwrap_err()
}

#[test]
fn what_is_no_sound_says_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(refusal(&dir.path().join("none.wav")), MediaError::Open { .. }));
    let error = refusal(dir.path());
    assert!(matches!(error, MediaError::IsDirectory { .. }) && error.to_string().contains("sound"), "{error}");
    assert!(matches!(refusal(&file(&dir, "e.wav", b"")), MediaError::Empty { .. }));
    let error = refusal(&file(&dir, "t.wav", b"to be or not to be"));
    assert!(matches!(error, MediaError::NotASound { .. }) && error.to_string().contains("text"), "{error}");
    let photo = dir.path().join("p.png");
    save_png(&photo, &moving(4, 4, 0)).unwrap();
    assert!(refusal(&photo).to_string().contains("a PNG picture"));
    let video = dir.path().join("v.mp4");
    write_moving(&video, 32, 32, 25.0, 2);
    assert!(matches!(refusal(&video), MediaError::NoSound { .. }));
    let silent = file(&dir, "s.wav", &wav(16_000, 1, Coding::I16, &[]));
    assert!(matches!(refusal(&silent), MediaError::NoSound { .. }));
}

#[test]
fn absurd_headers_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let good = wav(16_000, 1, Coding::I16, &[0.1; 400]);
    for (at, bytes) in [
        (22, &[0, 0][..]),
        (22, &[0xff, 0xff]),
        (24, &[0; 4]),
        (24, &[1, 0, 0, 0]),
        (24, &[0xff; 4]),
        (34, &[0, 0]),
        (34, &[0xf8, 0xff]),
        (16, &[2, 0, 0, 0]),
    ] {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        let error = refusal(&file(&dir, "bad.wav", &bad));
        assert!(matches!(error, MediaError::DamagedSound { .. }), "{at}: {error}");
    }
    for cut in [12, 20, 40, 44] {
        let error = refusal(&file(&dir, "bad.wav", &good[..cut]));
        assert!(matches!(error, MediaError::DamagedSound { .. }), "cut at {cut}: {error}");
    }
}

#[test]
fn a_cut_file_gives_its_sound_then_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let wave = wav(44_100, 2, Coding::I16, &[0.2; 88_200]);
    let stored = |name: &str| std::fs::read(stored(name)).unwrap();
    // The most of an Ogg Vorbis file as short as this is its codebooks.
    for (name, whole, percent, seconds) in [
        ("a.wav", wave, 60, 1.0),
        ("a.flac", stored("tone.flac"), 60, 0.5),
        ("a.mp3", stored("tone.mp3"), 60, 0.5),
        ("a.ogg", stored("tone.ogg"), 93, 0.5),
    ] {
        let (all, error) = listen(&file(&dir, name, &whole));
        assert!(error.is_none(), "{name}: {error:?}");
        let (some, error) = listen(&file(&dir, name, &whole[..whole.len() * percent / 100]));
        assert!(some.len() > 2000 && some.len() < all.len() * 9 / 10, "{name}: {} of {}", some.len(), all.len());
        // In an Ogg file nothing tells how long it should be.
        if name == "a.ogg" {
            continue;
        }
        let Some(MediaError::TruncatedSound { found, expected: Some(expected), .. }) = error else {
            panic!("{name}: {error:?}");
        };
        assert!((found.as_secs_f64() - some.len() as f64 / 16_000.0).abs() < 0.001, "{name}: {found:?}");
        assert!((expected.as_secs_f64() - seconds).abs() < 0.001, "{name}: {expected:?}");
        // What is there is the same as in the whole file.
        let same = some.iter().zip(&all).take(some.len() - 200).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(same, "{name}");
    }
}

#[test]
fn a_cut_recording_of_a_phone_gives_its_sound_then_says_so() {
    if !have_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole.m4a");
    for options in ["-movflags +faststart", "-movflags frag_keyframe+empty_moov+delay_moov -frag_duration 200000"] {
        ffmpeg(&format!("-f lavfi -i sine=d=2 -c:a aac {options} -f mp4"), &whole);
        let data = std::fs::read(&whole).unwrap();
        let (some, error) = listen(&file(&dir, "cut.m4a", &data[..data.len() * 7 / 10]));
        assert!(some.len() > 16_000 && some.len() < 28_000, "{options}: {} samples", some.len());
        assert!(matches!(error, Some(MediaError::TruncatedSound { .. })), "{options}: {error:?}");
        assert!(listen(&whole).1.is_none(), "{options}");
    }
}

#[test]
fn a_damaged_place_is_silence_and_the_rest_keeps_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let whole = std::fs::read(stored("tone.mp3")).unwrap();
    let mut bad = whole.clone();
    // The side information of a frame in the silence before the tone.
    bad[1100..1130].fill(0xff);
    let (all, found) = (listen(&stored("tone.mp3")).0, listen(&file(&dir, "bad.mp3", &bad)).0);
    let loudest = |samples: &[f32]| (0..samples.len()).max_by(|&a, &b| samples[a].total_cmp(&samples[b]));
    assert_eq!(loudest(&all), loudest(&found));
}

#[test]
fn damage_anywhere_is_no_panic_and_no_hang() {
    let dir = tempfile::tempdir().unwrap();
    let wave = wav(22_050, 2, Coding::F32, &tone(0.01, 44_100, 0.02));
    let read = |data: &[u8]| {
        let Ok(mut reader) = SoundReader::open(file(&dir, "bad", data)) else { return };
        let mut samples = 0;
        while let Ok(Some(chunk)) = reader.next_chunk() {
            samples += chunk.len();
        }
        assert!(samples < 16_000_000, "{samples} samples of {} bytes", data.len());
    };
    let stored = ["tone.flac", "tone.mp3", "tone.ogg", "tone.m4a"].map(|name| std::fs::read(stored(name)).unwrap());
    for whole in std::iter::once(wave).chain(stored) {
        // But for the first bytes: what is no known format is a matter of ffmpeg's.
        for at in (12..whole.len()).step_by(whole.len() / 120 + 1) {
            for value in [0, 0xff, whole[at] ^ 0x10] {
                let mut bad = whole.clone();
                bad[at] = value;
                read(&bad);
            }
            read(&whole[..at]);
        }
    }
}

#[test]
fn without_ffmpeg_the_way_out_is_named() {
    if tried_without_ffmpeg("without_ffmpeg_the_way_out_is_named") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut adpcm = wav(16_000, 1, Coding::I16, &[0.1; 400]);
    adpcm[20] = 0x50;
    for (path, word) in [
        (stored("tone.opus"), "Ogg Opus"),
        (file(&dir, "a.wav", &adpcm), "WAV sound file of an unusual make"),
        (file(&dir, "a.webm", b"\x1a\x45\xdf\xa3webm"), "Matroska or WebM"),
    ] {
        let error = refusal(&path);
        let text = error.to_string();
        assert!(matches!(error, MediaError::UnsupportedSound { .. }), "{text}");
        assert!(text.contains(word) && text.contains("install ffmpeg") && text.contains("convert"), "{text}");
    }
}
