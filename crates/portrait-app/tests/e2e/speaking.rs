//! Speech that drives a photo.

use std::path::PathBuf;

use portrait_media::{Picture, SoundReader};

use crate::common::{Sandbox, animate, astronaut, avatar, ffmpeg, frames_of, portrait, repository, run};

/// "My baby bought a blue boat", after a tenth of a second of silence: 2.045 s at 16 kHz.
fn spoken() -> Vec<i16> {
    let bytes = std::fs::read(repository("tests/fixtures/speech.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let sound = file.tensor("sound").unwrap();
    let sample = |b: &[u8; 2]| (half::f16::from_le_bytes(*b).to_f32() * 32_767.0).round() as i16;
    sound.data().as_chunks().0.iter().map(sample).collect()
}

/// A WAV file of one channel at 16 kHz.
fn wav(samples: &[i16]) -> Vec<u8> {
    let data: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    let size = data.len() as u32;
    let parts: [&[u8]; 9] = [
        b"RIFF",
        &(36 + size).to_le_bytes(),
        b"WAVEfmt \x10\0\0\0\x01\0\x01\0",
        &16_000u32.to_le_bytes(),
        &32_000u32.to_le_bytes(),
        b"\x02\0\x10\0",
        b"data",
        &size.to_le_bytes(),
        &data,
    ];
    parts.concat()
}

fn said(sandbox: &Sandbox) -> PathBuf {
    sandbox.file("speech.wav", &wav(&spoken()))
}

/// How dark it is where the bundled portrait's mouth opens: between its upper teeth and the lower lip, in the square of 512 pixels.
fn darkness(picture: &Picture) -> f64 {
    let pixels = (335..385).flat_map(|y| (215..300).map(move |x| 4 * (y * picture.width + x) as usize));
    let dark = pixels.filter(|&at| picture.rgba[at..at + 3].iter().map(|&v| u32::from(v)).sum::<u32>() < 180).count();
    dark as f64 / (50.0 * 85.0)
}

#[test]
fn a_sentence_becomes_a_video_that_says_it() {
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    let speech = said(&sandbox);
    let (out, motion) = (sandbox.output("me.mp4"), sandbox.output("me.motion"));
    let mut command = animate(avatar, &speech, &out);
    let outcome = run(command.arg("--json").arg("--compare").arg("--record-motion").arg(&motion)).succeeds();
    let report = outcome.json();
    // 2.045 s at 25 frames a second.
    assert_eq!((&report["frames"], &report["lost_frames"]), (&52.into(), &0.into()), "{report}");
    assert_eq!(report["warnings"], serde_json::json!([]), "{report}");
    assert_eq!(sandbox.written(), ["me-compare.png", "me.motion", "me.mp4"]);

    // The sound is the speech itself, to the last bit.
    let (mut heard, mut sound) = (Vec::new(), SoundReader::open(&out).unwrap());
    while let Some(chunk) = sound.next_chunk().unwrap() {
        heard.extend(chunk.iter().map(|s| (s * 32_768.0).round() as i16));
    }
    assert_eq!(heard, spoken());

    // It begins and ends as the photo is and opens the mouth in between, and only for vowels.
    let frames = frames_of(&out, 60);
    assert_eq!(frames.len(), 52);
    let dark: Vec<f64> = frames.iter().map(darkness).collect();
    let rest = dark[0];
    let widest = (0..52).max_by(|&a, &b| dark[a].total_cmp(&dark[b])).unwrap();
    assert!(dark[widest] > rest + 0.1, "the mouth opens: {dark:?}");
    assert!((dark[51] - rest).abs() < 0.05, "and rests at the end: {dark:?}");
    let shut = dark.iter().filter(|&&dark| dark < rest + 0.03).count();
    assert!((10..48).contains(&shut), "it does not stay open: {dark:?}");

    // The motion that was recorded moves the same mouth, later by what the filter of points takes.
    let again = sandbox.output("again.mp4");
    run(animate(avatar, &motion, &again).arg("--json")).succeeds();
    let again: Vec<f64> = frames_of(&again, 60).iter().map(darkness).collect();
    assert!(again.len() == 52 && again[widest..].iter().take(3).any(|dark| *dark > rest + 0.05), "{again:?}");
}

#[test]
fn speech_that_ends_early_is_a_video_up_to_there() {
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    let whole = wav(&spoken()[..16_000]);
    let speech = sandbox.file("half.wav", &whole[..whole.len() / 2]);
    let out = sandbox.output("me.mp4");
    let outcome = run(animate(avatar, &speech, &out).arg("--json"));
    let report = outcome.json();
    assert_eq!((outcome.code, &report["truncated"]), (Some(1), &true.into()), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("half.wav` ends early"), "{}", outcome.stderr);
    // Half a second, but for what would have to be heard beyond the end.
    let frames = frames_of(&out, 60).len();
    assert_eq!(report["frames"], frames);
    assert!((7..=13).contains(&frames), "{frames}");
}

#[test]
fn sounds_that_cannot_drive() {
    let sandbox = Sandbox::new();
    let out = sandbox.output("me.mp4");
    let refuse = |name: &str, bytes: &[u8], words: &[&str]| {
        let sound = sandbox.file(name, bytes);
        let mut command = animate(&astronaut(), &sound, &out);
        run(command.env("PATH", sandbox.input("nothing"))).fails(&sandbox, &[&[name], words].concat());
    };
    refuse("cut.wav", &wav(&spoken())[..20], &["damaged"]);
    refuse(
        "opus.ogg",
        &std::fs::read(repository("crates/portrait-media/tests/sounds/tone.opus")).unwrap(),
        &["ffmpeg"],
    );
    // `live` has no speaker.
    let speech = said(&sandbox);
    let mut live = portrait();
    live.arg("live").arg(astronaut()).arg("--source").arg(&speech);
    run(&mut live).fails(&sandbox, &["speech.wav", "is a sound", "portrait animate PHOTO --drive"]);
}

#[test]
fn a_voice_message_drives_where_ffmpeg_is() {
    let Some(avatar) = avatar() else { return };
    let sandbox = Sandbox::new();
    let message = sandbox.input("message.ogg");
    if !ffmpeg(&said(&sandbox), "-i CLIP -t 0.4 -c:a libopus", &message) {
        return;
    }
    let out = sandbox.output("frames");
    let report = run(animate(avatar, &message, &out).arg("--json")).succeeds().json();
    assert!((10..=11).contains(&report["frames"].as_u64().unwrap()), "{report}");
}

#[test]
fn info_tells_of_a_sound() {
    let sandbox = Sandbox::new();
    let outcome = run(portrait().arg("info").arg(said(&sandbox)).arg("--json")).succeeds();
    let facts = outcome.json();
    assert_eq!((&facts["kind"], &facts["seconds"]), (&"sound".into(), &2.045.into()), "{facts}");
}
