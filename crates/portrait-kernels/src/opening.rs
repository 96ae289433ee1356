//! How eyes and mouth of a driver lead those of a photo: the host side of `shaders/find_rims.wgsl`, `shaders/prelude/openings.wgsl` and
//! `shaders/prelude/rims.wgsl`.

use crate::face::{Point, dot, minus};
use bytemuck::{Pod, Zeroable};

/// Places in [`crate::Transfer::pins`]: after the corners (outer, inner) ten points of the upper lids, as many of the lower ones; all
/// of the right and the left eye in turn.
const CORNERS: usize = 4;
const LIDS: usize = 10;
/// The same of the lips from corner to corner: outer and inner rim of the upper, inner and outer rim of the lower one.
pub(crate) const LIPS: [[usize; 7]; 4] = [
    [26, 28, 30, 24, 31, 29, 27],
    [26, 38, 40, 36, 41, 39, 27],
    [26, 38, 42, 37, 43, 39, 27],
    [26, 32, 34, 25, 35, 33, 27],
];
/// Below this part of the photo's opening lids are closed further than they are seen to be, the more the nearer they are to shut …
const CLOSING: f32 = 0.5;
/// … the driver's by up to this part of that opening, …
const SHUT: f32 = 0.2;
/// … and the photo's upper and lower lines are moved outwards by up to these parts of it: of a shut eye, what is left between the lids is
/// seen first. The upper one stays near its lashes, which are the line that a shut eye is.
const WIDER: [f32; 2] = [0.06, 0.2];
/// Skin beyond an outer rim is stretched over this many times what the rim moves on it. 1 would fold it.
const STRETCH: f32 = 2.2;
/// Most of it near the rim: at the other end the motion ends without a kink at 1.
const EASE: f32 = 0.8;
/// But over no less and no more than this: brows are not to be pulled down. Here and below: of the distance between the outer corners
/// of the eyes.
const REACH: [f32; 2] = [0.1, 0.25];
/// From a lid to its outer rim: its edge and lashes are moved as they are.
const LASHES: f32 = 0.04;
/// Beyond the corners the correction fades over this distance.
const TAPER: f32 = 0.07;

/// How a face lies: where its own coordinates point, and the distance between the outer corners of its eyes.
#[derive(Clone, Copy)]
pub(crate) struct Axes {
    pub(crate) along: Point,
    pub(crate) across: Point,
    pub(crate) size: f32,
}

impl Axes {
    /// Of pins or other points that begin with the outer corners of the right and the left eye.
    pub(crate) fn of(pins: &[Point]) -> Self {
        let d = minus(pins[1], pins[0]);
        let size = dot(d, d).sqrt().max(1e-6);
        let along = d.map(|v| v / size);
        Self { along, across: [-along[1], along[0]], size }
    }

    /// A point of the picture along and across the face.
    pub(crate) fn place(&self, z: Point) -> Point {
        [dot(z, self.along), dot(z, self.across)]
    }
}

/// How much of a pixel of this side lies between two heights, 0..=1.
pub(crate) fn covered(at: f32, top: f32, bottom: f32, pixel: f32) -> f32 {
    ((bottom.min(at + 0.5 * pixel) - top.max(at - 0.5 * pixel)) / pixel).clamp(0.0, 1.0)
}

/// A point of a rim: along its opening from corner to corner, across the face, and what the flow misses there.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(crate) struct Node {
    along: f32,
    across: f32,
    miss: Point,
}

/// How far an eye (0 right, 1 left) is open among pins, on average along it.
pub(crate) fn eye_opening(pins: &[Point], axes: &Axes, eye: usize) -> f32 {
    let pairs = (CORNERS + eye..CORNERS + LIDS).step_by(2).map(|i| dot(minus(pins[i + LIDS], pins[i]), axes.across));
    pairs.sum::<f32>() / (LIDS / 2) as f32
}

