//! What is to be read and seen in each state, and in windows of any size and scale.

use portrait_media::Picture;
use portrait_runtime::FaceStatus;

use super::super::*;
use super::{WINDOW, stats};
use crate::live::input::About;
use crate::live::worker::Notice;

/// What lies over the picture.
#[derive(Default)]
struct Seen {
    words: Vec<String>,
    /// Colours of dots, in order.
    dots: Vec<Color32>,
    /// Corners of the box around who is tracked.
    tracked: Vec<Pos2>,
    /// What is behind panels.
    shades: Vec<Rect>,
    /// Where the driver's picture is.
    driver: Option<Rect>,
    /// In points; and everything as it goes to the GPU.
    status: Option<Rect>,
    vertices: Vec<Pos2>,
}

impl Seen {
    #[track_caller]
    fn says(&self, words: &[&str]) {
        for wanted in words {
            assert!(self.words.iter().any(|word| word == wanted), "`{wanted}` is not in {:?}", self.words);
        }
    }

    fn note(&mut self, shape: &egui::Shape) {
        match shape {
            egui::Shape::Vec(shapes) => shapes.iter().for_each(|shape| self.note(shape)),
            egui::Shape::Text(text) => self.words.push(text.galley.text().to_owned()),
            // The knobs of sliders are larger.
            egui::Shape::Circle(circle) if circle.radius == 4.5 => self.dots.push(circle.fill),
            egui::Shape::Path(path) if path.closed && path.stroke == Stroke::new(1.5, GREEN).into() => {
                self.tracked.clone_from(&path.points);
            }
            egui::Shape::Callback(shade) => self.shades.push(shade.rect),
            egui::Shape::Mesh(mesh) => self.driver = Some(mesh.calc_bounds()),
            egui::Shape::Rect(rect) if rect.brush.is_some() => self.driver = Some(rect.rect),
            _ => {}
        }
    }
}

fn overlay() -> Overlay {
    let mut overlay = Overlay::new(MotionOptions::default(), Shown::Crop, 2, 2);
    (overlay.adapter, overlay.preset) = ("Some GPU · vulkan · f16".to_owned(), "xs".to_owned());
    overlay
}

/// Draws it in a window of this size in points, with so many pixels each, which had another scale before.
fn look_at(overlay: &mut Overlay, view: &mut View, size: [f32; 2], scales: [f32; 2]) -> Seen {
    // 25 a second, of which most took 40 ms.
    let (mut times, start) = (FrameTimes::default(), Instant::now());
    for i in 0..100 {
        let took = if i % 10 == 9 { 90 } else { 40 };
        times.add(Duration::from_millis(took), start + Duration::from_millis(40 * i));
    }
    let ctx = Context::default();
    style(&ctx);
    let mut seen = Seen::default();
    // Areas know their size from the second time on, and fade in.
    for scale in [scales[0], scales[1], scales[1], scales[1]] {
        let viewport = egui::ViewportInfo { native_pixels_per_point: Some(scale), ..Default::default() };
        let input = egui::RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, size.into())),
            viewports: std::iter::once((egui::ViewportId::ROOT, viewport)).collect(),
            predicted_dt: 1.0,
            ..Default::default()
        };
        let mut output = ctx.run_pass(input, |ctx| drop(overlay.draw(ctx, view, &times)));
        output.textures_delta.clear();
        seen = Seen { status: ctx.memory(|m| m.area_rect(egui::Id::unique("status"))), ..Seen::default() };
        output.shapes.iter().for_each(|shape| seen.note(&shape.shape));
        for job in ctx.tessellate(output.shapes, output.pixels_per_point) {
            if let egui::epaint::Primitive::Mesh(mesh) = job.primitive {
                seen.vertices.extend(mesh.vertices.iter().map(|vertex| vertex.pos));
            }
        }
    }
    seen
}

fn look(overlay: &mut Overlay, view: &mut View) -> Seen {
    look_at(overlay, view, WINDOW, [1.0; 2])
}

/// A camera drives, and a face is tracked in its picture.
fn driven() -> View {
    let mut stats = stats();
    let ms = Duration::from_millis;
    stats.gpu_stages = Some(GpuStages {
        search: ms(1),
        track: ms(2),
        transfer: ms(3),
        dense_motion: ms(4),
        synthesis: ms(5),
        compose: ms(6),
    });
    View {
        frames: 100,
        dropped: 7,
        status: Some(FaceStatus { found: true, region: [320.0, 120.0, 150.0, 0.0], ..FaceStatus::default() }),
        stats: Some(stats),
        about: About { name: "Some Camera".to_owned(), trouble: None },
        preview: Some((Picture::from_fn(160, 120, |_, _| [90, 90, 90, 255]), [640, 480])),
        ..View::default()
    }
}

