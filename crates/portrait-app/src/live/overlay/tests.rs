//! Pointer in, requests out, without a window: every control is tried all over the place, and has to be found somewhere.

mod shown;

use egui::{Event, Modifiers, PointerButton, RawInput};
use portrait_media::Picture;

use super::*;
use crate::live::worker::Notice;

const WINDOW: [f32; 2] = [960.0, 720.0];

/// An overlay that has been drawn, as in a window of this size.
fn drawn(view: &mut View) -> (Overlay, Context) {
    let (mut overlay, ctx) = (Overlay::new(MotionOptions::default(), Shown::Crop, 2, 2), Context::default());
    style(&ctx);
    // Areas know their size from the second time on.
    (0..3).for_each(|_| assert!(pass(&mut overlay, &ctx, view, Vec::new()).is_empty()));
    (overlay, ctx)
}

fn pass(overlay: &mut Overlay, ctx: &Context, view: &mut View, events: Vec<Event>) -> Vec<Request> {
    let mut requests = Vec::new();
    run(overlay, ctx, view, WINDOW, events, &mut requests);
    requests
}

/// Draws once in a window of this size; the shapes.
fn run(
    overlay: &mut Overlay,
    ctx: &Context,
    view: &mut View,
    size: [f32; 2],
    events: Vec<Event>,
    requests: &mut Vec<Request>,
) -> Vec<egui::epaint::ClippedShape> {
    let screen_rect = Some(Rect::from_min_size(Pos2::ZERO, size.into()));
    let input = RawInput { screen_rect, events, ..RawInput::default() };
    let mut output = ctx.run_pass(input, |ctx| *requests = overlay.draw(ctx, view, &FrameTimes::default()));
    output.textures_delta.clear();
    output.shapes
}

/// Everything that is written in a window of this size.
fn written(overlay: &mut Overlay, view: &mut View, size: [f32; 2]) -> String {
    let ctx = Context::default();
    let shapes = (0..3).map(|_| run(overlay, &ctx, view, size, Vec::new(), &mut Vec::new())).last().expect("drawn");
    let text = |shape: &egui::epaint::ClippedShape| match &shape.shape {
        egui::Shape::Text(text) => Some(text.galley.text().to_owned()),
        _ => None,
    };
    shapes.iter().filter_map(text).collect::<Vec<_>>().join("\n")
}

/// Presses the pointer, moves it by so much to the right, and lets go.
fn drag(overlay: &mut Overlay, ctx: &Context, view: &mut View, [x, y]: [f32; 2], by: f32) -> Vec<Request> {
    let button = |x: f32, pressed: bool| Event::PointerButton {
        pos: Pos2::new(x, y),
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    let moved = |x: f32| Event::PointerMoved(Pos2::new(x, y));
    let steps = [vec![moved(x)], vec![button(x, true)], vec![moved(x + by)], vec![button(x + by, false)], vec![]];
    steps.into_iter().flat_map(|events| pass(overlay, ctx, view, events)).collect()
}

#[test]
fn every_slider_and_button_asks_for_its_own() {
    let mut view = View::default();
    let before = MotionOptions::default();
    let (mut overlay, ctx) = drawn(&mut view);
    let mut found = std::collections::BTreeSet::new();
    for y in (4..WINDOW[1] as u32 / 2).step_by(5) {
        for x in (WINDOW[0] as u32 - 250..WINDOW[0] as u32 - 16).step_by(18) {
            for by in [0.0, 25.0] {
                (overlay.motion, overlay.shown) = (before, Shown::Crop);
                for request in drag(&mut overlay, &ctx, &mut view, [x as f32, y as f32], by) {
                    let name = match request {
                        // Dragged to where it was.
                        Request::Motion(motion) if motion == before => continue,
                        Request::Motion(motion) => {
                            let changed = [
                                ("strength", motion.strength != before.strength),
                                ("head", motion.head_gain != before.head_gain),
                                ("expression", motion.expression_gain != before.expression_gain),
                                ("eyes", motion.eye_gain != before.eye_gain),
                                ("mouth", motion.mouth_gain != before.mouth_gain),
                                ("smoothing", motion.filter != before.filter),
                                ("absolute", motion.mode != before.mode),
                            ];
                            let changed: Vec<&str> =
                                changed.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
                            assert_eq!(changed.len(), 1, "one control changes one thing: {changed:?}");
                            changed[0].to_owned()
                        }
                        Request::Show(shown) => format!("{shown:?}"),
                        Request::Open(purpose) => format!("open {purpose:?}"),
                        Request::Follow(_) => panic!("there is no driver's picture"),
                    };
                    found.insert(name);
                }
            }
        }
    }
    let all = [
        "Cutout",
        "Photo",
        "absolute",
        "expression",
        "eyes",
        "head",
        "mouth",
        "open Background",
        "open Driver",
        "open Photo",
        "smoothing",
        "strength",
    ];
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), all);
}

#[test]
fn what_was_asked_for_on_the_command_line_stays() {
    let mut view = View::default();
    let (mut overlay, ctx) = drawn(&mut view);
    let asked = MotionOptions { strength: 4.0, mouth_gain: 1.234, eye_gain: 0.0, ..MotionOptions::default() };
    overlay.motion = asked;
    for _ in 0..3 {
        assert!(pass(&mut overlay, &ctx, &mut view, Vec::new()).is_empty());
    }
    assert_eq!(overlay.motion, asked);
}

