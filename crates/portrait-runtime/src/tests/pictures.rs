//! Pictures beyond the square: back in the photo, cut out, on other textures; and points as drivers.

use super::fixtures::{driver, gpu, photo, tiny};
use crate::{
    Backdrop, Engine, EngineError, Expression, Fit, Frame, Framing, Lips, Mode, MotionOptions, Orientation, Picture,
    Placement, PrepareOptions, Rotation, SessionOptions,
};
use portrait_kernels::Tier;
use std::sync::Arc;

/// An engine of seeded noise: cheap, and nothing here depends on what pictures look like.
fn engine() -> Option<Engine> {
    Some(Engine::with_noise(gpu(Tier::F32)?, tiny(1), 7).expect("any preset builds"))
}

fn with(framing: Framing) -> SessionOptions {
    SessionOptions { framing, ..SessionOptions::new(256, 256) }
}

fn pixel(picture: &Picture, x: u32, y: u32) -> [u8; 4] {
    let at = 4 * (y * picture.width + x) as usize;
    [0, 1, 2, 3].map(|c| picture.rgba[at + c])
}

#[test]
fn the_square_goes_back_into_the_photo_without_a_seam() {
    let Some(engine) = engine() else { return };
    let photo = photo();
    let avatar = engine.prepare(photo.frame(), &PrepareOptions::default()).expect("an avatar");
    let options = with(Framing::Photo(Arc::new(photo.clone())));
    let mut session = engine.session(&avatar, &options).expect("a session");
    session.animate(driver("s_frame0").frame(), 0.04).expect("animated");
    let picture = session.take_picture(true).expect("no error").expect("a picture");
    assert_eq!((picture.width, picture.height), (photo.width, photo.height));
    let [left, top, side] = avatar.info().crop;
    let (mut outside, mut changed) = (0, 0);
    for (i, (made, given)) in picture.rgba.chunks(4).zip(photo.rgba.chunks(4)).enumerate() {
        let (x, y) = (i as u32 % photo.width, i as u32 / photo.width);
        if (left..left + side).contains(&x) && (top..top + side).contains(&y) {
            changed += u32::from(made != given);
            // Where the square ends inside the photo, nothing jumps.
            let rim = (x == left && left > 0) || (x + 1 == left + side && x + 1 < photo.width);
            let rim = rim || (y + 1 == top + side && y + 1 < photo.height);
            let most = made.iter().zip(given).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0);
            assert!(!rim || most <= 3, "({x}, {y}) differs by {most} at the rim");
        } else {
            outside += 1;
            assert_eq!(made, given, "({x}, {y}) is outside of the square");
        }
    }
    assert!(outside > 0 && changed > side * side / 4, "{outside} outside, {changed} changed");

    let other = Picture { width: 8, height: 8, rgba: vec![0; 256] };
    let wrong = engine.session(&avatar, &with(Framing::Photo(Arc::new(other)))).expect_err("another photo");
    assert!(matches!(wrong, EngineError::PhotoSize { .. }), "{wrong}");
}

#[test]
fn a_person_is_cut_out_and_put_before_something_else() {
    let Some(engine) = engine() else { return };
    let avatar = engine.prepare(photo().frame(), &PrepareOptions::default()).expect("an avatar");
    let shoot = |backdrop: Backdrop| {
        let mut session = engine.session(&avatar, &with(Framing::Cutout(backdrop))).expect("a session");
        session.animate(driver("s_frame0").frame(), 0.04).expect("animated");
        session.take_picture(true).expect("no error").expect("a picture")
    };
    let clear = shoot(Backdrop::Transparent);
    let alphas: Vec<u8> = clear.rgba.iter().skip(3).step_by(4).copied().collect();
    assert!(alphas.contains(&0) && alphas.contains(&255), "a person and nothing behind");
    let green = shoot(Backdrop::Colour([0, 200, 0]));
    assert!(green.rgba.iter().skip(3).step_by(4).all(|&a| a == 255));
    let picture = Picture { width: 3, height: 2, rgba: [10, 20, 30, 255].repeat(6) };
    let flat = shoot(Backdrop::Picture(Arc::new(picture)));
    for (i, &alpha) in alphas.iter().enumerate() {
        let (x, y) = (i as u32 % clear.width, i as u32 / clear.width);
        if alpha == 0 {
            assert_eq!((pixel(&green, x, y), pixel(&flat, x, y)), ([0, 200, 0, 255], [10, 20, 30, 255]));
        } else if alpha == 255 {
            // An alpha that rounds to all of it lets up to a five-hundredth of the colour behind through.
            let pair = pixel(&green, x, y).into_iter().zip(pixel(&clear, x, y));
            assert!(pair.clone().all(|(a, b)| a.abs_diff(b) <= 1), "{x}, {y}: {:?}", pair.collect::<Vec<_>>());
        }
    }
}

