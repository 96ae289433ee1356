//! What shows between the lips of a mouth that opens: the host side of the mouth in `shaders/warp.wgsl`.

use crate::face::{Point, dot, minus};
use crate::opening::{Axes, LIPS, covered};
use crate::teeth::Teeth;

/// Places in [`crate::Transfer::pins`]: ends of the inner lips, right and left, and their middle, upper and lower.
const ENDS: [usize; 2] = [38, 39];
const MIDDLE: [usize; 2] = [36, 37];
/// How wide mouths of the first and of the second half of the layers are, of the distance between the outer corners of the eyes …
const WIDTHS: [f32; 2] = [0.45, 0.62];
/// … and how far the layers of each half are open, of their width.
const OPENINGS: [f32; 5] = [0.12, 0.21, 0.31, 0.47, 0.7];
const ROWS: usize = 16;
const COLUMNS: usize = 32;
/// `[height, width]` of the picture of all layers, one below the other, and a last row about the photo.
pub(crate) const MOUTH: [usize; 2] = [WIDTHS.len() * OPENINGS.len() * ROWS + 1, COLUMNS];
/// How open the source's mouth is, of the driver's: up to `FULL` all that shows is given, from `NONE` on nothing.
const FULL: f32 = 0.5;
const NONE: f32 = 0.66;
/// In between it is given from the lower lip upwards, so that teeth of the photo end in a dark mouth instead of fading to grey; its edge
/// has this share of the gap between the lips.
const RISE: f32 = 0.25;
/// Lips that are open by no more than `SHUT` of their width, and up to `LESS[0]` of what the source's are, show the line of shut lips and
/// no rest of the source's teeth; from `PARTED` or `LESS[1]` on they show what the source does.
const SHUT: f32 = 0.03;
const PARTED: f32 = 0.07;
const LESS: [f32; 2] = [0.35, 0.5];
/// Edges are blended over no more pixels than this from top to bottom.
const WIDEST_CUT: f32 = 4.0;

/// How wide the inner lips are, in the pins' unit, and how open, in widths.
fn shape(pins: &[Point], axes: &Axes) -> (f32, f32) {
    let width = dot(minus(pins[ENDS[1]], pins[ENDS[0]]), axes.along).max(1e-3);
    (width, dot(minus(pins[MIDDLE[1]], pins[MIDDLE[0]]), axes.across).max(0.0) / width)
}

/// How open a mouth is among pins, in widths.
pub(crate) fn opening(pins: &[Point]) -> f32 {
    shape(pins, &Axes::of(pins)).1
}

/// A node and how far the way to the next one is gone: linear, constant beyond the ends.
fn between(nodes: &[f32], at: f32) -> (usize, f32) {
    let k = nodes[1..nodes.len() - 1].iter().filter(|&&node| at > node).count();
    (k, ((at - nodes[k]) / (nodes[k + 1] - nodes[k])).clamp(0.0, 1.0))
}

/// A driver's mouth, and how much of a source's it needs.
pub(crate) struct OpenMouth {
    axes: Axes,
    /// Inner rims of the upper and the lower lip, along and across the face.
    rims: [[Point; 7]; 2],
    /// Of the inner lips' ends, along the face.
    ends: [f32; 2],
    opening: f32,
    teeth: Teeth,
    /// How shut lips are that are open in the source, 0..=1.
    shut: f32,
    /// In the pins' unit, of the outer corners of the eyes.
    size: f32,
    /// How far it replaces what the source shows, from the lower lip upwards, 0..=1.
    more: f32,
    pixel: f32,
}

impl OpenMouth {
    /// Of the driver's pins, for a source with these `layers`, `[4, MOUTH]` with its pixels' lanes together.
    pub(crate) fn new(layers: &[f32], driver: &[Point], pixel: f32) -> Self {
        let axes = Axes::of(driver);
        let [colourful, _, _, shown] = layers.as_chunks().0[(MOUTH[0] - 1) * COLUMNS];
        let (width, opening) = shape(driver, &axes);
        let more = ((NONE - shown / opening.max(1e-3)) / (NONE - FULL)).clamp(0.0, 1.0);
        let less = ((LESS[1] - opening / shown.max(1e-3)) / (LESS[1] - LESS[0])).clamp(0.0, 1.0);
        let shut = ((PARTED - opening) / (PARTED - SHUT)).clamp(0.0, 1.0) * less;
        let rims = [LIPS[1], LIPS[2]].map(|rim| rim.map(|i| axes.place(driver[i])));
        let ends = ENDS.map(|i| axes.place(driver[i])[0]);
        let (size, wide) = (axes.size, between(&WIDTHS, width / axes.size).1);
        let teeth = Teeth { wide, pixel: pixel / size, colourful };
        Self { axes, rims, ends, opening, teeth, shut, size, more, pixel }
    }