#[test]
fn everything_that_is_measured_is_shown() {
    let seen = look(&mut overlay(), &mut driven());
    seen.says(&["live", "Some Camera", "Some GPU · vulkan · f16 · preset xs"]);
    seen.says(&["25.0", "frames/s", "10.0", "GPU ms", "40", "latency ms p50", "90", "p95", "7", "dropped"]);
    seen.says(&["search", "mesh, eyes, lips", "transfer", "dense motion", "synthesis", "compose"]);
    seen.says(&["1.0", "2.0", "3.0", "4.0", "5.0", "6.0"]);
    seen.says(&["strength", "head", "expression", "eyes", "mouth", "smoothing", "relative", "absolute"]);
    seen.says(&["square", "photo", "cutout", "open", "background", "clip", "? keys    H hide    P preset    N photo"]);
    assert_eq!(seen.dots, [GREEN]);
    // Status, controls, and the hint at the lower edge.
    let status = seen.status.expect("it is there");
    assert!(seen.shades.len() == 3 && seen.shades.contains(&status), "{:?} behind {status}", seen.shades);
    // With nothing to choose from, no key for it; where the GPU does not tell, no times.
    let mut alone = Overlay::new(MotionOptions { filter: None, ..MotionOptions::default() }, Shown::Crop, 1, 1);
    let mut silent = driven();
    silent.stats = Some(portrait_runtime::SessionStats { gpu_seconds: None, gpu_stages: None, ..stats() });
    let seen = look(&mut alone, &mut silent);
    seen.says(&["? keys    H hide", "–", "this GPU does not tell its time by stage"]);
    assert!(!seen.words.iter().any(|word| word.starts_with("at rest this adds") || word == "synthesis"));
    let delay = |min_cutoff: f32| {
        let filter = Some(OneEuro { min_cutoff, ..OneEuro::default() });
        look(&mut Overlay::new(MotionOptions { filter, ..MotionOptions::default() }, Shown::Crop, 1, 1), &mut driven())
    };
    // A low pass of one pole at 1 Hz: 1 / 2π seconds.
    delay(1.0).says(&["at rest this adds 159 ms"]);
}

#[test]
fn the_box_is_around_who_is_tracked() {
    let seen = look(&mut overlay(), &mut driven());
    let driver = seen.driver.expect("a picture of the driver");
    assert_eq!(driver.size(), Vec2::new(PREVIEW, 0.75 * PREVIEW));
    // The region is half as large again as the face.
    let scale = PREVIEW / 640.0;
    let wanted = Rect::from_center_size(driver.min + scale * Vec2::new(320.0, 120.0), Vec2::splat(scale * 100.0));
    let found = Rect::from_points(&seen.tracked);
    assert!(found.min.distance(wanted.min) < 0.1 && found.max.distance(wanted.max) < 0.1, "{found} for {wanted}");
    // A head that is tilted has its box on a corner.
    let mut tilted = driven();
    tilted.status.as_mut().expect("tracked").region[3] = std::f32::consts::FRAC_PI_4;
    let found = Rect::from_points(&look(&mut overlay(), &mut tilted).tracked);
    assert!((found.width() / wanted.width() - std::f32::consts::SQRT_2).abs() < 0.01, "{found}");
}

