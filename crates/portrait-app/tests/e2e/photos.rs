//! Photos that cannot be animated, and those that can with a warning.

use portrait_media::{Picture, load_photo};

use crate::common::{Sandbox, animate, astronaut, astronaut_scaled, avatar, landscape, portrait, run};

/// Animates a photo that is refused before a device is needed.
fn refuse(photo: &dyn Fn(&Sandbox) -> std::path::PathBuf, words: &[&str]) {
    let sandbox = Sandbox::new();
    let (photo, clip) = (photo(&sandbox), sandbox.short_clip(2));
    run(&mut animate(&photo, &clip, &sandbox.output("me.mp4"))).fails(&sandbox, words);
    run(portrait().arg("prepare").arg(&photo).arg("-o").arg(sandbox.output("me.avatar"))).fails(&sandbox, words);
}

#[test]
fn missing() {
    refuse(&|s| s.input("nobody.png"), &["nobody.png", "cannot open"]);
}

#[test]
fn not_an_image() {
    refuse(&|s| s.file("notes.png", b"these are words"), &["notes.png", "not a PNG, JPEG, WebP or GIF", "text"]);
    refuse(&|s| s.short_clip(2), &["driver.mp4", "MP4"]);
    refuse(&|s| s.file("empty.jpg", b""), &["empty.jpg", "empty"]);
    refuse(&|s| s.input(""), &["is a directory"]);
}

#[test]
fn truncated() {
    let bytes = std::fs::read(astronaut()).unwrap();
    refuse(&|s| s.file("half.png", &bytes[..bytes.len() / 2]), &["half.png", "damaged or incomplete PNG"]);
}

#[test]
fn one_pixel() {
    refuse(&|s| s.photo("dot.png", &landscape(1, 1)), &["dot.png", "1×1", "too small"]);
}

#[test]
fn thirty_thousand_pixels_a_side() {
    refuse(&|s| s.file("huge.png", &png_header(30_000, 30_000)), &["huge.png", "30000×30000", "scale it down"]);
}

#[test]
fn no_face() {
    let Some(_) = avatar() else { return };
    refuse(&|s| s.photo("hills.png", &landscape(300, 200)), &["hills.png", "no face"]);
}

#[test]
fn several_faces() {
    let Some(_) = avatar() else { return };
    let sandbox = Sandbox::new();
    let pair = pair();
    let (photo, clip) = (sandbox.photo("pair.png", &pair), sandbox.short_clip(2));
    let out = sandbox.output("me.mp4");
    run(&mut animate(&photo, &clip, &out)).fails(&sandbox, &["pair.png", "2 faces found", "--face", "1: ", "2: "]);
    run(animate(&photo, &clip, &out).args(["--face", "3"])).fails(&sandbox, &["no face 3", "2 faces"]);
    run(animate(&photo, &clip, &out).args(["--face", "0"])).fails(&sandbox, &["no face 0"]);
    run(animate(&photo, &clip, &out).args(["--face", "2"])).succeeds();
    assert_eq!(sandbox.written(), ["me.mp4"]);

    // All of them, in the whole photo.
    for more in [["--output-as", "crop"], ["--background", "#20a060"]] {
        run(animate(&photo, &clip, &sandbox.output("all.mp4")).args(["--face", "all"]).args(more))
            .refused(&["--face all", "--output-as"]);
    }
    run(animate(&photo, &clip, &sandbox.output("all_%05d.png")).args(["--face", "all"])).succeeds();
    let all = load_photo(sandbox.output("all_00001.png")).unwrap();
    assert_eq!((all.width, all.height), (pair.width, pair.height));
    // Both moved: each half differs from the photo.
    for left in [0, pair.width / 2] {
        let moved = (0..pair.width / 2 * pair.height).any(|i| {
            let (x, y) = (left + i % (pair.width / 2), i / (pair.width / 2));
            let (a, b) = (all.pixel(x, y).unwrap(), pair.pixel(x, y).unwrap());
            (0..3).any(|c| a[c].abs_diff(b[c]) > 30)
        });
        assert!(moved, "the half from {left} on");
    }
}

#[test]
fn what_is_transparent_in_a_photo_is_white() {
    let Some(_) = avatar() else { return };
    let sandbox = Sandbox::new();
    let cut = astronaut_scaled(300);
    // As programs leave it that cut people out: another colour, unseen.
    let hidden = |x, y| if x < 40 { [255, 0, 255, 0] } else { cut.pixel(x, y).unwrap() };
    let photo = sandbox.photo("cut.png", &Picture::from_fn(300, 300, hidden));
    let out = sandbox.output("me.png");
    run(portrait().arg("pose").arg(&photo).args(["--output-as", "photo", "-o"]).arg(&out)).succeeds();
    let picture = portrait_media::load_photo(&out).unwrap();
    assert_eq!(picture.pixel(3, 150), Some([255; 4]));
}

#[test]
fn a_small_face_is_animated_with_a_warning() {
    let Some(_) = avatar() else { return };
    let sandbox = Sandbox::new();
    let (photo, clip) = (sandbox.photo("small.png", &astronaut_scaled(220)), sandbox.short_clip(2));
    let outcome = run(animate(&photo, &clip, &sandbox.output("me.mp4")).arg("--json")).succeeds();
    assert!(outcome.stderr.contains("warning: the face is only"), "{}", outcome.stderr);
    assert!(outcome.json()["warnings"][0].as_str().unwrap().contains("pixels large"));
}

/// The bundled portrait twice, side by side.
fn pair() -> Picture {
    let one = load_photo(astronaut()).unwrap();
    Picture::from_fn(2 * one.width, one.height, |x, y| one.pixel(x % one.width, y).unwrap())
}

/// A PNG that ends after its header.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 6, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    png.extend(&chunk);
    png.extend(crc32(&chunk).to_be_bytes());
    png.extend(b"\0\0\0\0IDAT");
    png.extend(crc32(b"IDAT").to_be_bytes());
    png
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}
