//! How calm the result is: it trembles no more than the driver, and that is the filter's doing.

use portrait_runtime::{
    Avatar, CameraFrame, Engine, EngineOptions, Frame, MotionFrame, MotionOptions, Picture, PrepareOptions,
    SessionOptions, WeightsSource,
};

use crate::common::{astronaut, avatar, frames_of, repository};

const FRAMES: usize = 20;
const MOVING: usize = 50;
/// Moving frames that are animated once more, without the filter.
const AGAIN: usize = 25;
const STEP: f32 = 1.0 / 25.0;
/// Facial keypoints of the mesh.
const MESH: usize = 106;

fn view(picture: &portrait_media::Picture) -> Frame<'_> {
    Frame { width: picture.width, height: picture.height, rgba: &picture.rgba }
}

/// What a session sees in frames, where that moves the portrait's points, and what it makes of it.
struct Made {
    seen: Vec<Vec<[f32; 2]>>,
    moved: Vec<Vec<[f32; 2]>>,
    pictures: Vec<Picture>,
}

fn run(engine: &Engine, avatar: &Avatar, frames: &[Picture], motion: MotionOptions) -> Made {
    let (width, height) = (frames[0].width, frames[0].height);
    let options = SessionOptions { record: true, motion, ..SessionOptions::new(width, height) };
    let mut session = engine.session(avatar, &options).unwrap();
    // The neutral pose is settled before: looking for a better one moves the result.
    session.observe(CameraFrame::from(frames[0].frame()), STEP).unwrap();
    session.finish().unwrap();
    session.restart();
    let mut made = Made { seen: Vec::new(), moved: Vec::new(), pictures: Vec::new() };
    for frame in frames {
        session.animate(CameraFrame::from(frame.frame()), STEP).unwrap();
        made.pictures.extend(session.take_picture(true).unwrap());
        session.finish().unwrap();
        let facial = |seen: MotionFrame| seen.points.unwrap().facial[..MESH].to_vec();
        made.seen.extend(session.take_motion().into_iter().map(facial));
        made.moved.push(session.motion().unwrap().facial);
    }
    made
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

/// Mean length of the points' second differences, in thousandths of the face's size: 0 for a face that moves evenly.
fn jitter(moments: &[Vec<[f32; 2]>]) -> f64 {
    let mut sum = 0.0;
    for moment in moments.windows(3) {
        for ((a, b), c) in moment[0].iter().zip(&moment[1]).zip(&moment[2]) {
            let bend = [0, 1].map(|axis| a[axis] - 2.0 * b[axis] + c[axis]);
            sum += f64::from(bend[0].hypot(bend[1]));
        }
    }
    1e3 * sum / ((moments.len() - 2) * MESH) as f64 / size(&moments[0])
}

/// By how many seconds points are behind others, on average over their motion.
fn behind(late: &[Vec<[f32; 2]>], prompt: &[Vec<[f32; 2]>]) -> f64 {
    let (mut way, mut square) = (0.0, 0.0);
    for (late, prompt) in late[1..].iter().zip(prompt.windows(2)) {
        for ((late, before), now) in late.iter().zip(&prompt[0]).zip(&prompt[1]) {
            for axis in [0, 1] {
                let speed = f64::from((now[axis] - before[axis]) / STEP);
                way += speed * f64::from(now[axis] - late[axis]);
                square += speed * speed;
            }
        }
    }
    way / square
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

    let first = run(&engine, &portrait, &frames, MotionOptions::default());
    let second = run(&engine, &portrait, &first.pictures, MotionOptions::default());
    let [of_driver, of_result] = [&first, &second].map(|made| jitter(&made.seen));
    let filter = MotionOptions::default().filter.expect("smoothed by default");
    let delay = 1e3 / (std::f32::consts::TAU * filter.min_cutoff);
    println!(
        "jitter in thousandths of the face: driver {of_driver:.2}, result {of_result:.2}; at rest the filter adds {delay:.0} ms"
    );
    assert!(of_driver > 0.1, "the driver trembles by {of_driver:.2} only: nothing is measured");
    assert!(of_result <= of_driver, "the result trembles by {of_result:.2}, the driver by {of_driver:.2}");
}

/// Where the GPU moves the portrait's points: the result itself, seen again, has the noise of a second look on top.
#[test]
fn what_moves_the_portrait_is_calmer_than_a_driver_who_moves() {
    let Some((engine, portrait)) = fast() else { return };
    let clip = frames_of(&repository("assets/driver.mp4"), MOVING);
    let frames: Vec<Picture> =
        clip.into_iter().map(|p| Picture { width: p.width, height: p.height, rgba: p.rgba }).collect();
    let made = run(&engine, &portrait, &frames, MotionOptions::default());
    let unfiltered = MotionOptions { filter: None, ..MotionOptions::default() };
    let bare = run(&engine, &portrait, &frames[..AGAIN], unfiltered);
    assert_eq!((made.seen.len(), bare.seen.len()), (MOVING, AGAIN));
    let [of_driver, of_points] = [&made.seen, &made.moved].map(|moments| jitter(moments));
    let [with, without] = [&made.moved[..AGAIN], &bare.moved].map(jitter);
    let delay = 1e3 * behind(&made.moved[..AGAIN], &bare.moved);
    println!(
        "a moving driver: jitter in thousandths of the face {of_driver:.2}, of what moves the portrait {of_points:.2}; \
         in the first {AGAIN} frames {with:.2} with the filter, which adds {delay:.0} ms, and {without:.2} without it"
    );
    assert!(of_driver > 1.0 && of_points <= of_driver, "{of_points:.2} of {of_driver:.2}");
    assert!(with < 0.9 * without, "the filter does nothing: {with:.2} with it, {without:.2} without");
}