#[test]
fn a_click_on_the_driver_s_picture_follows_whoever_is_there() {
    let mut view = View {
        preview: Some((Picture::from_fn(160, 120, |x, y| [x as u8, y as u8, 0, 255]), [640, 480])),
        ..View::default()
    };
    let height = PREVIEW * 120.0 / 160.0;
    let (mut overlay, ctx) = drawn(&mut view);
    let mut places = Vec::new();
    for y in (0..WINDOW[1] as u32).rev().step_by(10).take(16) {
        for x in (0..220).step_by(10) {
            for request in drag(&mut overlay, &ctx, &mut view, [x as f32, y as f32], 0.0) {
                let Request::Follow(share) = request else { panic!("something else") };
                places.push(([x as f32, y as f32], share));
            }
        }
    }
    let ([x0, y0], [u0, v0]) = *places.first().expect("the picture is somewhere");
    assert!(places.len() > 100, "{}", places.len());
    for ([x, y], [u, v]) in places {
        assert!((0.0..=1.0).contains(&u) && (0.0..=1.0).contains(&v), "{u} {v}");
        assert!(((x - x0) - PREVIEW * (u - u0)).abs() < 0.01 && ((y - y0) - height * (v - v0)).abs() < 0.01);
    }
}

#[test]
fn a_hidden_overlay_takes_no_clicks() {
    let mut view = View::default();
    let clicks = |overlay: &mut Overlay, ctx: &Context, view: &mut View| {
        let places = (10..350).step_by(10).map(|y| [800.0, y as f32]);
        places.map(|at| drag(overlay, ctx, view, at, 20.0).len()).sum::<usize>()
    };
    let (mut overlay, ctx) = drawn(&mut view);
    assert!(clicks(&mut overlay, &ctx, &mut view) > 0);
    overlay.visible = false;
    assert_eq!(clicks(&mut overlay, &ctx, &mut view), 0);
}

#[test]
fn smoothing_goes_both_ways() {
    assert!((smoothness(filter(0.3)) - 0.3).abs() < 1e-3 && filter(0.0).is_none() && smoothness(None) == 0.0);
    let default = OneEuro::default();
    let back = filter(smoothness(Some(default))).expect("smoothed by default");
    assert!((back.min_cutoff - default.min_cutoff).abs() < 1e-3, "{back:?}");
}

#[test]
fn hints_are_there_for_a_while_after_the_first_picture() {
    let mut view = View::default();
    let mut overlay = Overlay::new(MotionOptions::default(), Shown::Crop, 2, 2);
    let hint = |overlay: &mut Overlay, view: &mut View| written(overlay, view, WINDOW).contains("? lists the keys");
    assert!(!hint(&mut overlay, &mut view) && overlay.first.is_none(), "nothing to see yet");
    view.frames = 1;
    assert!(hint(&mut overlay, &mut view));
    assert!(written(&mut overlay, &mut view, WINDOW).contains("drop another photo here"));
    overlay.drops = false;
    let text = written(&mut overlay, &mut view, WINDOW);
    assert!(text.contains("O opens another photo") && !text.contains("drop another"), "{text}");
    overlay.first = Instant::now().checked_sub(HINTS);
    assert!(overlay.first.is_none() || !hint(&mut overlay, &mut view));
}

#[test]
fn where_all_is_hidden_only_what_went_wrong_is_said() {
    let mut overlay = Overlay::new(MotionOptions::default(), Shown::Crop, 2, 2);
    let mut view = View { frames: 1, notice: Some(Notice::new("saved a.png".to_owned())), ..View::default() };
    assert!(written(&mut overlay, &mut view, WINDOW).contains("saved a.png"));
    overlay.visible = false;
    assert_eq!(written(&mut overlay, &mut view, WINDOW), "");
    view.busy = Some("preparing the portrait");
    assert_eq!(written(&mut overlay, &mut view, WINDOW), "");
    view.notice = Some(Notice::fault("a.png was not saved".to_owned()));
    assert_eq!(written(&mut overlay, &mut view, WINDOW), "a.png was not saved");
}

#[test]
fn the_driver_s_picture_covers_nothing_in_low_windows() {
    for (size, shown) in [
        (WINDOW, true),
        ([608.0, 360.0], true),
        ([608.0, 480.0], true),
        ([900.0, 320.0], true),
        ([400.0, 700.0], true),
        ([608.0, 240.0], true),
        ([608.0, 90.0], false),
    ] {
        let mut view = View {
            frames: 1,
            preview: Some((Picture::from_fn(160, 120, |_, _| [90, 90, 90, 255]), [640, 480])),
            stats: Some(stats()),
            ..View::default()
        };
        let (mut overlay, ctx) = (Overlay::new(MotionOptions::default(), Shown::Crop, 2, 2), Context::default());
        overlay.adapter = "llvmpipe (LLVM 19.1.7, 256 bits) · vulkan · f32".to_owned();
        style(&ctx);
        for _ in 0..3 {
            run(&mut overlay, &ctx, &mut view, size, Vec::new(), &mut Vec::new());
        }
        let area = |id: &str| ctx.memory(|memory| memory.area_rect(egui::Id::unique(id)));
        let status = area("status").expect("there is a status");
        assert_eq!(area("driver").is_some(), shown, "{size:?}");
        if let Some(driver) = area("driver") {
            assert!(!driver.intersects(status), "{size:?}: {driver:?} covers {status:?}");
            assert!(Rect::from_min_size(Pos2::ZERO, size.into()).contains_rect(driver), "{size:?}: {driver:?}");
        }
    }
}

/// Of a GPU that tells everything.
fn stats() -> portrait_runtime::SessionStats {
    portrait_runtime::SessionStats {
        avatars: 1,
        dispatches: 1,
        search_dispatches: 1,
        keypoint_dispatches: 1,
        macs: 1,
        arena_bytes: 1,
        bytes_without_reuse: 1,
        weight_bytes: 1,
        upload_bytes: 1,
        gpu_seconds: Some(0.01),
        gpu_stages: Some(GpuStages::default()),
    }
}
