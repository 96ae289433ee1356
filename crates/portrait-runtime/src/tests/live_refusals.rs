//! What live sessions refuse, and when.

use super::fixtures::{driver, gpu, photo};
use super::live::{fast, portrait, show, start, unfiltered};
use crate::{
    CameraFrame, ColourSpace, EngineError, FaceChoice, Framing, HeldFrame, LiveOptions, LiveSession, Orientation,
    PixelFormat, Plane, Portrait, PrepareOptions, SessionOptions,
};
use portrait_kernels::Tier;
use std::sync::Arc;
use std::time::Duration;

#[test]
fn options_that_do_not_fit_are_refused_at_the_start() {
    let Some(gpu) = gpu(Tier::F32) else { return };
    let portrait = portrait(fast(&gpu));
    let refused = |session: SessionOptions, cool: Option<Portrait>| {
        let options = LiveOptions { session, rate: None, cool };
        LiveSession::start(portrait.clone(), options).expect_err("it does not fit")
    };
    let small = refused(SessionOptions { side: Some(64), ..unfiltered(0.0) }, None);
    assert!(matches!(small, EngineError::PictureSide { side: 64, .. }), "{small}");
    let foreign = SessionOptions { framing: Framing::Photo(Arc::new(driver("s_frame0"))), ..unfiltered(0.0) };
    let foreign = refused(foreign, None);
    assert!(matches!(foreign, EngineError::PhotoSize { .. }), "{foreign}");

    let nobody = refused(SessionOptions { driver_face: FaceChoice::Index(0), ..unfiltered(0.0) }, None);
    assert!(matches!(nobody, EngineError::DriverFace), "{nobody}");

    // Now, and not when it gets hot.
    let another = portrait.engine.prepare(driver("s_frame0").frame(), &PrepareOptions::default()).expect("an avatar");
    let cool = Portrait { engine: portrait.engine.clone(), avatar: Arc::new(another) };
    let own = SessionOptions { framing: Framing::Photo(Arc::new(photo())), ..unfiltered(0.0) };
    let cool = refused(own, Some(cool));
    assert!(matches!(cool, EngineError::PhotoSize { expected: [256, 256], .. }), "{cool}");
}

/// A frame in NV12 without anybody.
struct Blank([u32; 2], Vec<u8>);

impl HeldFrame for Blank {
    fn frame(&self) -> CameraFrame<'_> {
        let Self([width, height], bytes) = self;
        let (stride, area) = (*width as usize, *width as usize * *height as usize);
        let planes = [
            Plane { bytes: &bytes[..area], stride },
            Plane { bytes: &bytes[..area.div_ceil(2)], stride },
            Plane::default(),
        ];
        CameraFrame {
            format: PixelFormat::Nv12,
            colour: ColourSpace::default(),
            width: *width,
            height: *height,
            planes,
        }
    }
}

#[test]
fn frames_without_pixels_and_with_too_many_are_refused_by_name() {
    let Some(gpu) = gpu(Tier::F32) else { return };
    let portrait = portrait(fast(&gpu));
    let opened = |width, height| portrait.engine.session(&portrait.avatar, &SessionOptions::new(width, height));
    let empty = opened(256, 0).expect_err("no pixels");
    assert!(matches!(empty, EngineError::FrameEmpty { width: 256, height: 0 }), "{empty}");
    // Neither side is too long: RGBA of it would not fit in a buffer.
    let limit = gpu.frame_limit();
    let size @ [width, height] = [limit.side, (limit.pixels / u64::from(limit.side)) as u32 + 2];
    assert!(height <= limit.side, "this test shows nothing on this device");
    let large = opened(width, height).expect_err("too many pixels");
    assert!(matches!(large, EngineError::FrameTooLarge { .. }), "{large}");
    gpu.check().expect("the device is as good as before");

    // One side alone is as good as none.
    let session = start(&portrait, SessionOptions { frame: [256, 0], ..unfiltered(0.0) }, None);
    let blank = Blank(size, vec![0; width as usize * height as usize]);
    let large = session.push(Box::new(blank), Orientation::default(), Duration::ZERO).expect_err("too many pixels");
    assert!(matches!(large, EngineError::FrameTooLarge { .. }), "{large}");
    show(&session, "s_frame0", 40);
}
