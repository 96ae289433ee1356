//! How calm the result is: by its own keypoints it trembles no more than the driver.

use portrait_runtime::{
    Avatar, CameraFrame, Engine, EngineOptions, Frame, MotionFrame, MotionOptions, Picture, PrepareOptions,
    SessionOptions, WeightsSource,
};

use crate::common::{astronaut, avatar, frames_of, repository};

const FRAMES: usize = 20;
const MOVING: usize = 50;
const STEP: f32 = 1.0 / 25.0;
/// Facial keypoints of the mesh.
const MESH: usize = 106;

fn view(picture: &portrait_media::Picture) -> Frame<'_> {
    Frame { width: picture.width, height: picture.height, rgba: &picture.rgba }
}

/// What a session sees in these frames, and what it makes of them.
fn run(engine: &Engine, avatar: &Avatar, frames: &[Picture]) -> (Vec<MotionFrame>, Vec<Picture>) {
    let (width, height) = (frames[0].width, frames[0].height);
    let options = SessionOptions { record: true, ..SessionOptions::new(width, height) };
    let mut session = engine.session(avatar, &options).unwrap();
    // The neutral pose is settled before: looking for a better one moves the result.
    session.observe(CameraFrame::from(frames[0].frame()), STEP).unwrap();
    session.finish().unwrap();
    session.restart();
    let (mut seen, mut made) = (Vec::new(), Vec::new());
    for frame in frames {
        session.animate(CameraFrame::from(frame.frame()), STEP).unwrap();
        made.extend(session.take_picture(true).unwrap());
        session.finish().unwrap();
        seen.extend(session.take_motion());
    }
    (seen, made)
}

/// A frame as a noisy camera sees it.
fn noisy(frame: &portrait_media::Picture, seed: u64) -> Picture {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut noise = || {
        // xorshift64; the sum of four bytes is nearly normal, some 9 levels wide.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let sum: u32 = state.to_le_bytes()[..4].iter().map(|&byte| u32::from(byte)).sum();
        (sum as i32 - 510) / 16
    };
    let rgba = frame.rgba.iter().enumerate();
    let rgba = rgba.map(|(i, &v)| if i % 4 == 3 { v } else { (i32::from(v) + noise()).clamp(0, 255) as u8 });
    Picture { width: frame.width, height: frame.height, rgba: rgba.collect() }
}

/// Mean length of the points' second differences, in shares of the face's size: 0 for a face that moves evenly.
fn jitter(seen: &[MotionFrame]) -> f64 {
    let points: Vec<&[[f32; 2]]> = seen.iter().map(|frame| &frame.points.as_ref().unwrap().facial[..MESH]).collect();
    let mut sum = 0.0;
    for moment in points.windows(3) {
        let [before, now, after] = [0, 1, 2].map(|k| moment[k].iter());
        for ((a, b), c) in before.zip(now).zip(after) {
            let bend = [0, 1].map(|axis| a[axis] - 2.0 * b[axis] + c[axis]);
            sum += f64::from(bend[0].hypot(bend[1]));
        }
    }
    sum / ((points.len() - 2) * MESH) as f64 / size(points[0])
}

/// Height of a face.
fn size(points: &[[f32; 2]]) -> f64 {
    let ends = points.iter().fold([f32::MAX, f32::MIN], |[low, high], p| [low.min(p[1]), high.max(p[1])]);
    f64::from(ends[1] - ends[0])
}

/// The quicker preset, with the bundled portrait; `None` without an adapter.
fn fast() -> Option<(Engine, Avatar)> {
    avatar()?;
    let weights = WeightsSource::File(repository("weights/portrait_fast.safetensors"));
    let engine = Engine::open(&EngineOptions { preset: "fast".to_owned(), ..EngineOptions::new(weights) }).unwrap();
    let photo = portrait_media::load_photo(astronaut()).unwrap();
    let portrait = engine.prepare(view(&photo), &PrepareOptions::default()).unwrap();
    Some((engine, portrait))
}

#[test]
fn the_result_trembles_no_more_than_the_driver() {
    let Some((engine, portrait)) = fast() else { return };
    // Somebody who sits still before a camera whose pixels are noisy: all that moves is trembling.
    let still = &frames_of(&repository("assets/driver.mp4"), 1)[0];
    let frames: Vec<Picture> = (0..FRAMES).map(|number| noisy(still, number as u64)).collect();

    let (driver, made) = run(&engine, &portrait, &frames);
    let (result, _) = run(&engine, &portrait, &made);
    let [of_driver, of_result] = [&driver, &result].map(|seen| 1e3 * jitter(seen));
    let filter = MotionOptions::default().filter.expect("smoothed by default");
    let delay = 1e3 / (std::f32::consts::TAU * filter.min_cutoff);
    println!(
        "jitter in thousandths of the face: driver {of_driver:.2}, result {of_result:.2}; at rest the filter adds {delay:.0} ms"
    );
    assert!(of_driver > 0.1, "the driver trembles by {of_driver:.2} only: nothing is measured");
    assert!(of_result <= of_driver, "the result trembles by {of_result:.2}, the driver by {of_driver:.2}");
}

/// Of a driver who moves, the points that make the picture: what the filter lets through of what was seen, as the session computes it.
/// The result itself, seen again, has the noise of a second look on top.
#[test]
fn what_moves_the_portrait_is_calmer_than_a_driver_who_moves() {
    let Some((engine, portrait)) = fast() else { return };
    let clip = frames_of(&repository("assets/driver.mp4"), MOVING);
    let frames: Vec<Picture> =
        clip.into_iter().map(|p| Picture { width: p.width, height: p.height, rgba: p.rgba }).collect();
    let (driver, _) = run(&engine, &portrait, &frames);
    assert_eq!(driver.len(), MOVING);
    let filter = MotionOptions::default().filter.expect("smoothed by default");
    let mut filtered = driver.clone();
    for (point, axis) in (0..MESH).flat_map(|point| [(point, 0), (point, 1)]) {
        let first = driver[0].points.as_ref().unwrap().facial[point][axis];
        let (mut value, mut rate) = (first, 0.0);
        for (seen, filtered) in driver.iter().zip(&mut filtered).skip(1) {
            filter.step(seen.points.as_ref().unwrap().facial[point][axis], STEP, &mut value, &mut rate);
            filtered.points.as_mut().unwrap().facial[point][axis] = value;
        }
    }
    let [of_driver, of_points] = [&driver, &filtered].map(|seen| 1e3 * jitter(seen));
    println!(
        "a moving driver: jitter in thousandths of the face {of_driver:.2}, of what moves the portrait {of_points:.2}"
    );
    assert!(of_driver > 1.0 && of_points <= of_driver, "{of_points:.2} of {of_driver:.2}");
}