/// A lid's point or a corner of an eye in the source and in the driver, once lids that close are closed further.
fn closed_further(i: usize, source: &[Point], driver: &[Point], photo: &Axes, axes: &Axes) -> [Point; 2] {
    if i < CORNERS {
        return [source[i], driver[i]];
    }
    let lower = i >= CORNERS + LIDS;
    let (upper_at, sign) = if lower { (i - LIDS, -1.0) } else { (i, 1.0) };
    let gap = minus(source[upper_at + LIDS], source[upper_at]);
    let rest = dot(gap, photo.across).max(1e-4) * axes.size / photo.size;
    let opening = dot(minus(driver[upper_at + LIDS], driver[upper_at]), axes.across);
    let closing = (1.0 - opening / (rest * CLOSING)).clamp(0.0, 1.0);
    let wider = -sign * closing * WIDER[usize::from(lower)];
    let push = sign * 0.5 * (SHUT * rest * closing).min(opening.max(0.0));
    [[0, 1].map(|c| source[i][c] + wider * gap[c]), [0, 1].map(|c| driver[i][c] + push * axes.across[c])]
}

/// An eye or the mouth, an opening between two edges: lids with their lashes, or lips.
pub(crate) struct Opening {
    axes: Axes,
    /// 1, or -1 for the left eye, which runs backwards along the face.
    sense: f32,
    /// From top to bottom, the outer and the inner one of each edge; points from corner to corner.
    rims: [[Node; 7]; 4],
    pixel: f32,
}

/// The points of an eye's (0 right, 1 left) upper and lower lid among pins. `missed(source, driver)` is what the flow lacks at a driver's
/// point to lead to the source's.
pub(crate) fn lids(
    eye: usize,
    source: &[Point],
    driver: &[Point],
    missed: impl Fn(Point, Point) -> Point,
) -> [[Node; 7]; 2] {
    let (axes, photo) = (Axes::of(driver), Axes::of(source));
    let node = |i: usize| {
        let [s, d] = closed_further(i, source, driver, &photo, &axes);
        let [along, across] = axes.place(d);
        Node { along: along * sense(eye), across, miss: missed(s, d) }
    };
    [CORNERS, CORNERS + LIDS].map(|lid| {
        let first = lid + eye;
        [eye, first, first + 2, first + 4, first + 6, first + 8, 2 + eye].map(node)
    })
}

/// The points of the four rims of the lips among pins, as [`lids`].
pub(crate) fn lips(source: &[Point], driver: &[Point], missed: impl Fn(Point, Point) -> Point) -> [[Node; 7]; 4] {
    let axes = Axes::of(driver);
    LIPS.map(|rim| {
        rim.map(|i| {
            let [along, across] = axes.place(driver[i]);
            Node { along, across, miss: missed(source[i], driver[i]) }
        })
    })
}

/// What an opening of these points reaches: from its first to its last corner along it, then across.
pub(crate) fn reach(points: &[Node], axes: &Axes) -> [f32; 4] {
    let (top, bottom) =
        points.iter().fold((f32::MAX, f32::MIN), |(top, bottom), n| (top.min(n.across), bottom.max(n.across)));
    let beyond = (REACH[1] + LASHES) * axes.size;
    [points[0].along, points[6].along, top - beyond, bottom + beyond]
}

/// The sense in which an opening runs along the face.
fn sense(opening: usize) -> f32 {
    if opening == 1 { -1.0 } else { 1.0 }
}

impl Opening {
    /// Eyes (0 right, 1 left) and the mouth of a driver with these axes, from the points of [`lids`] and [`lips`] in turn. `pixel` is
    /// the side of a pixel in [-1, 1].
    pub(crate) fn all(points: &[Node], axes: Axes, pixel: f32) -> [Self; 3] {
        let rim = |i: usize| std::array::from_fn(|k| points[7 * i + k]);
        let lashes = |lid: [Node; 7], by: f32| lid.map(|n| Node { across: n.across + by * LASHES * axes.size, ..n });
        [0, 1, 2].map(|opening| {
            let rims = if opening < 2 {
                let [upper, lower] = [rim(2 * opening), rim(2 * opening + 1)];
                [lashes(upper, -1.0), upper, lower, lashes(lower, 1.0)]
            } else {
                [4, 5, 6, 7].map(rim)
            };
            Self { axes, sense: sense(opening), rims, pixel }
        })
    }