    /// The point of the picture at shares of the inner lips' width and of the gap between them.
    pub(crate) fn place(&self, share: Point) -> Point {
        let [right, left] = self.ends;
        let along = right + (left - right) * share[0];
        let [[top, _], [bottom, _]] = self.rims.each_ref().map(|rim| rim_at(rim, along));
        let height = top + (bottom - top) * share[1];
        [0, 1].map(|i| along * self.axes.along[i] + height * self.axes.across[i])
    }

    /// What a mouth shows at a point of the picture, how much of that is shown, and how much lies inside the driver's.
    pub(crate) fn at(&self, layers: &[f32], z: Point) -> ([f32; 3], f32, f32) {
        let [along, height] = self.axes.place(z);
        let [right, left] = self.ends;
        if along <= right || along >= left {
            return ([0.0; 3], 0.0, 0.0);
        }
        let [[top, steep_top], [bottom, steep_bottom]] = self.rims.each_ref().map(|rim| rim_at(rim, along));
        let (middle, gap) = (0.5 * (top + bottom), (bottom - top).max(0.0));
        // Where a rim is steep a pixel is cut across its width.
        let steep = steep_top.abs().max(steep_bottom.abs());
        let cut = self.pixel * (1.0 + steep * steep).sqrt().min(WIDEST_CUT);
        let inside = covered(height, middle - 0.5 * gap, middle + 0.5 * gap, cut);
        let share = [(along - right) / (left - right).max(1e-3), (height - middle) / gap.max(1e-4) + 0.5];
        let [r, g, b, tooth] = self.inside(layers, share);
        let place = [(along - 0.5 * (right + left)).abs(), height - middle + 0.5 * gap, gap].map(|v| v / self.size);
        let drawn = self.teeth.at(place[0], place[1], place[2]).map(|factor| 1.0 + (factor - 1.0) * tooth);
        let more = ((share[1].clamp(0.0, 1.0) - 1.0 + self.more * (1.0 + RISE)) / RISE).clamp(0.0, 1.0);
        ([r * drawn[0], g * drawn[1], b * drawn[2]], more.max(self.shut) * inside, inside)
    }

    /// What a mouth as wide and as open shows, in shares of its width and of the gap between its lips, and how much of a tooth it is.
    fn inside(&self, layers: &[f32], share: Point) -> [f32; 4] {
        let place = |share: f32, count: usize| {
            let at = (share * count as f32 - 0.5).clamp(0.0, (count - 1) as f32);
            let low = (at as usize).min(count - 1);
            (low, (low + 1).min(count - 1), at - low as f32)
        };
        let ((x0, x1, tx), (y0, y1, ty)) = (place(share[0], COLUMNS), place(share[1], ROWS));
        let mix = |a: f32, b: f32, t: f32| a + t * (b - a);
        let (k, open) = between(&OPENINGS, self.opening);
        std::array::from_fn(|lane| {
            let texel = |layer: usize, x: usize, y: usize| layers[((layer * ROWS + y) * COLUMNS + x) * 4 + lane];
            let layer = |i: usize| {
                mix(mix(texel(i, x0, y0), texel(i, x1, y0), tx), mix(texel(i, x0, y1), texel(i, x1, y1), tx), ty)
            };
            let half = |first: usize| mix(layer(first + k), layer(first + k + 1), open);
            mix(half(0), half(OPENINGS.len()), self.teeth.wide * (1.0 - self.shut))
        })
    }
}

/// Height of a rim at a place along it, linear between its points, constant beyond them; and how steep it is there.
fn rim_at(rim: &[Point; 7], along: f32) -> [f32; 2] {
    let [mut here, mut height] = rim[0];
    let mut steep = 0.0;
    for [last, next] in rim.array_windows() {
        let run = (next[0] - here).max(1e-4);
        let gone = (along - here).clamp(0.0, run);
        height += gone * (next[1] - last[1]) / run;
        if gone > 0.0 {
            steep = (next[1] - last[1]) / run;
        }
        here = here.max(next[0]);
    }
    [height, steep]
}