#[test]
fn every_state_says_what_it_is() {
    let state = |change: &dyn Fn(&mut Overlay, &mut View)| {
        let (mut overlay, mut view) = (overlay(), driven());
        // A newcomer's hints are over.
        overlay.first = Instant::now().checked_sub(HINTS);
        change(&mut overlay, &mut view);
        look(&mut overlay, &mut view)
    };
    let seen = state(&|_, view| *view = View { busy: Some("preparing the portrait"), ..View::default() });
    seen.says(&["starting", "preparing the portrait …"]);
    assert_eq!((seen.dots, seen.tracked.len(), seen.driver), (vec![GREY], 0, None));

    let lost = |frames| {
        state(&move |_, view| {
            view.status = Some(FaceStatus { lost_frames: frames, ..FaceStatus::default() });
        })
    };
    let advice = "no face in sight: look at the camera, from the front, in even light";
    for frames in [1, 16] {
        let seen = lost(frames);
        seen.says(&["no face: the last pose is held"]);
        assert_eq!((&seen.dots[..], seen.tracked.len()), (&[AMBER][..], 0), "no box around nobody");
        assert!(seen.driver.is_some());
        assert_eq!(seen.words.iter().any(|word| word == advice), frames == 16, "not for a blink");
    }

    let seen = state(&|_, view| {
        view.status = None;
        view.preview = None;
        view.about.trouble = Some("`Some Camera` is gone; plug it in".to_owned());
    });
    seen.says(&["idle motion", "Some Camera", "`Some Camera` is gone; plug it in"]);
    assert_eq!(seen.dots, [GREY]);

    let seen = state(&|overlay, _| overlay.hold = true);
    seen.says(&["held"]);
    assert_eq!(seen.dots, [AMBER]);

    let seen = state(&|_, view| (view.video, view.points) = (Some("a.mp4".into()), Some("a.motion".into())));
    seen.says(&["live", "video", "motion"]);
    assert_eq!(seen.dots, [GREEN, RED, RED]);

    let seen = state(&|overlay, view| {
        overlay.keys = true;
        view.notice = Some(Notice::new("saved a.png".to_owned()));
    });
    seen.says(&["saved a.png"]);
    for (key, what, _) in KEYS {
        seen.says(&[key, what]);
    }
    // Hidden, there are neither numbers nor controls; the list of keys is asked for by itself.
    let seen = state(&|overlay, _| (overlay.visible, overlay.keys) = (false, true));
    assert_eq!(seen.words.len(), 2 * KEYS.len());
}

/// Where each part is, in a window of this size in points.
fn parts(overlay: &mut Overlay, view: &mut View, size: [f32; 2]) -> [Option<Rect>; 4] {
    let ctx = Context::default();
    style(&ctx);
    for _ in 0..3 {
        super::run(overlay, &ctx, view, size, Vec::new(), &mut Vec::new());
    }
    ["status", "controls", "message", "keys"].map(|id| ctx.memory(|m| m.area_rect(egui::Id::unique(id))))
}

#[test]
fn nothing_is_cut_off_and_controls_cover_no_status() {
    let long = "no file dialog can be opened here (Failed to pick file with zenity: No such file or directory): it takes the \
                desktop's portal (xdg-desktop-portal) or zenity; drop a photo on the window, or name files on the command line";
    for (size, controls) in [
        (WINDOW, true),
        ([700.0, 500.0], true),
        ([420.0, 700.0], true),
        ([700.0, 300.0], false),
        ([420.0, 300.0], false),
        ([240.0, 180.0], false),
    ] {
        let (mut overlay, mut view) = (overlay(), driven());
        overlay.keys = true;
        view.about.trouble =
            Some("the camera `Some Camera with a long name` is used by another program; close that".to_owned());
        view.notice = Some(Notice::fault(long.to_owned()));
        let [status, shown, message, keys] = parts(&mut overlay, &mut view, size);
        assert_eq!(shown.is_some(), controls, "{size:?}");
        let window = Rect::from_min_size(Pos2::ZERO, size.into());
        for part in [status, shown, message, keys].into_iter().flatten() {
            assert!(window.contains_rect(part), "{size:?}: {part}");
        }
        let (status, message, keys) = (status.expect("there"), message.expect("there"), keys.expect("there"));
        assert!(shown.is_none_or(|controls| !controls.intersects(status)), "{size:?}: {status}");
        assert!(message.height() > 40.0 && keys.height() > 120.0, "{size:?}: in several lines");
    }
}

#[test]
fn windows_of_any_size_and_scale_are_drawn() {
    for size in [[0.0, 0.0], [1.0, 1.0], [1.0, 3000.0], [3000.0, 1.0], [240.0, 180.0], [7680.0, 4320.0]] {
        for scales in [[1.0, 1.0], [1.0, 2.0], [3.0, 0.5], [1.25, 8.0]] {
            let (mut overlay, mut view) = (overlay(), driven());
            overlay.keys = true;
            view.about.trouble = Some("a camera that is gone".to_owned());
            let seen = look_at(&mut overlay, &mut view, size, scales);
            assert!(seen.vertices.iter().all(|at| at.x.is_finite() && at.y.is_finite()), "{size:?} at {scales:?}");
        }
    }
    // More pixels a point change nothing in points, but for rounding to whole pixels.
    let [one, two] = [[1.0, 1.0], [1.0, 2.0]].map(|scales| {
        let seen = look_at(&mut overlay(), &mut driven(), WINDOW, scales);
        [seen.status, seen.driver].map(|rect| rect.expect("it is there"))
    });
    for (a, b) in one.into_iter().zip(two) {
        assert!((a.size() - b.size()).length() < 6.0 && a.min.distance(b.min) < 6.0, "{a} and {b}");
    }
}
