//! What lies over the picture: status, sliders, the driver, keys, hints. Draws, and says what was asked for.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use egui::{
    Align2, Color32, Context, CornerRadius, Frame, Margin, Pos2, Rect, RichText, Sense, Stroke, StrokeKind, Ui, Vec2,
};
use portrait_runtime::{FrameTimes, GpuStages, Mode, MotionOptions, OneEuro};

use super::dialog::Purpose;
use super::keys::KEYS;
use super::shade::Shade;
use super::worker::View;
use crate::framing::Shown;

/// How long a notice stays.
const NOTICE: Duration = Duration::from_secs(5);
/// How long a newcomer is told what to do, from the first picture on.
const HINTS: Duration = Duration::from_secs(8);
/// Width of a window in points in which status and controls are side by side.
const ROOMY: f32 = 640.0;
/// Height of the lower edge of a narrow window, in which messages are.
const MESSAGES: f32 = 72.0;
/// Width and height of the controls in points, and the width of the status: where there is no room for both, the controls are left out.
const CONTROLS: [f32; 2] = [240.0, 304.0];
const STATUS: f32 = 290.0;
/// Lower or narrower windows show the first line of the status alone.
const SMALL: [f32; 2] = [STATUS + 2.0 * EDGES, 380.0];
/// The widest message in points, where there is room beside the driver's picture.
const MESSAGE: f32 = 560.0;
/// Width of the driver's picture in points, where the window is not too low for it.
const PREVIEW: f32 = 168.0;
/// And at most this share of the window's.
const PREVIEW_SHARE: f32 = 0.28;
/// A lower one would show nothing.
const LEAST_PREVIEW: f32 = 40.0;
/// Between the window's edge and what is beside it, and inside of a panel, in points.
const EDGES: f32 = 14.0;
const MARGIN: [i8; 2] = [12, 9];

/// What was asked for with the pointer.
pub(crate) enum Request {
    Motion(MotionOptions),
    Show(Shown),
    Open(Purpose),
    /// A place in the driver's picture, in shares of it.
    Follow([f32; 2]),
}

/// What the overlay itself remembers.
pub(crate) struct Overlay {
    pub(crate) visible: bool,
    pub(crate) keys: bool,
    pub(crate) motion: MotionOptions,
    pub(crate) shown: Shown,
    pub(crate) hold: bool,
    pub(crate) adapter: String,
    pub(crate) preset: String,
    /// How many photos the key N goes through.
    pub(crate) photos: usize,
    /// Whether files can be dropped on the window.
    pub(crate) drops: bool,
    presets: usize,
    driver: Option<egui::TextureHandle>,
    /// When there was a picture for the first time.
    first: Option<Instant>,
}

impl Overlay {
    pub(crate) fn new(motion: MotionOptions, shown: Shown, presets: usize, photos: usize) -> Self {
        Self {
            visible: true,
            keys: false,
            motion,
            shown,
            hold: false,
            adapter: String::new(),
            preset: String::new(),
            photos,
            drops: true,
            presets,
            driver: None,
            first: None,
        }
    }

    /// Forgets what a lost device took with it.
    pub(crate) fn forget(&mut self) {
        self.driver = None;
    }

    /// Draws everything; what was asked for.
    pub(crate) fn draw(&mut self, ctx: &Context, view: &mut View, times: &FrameTimes) -> Vec<Request> {
        let mut requests = Vec::new();
        if view.frames > 0 {
            self.first.get_or_insert_with(Instant::now);
        }
        if self.visible {
            let status = self.status(ctx, view, times);
            let room = ctx.content_rect().size()
                - Vec2::new(0.0, if narrow(ctx) { status.bottom() + MESSAGES } else { EDGES });
            if room.x >= CONTROLS[0] + 2.0 * EDGES && room.y >= CONTROLS[1] + EDGES {
                self.controls(ctx, &mut requests);
            }
            self.driver(ctx, view, status.bottom(), &mut requests);
        }
        if self.keys {
            keys(ctx);
        }
        self.messages(ctx, view);
        requests
    }