#[test]
fn larger_pictures_have_the_detail_of_the_photo() {
    let Some(engine) = engine() else { return };
    let photo = photo();
    let avatar = engine.prepare(photo.frame(), &PrepareOptions::default()).expect("an avatar");
    let own = avatar.info().image;
    let shoot = |avatar: &crate::Avatar, framing: Framing, side: Option<u32>| {
        let options = SessionOptions { side, ..with(framing) };
        let mut session = engine.session(avatar, &options).expect("a session");
        session.animate(driver("s_frame0").frame(), 0.04).expect("animated");
        session.take_picture(true).expect("no error").expect("a picture")
    };
    let plain = shoot(&avatar, Framing::Crop, None);
    assert_eq!(plain, shoot(&avatar, Framing::Crop, Some(own)), "its own size is what there is already");
    let side = 2 * own + 3;
    let large = shoot(&avatar, Framing::Crop, Some(side));
    assert_eq!((plain.width, large.width, large.height), (own, side, side));
    // What is animated is the same picture, and finer.
    let mean = |a: &Picture, b: &Picture| {
        let sum: f64 = a.rgba.iter().zip(&b.rgba).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
        sum / a.rgba.len() as f64
    };
    let scaled = |picture: &Picture, to: u32| {
        let rgba = image::RgbaImage::from_raw(picture.width, picture.height, picture.rgba.clone()).expect("whole");
        let scaled = image::imageops::resize(&rgba, to, to, image::imageops::FilterType::Triangle);
        Picture { width: to, height: to, rgba: scaled.into_raw() }
    };
    let (same, finer) = (mean(&scaled(&large, own), &plain), mean(&large, &scaled(&plain, side)));
    assert!(same < 4.0 && finer > 0.3, "{same} from the small picture, {finer} beyond it");
    // A stored avatar keeps the detail; without it there is none.
    let stored = crate::Avatar::from_bytes("stored", &avatar.to_bytes()).expect("its own file");
    assert_eq!(stored, avatar);
    assert_eq!(shoot(&stored, Framing::Crop, Some(side)), large);
    let bare = crate::Avatar { detail: None, ..avatar.clone() };
    assert!(mean(&shoot(&bare, Framing::Crop, Some(side)), &scaled(&plain, side)) < finer, "nothing finer is known");
    let cut = shoot(&avatar, Framing::Cutout(Backdrop::Transparent), Some(side));
    let opaque = cut.rgba.as_chunks::<4>().0.iter().zip(large.rgba.as_chunks::<4>().0).filter(|(a, _)| a[3] == 255);
    assert!(opaque.clone().count() > 1000 && opaque.clone().all(|(a, b)| a == b), "the person is as fine");

    for side in [own - 1, 100_000] {
        let refused = engine.session(&avatar, &SessionOptions { side: Some(side), ..with(Framing::Crop) });
        assert!(matches!(refused, Err(EngineError::PictureSide { .. })), "{side}");
    }
}

