//! Where eyes and lips are among the 106 facial points, and the frame of a face: the host side of `shaders/prelude/face.wgsl`
//! and `refiner.wgsl`.

/// The 24 eye points: outer corners, inner corners, five upper lid points, five lower ones; of the right and the left eye in turn.
pub(crate) const EYES_AT: usize = 44;
pub(crate) const UPPER_LIDS_AT: usize = 48;
pub(crate) const LOWER_LIDS_AT: usize = 58;
/// The 20 lip points: middle of the upper and the lower lip, right and left end, …
pub(crate) const LIPS_AT: usize = 83;
/// Upper and lower points of the inner lips that lie opposite each other: in the middle, right and left of it.
pub(crate) const INNER_LIPS: [[usize; 2]; 3] = [[95, 96], [99, 101], [100, 102]];
/// What goes along with each of those where shut lips are kept from crossing, and how far: the outer points above and below it, and
/// those between them and the corners.
pub(crate) const OUTER_LIPS: [&[([usize; 2], f32)]; 3] =
    [&[([83, 84], 1.0)], &[([89, 93], 1.0), ([87, 91], 0.5)], &[([90, 94], 1.0), ([88, 92], 0.5)]];

pub(crate) type Point = [f32; 2];

pub(crate) fn dot(a: Point, b: Point) -> f32 {
    a[0] * b[0] + a[1] * b[1]
}

pub(crate) fn minus(a: Point, b: Point) -> Point {
    [a[0] - b[0], a[1] - b[1]]
}

pub(crate) fn middle(a: Point, b: Point) -> Point {
    [0.5 * (a[0] + b[0]), 0.5 * (a[1] + b[1])]
}

/// How a face lies in a picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Face {
    /// Unit vector from the right to the left eye.
    pub(crate) along: Point,
    /// A length that neither a turn nor a nod of the head changes much.
    pub(crate) size: f32,
}

impl Face {
    /// Of facial points, the first 106 as in `weights/presets/fk106.json`.
    pub(crate) fn of(points: &[Point]) -> Self {
        let (right, left) = (points[EYES_AT], points[EYES_AT + 1]);
        let length = |d: Point| dot(d, d).sqrt();
        let width = length(minus(left, right)).max(1e-6);
        let height = length(minus(middle(right, left), mouth(points)));
        Self { along: minus(left, right).map(|v| v / width), size: width.max(1.25 * height) }
    }

    /// Unit vector from the eyes to the mouth.
    pub(crate) fn across(&self) -> Point {
        [-self.along[1], self.along[0]]
    }
}

fn mouth(points: &[Point]) -> Point {
    [0, 1].map(|c| 0.25 * points[LIPS_AT..LIPS_AT + 4].iter().map(|p| p[c]).sum::<f32>())
}

/// One of the refiner's crops: its middle, and its sides as vectors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region {
    pub(crate) centre: Point,
    pub(crate) x: Point,
    pub(crate) y: Point,
}

impl Region {
    /// Right eye, left eye mirrored, mouth.
    pub(crate) fn all(points: &[Point]) -> [Self; 3] {
        let face = Face::of(points);
        let eye = |i: usize| middle(points[EYES_AT + i], points[EYES_AT + 2 + i]);
        let crop = |centre: Point, side: f32, flip: f32| Self {
            centre,
            x: face.along.map(|v| v * flip * side * face.size),
            y: face.across().map(|v| v * side * face.size),
        };
        [crop(eye(0), 0.55, 1.0), crop(eye(1), 0.55, -1.0), crop(mouth(points), 0.9, 1.0)]
    }

    /// A point in sides of the crop, 0 in the middle.
    pub(crate) fn into(self, point: Point) -> Point {
        let d = minus(point, self.centre);
        [self.x, self.y].map(|side| dot(d, side) / dot(side, side))
    }

    /// The inverse of [`Region::into`].
    pub(crate) fn at(&self, q: Point) -> Point {
        [0, 1].map(|c| self.centre[c] + q[0] * self.x[c] + q[1] * self.y[c])
    }
}
