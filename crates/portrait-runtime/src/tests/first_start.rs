//! Ways around a driver that computes something wrongly, on a driver that does not.

use super::fixtures::{driver, gpu, photo, root};
use crate::{Avoid, Engine, EngineOptions, GpuOptions, Opening, PrepareOptions, SessionOptions, WeightsSource};
use portrait_kernels::{Tier, shader_names};
use std::sync::Mutex;

fn options(gpu: GpuOptions) -> EngineOptions {
    let weights = WeightsSource::File(root("weights/portrait_s.safetensors"));
    EngineOptions { gpu: GpuOptions { tier: Some(Tier::F32), ..gpu }, ..EngineOptions::new(weights) }
}

#[test]
fn other_kernels_give_the_same_picture() {
    if gpu(Tier::F32).is_none() {
        return;
    }
    let show = |avoid: Avoid| {
        let engine = Engine::open(&options(GpuOptions { avoid, ..GpuOptions::default() })).expect("it opens");
        let tests = engine.self_test().expect("the device works");
        let used: Vec<String> = tests.into_iter().map(|test| test.name).collect();
        let avatar = engine.prepare(photo().frame(), &PrepareOptions::default()).expect("an avatar");
        let mut session = engine.session(&avatar, &SessionOptions::new(256, 256)).expect("a session");
        session.animate(driver("s_frame0").frame(), 0.04).expect("animated");
        (used, session.take_picture(true).expect("no error").expect("a picture"))
    };
    // Whatever is the widest tile here, and with it the layers' whole choice.
    let wide = shader_names().filter(|name| name.ends_with("_16x8") || name.ends_with("_8x8"));
    let avoid = wide.fold(Avoid::NONE, Avoid::with);
    let (usual, expected) = show(Avoid::NONE);
    let (other, found) = show(avoid);
    assert!(usual.iter().any(|name| avoid.contains(name)) && !other.iter().any(|name| avoid.contains(name)));
    assert_ne!(usual, other);
    let apart = expected.rgba.iter().zip(&found.rgba).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(apart <= Some(1), "{apart:?} of 255 apart");
}

#[test]
fn an_error_is_forgiven_and_a_lost_device_is_not() {
    let Some(gpu) = gpu(Tier::F32) else { return };
    // Larger than any buffer may be: an error that concerns nothing else.
    gpu.storage("too large", usize::MAX / 4);
    assert!(gpu.check().is_err() && gpu.forgive() && gpu.check().is_ok());
    gpu.device().destroy();
    let _ = gpu.device().poll(wgpu::PollType::wait_indefinitely());
    assert!(gpu.check().is_err() && !gpu.forgive() && gpu.check().is_err());
}

#[test]
fn the_first_start_tests_and_the_second_knows() {
    if gpu(Tier::F32).is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let start = |self_test, cache: Option<&std::path::Path>| {
        let heard = Mutex::new(Vec::new());
        let cache = cache.map(Into::into);
        let options = EngineOptions { self_test, ..options(GpuOptions { cache, ..GpuOptions::default() }) };
        let tell = |next| heard.lock().expect("one thread").push(next);
        let engine = pollster::block_on(Engine::open_async(&options, tell)).expect("this driver is right");
        assert!(engine.gpu().warnings().is_empty(), "{:?}", engine.gpu().warnings());
        heard.into_inner().expect("one thread").contains(&Opening::SelfTest)
    };
    let files = || {
        let names = folder.path().read_dir().expect("a folder").map(|entry| entry.expect("an entry").path());
        names.filter(|file| file.extension().is_some_and(|e| e == "selftest")).collect::<Vec<_>>()
    };
    assert!(start(true, Some(folder.path())), "the first start");
    assert!(!start(true, Some(folder.path())), "the second");
    let [file] = &files()[..] else { panic!("{:?}", files()) };
    std::fs::write(file, "no verdict").expect("written");
    assert!(start(true, Some(folder.path())) && !start(true, Some(folder.path())), "a damaged file is made anew");
    assert!(start(true, None), "where nothing is kept, each start");
    assert!(!start(false, Some(folder.path())), "only if asked");

    // As a driver that is wrong would have left it: the host hears of it at every start.
    let left = r#"{"tier":"f32","avoid":["conv3x3_8x8"],"above":[{"tier":"f16_packed","wrong":["warp","paste"]}]}"#;
    std::fs::write(file, left).expect("written");
    let cache = Some(folder.path().to_owned());
    let options = EngineOptions { self_test: true, ..options(GpuOptions { cache, ..GpuOptions::default() }) };
    let warnings = Engine::open(&options).expect("it opens").gpu().warnings();
    let [precision, shaders] = &warnings[..] else { panic!("{warnings:?}") };
    assert!(precision.ends_with("computes warp, paste wrongly in f16_packed, or not at all: f32 is used instead"));
    assert!(shaders.ends_with("computes conv3x3_8x8 wrongly: gone around"), "{shaders}");
}