#[test]
fn pictures_are_drawn_into_textures_of_the_host() {
    use crate::wgpu::TextureUsages as U;
    let Some(engine) = engine() else { return };
    let avatar = engine.prepare(photo().frame(), &PrepareOptions::default()).expect("an avatar");
    let mut session = engine.session(&avatar, &SessionOptions::new(256, 256)).expect("a session");
    session.animate(driver("s_frame0").frame(), 0.04).expect("animated");
    let picture = session.take_picture(true).expect("no error").expect("a picture");
    let mut presenter = session.presenter();
    let gpu = engine.gpu();
    let placement = Placement { fit: Fit::Contain, bars: [1.0, 0.5, 0.0] };
    // Its own size in the middle of a wider target: texels arrive unchanged.
    let target = gpu.texture("target", [100, 64], U::RENDER_ATTACHMENT | U::COPY_SRC);
    presenter.render_into(&target, &placement).expect("drawn");
    let rgba = pollster::block_on(gpu.fetch_texture(&target)).expect("read");
    let shown = Picture { width: 100, height: 64, rgba };
    assert_eq!(pixel(&shown, 3, 30), [255, 128, 0, 255], "the bars");
    for (x, y) in [(0, 0), (31, 40), (63, 63)] {
        assert_eq!(pixel(&shown, x + 18, y), pixel(&picture, x, y));
    }
    presenter.render_into(&target, &Placement { fit: Fit::Cover, ..placement }).expect("drawn");
    let rgba = pollster::block_on(gpu.fetch_texture(&target)).expect("read");
    assert_ne!(pixel(&Picture { width: 100, height: 64, rgba }, 3, 30), [255, 128, 0, 255], "no bars");
    let refused = gpu.texture("no target", [8, 8], U::COPY_SRC | U::COPY_DST);
    assert!(matches!(presenter.render_into(&refused, &placement), Err(EngineError::Target { .. })));
}

#[test]
fn pixels_of_a_driver_cannot_reach_the_picture() {
    let Some(engine) = engine() else { return };
    let avatar = engine.prepare(photo().frame(), &PrepareOptions::default()).expect("an avatar");
    let mut points = avatar.points();
    points.facial.iter_mut().for_each(|p| p[0] += 0.05);
    let shoot = |pixels: Picture| {
        let motion = MotionOptions { filter: None, ..MotionOptions::default() };
        let options = SessionOptions { motion, calibration: 0.0, ..SessionOptions::new(256, 256) };
        let mut session = engine.session(&avatar, &options).expect("a session");
        session.animate(pixels.frame(), 0.04).expect("animated");
        session.take_picture(true).expect("no error");
        session.restart();
        session.set_neutral(&avatar.points()).expect("a pose");
        session.animate_keypoints(&points, 0.04).expect("animated");
        session.take_picture(true).expect("no error").expect("a picture")
    };
    let (a, b) = (driver("s_frame0"), driver("s_frame1"));
    assert!(a != b);
    assert!(shoot(a) == shoot(b), "equal points, equal pictures");
}

#[test]
fn turned_and_mirrored_frames_are_made_upright() {
    let Some(engine) = engine() else { return };
    let avatar = engine.prepare(photo().frame(), &PrepareOptions::default()).expect("an avatar");
    let upright = driver("s_frame0");
    // Relative motion would begin with the photo itself, whatever the frame.
    let motion = MotionOptions { mode: Mode::Absolute, ..MotionOptions::default() };
    let options = SessionOptions { motion, ..SessionOptions::new(256, 200) };
    let shoot = |frame: Frame<'_>, orientation: Orientation| {
        let mut session = engine.session(&avatar, &options).expect("a session");
        session.set_orientation(orientation);
        session.animate(frame, 0.04).expect("animated");
        session.take_picture(true).expect("no error").expect("a picture")
    };
    let cut = Frame { width: 256, height: 200, rgba: &upright.rgba[..4 * 256 * 200] };
    let wanted = shoot(cut, Orientation::default());
    // As a sensor that lies on its side would give it.
    let texel = |x: usize, y: usize| &cut.rgba[4 * (y * 256 + x)..][..4];
    let turned: Vec<u8> = (0..256).flat_map(|y| (0..200).flat_map(move |x| texel(255 - y, x))).copied().collect();
    let frame = Frame { width: 200, height: 256, rgba: &turned };
    assert!(shoot(frame, Orientation { rotation: Rotation::Quarter, mirror: false }) == wanted, "turned upright");
    assert!(shoot(cut, Orientation { mirror: true, ..Orientation::default() }) != wanted, "mirrored");
    let mut session = engine.session(&avatar, &SessionOptions::new(256, 200)).expect("a session");
    assert!(matches!(session.animate(frame, 0.04), Err(EngineError::FrameSize { .. })), "turned, and not said so");
}

