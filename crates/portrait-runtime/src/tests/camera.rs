//! Frames in the layouts of cameras.

use super::fixtures::{driver, engine, photo};
use crate::{
    CameraFrame, ColourSpace, EngineError, Frame, Mode, MotionOptions, PixelFormat, Plane, PrepareOptions,
    SessionOptions,
};
use portrait_kernels::Tier;

/// Rows of `row` bytes laid `stride` apart, with noise between them, the last without it.
fn strided(bytes: &[u8], row: usize, stride: usize) -> Vec<u8> {
    let gap: Vec<u8> = (0..stride - row).map(|i| (37 * i + 11) as u8).collect();
    let mut out: Vec<u8> = bytes.chunks(row).flat_map(|r| r.iter().chain(&gap)).copied().collect();
    out.truncate(out.len() - gap.len());
    out
}

/// Luma and both chromas of BT.709 in limited range, chroma as the mean of 2 × 2 pixels.
fn planes(frame: Frame<'_>) -> [Vec<u8>; 3] {
    let (w, h) = (frame.width as usize, frame.height as usize);
    let rgb = |x: usize, y: usize| [0, 1, 2].map(|c| f32::from(frame.rgba[4 * (y * w + x) + c]) / 255.0);
    let luma = |[r, g, b]: [f32; 3]| 0.2126 * r + 0.7152 * g + 0.0722 * b;
    let byte = |v: f32| v.round().clamp(0.0, 255.0) as u8;
    let y = (0..w * h).map(|i| byte(16.0 + 219.0 * luma(rgb(i % w, i / w)))).collect();
    let chroma = |channel: usize, weight: f32| {
        let at = move |i: usize| {
            let (x, y) = (i % (w / 2) * 2, i / (w / 2) * 2);
            let four = [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)].map(|(x, y)| rgb(x, y));
            let mean = four.iter().map(|&p| (p[channel] - luma(p)) / (2.0 * (1.0 - weight))).sum::<f32>() / 4.0;
            byte(128.0 + 224.0 * mean)
        };
        (0..w * h / 4).map(at).collect()
    };
    [y, chroma(2, 0.0722), chroma(0, 0.2126)]
}

#[test]
fn every_layout_shows_the_same_driver() {
    let Some(engine) = engine(Tier::F32) else { return };
    let avatar = engine.prepare(photo().frame(), &PrepareOptions::default()).expect("an avatar");
    let motion = MotionOptions { mode: Mode::Absolute, ..MotionOptions::default() };
    let options = SessionOptions { motion, record: true, ..SessionOptions::new(256, 256) };
    let picture = driver("s_frame0");
    // The session stays, and each layout begins as if it were the first: what a frame creates would show.
    let mut session = engine.session(&avatar, &options).expect("a session");
    let created = engine.gpu().objects_created();
    let mut shoot = |frame: CameraFrame<'_>| {
        let submissions = engine.gpu().submissions();
        session.restart();
        session.animate(frame, 0.04).expect("animated");
        assert_eq!(engine.gpu().submissions() - submissions, 1, "{:?}: one submission", frame.format);
        let shown = session.take_picture(true).expect("no error").expect("a picture");
        session.finish().expect("finished");
        assert_eq!(engine.gpu().objects_created(), created, "{:?} creates nothing", frame.format);
        (shown, session.take_motion().pop().expect("a report").points.expect("a face"))
    };
    let (wanted, points) = shoot(picture.frame().into());

    let bgra: Vec<u8> = picture.rgba.as_chunks::<4>().0.iter().flat_map(|&[r, g, b, a]| [b, g, r, a]).collect();
    let bgra = strided(&bgra, 1024, 1111);
    let plane = |bytes, stride| Plane { bytes, stride };
    let none = Plane::default();
    let of = |format, planes| CameraFrame { format, colour: ColourSpace::Bt709, width: 256, height: 256, planes };
    assert!(
        shoot(of(PixelFormat::Bgra, [plane(&bgra, 1111), none, none])).0 == wanted,
        "the same bytes in another order"
    );

    let [y, u, v] = planes(picture.frame());
    let turns = |a: &[u8], b: &[u8]| a.iter().zip(b).flat_map(|(&a, &b)| [a, b]).collect::<Vec<u8>>();
    let luma = strided(&y, 256, 301);
    let (nv12, nv21) = (strided(&turns(&u, &v), 256, 256), strided(&turns(&v, &u), 256, 320));
    let (blue, red) = (strided(&u, 128, 160), strided(&v, 128, 128));
    let luma = plane(&luma, 301);
    for frame in [
        of(PixelFormat::Nv12, [luma, plane(&nv12, 256), none]),
        of(PixelFormat::Nv21, [luma, plane(&nv21, 320), none]),
        of(PixelFormat::I420, [luma, plane(&blue, 160), plane(&red, 128)]),
    ] {
        let (_, found) = shoot(frame);
        // Chroma is coarser, points a little elsewhere: a fraction of a pixel of 256.
        let off = points.facial.iter().zip(&found.facial).map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1]));
        let worst = 128.0 * off.fold(0.0, f32::max);
        println!("{:?}: points up to {worst:.3} pixels elsewhere", frame.format);
        assert!(worst < 1.0, "{:?}: {worst} pixels", frame.format);
    }
}

#[test]
fn planes_that_are_too_short_are_refused_by_name() {
    let bytes = vec![0; 64 * 48 * 2];
    let plane = |len: usize, stride| Plane { bytes: &bytes[..len], stride };
    let none = Plane::default();
    let frame = |format, planes| CameraFrame { format, colour: ColourSpace::default(), width: 64, height: 48, planes };
    let good = frame(PixelFormat::Nv12, [plane(64 * 48, 64), plane(64 * 24, 64), none]);
    assert!(good.check().is_ok());
    let error = |frame: CameraFrame<'_>| match frame.check() {
        Err(error @ EngineError::FramePlane { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let text = error(frame(PixelFormat::Nv12, [plane(64 * 48, 64), plane(64 * 24 - 1, 64), none]));
    assert!(text.contains("NV12, 64 × 48: plane 1: 24 rows of stride 64 do not fit in 1535 bytes"), "{text}");
    let text = error(frame(PixelFormat::I420, [plane(64 * 48, 63), plane(32 * 24, 32), plane(32 * 24, 32)]));
    assert!(text.contains("plane 0: a row takes 64 bytes, its stride is 63"), "{text}");
    assert!(error(frame(PixelFormat::Rgba, [plane(64, usize::MAX), none, none])).contains("plane 0"));
    assert!(error(CameraFrame { width: 0, ..good }).contains("sides go from 1"));
    assert!(error(CameraFrame { width: 1 << 20, ..good }).contains("sides go from 1"));
}
