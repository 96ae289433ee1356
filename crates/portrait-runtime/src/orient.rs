//! Frames as cameras give them: turned, and mirrored or not.

/// How far a frame is to be turned clockwise to be upright.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// It is upright.
    #[default]
    None,
    /// By a quarter.
    Quarter,
    /// By half.
    Half,
    /// By three quarters.
    ThreeQuarters,
}

/// How a camera holds its frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orientation {
    /// What makes its frames upright.
    pub rotation: Rotation,
    /// Whether to mirror them, once upright, left to right.
    pub mirror: bool,
}

impl Orientation {
    /// Width and height of an upright frame.
    pub fn upright(&self, [width, height]: [u32; 2]) -> [u32; 2] {
        match self.rotation {
            Rotation::None | Rotation::Half => [width, height],
            Rotation::Quarter | Rotation::ThreeQuarters => [height, width],
        }
    }

    /// Where the upright pixel (x, y) lies in a frame of this size: `x · a + y · b + c` with `[a, b, c, side]` for the column, then for
    /// the row.
    pub(crate) fn places(&self, size: [u32; 2]) -> [[i32; 4]; 2] {
        let [w, h] = size.map(|v| v as i32);
        let [column, row] = match self.rotation {
            Rotation::None => [[1, 0, 0], [0, 1, 0]],
            Rotation::Quarter => [[0, 1, 0], [-1, 0, h - 1]],
            Rotation::Half => [[-1, 0, w - 1], [0, -1, h - 1]],
            Rotation::ThreeQuarters => [[0, -1, w - 1], [1, 0, 0]],
        };
        let last = self.upright(size)[0] as i32 - 1;
        // Mirrored, x counts from the right.
        let mirrored = |[a, b, c]: [i32; 3]| if self.mirror { [-a, b, c + a * last] } else { [a, b, c] };
        let with = |[a, b, c]: [i32; 3], side: i32| [a, b, c, side];
        [with(mirrored(column), w), with(mirrored(row), h)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_clockwise_and_mirrors_come_after() {
        // a b c        d a          c b a
        // d e f  → 90° e b  mirror  f e d
        //              f c
        let turned = |rotation, mirror| {
            let orientation = Orientation { rotation, mirror };
            let size @ [width, height] = orientation.upright([3, 2]);
            let [column, row] = orientation.places([3, 2]);
            let at = |x: i32, y: i32| [column, row].map(|[a, b, c, _]| a * x + b * y + c);
            let pixels = (0..height as i32).flat_map(|y| (0..width as i32).map(move |x| (x, y)));
            let letters = pixels.map(|(x, y)| {
                let [column, row] = at(x, y);
                char::from(b"abcdef"[(row * 3 + column) as usize])
            });
            (size, letters.collect::<String>())
        };
        assert_eq!(turned(Rotation::None, true), ([3, 2], "cbafed".to_owned()));
        assert_eq!(turned(Rotation::Quarter, false), ([2, 3], "daebfc".to_owned()));
        assert_eq!(turned(Rotation::Quarter, true), ([2, 3], "adbecf".to_owned()));
        assert_eq!(turned(Rotation::Half, false), ([3, 2], "fedcba".to_owned()));
        assert_eq!(turned(Rotation::ThreeQuarters, false), ([2, 3], "cfbead".to_owned()));
        assert_eq!(turned(Rotation::ThreeQuarters, true), ([2, 3], "fcebda".to_owned()));
    }
}
