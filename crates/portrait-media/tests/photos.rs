//! Photos in and pictures out.

mod common;

use std::path::Path;

use common::{moving, names, psnr};
use image::{DynamicImage, ExtendedColorType, ImageBuffer, ImageEncoder, Luma, Rgb, Rgba};
use portrait_media::{MediaError, Picture, load_photo, save_png};

fn rgb(width: u32, height: u32) -> DynamicImage {
    let picture = moving(width, height, 0);
    let rgba: ImageBuffer<Rgba<u8>, _> = ImageBuffer::from_raw(width, height, picture.rgba).unwrap();
    DynamicImage::ImageRgba8(rgba).into_rgb8().into()
}

fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, 95);
    let pixels = rgb(width, height).into_rgb8();
    encoder.write_image(&pixels, width, height, ExtendedColorType::Rgb8).unwrap();
    out
}

/// Puts an EXIF block with an orientation behind the start marker.
fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend_from_slice(&[orientation, 0, 0, 0, 0, 0, 0, 0]);
    let mut out = jpeg[..2].to_vec();
    out.extend_from_slice(&[0xff, 0xe1]);
    out.extend_from_slice(&(exif.len() as u16 + 2).to_be_bytes());
    out.extend_from_slice(&exif);
    out.extend_from_slice(&jpeg[2..]);
    out
}

fn file(dir: &tempfile::TempDir, name: &str, data: &[u8]) -> std::path::PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, data).unwrap();
    path
}

fn message(path: &Path) -> String {
    load_photo(path).unwrap_err().to_string()
}

#[test]
fn png_round_trip_is_exact() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.png");
    let picture = Picture::from_fn(37, 19, |x, y| [x as u8, y as u8, 7, (x * y) as u8]);
    save_png(&path, &picture).unwrap();
    assert_eq!(load_photo(&path).unwrap(), picture);
    // An existing file is replaced, and nothing else is left.
    save_png(&path, &moving(5, 5, 1)).unwrap();
    assert_eq!(load_photo(&path).unwrap().width, 5);
    assert_eq!(names(dir.path()), ["a.png"]);
}

#[cfg(unix)]
#[test]
fn outputs_are_ordinary_files() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let (ours, plain) = (dir.path().join("a.png"), file(&dir, "plain", b"x"));
    save_png(&ours, &moving(4, 4, 0)).unwrap();
    let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&ours), mode(&plain));
}

#[test]
fn every_kind_of_pixel_becomes_rgba8() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p.png");
    let grey16: ImageBuffer<Luma<u16>, _> = ImageBuffer::from_fn(3, 2, |x, _| Luma([x as u16 * 0x7fff]));
    let rgb16: ImageBuffer<Rgb<u16>, _> = ImageBuffer::from_fn(3, 2, |x, _| Rgb([x as u16 * 0x7fff, 0, 0xffff]));
    let grey8: ImageBuffer<Luma<u8>, _> = ImageBuffer::from_fn(3, 2, |x, _| Luma([x as u8 * 127]));
    let cases: [(DynamicImage, [u8; 4]); 3] = [
        (grey16.into(), [255, 255, 255, 255]),
        (rgb16.into(), [255, 0, 255, 255]),
        (grey8.into(), [254, 254, 254, 255]),
    ];
    for (image, last) in cases {
        image.save(&path).unwrap();
        assert_eq!(load_photo(&path).unwrap().pixel(2, 1), Some(last));
    }
    // A palette with transparency, from a GIF.
    let mut gif = Vec::new();
    let mut pixels = vec![255, 0, 0, 255, 0, 0, 0, 0];
    let mut encoder = gif::Encoder::new(&mut gif, 2, 1, &[]).unwrap();
    encoder.write_frame(&gif::Frame::from_rgba(2, 1, &mut pixels)).unwrap();
    drop(encoder);
    let photo = load_photo(file(&dir, "p.gif", &gif)).unwrap();
    assert_eq!(photo.pixel(0, 0), Some([255, 0, 0, 255]));
    assert_eq!(photo.pixel(1, 0).unwrap()[3], 0);
}

#[test]
fn jpeg_and_webp_by_content_not_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let photo = load_photo(file(&dir, "really_a_jpeg.png", &jpeg(64, 48))).unwrap();
    assert!(psnr(&photo, &moving(64, 48, 0)) > 30.0);
    let mut webp = Vec::new();
    rgb(64, 48).write_with_encoder(image::codecs::webp::WebPEncoder::new_lossless(&mut webp)).unwrap();
    assert_eq!(load_photo(file(&dir, "photo", &webp)).unwrap(), moving(64, 48, 0));
}

#[test]
fn exif_orientation_turns_the_photo_upright() {
    let dir = tempfile::tempdir().unwrap();
    let plain = jpeg(64, 48);
    let upright = load_photo(file(&dir, "0.jpg", &plain)).unwrap();
    // EXIF 6: the top row of the scene is the right column of the pixels.
    let turned = load_photo(file(&dir, "6.jpg", &with_orientation(&plain, 6))).unwrap();
    assert_eq!((turned.width, turned.height), (48, 64));
    assert_eq!(turned.pixel(47, 0), upright.pixel(0, 0));
    assert_eq!(turned.pixel(0, 0), upright.pixel(0, 47));
    let half = load_photo(file(&dir, "3.jpg", &with_orientation(&plain, 3))).unwrap();
    assert_eq!(half.pixel(0, 0), upright.pixel(63, 47));
    // A damaged value is ignored.
    assert_eq!(load_photo(file(&dir, "99.jpg", &with_orientation(&plain, 99))).unwrap(), upright);
}