    /// What is going on; where that stands.
    fn status(&self, ctx: &Context, view: &View, times: &FrameTimes) -> Rect {
        panel(ctx, "status", Align2::LEFT_TOP, [EDGES, EDGES], |ui| {
            ui.set_max_width(STATUS);
            ui.horizontal(|ui| {
                let (colour, text) = match (&view.status, self.hold) {
                    (_, true) => (AMBER, "held"),
                    (Some(status), _) if status.found => (GREEN, "live"),
                    (Some(_), _) => (AMBER, "no face: the last pose is held"),
                    (None, _) if view.frames > 0 => (GREY, "idle motion"),
                    (None, _) => (GREY, "starting"),
                };
                dot(ui, colour);
                ui.label(RichText::new(text).strong());
                if view.about.name != text {
                    ui.add(egui::Label::new(RichText::new(&view.about.name).weak()).truncate());
                }
                if view.video.is_some() {
                    dot(ui, RED);
                    ui.label("video");
                }
                if view.points.is_some() {
                    dot(ui, RED);
                    ui.label("motion");
                }
            });
            let window = ctx.content_rect().size();
            if window.x < SMALL[0] || window.y < SMALL[1] {
                return;
            }
            if let Some(trouble) = &view.about.trouble {
                ui.label(RichText::new(trouble).weak().small());
            }
            let ms = |d: Option<Duration>| d.map_or("–".to_owned(), |d| format!("{:.0}", 1e3 * d.as_secs_f64()));
            let gpu = view.stats.and_then(|stats| stats.gpu_seconds);
            let gpu = gpu.map_or("–".to_owned(), |seconds| format!("{:.1}", 1e3 * seconds));
            let [p50, p95] = [0.5, 0.95].map(|share| ms(times.percentile(share)));
            numbers(ui, &[("frames/s", format!("{:.1}", times.rate())), ("GPU ms", gpu)]);
            numbers(ui, &[("latency ms p50", p50), ("p95", p95), ("dropped", view.dropped.to_string())]);
            if let Some(stats) = view.stats {
                stages(ui, stats.gpu_stages);
            }
            ui.label(RichText::new(format!("{} · preset {}", self.adapter, self.preset)).weak().small());
        })
    }

    fn controls(&mut self, ctx: &Context, requests: &mut Vec<Request>) {
        // In a narrow window the status takes the upper edge, and messages the lower one.
        let (corner, offset) = match narrow(ctx) {
            true => (Align2::RIGHT_BOTTOM, [-EDGES, -MESSAGES]),
            false => (Align2::RIGHT_TOP, [-EDGES, EDGES]),
        };
        panel(ctx, "controls", corner, offset, |ui| {
            ui.spacing_mut().slider_width = 96.0;
            let before = self.motion;
            let motion = &mut self.motion;
            let slider = |ui: &mut Ui, name: &str, value: &mut f32| {
                // One that kept the focus would keep the keys.
                let slider =
                    ui.add(egui::Slider::new(value, 0.0..=4.0).text(name).custom_formatter(|v, _| format!("{v:.2}")));
                if slider.drag_stopped() {
                    slider.surrender_focus();
                }
            };
            ui.add_enabled_ui(motion.mode == Mode::Relative, |ui| {
                slider(ui, "strength", &mut motion.strength);
                slider(ui, "head", &mut motion.head_gain);
                slider(ui, "expression", &mut motion.expression_gain);
                slider(ui, "eyes", &mut motion.eye_gain);
                slider(ui, "mouth", &mut motion.mouth_gain);
            });
            // One number for people: 0 lets everything through, 1 is calm.
            let mut smooth = smoothness(motion.filter);
            let slider = ui.add(egui::Slider::new(&mut smooth, 0.0..=1.0).text("smoothing").fixed_decimals(2));
            if slider.drag_stopped() {
                slider.surrender_focus();
            }
            if (smooth - smoothness(before.filter)).abs() > 1e-3 {
                motion.filter = filter(smooth);
            }
            if let Some(filter) = motion.filter {
                let delay = 1e3 / (std::f32::consts::TAU * filter.min_cutoff);
                ui.label(RichText::new(format!("at rest this adds {delay:.0} ms")).weak().small());
            }
            ui.horizontal(|ui| {
                ui.selectable_value(&mut motion.mode, Mode::Relative, "relative");
                ui.selectable_value(&mut motion.mode, Mode::Absolute, "absolute");
            });
            if *motion != before {
                requests.push(Request::Motion(*motion));
            }
            let shown = self.shown;
            ui.horizontal(|ui| {
                for (value, name) in [(Shown::Crop, "square"), (Shown::Photo, "photo"), (Shown::Cutout, "cutout")] {
                    if ui.selectable_label(shown == value, name).clicked() && shown != value {
                        requests.push(Request::Show(value));
                    }
                }
            });
            ui.horizontal(|ui| {
                ui.label(RichText::new("open").weak());
                for (purpose, name) in
                    [(Purpose::Photo, "photo"), (Purpose::Background, "background"), (Purpose::Driver, "clip")]
                {
                    if ui.small_button(name).clicked() {
                        requests.push(Request::Open(purpose));
                    }
                }
            });
            let more =
                [("? keys", true), ("H hide", true), ("P preset", self.presets > 1), ("N photo", self.photos > 1)];
            let more: Vec<&str> = more.iter().filter(|(_, there)| *there).map(|(text, _)| *text).collect();
            ui.label(RichText::new(more.join("    ")).weak().small());
        });
    }