    /// Correction of a loose flow at a point of the picture, and how much of it lies inside.
    pub(crate) fn at(&self, z: Point, loose: impl Fn(Point) -> Point) -> (Point, f32) {
        let Self { axes, sense, rims, pixel } = self;
        let [along, height] = axes.place(z);
        let along = along * sense;
        let [mut top, above, below, mut bottom] = rims.each_ref().map(|rim| between(rim, along));
        // What is open by no more than a pixel is shut: of the eye or the mouth, single pixels would be left.
        let gap = below.across - above.across;
        let (middle, gap) = (0.5 * (above.across + below.across), gap.min(2.0 * (gap - pixel)).max(0.0));
        let (upper, lower) = (middle - 0.5 * gap, middle + 0.5 * gap);
        (top.across, bottom.across) = (top.across.min(upper), bottom.across.max(lower));
        // Where the inner rims meet, the flow shows what lies on either side, not the average of both, which is what lies between.
        let down = ((height - middle) / gap.max(0.01 * pixel) + 0.5).clamp(0.0, 1.0);
        let part = |top: f32, bottom: f32| ((height - top) / (bottom - top).max(1e-4)).clamp(0.0, 1.0);
        let (into, out) = (part(top.across, upper), part(lower, bottom.across));
        let beyond = (rims[0][0].along - along).max(along - rims[0][6].along).max(0.0);
        let fade = (1.0 - beyond / (TAPER * axes.size)).clamp(0.0, 1.0);
        let shifted = |to: f32| [0, 1].map(|c| z[c] + (to - height) * axes.across[c]);
        // Inside it runs straight from rim to rim: what the loose flow does on the way is of lids and lips, not of what they show.
        let straight = if height > upper && height < lower {
            let there = [upper, lower].map(|to| loose(shifted(to)));
            let here = loose(z);
            [0, 1].map(|c| there[0][c] * (1.0 - down) + there[1][c] * down - here[c])
        } else {
            [0.0; 2]
        };
        // Beyond an outer rim its motion goes over into the loose flow's further off. The loose flow on the way stretches the skin as
        // well, and both together would draw a line of it over all of the lid.
        let skin = |rim: Node, sense: f32| {
            let moved = |to: f32| minus(loose(shifted(to)), shifted(to));
            let [least, most] = REACH.map(|reach| reach * axes.size);
            let (loosely, away) = (moved(rim.across), sense * (height - rim.across));
            let edge = [0, 1].map(|c| loosely[c] + rim.miss[c]);
            let rise = dot(minus(edge, moved(rim.across + sense * most)), axes.across).abs();
            let reach = (STRETCH * rise).clamp(least, most);
            if away >= reach {
                return [0.0; 2];
            }
            // As much as folds nothing.
            let ease = (reach / rise.max(1e-4) - 1.0).clamp(0.0, EASE);
            let share = away / reach;
            let share = share * (1.0 + ease * (1.0 - share));
            let (far, here) = (moved(rim.across + sense * reach), moved(height));
            [0, 1].map(|c| edge[c] + share * (far[c] - edge[c]) - here[c])
        };
        let correction = if height < top.across {
            skin(top, -1.0)
        } else if height > bottom.across {
            skin(bottom, 1.0)
        } else {
            [0, 1].map(|c| {
                let [top, above, below, bottom] = [top, above, below, bottom].map(|n| n.miss[c]);
                top + into * (above - top) + down * (below - above) + out * (bottom - below) + straight[c]
            })
        };
        let correction = correction.map(|v| fade * v);
        (correction, covered(height, upper, lower, *pixel))
    }
}

/// A rim at a place along its opening: linear between its points, constant beyond them.
fn between(rim: &[Node; 7], along: f32) -> Node {
    let (mut here, mut value) = (rim[0].along, rim[0]);
    for [last, next] in rim.array_windows() {
        let share = ((along - here) / (next.along - here).max(1e-4)).clamp(0.0, 1.0);
        value.across += share * (next.across - last.across);
        value.miss = [0, 1].map(|c| value.miss[c] + share * (next.miss[c] - last.miss[c]));
        here = here.max(next.along);
    }
    value
}
