//! Videos that are damaged, cut, rotated, or no videos.

mod common;

use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{moving, psnr, read_all, top_box, tried_without_ffmpeg, write_moving};
use portrait_media::{MediaError, VideoReader};

fn good(dir: &tempfile::TempDir, frames: u32) -> Vec<u8> {
    let path = dir.path().join("good.mp4");
    write_moving(&path, 48, 32, 25.0, frames);
    std::fs::read(path).unwrap()
}

fn file(dir: &tempfile::TempDir, name: &str, data: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, data).unwrap();
    path
}

fn refusal(path: &Path) -> MediaError {
    VideoReader::open(path).unwrap_err()
}

/// Finds a box type anywhere and gives the position after it.
fn after<const N: usize>(data: &[u8], kind: &[u8; N]) -> usize {
    data.windows(N).position(|w| w == kind).unwrap() + N
}

#[test]
fn what_is_no_video_says_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(refusal(&dir.path().join("none.mp4")), MediaError::Open { .. }));
    assert!(matches!(refusal(dir.path()), MediaError::IsDirectory { .. }));
    assert!(matches!(refusal(&file(&dir, "e.mp4", b"")), MediaError::Empty { .. }));
    let error = refusal(&file(&dir, "t.mp4", b"to be or not to be"));
    assert!(matches!(error, MediaError::NotAVideo { .. }) && error.to_string().contains("text"), "{error}");
    let photo = dir.path().join("p.png");
    portrait_media::save_png(&photo, &moving(4, 4, 0)).unwrap();
    assert!(refusal(&photo).to_string().contains("a PNG picture"));
}

#[test]
fn a_cut_file_gives_its_frames_then_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let whole = good(&dir, 40);
    let path = file(&dir, "cut.mp4", &whole[..whole.len() - whole.len() / 3]);
    let (frames, error) = read_all(&path);
    assert!(frames.len() > 5 && frames.len() < 40, "{}", frames.len());
    for (i, frame) in (0u32..).zip(&frames) {
        assert!(psnr(&frame.picture, &moving(48, 32, i)) > 30.0);
    }
    match error {
        Some(MediaError::TruncatedVideo { found, expected: Some(40), .. }) => assert_eq!(found, frames.len() as u64),
        other => panic!("{other:?}"),
    }
}

#[test]
fn pictures_that_are_not_there_are_damage_and_nothing_for_ffmpeg() {
    let dir = tempfile::tempdir().unwrap();
    let mut data = good(&dir, 3);
    let media = top_box(&data, b"mdat").unwrap();
    for byte in [0xff, 0] {
        data[media.start + 8..media.end].fill(byte);
        let (frames, error) = read_all(&file(&dir, "bad.mp4", &data));
        assert!(frames.is_empty() && matches!(error, Some(MediaError::DamagedVideo { .. })), "{byte}: {error:?}");
    }
}

#[test]
fn a_file_without_its_index_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let whole = good(&dir, 4);
    let moov = top_box(&whole, b"moov").unwrap();
    // As a camera that lost power leaves it: data, no index.
    let bare: Vec<u8> = [&whole[..moov.start], &whole[moov.end..]].concat();
    let text = refusal(&file(&dir, "bare.mp4", &bare)).to_string();
    assert!(text.contains("no index") && text.contains("cut off"), "{text}");
    // Cut inside the index.
    for cut in [10, moov.start + 4, moov.start + 20, moov.end - 1] {
        let error = refusal(&file(&dir, "cut.mp4", &whole[..cut]));
        assert!(matches!(error, MediaError::DamagedVideo { .. }), "cut at {cut}: {error}");
    }
}

#[test]
fn a_video_without_frames() {
    let dir = tempfile::tempdir().unwrap();
    let mut data = good(&dir, 4);
    let stsz = after(&data, b"stsz");
    data[stsz + 8..stsz + 12].fill(0);
    assert!(matches!(refusal(&file(&dir, "none.mp4", &data)), MediaError::NoFrames { .. }));
    let mut data = good(&dir, 4);
    let hdlr = after(&data, b"hdlr");
    data[hdlr + 8..hdlr + 12].copy_from_slice(b"soun");
    let text = refusal(&file(&dir, "sound.mp4", &data)).to_string();
    assert!(text.contains("only sound"), "{text}");
}

#[test]
fn rotation_is_applied() {
    let dir = tempfile::tempdir().unwrap();
    let whole = good(&dir, 2);
    let upright = read_all(&file(&dir, "0.mp4", &whole)).0[1].picture.clone();
    // tkhd version 1: flags, two times, id, reserved, duration, 16 bytes, then the matrix.
    let matrix = after(&whole, b"tkhd") + 4 + 16 + 8 + 8 + 16;
    for (terms, size, corner) in
        [([0, 1, -1, 0], (32, 48), (31, 0)), ([-1, 0, 0, -1], (48, 32), (47, 31)), ([0, -1, 1, 0], (32, 48), (0, 47))]
    {
        let mut data = whole.clone();
        for (term, at) in terms.into_iter().zip([0, 4, 12, 16]) {
            data[matrix + at..matrix + at + 4].copy_from_slice(&(term * 0x1_0000i32).to_be_bytes());
        }
        let path = file(&dir, "turned.mp4", &data);
        let reader = VideoReader::open(&path).unwrap();
        assert_eq!((reader.info().width, reader.info().height), size);
        let turned = &read_all(&path).0[1].picture;
        assert_eq!((turned.width, turned.height), size);
        assert_eq!(turned.pixel(corner.0, corner.1), upright.pixel(0, 0));
    }
}

