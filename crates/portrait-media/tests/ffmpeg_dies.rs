//! An `ffmpeg` that is killed in the middle of its work, as by a system that is short of memory: it says nothing.
#![cfg(unix)]

mod common;

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use common::sound::listen;
use common::{again, ffmpeg, have_ffmpeg, moving, read_all};
use portrait_media::{AudioTrack, MediaError, VideoWriter};

fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file()).unwrap()
}

/// A folder with an `ffprobe`, and an `ffmpeg` that is killed after so many bytes of what it decodes.
fn dying(folder: &Path, bytes: usize) -> PathBuf {
    let programs = folder.join(bytes.to_string());
    std::fs::create_dir(&programs).unwrap();
    symlink(program("ffprobe"), programs.join("ffprobe")).unwrap();
    let path = std::env::var("PATH").unwrap();
    let real = program("ffmpeg");
    let script =
        format!("#!/bin/sh\nPATH='{path}'\n'{}' \"$@\" 2>/dev/null | head -c {bytes}\nkill -KILL $$\n", real.display());
    std::fs::write(programs.join("ffmpeg"), script).unwrap();
    std::fs::set_permissions(programs.join("ffmpeg"), Permissions::from_mode(0o755)).unwrap();
    programs
}

#[test]
fn frames_and_sound_before_it_are_given_and_the_end_is_an_error() {
    // In the child the files lie beside the folder of its programs.
    let programs = PathBuf::from(std::env::var_os("PATH").unwrap());
    let files = programs.parent().filter(|folder| folder.join("a.avi").is_file());
    let Some(files) = files else {
        if !have_ffmpeg() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        ffmpeg("-f lavfi -i testsrc2=s=64x48:r=10:d=3 -c:v mpeg4", &dir.path().join("a.avi"));
        ffmpeg("-f lavfi -i sine=d=3:sample_rate=48000 -c:a libopus", &dir.path().join("a.webm"));
        // Five whole frames, so that what comes looks like an end. As samples of four bytes it is some 0.3 s of sound.
        let header = "P7\nWIDTH 64\nHEIGHT 48\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n";
        let programs = dying(dir.path(), 5 * (header.len() + 64 * 48 * 4));
        again("frames_and_sound_before_it_are_given_and_the_end_is_an_error", &programs);
        return;
    };
    let killed = |error: &Option<MediaError>| {
        let text = error.as_ref().map(ToString::to_string).unwrap_or_default();
        assert!(matches!(error, Some(MediaError::Ffmpeg { .. })) && text.contains("signal: 9"), "{error:?}");
    };
    let (frames, error) = read_all(&files.join("a.avi"));
    assert_eq!(frames.len(), 5);
    killed(&error);

    let sound = files.join("a.webm");
    let (samples, error) = listen(&sound);
    assert!((4000..6000).contains(&samples.len()), "{} samples", samples.len());
    killed(&error);

    // Beside pictures it is kept as far as it goes, and so are they.
    let out = files.join("out.mp4");
    let mut writer = VideoWriter::create(&out, 64, 48, 25.0).unwrap();
    writer.set_audio(AudioTrack::of_sound(&sound).unwrap()).unwrap();
    (0..25).for_each(|t| writer.push(&moving(64, 48, t)).unwrap());
    writer.finish().unwrap();
    assert_eq!(read_all(&out).0.len(), 25);
    let kept = listen(&out).0;
    assert!(kept.len().abs_diff(samples.len()) < 100, "{} of {} samples", kept.len(), samples.len());
}
