//! Frames as cameras give them: turned, and mirrored or not.

use crate::frame::Frame;

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

    /// Writes the frame upright into `out`, whose memory is used again.
    pub(crate) fn apply(&self, frame: Frame<'_>, out: &mut Vec<u8>) {
        let (w, h) = (frame.width as usize, frame.height as usize);
        let [width, height] = self.upright([frame.width, frame.height]).map(|v| v as usize);
        let texels = frame.rgba.as_chunks::<4>().0;
        out.resize(frame.rgba.len(), 0);
        for (y, row) in out.as_chunks_mut::<4>().0.chunks_exact_mut(width).enumerate() {
            // A row of the result is a line through the frame: where it starts, and from texel to texel.
            let (start, step) = match self.rotation {
                Rotation::None => ((y * w) as isize, 1),
                Rotation::Half => (((h - 1 - y) * w + w - 1) as isize, -1),
                Rotation::Quarter => (((h - 1) * w + y) as isize, -(w as isize)),
                Rotation::ThreeQuarters => ((w - 1 - y) as isize, w as isize),
            };
            let (start, step) = match self.mirror {
                true => (start + step * (width as isize - 1), -step),
                false => (start, step),
            };
            for (x, texel) in row.iter_mut().enumerate() {
                *texel = texels[(start + step * x as isize) as usize];
            }
        }
        debug_assert_eq!(out.len(), 4 * width * height);
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
        let rgba: Vec<u8> = b"abcdef".iter().flat_map(|&v| [v; 4]).collect();
        let frame = Frame { width: 3, height: 2, rgba: &rgba };
        let mut out = Vec::new();
        let mut turned = |rotation, mirror| {
            let orientation = Orientation { rotation, mirror };
            orientation.apply(frame, &mut out);
            let text: Vec<u8> = out.iter().step_by(4).copied().collect();
            (orientation.upright([3, 2]), String::from_utf8(text).expect("letters"))
        };
        assert_eq!(turned(Rotation::None, true), ([3, 2], "cbafed".to_owned()));
        assert_eq!(turned(Rotation::Quarter, false), ([2, 3], "daebfc".to_owned()));
        assert_eq!(turned(Rotation::Quarter, true), ([2, 3], "adbecf".to_owned()));
        assert_eq!(turned(Rotation::Half, false), ([3, 2], "fedcba".to_owned()));
        assert_eq!(turned(Rotation::ThreeQuarters, false), ([2, 3], "cfbead".to_owned()));
        assert_eq!(turned(Rotation::ThreeQuarters, true), ([2, 3], "fcebda".to_owned()));
    }
}
