//! Live sessions that speak.

use super::fixtures::{Fixture, driver, gpu};
use super::live::{Held, PATIENCE, fast, likeness, portrait, settled, show, start, unfiltered};
use crate::{
    EngineError, Expression, Idle, Lips, LivePicture, LiveSession, Orientation, Picture, Portrait, SessionOptions,
    Speech, Thermal, Trim,
};
use portrait_kernels::Tier;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Two seconds of somebody who speaks.
fn sentence() -> Vec<i16> {
    Fixture::open("speech").get("sound").into_iter().map(|sample| (sample * 32767.0) as i16).collect()
}

/// Nobody has to be seen for these.
fn nobody(portrait: &Portrait, cool: Option<Portrait>) -> LiveSession {
    start(portrait, SessionOptions { frame: [0; 2], ..unfiltered(0.0) }, cool)
}

fn say(session: &LiveSession, sound: &[i16], stamp: Duration) {
    session.push_audio(sound, stamp).expect("there is room");
}

fn picture(session: &LiveSession) -> LivePicture {
    session.take_picture(PATIENCE).expect("no error").expect("a picture")
}

/// Begins to speak, and waits until it is open.
fn wake(session: &LiveSession) {
    say(session, &[], Duration::ZERO);
    picture(session);
}

/// Left, top, right and bottom of where lips go, in pixels of the picture.
fn mouth(portrait: &Portrait) -> [usize; 4] {
    let posed = |open: f32| {
        let lips = Lips { open, ..Lips::default() };
        portrait.engine.pose(&portrait.avatar, &Expression { lips, ..Expression::default() })
    };
    let (shut, open) = (posed(0.0).facial, posed(0.2).facial);
    let moved = shut.iter().zip(&open).filter(|(a, b)| (a[1] - b[1]).abs() > 0.01).flat_map(|(a, b)| [a, b]);
    let moved: Vec<[f32; 2]> = moved.map(|p| p.map(|c| 128.0 * (c + 1.0))).collect();
    assert!(moved.len() > 10, "lips open");
    let edge = |c: usize, pick: fn(f32, f32) -> f32| moved.iter().map(|p| p[c]).reduce(pick).expect("points") as usize;
    [edge(0, f32::min), edge(1, f32::min), edge(0, f32::max), edge(1, f32::max)]
}