    /// The driver with the box that is tracked, as far as there is room below `top`; a click follows whoever is there.
    fn driver(&mut self, ctx: &Context, view: &mut View, top: f32, requests: &mut Vec<Request>) {
        let size = view.preview.as_ref().map(|(_, size)| *size);
        if let Some((picture, _)) = view.preview.as_mut().filter(|(picture, _)| !picture.rgba.is_empty()) {
            let size = [picture.width as usize, picture.height as usize];
            // It goes to the GPU once, not with every drawing.
            let image = egui::ColorImage::from_rgba_unmultiplied(size, &std::mem::take(&mut picture.rgba));
            match &mut self.driver {
                Some(texture) => texture.set(image, egui::TextureOptions::LINEAR),
                none => *none = Some(ctx.load_texture("driver", image, egui::TextureOptions::LINEAR)),
            }
        }
        let (Some(texture), Some([width, height])) = (&self.driver, size) else { return };
        let above = if narrow(ctx) { MESSAGES } else { EDGES };
        let size = Vec2::new(width as f32, height as f32);
        let room = ctx.content_rect().bottom() - above - top - EDGES;
        let widest = PREVIEW.min(PREVIEW_SHARE * ctx.content_rect().width());
        let scale = (widest / size.x).min(room / size.y);
        if scale * size.y < LEAST_PREVIEW {
            return;
        }
        let area = egui::Area::new(egui::Id::unique("driver")).anchor(Align2::LEFT_BOTTOM, [EDGES, -above]);
        area.show(ctx, |ui| {
            let size = scale * size;
            let (rect, response) = ui.allocate_exact_size(size, Sense::click());
            let whole = Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0));
            let painter = ui.painter_at(rect);
            painter.image(texture.id(), rect, whole, Color32::WHITE);
            if let Some(status) = view.status.filter(|status| status.found) {
                let [x, y, side, angle] = status.region;
                let (sin, cos) = angle.sin_cos();
                let corner = |u: f32, v: f32| {
                    let (u, v) = (0.5 * side * u / 1.5, 0.5 * side * v / 1.5);
                    rect.min + scale * Vec2::new(x + cos * u - sin * v, y + sin * u + cos * v)
                };
                let corners = vec![corner(-1.0, -1.0), corner(1.0, -1.0), corner(1.0, 1.0), corner(-1.0, 1.0)];
                painter.add(egui::Shape::closed_line(corners, Stroke::new(1.5, GREEN)));
            }
            painter.rect_stroke(rect, CornerRadius::same(4), Stroke::new(1.0, EDGE), StrokeKind::Inside);
            // A click beside it is one, too.
            let at = response.interact_pointer_pos().filter(|at| rect.contains(*at));
            if let (true, Some(at)) = (response.clicked(), at) {
                let share = (at - rect.min) / rect.size();
                requests.push(Request::Follow([share.x, share.y]));
            }
            response.on_hover_text("click a face to follow it");
        });
    }

    /// What is going on, and what to do first.
    fn messages(&self, ctx: &Context, view: &View) {
        // Where everything is hidden, only what went wrong is said.
        let notice = view.notice.as_ref().filter(|notice| self.visible || notice.fault);
        let busy = view.busy.filter(|_| self.visible);
        // What goes away by itself is drawn once more then.
        let rest = notice.and_then(|notice| NOTICE.checked_sub(notice.since.elapsed()));
        let hints = self.first.and_then(|first| HINTS.checked_sub(first.elapsed()));
        rest.into_iter().chain(hints).for_each(|rest| ctx.request_repaint_after(rest));
        let lost = view.status.is_some_and(|status| !status.found && status.lost_frames > 15);
        let fresh = self.visible && hints.is_some();
        let text = match (busy, notice.filter(|notice| notice.since.elapsed() < NOTICE)) {
            (Some(busy), _) => Some(format!("{busy} …")),
            (None, Some(notice)) => Some(notice.text.clone()),
            (None, None) if lost && self.visible => {
                Some("no face in sight: look at the camera, from the front, in even light".to_owned())
            }
            (None, None) if fresh => {
                let way =
                    if self.drops { "drop another photo here to change who is shown" } else { "O opens another photo" };
                Some(format!("{way}   ·   ? lists the keys"))
            }
            _ => None,
        };
        if let Some(text) = text {
            let room = ctx.content_rect().width() - 2.0 * (EDGES + f32::from(MARGIN[0]));
            panel(ctx, "message", Align2::CENTER_BOTTOM, [0.0, -22.0], |ui| {
                ui.set_max_width(MESSAGE.min(room).max(1.0));
                ui.horizontal(|ui| {
                    if busy.is_some() {
                        ui.spinner();
                    }
                    ui.add(egui::Label::new(text).wrap());
                });
            });
        }
    }
}