#[test]
fn absurd_frame_sizes_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut gif = Vec::new();
    let mut encoder = gif::Encoder::new(&mut gif, 65_535, 9000, &[0, 0, 0, 9, 9, 9]).unwrap();
    encoder.write_frame(&gif::Frame::from_indexed_pixels(1, 1, vec![0], None)).unwrap();
    drop(encoder);
    let error = refusal(&file(&dir, "huge.gif", &gif));
    assert!(matches!(error, MediaError::VideoTooLarge { width: 65535, .. }), "{error}");
}

#[test]
fn cut_gifs_give_their_frames_then_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.gif");
    write_moving(&path, 40, 30, 25.0, 10);
    let whole = std::fs::read(&path).unwrap();
    let (frames, error) = read_all(&file(&dir, "cut.gif", &whole[..whole.len() / 2]));
    assert!(!frames.is_empty() && frames.len() < 10);
    assert!(matches!(error, Some(MediaError::TruncatedVideo { .. })), "{error:?}");
    assert!(matches!(
        refusal(&file(&dir, "head.gif", &whole[..13])),
        MediaError::NoFrames { .. } | MediaError::DamagedVideo { .. }
    ));
}

#[test]
fn gif_frames_that_change_a_part_are_composed() {
    let dir = tempfile::tempdir().unwrap();
    let mut data = Vec::new();
    {
        let palette = [255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9];
        let mut encoder = gif::Encoder::new(&mut data, 4, 2, &palette).unwrap();
        let mut frame = |left, width, color: u8, dispose| {
            let frame = gif::Frame {
                left,
                width,
                height: 2,
                delay: 10,
                dispose,
                buffer: vec![color; usize::from(width) * 2].into(),
                ..gif::Frame::default()
            };
            encoder.write_frame(&frame).unwrap();
        };
        frame(0, 4, 0, gif::DisposalMethod::Keep);
        frame(1, 2, 1, gif::DisposalMethod::Previous);
        frame(3, 1, 2, gif::DisposalMethod::Background);
        frame(0, 1, 1, gif::DisposalMethod::Keep);
    }
    let (frames, error) = read_all(&file(&dir, "parts.gif", &data));
    assert!(error.is_none());
    let (r, g, b, none) = ([255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [0, 0, 0, 0]);
    let row = |i: usize| (0..4).map(|x| frames[i].picture.pixel(x, 1).unwrap()).collect::<Vec<_>>();
    assert_eq!(row(0), [r, r, r, r]);
    assert_eq!(row(1), [r, g, g, r]);
    assert_eq!(row(2), [r, r, r, b]);
    assert_eq!(row(3), [g, r, r, none]);
    assert_eq!(frames[3].timestamp, Duration::from_millis(300));
}

#[test]
fn damage_anywhere_is_no_panic_and_no_hang() {
    let dir = tempfile::tempdir().unwrap();
    let whole = good(&dir, 3);
    let moov = top_box(&whole, b"moov").unwrap();
    let read = |data: &[u8]| {
        if let Ok(mut reader) = VideoReader::open(file(&dir, "bad.mp4", data)) {
            while let Ok(Some(_)) = reader.next_frame() {}
        }
    };
    for at in moov {
        for value in [0xff, whole[at] ^ 1] {
            let mut bad = whole.clone();
            bad[at] = value;
            read(&bad);
        }
    }
    // And in the coded frames.
    for at in (top_box(&whole, b"mdat").unwrap().start..whole.len()).step_by(11) {
        let mut bad = whole.clone();
        bad[at] ^= 0xa5;
        read(&bad);
    }
    let gif = dir.path().join("a.gif");
    write_moving(&gif, 16, 8, 25.0, 2);
    let whole = std::fs::read(&gif).unwrap();
    for at in 0..whole.len() {
        let mut bad = whole.clone();
        bad[at] ^= 0x5a;
        if let Ok(mut reader) = VideoReader::open(file(&dir, "bad.gif", &bad)) {
            while let Ok(Some(_)) = reader.next_frame() {}
        }
    }
}

#[test]
fn without_ffmpeg_the_way_out_is_named() {
    if tried_without_ffmpeg("without_ffmpeg_the_way_out_is_named") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut hevc = good(&dir, 2);
    let at = after(&hevc, b"avc1mp41");
    let entry = at + hevc[at..].windows(4).position(|w| w == b"avc1").unwrap();
    hevc[entry..entry + 4].copy_from_slice(b"hvc1");
    for (data, word) in [
        (&hevc[..], "HEVC"),
        (b"\x1a\x45\xdf\xa3webm", "Matroska or WebM"),
        (b"RIFF\0\0\0\0AVI LIST", "AVI"),
        (&[7, 1, 3, 200, 0, 0], "no known format"),
    ] {
        let error = refusal(&file(&dir, "clip", data));
        let text = error.to_string();
        assert!(matches!(error, MediaError::UnsupportedVideo { .. }), "{text}");
        assert!(text.contains(word) && text.contains("install ffmpeg") && text.contains("convert"), "{text}");
    }
}