/// How far pictures are apart there, of 255.
fn apart(a: &Picture, b: &Picture, [left, top, right, bottom]: [usize; 4]) -> f64 {
    let there = |picture: &Picture| -> Vec<u8> {
        let row = |y: usize| &picture.rgba[4 * (256 * y + left)..4 * (256 * y + right)];
        (top..bottom).flat_map(row).copied().collect()
    };
    let (a, b) = (there(a), there(b));
    a.iter().zip(&b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
}

#[test]
fn pictures_show_the_moments_that_they_tell() {
    let Some(gpu) = gpu(Tier::F32) else { return };
    let portrait = portrait(fast(&gpu));
    let place = mouth(&portrait);
    let session = start(&portrait, unfiltered(0.0), None);
    while !session.status().open {
        std::thread::sleep(Duration::from_millis(5));
    }
    // A host's clock that is ahead. The face begins to idle when the sound is pushed.
    let (sound, begin) = (sentence().repeat(25), Duration::from_secs(100));
    say(&session, &sound, begin);
    let idle = |stamp: Duration| {
        let since = (stamp + LiveSession::SPEECH_DELAY).as_secs_f64() - begin.as_secs_f64() - 0.033;
        Idle::default().expression(since)
    };
    let mut speech = Speech::new().expect("the network is part of the build");
    speech.push(&sound.iter().map(|sample| f32::from(*sample) / 32768.0).collect::<Vec<_>>());
    let mut last = Duration::ZERO;
    let mut wide = Vec::new();
    while wide.len() < 3 {
        let taken = picture(&session);
        assert!(taken.timestamp > last, "time goes on");
        last = taken.timestamp;
        let seconds = last.as_secs_f64() - begin.as_secs_f64();
        assert!((-0.3..60.0).contains(&seconds), "{seconds}");
        let lips = if seconds < 0.0 { Some(Lips::default()) } else { speech.lips(seconds) };
        let lips = lips.expect("all is heard but the last moment");
        if lips.open > 0.1 {
            wide.push((taken, lips));
        }
    }
    session.interrupt_audio();
    // One may have been begun, and the mouth shuts in the next.
    (0..3).for_each(|_| drop(picture(&session)));
    let shut = picture(&session);
    assert!(shut.timestamp > last && shut.timestamp < begin + Duration::from_secs(120));
    let status = session.status();
    assert!(status.pictures >= 7 && status.rate > 0.0 && status.latency_p95 >= status.latency_p50);
    assert_eq!((status.pushed, status.dropped, status.face), (0, 0, None));
    // What was interrupted does not wait any more.
    say(&session, &vec![0; LiveSession::MOST_SPEECH], Duration::ZERO);
    drop(session);

    let mut plain = portrait.engine.session(&portrait.avatar, &unfiltered(0.0)).expect("a session");
    let mut of = |lips: Lips, stamp: Duration| {
        plain.animate_expression(&Expression { lips, ..idle(stamp) }, 0.03).expect("drives it");
        plain.take_picture(true).expect("no error").expect("a picture")
    };
    let rest = (shut, Lips::default(), wide[0].1);
    let said = wide.into_iter().map(|(taken, lips)| (taken, lips, Lips::default()));
    for (LivePicture { picture, timestamp }, lips, others) in said.chain([rest]) {
        let [same, other] = [lips, others].map(|lips| apart(&picture, &of(lips, timestamp), place));
        println!("{timestamp:?}: {same:.2} of 255 from {lips:?}, {other:.2} from {others:?}");
        assert!(same < 0.3 * other);
    }
}

#[test]
fn a_frame_ends_speech_and_finds_its_neutral_pose_again() {
    let Some(gpu) = gpu(Tier::F32) else { return };
    let portrait = portrait(fast(&gpu));
    let start = || start(&portrait, unfiltered(0.0), None);
    let never = start();
    let first = show(&never, "s_frame0", 0);
    let unbroken = settled(&never, "s_frame1", 40);
    drop(never);
    let fresh = start();
    let begun = settled(&fresh, "s_frame1", 0);
    drop(fresh);
    let apart = likeness(&unbroken, &begun);
    assert!(apart < 25.0, "{apart:.1} dB: this test shows nothing");

    let session = start();
    assert_eq!(show(&session, "s_frame0", 0), first);
    say(&session, &sentence().repeat(10), Duration::from_secs(50));
    (0..3).for_each(|_| drop(picture(&session)));
    // The frame's picture comes after those that were begun before it.
    let frame = |name: &str, ms: u64| {
        let frame = Box::new(Held(Arc::new(driver(name))));
        session.push(frame, Orientation::default(), Duration::from_millis(ms)).expect("takes it");
        loop {
            let taken = picture(&session);
            if taken.timestamp == Duration::from_millis(ms) {
                return taken.picture;
            }
        }
    };
    frame("s_frame1", 40);
    let back = settled(&session, "s_frame1", 80);
    let (same, other) = (likeness(&back, &unbroken), likeness(&back, &begun));
    println!("a frame after speech: {same:.1} dB of the picture without; with another neutral pose {other:.1} dB");
    assert!(same > 30.0 && same > other + 6.0);
    let status = session.status();
    assert!(status.face.is_some_and(|face| face.found));
    assert!(session.take_picture(Duration::from_millis(300)).expect("no error").is_none(), "nobody speaks any more");

    // Sound again; and a pose that was not settled is looked for anew.
    session.recalibrate();
    say(&session, &[], Duration::ZERO);
    picture(&session);
    frame("s_frame1", 1000);
    let anew = settled(&session, "s_frame1", 1040);
    println!("with another neutral pose: {:.1} dB", likeness(&anew, &begun));
    assert!(likeness(&anew, &begun) > 25.0);
    drop(session);
    let session = start();
    wake(&session);
    show(&session, "s_frame1", 0);
    while picture_waits(&session) {}
    assert!(likeness(&settled(&session, "s_frame1", 40), &begun) > 25.0);
}

/// Takes a picture that is there; whether one was.
fn picture_waits(session: &LiveSession) -> bool {
    session.take_picture(Duration::from_millis(500)).expect("no error").is_some()
}

#[test]
fn a_pause_drops_what_was_not_said_and_speech_goes_on_idling() {
    let Some(gpu) = gpu(Tier::F32) else { return };
    let session = nobody(&portrait(fast(&gpu)), None);
    wake(&session);
    let most = vec![1; LiveSession::MOST_SPEECH];
    say(&session, &most, Duration::ZERO);
    for _ in 0..2 {
        let refused = session.push_audio(&[0; 16_000], Duration::ZERO).expect_err("a minute waits");
        assert!(matches!(refused, EngineError::SpeechRoom { samples: 16_000, .. }), "{refused}");
    }
    picture(&session);
    session.pause();
    let submitted = gpu.submissions();
    while picture_waits(&session) {}
    say(&session, &most, Duration::ZERO);
    say(&session, &most, Duration::ZERO);
    session.interrupt_audio();
    session.pause();
    assert_eq!(gpu.submissions(), submitted, "an app in the background that submits is ended by iOS");
    session.resume();
    picture(&session);
    say(&session, &most, Duration::ZERO);

    // Critical heat takes nothing along.
    let portrait = portrait(fast(&gpu));
    let session = nobody(&portrait, Some(portrait.clone()));
    wake(&session);
    session.set_thermal(Thermal::Critical);
    (0..2).for_each(|_| drop(picture(&session)));
    assert!(session.status().cooled);
    session.set_thermal(Thermal::Nominal);
    (0..2).for_each(|_| drop(picture(&session)));
    assert!(!session.status().cooled);
    show(&session, "s_frame0", 0);
}

#[test]
fn drivers_that_take_turns_let_everybody_else_have_theirs() {
    let Some(gpu) = gpu(Tier::F32) else { return };
    let session = nobody(&portrait(fast(&gpu)), None);
    let (frame, sound, over) = (Arc::new(driver("s_frame0")), sentence(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for ms in (0..).map(Duration::from_millis) {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                session.push(Box::new(Held(frame.clone())), Orientation::default(), ms).expect("takes it");
                std::thread::yield_now();
                session.push_audio(&sound, ms).expect("takes it");
                std::thread::sleep(Duration::from_millis(u64::from(ms.subsec_millis() % 50)));
                session.interrupt_audio();
            }
        });
        for trim in [Trim::Waiting, Trim::Session, Trim::Pipelines] {
            picture(&session);
            session.pause();
            session.trim(trim);
            session.resume();
            picture(&session);
            session.trim(trim);
        }
        over.store(true, Ordering::Relaxed);
    });
    let status = session.status();
    println!("{} frames pushed, {} dropped, {} pictures", status.pushed, status.dropped, status.pictures);
    assert!(status.dropped <= status.pushed && status.pictures >= 6);
    session.close();
}

#[test]
fn nobody_waits_for_the_end_of_a_sentence() {
    let Some(gpu) = gpu(Tier::F32) else { return };
    let session = nobody(&portrait(fast(&gpu)), None);
    wake(&session);
    let begun = Instant::now();
    say(&session, &vec![1; LiveSession::MOST_SPEECH], Duration::ZERO);
    picture(&session);
    session.close();
    let closed = begun.elapsed();
    assert!(closed < Duration::from_secs(50), "{closed:?} of a minute");
    let made = session.status().pictures;
    say(&session, &[1; 16_000], Duration::ZERO);
    say(&session, &vec![1; 2 * LiveSession::MOST_SPEECH], Duration::ZERO);
    assert_eq!(session.status().pictures, made);
}