const GREEN: Color32 = Color32::from_rgb(110, 220, 140);
const AMBER: Color32 = Color32::from_rgb(245, 190, 80);
const RED: Color32 = Color32::from_rgb(240, 90, 90);
const GREY: Color32 = Color32::from_rgb(140, 140, 150);
const EDGE: Color32 = Color32::from_rgba_premultiplied(40, 40, 44, 40);

/// Colours and sizes of everything.
pub(crate) fn style(ctx: &Context) {
    ctx.set_theme(egui::Theme::Dark);
    ctx.all_styles_mut(|style| {
        style.visuals.override_text_color = Some(Color32::from_rgb(232, 232, 236));
        style.visuals.selection.bg_fill = Color32::from_rgb(64, 110, 190);
        style.spacing.item_spacing = Vec2::new(8.0, 5.0);
        // The default is too small to be read over a picture.
        style.text_styles.insert(egui::TextStyle::Small, egui::FontId::proportional(11.0));
    });
}

fn narrow(ctx: &Context) -> bool {
    ctx.content_rect().width() < ROOMY
}

/// Something over the picture; where it is.
fn panel(ctx: &Context, id: &str, anchor: Align2, offset: [f32; 2], content: impl FnOnce(&mut Ui)) -> Rect {
    let frame = Frame::new().inner_margin(Margin::symmetric(MARGIN[0], MARGIN[1]));
    let area = egui::Area::new(egui::Id::unique(id)).anchor(anchor, offset);
    area.show(ctx, |ui| {
        let behind = ui.painter().add(egui::Shape::Noop);
        let rect = frame.show(ui, content).response.rect;
        ui.painter().set(behind, egui_wgpu::Callback::new_paint_callback(rect, Shade));
    })
    .response
    .rect
}

fn dot(ui: &mut Ui, colour: Color32) {
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(10.0), Sense::hover());
    ui.painter().circle_filled(rect.center(), 4.5, colour);
}

fn numbers(ui: &mut Ui, list: &[(&str, String)]) {
    ui.horizontal(|ui| {
        for (name, value) in list {
            ui.label(RichText::new(value).monospace().strong());
            ui.label(RichText::new(*name).weak());
        }
    });
}

/// GPU time of the stages of a frame.
fn stages(ui: &mut Ui, times: Option<GpuStages>) {
    let Some(times) = times else {
        ui.label(RichText::new("this GPU does not tell its time by stage").weak().small());
        return;
    };
    egui::Grid::new("stages").num_columns(4).spacing([8.0, 1.0]).show(ui, |ui| {
        let list = [
            ("search", times.search),
            ("mesh, eyes, lips", times.track),
            ("transfer", times.transfer),
            ("dense motion", times.dense_motion),
            ("synthesis", times.synthesis),
            ("compose", times.compose),
        ];
        for (i, (name, time)) in list.into_iter().enumerate() {
            ui.label(RichText::new(format!("{:.1}", 1e3 * time.as_secs_f64())).monospace().small());
            ui.label(RichText::new(name).weak().small());
            if i % 2 == 1 {
                ui.end_row();
            }
        }
    });
}

/// The list of keys; in a small window it is scrolled.
fn keys(ctx: &Context) {
    let room = |axis: usize| (ctx.content_rect().size()[axis] - 2.0 * (EDGES + f32::from(MARGIN[axis]))).max(1.0);
    let (width, height) = (room(0), room(1));
    let scroll = egui::ScrollArea::both().max_width(width).max_height(height);
    // At once as large as it can be, not by and by.
    let scroll = scroll.min_scrolled_width(width).min_scrolled_height(height);
    panel(ctx, "keys", Align2::CENTER_CENTER, [0.0, 0.0], |ui| {
        scroll.show(ui, |ui| {
            egui::Grid::new("keys").num_columns(2).spacing([18.0, 4.0]).show(ui, |ui| {
                for (key, what, _) in KEYS {
                    ui.label(RichText::new(key).monospace().strong());
                    ui.label(what);
                    ui.end_row();
                }
            });
        });
    });
}

/// Cut-off frequencies at rest, from the calmest on, in Hz.
const CALM: f32 = 0.6;
const LIVELY: f32 = 12.0;

/// The share of smoothing that a filter stands for, 0..=1.
fn smoothness(filter: Option<OneEuro>) -> f32 {
    filter.map_or(0.0, |filter| ((LIVELY / filter.min_cutoff).ln() / (LIVELY / CALM).ln()).clamp(0.0, 1.0))
}

/// The filter for a share of smoothing; none for nothing.
fn filter(smoothness: f32) -> Option<OneEuro> {
    let min_cutoff = LIVELY * (CALM / LIVELY).powf(smoothness);
    (smoothness > 0.005).then(|| OneEuro { min_cutoff, ..OneEuro::default() })
}