#[test]
fn recordings_hold_what_the_driver_did() {
    let Some(engine) = engine() else { return };
    let avatar = engine.prepare(photo().frame(), &PrepareOptions::default()).expect("an avatar");
    let options = SessionOptions { record: true, ..SessionOptions::new(256, 256) };
    let mut session = engine.session(&avatar, &options).expect("a session");
    let mut frames = Vec::new();
    for name in ["s_frame0", "s_frame1", "s_frame0"] {
        session.animate(driver(name).frame(), 0.04).expect("animated");
        session.finish().expect("finished");
        frames.extend(session.take_motion());
    }
    let last =
        session.take_picture(true).and_then(|_| session.take_picture(true)).and_then(|_| session.take_picture(true));
    let last = last.expect("no error").expect("three pictures");
    assert_eq!(frames.len(), 3);
    assert!(frames.windows(2).all(|pair| pair[1].time > pair[0].time));
    let neutral = session.neutral().expect("read").expect("a pose was settled");

    // Played on another session, the same motion gives the same picture.
    let mut player = engine.session(&avatar, &SessionOptions::new(64, 64)).expect("a session");
    player.set_neutral(&neutral).expect("a pose");
    let mut picture = None;
    for frame in &frames {
        player.animate_keypoints(frame.points.as_ref().expect("a face"), 0.04).expect("animated");
        picture = player.take_picture(true).expect("no error");
    }
    let picture = picture.expect("a picture");
    let mean: f64 = picture.rgba.iter().zip(&last.rgba).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>();
    assert!(mean / (picture.rgba.len() as f64) < 1.0, "{mean}");
}

#[test]
fn expressions_move_the_face_and_the_neutral_one_does_not() {
    let Some(engine) = engine() else { return };
    let avatar = engine.prepare(photo().frame(), &PrepareOptions::default()).expect("an avatar");
    let rest = engine.pose(&avatar, &Expression::default());
    let far = |a: &crate::Points, b: &crate::Points| {
        let pairs = a.facial.iter().chain(&a.neural).zip(b.facial.iter().chain(&b.neural));
        pairs.map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1])).fold(0.0, f32::max)
    };
    assert!(far(&rest, &avatar.points()) < 1e-5);
    let turned = engine.pose(&avatar, &Expression { yaw: 15.0, ..Expression::default() });
    assert!(far(&turned, &rest) > 0.05);
    let motion = MotionOptions { mode: Mode::Absolute, filter: None, ..MotionOptions::default() };
    let mut session =
        engine.session(&avatar, &SessionOptions { motion, ..SessionOptions::new(8, 8) }).expect("a session");
    let mut shoot = |points: &crate::Points| {
        session.animate_keypoints(points, 0.04).expect("animated");
        session.take_picture(true).expect("no error").expect("a picture")
    };
    assert!(shoot(&rest) != shoot(&turned));
}

#[test]
fn expressions_are_measured_from_the_photo_whoever_drove_before() {
    let Some(engine) = engine() else { return };
    let avatar = engine.prepare(photo().frame(), &PrepareOptions::default()).expect("an avatar");
    let motion = MotionOptions { filter: None, ..MotionOptions::default() };
    let mut session =
        engine.session(&avatar, &SessionOptions { motion, ..SessionOptions::new(8, 8) }).expect("a session");
    let shoot = |session: &mut crate::Session, expression: &Expression| {
        session.animate_expression(expression, 0.04).expect("animated");
        session.take_picture(true).expect("no error").expect("a picture")
    };
    let rest = shoot(&mut session, &Expression::default());
    let vowel = Expression { lips: Lips { open: 0.25, ..Lips::default() }, ..Expression::default() };
    let said = shoot(&mut session, &vowel);
    assert!(said != rest);

    // Somebody else drives, from a neutral pose of his own; then the photo speaks as before.
    let turned = engine.pose(&avatar, &Expression { yaw: 20.0, ..Expression::default() });
    session.set_neutral(&turned).expect("a pose");
    session.animate_keypoints(&avatar.points(), 0.04).expect("animated");
    assert!(session.take_picture(true).expect("no error").expect("a picture") != rest, "he turns");
    assert_eq!(shoot(&mut session, &vowel), said);
    session.recalibrate();
    assert_eq!(shoot(&mut session, &Expression::default()), rest);
}