#[test]
fn one_pixel_is_a_photo() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("1.png");
    save_png(&path, &moving(1, 1, 0)).unwrap();
    assert_eq!(load_photo(&path).unwrap(), moving(1, 1, 0));
}

#[test]
fn cut_pictures_are_errors_not_grey() {
    let dir = tempfile::tempdir().unwrap();
    let whole = with_orientation(&jpeg(200, 150), 1);
    for cut in [3, 20, 60, whole.len() / 2, whole.len() - 40, whole.len() - 2] {
        let text = message(&file(&dir, "cut.jpg", &whole[..cut]));
        assert!(text.contains("cut.jpg") && text.contains("JPEG"), "cut at {cut}: {text}");
    }
    let path = dir.path().join("whole.png");
    save_png(&path, &moving(200, 150, 0)).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for cut in [20, 40, whole.len() / 2, whole.len() - 30] {
        let text = message(&file(&dir, "cut.png", &whole[..cut]));
        assert!(text.contains("PNG"), "cut at {cut}: {text}");
    }
    let mut whole = Vec::new();
    rgb(200, 150).write_with_encoder(image::codecs::webp::WebPEncoder::new_lossless(&mut whole)).unwrap();
    let text = message(&file(&dir, "cut.webp", &whole[..whole.len() / 2]));
    assert!(text.contains("WebP"), "{text}");
}

#[test]
fn a_jpeg_with_a_trailer_is_complete() {
    let dir = tempfile::tempdir().unwrap();
    let mut data = jpeg(64, 48);
    data.extend_from_slice(&[0; 100_000]);
    assert!(load_photo(file(&dir, "motion.jpg", &data)).is_ok());
}

#[test]
fn absurd_sizes_are_refused_from_the_header() {
    fn crc(data: &[u8]) -> u32 {
        !data.iter().fold(!0u32, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |c, _| if c & 1 == 1 { c >> 1 ^ 0xedb8_8320 } else { c >> 1 })
        })
    }
    let dir = tempfile::tempdir().unwrap();
    for (width, height) in [(30_000u32, 30_000u32), (16_385, 1), (16_000, 16_000)] {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        png.extend_from_slice(&width.to_be_bytes());
        png.extend_from_slice(&height.to_be_bytes());
        png.extend_from_slice(&[8, 6, 0, 0, 0]);
        let sum = crc(&png[12..]);
        png.extend_from_slice(&sum.to_be_bytes());
        png.extend_from_slice(b"\0\0\0\x04IDAT\0\0\0\0\0\0\0\0");
        let error = load_photo(file(&dir, "huge.png", &png)).unwrap_err();
        assert!(matches!(error, MediaError::PictureTooLarge { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&format!("{width}×{height}")) && text.contains("100 megapixels"), "{text}");
    }
}

#[test]
fn what_is_no_photo_says_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing.png");
    assert!(matches!(load_photo(&missing), Err(MediaError::Open { .. })));
    assert!(message(&missing).contains("missing.png"));
    assert!(matches!(load_photo(dir.path()), Err(MediaError::IsDirectory { .. })));
    assert!(matches!(load_photo(file(&dir, "e.jpg", b"")), Err(MediaError::Empty { .. })));
    assert!(message(&file(&dir, "t.jpg", b"hello")).contains("found text"));
    assert!(message(&file(&dir, "v.jpg", b"\0\0\0\x20ftypisom")).contains("MP4"));
    assert!(message(&file(&dir, "h.jpg", b"\0\0\0\x20ftypheic")).contains("HEIC"));
    assert!(message(&file(&dir, "z.jpg", &[0, 9, 1, 200])).contains("no known format"));
}

#[test]
fn damage_anywhere_is_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p.png");
    save_png(&path, &moving(24, 16, 0)).unwrap();
    let mut webp = Vec::new();
    rgb(24, 16).write_with_encoder(image::codecs::webp::WebPEncoder::new_lossless(&mut webp)).unwrap();
    for whole in [with_orientation(&jpeg(24, 16), 6), std::fs::read(&path).unwrap(), webp] {
        for at in 0..whole.len().min(200) {
            let mut bad = whole.clone();
            bad[at] ^= (at as u8).wrapping_add(0x55) | 1;
            let _ = load_photo(file(&dir, "bad", &bad));
        }
    }
}

#[test]
fn a_png_that_cannot_be_written_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let picture = moving(8, 8, 0);
    let error = save_png(dir.path().join("no/such/a.png"), &picture).unwrap_err();
    assert!(matches!(error, MediaError::MissingParent { .. }), "{error}");
    let error = save_png(dir.path(), &picture).unwrap_err();
    assert!(matches!(error, MediaError::InTheWay { .. }), "{error}");
    let short = Picture { width: 8, height: 8, rgba: vec![0; 3] };
    assert!(matches!(save_png(dir.path().join("a.png"), &short), Err(MediaError::PixelCount { .. })));
    let none = Picture { width: 0, height: 8, rgba: vec![] };
    assert!(matches!(save_png(dir.path().join("a.png"), &none), Err(MediaError::OutputSize { .. })));
    assert!(names(dir.path()).is_empty());
}
