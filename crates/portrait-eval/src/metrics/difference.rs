//! Pixel differences: L1 and PSNR.

use portrait_media::Picture;

/// How far two pictures are apart, over red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Difference {
    /// Mean absolute difference, 0..=1.
    pub(crate) l1: f64,
    /// Mean squared difference, 0..=1.
    pub(crate) mse: f64,
}

impl Difference {
    /// Peak signal-to-noise ratio in dB, at most 100.
    pub(crate) fn psnr(self) -> f64 {
        -10.0 * self.mse.max(1e-10).log10()
    }
}

/// The difference of two pictures of one size over the pixels that `inside` holds; `None` where it holds none.
pub(crate) fn difference(a: &Picture, b: &Picture, inside: impl Fn(usize) -> bool) -> Option<Difference> {
    assert_eq!((a.width, a.height), (b.width, b.height), "pictures of one size");
    let pairs = a.rgba.as_chunks::<4>().0.iter().zip(b.rgba.as_chunks::<4>().0);
    let (mut absolute, mut squared, mut values) = (0.0, 0.0, 0u32);
    for (_, (p, q)) in pairs.enumerate().filter(|&(pixel, _)| inside(pixel)) {
        for c in 0..3 {
            let d = f64::from(p[c].abs_diff(q[c])) / 255.0;
            absolute += d;
            squared += d * d;
            values += 1;
        }
    }
    let n = f64::from(values);
    (values > 0).then(|| Difference { l1: absolute / n, mse: squared / n })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_differences() {
        let a = Picture::from_fn(4, 2, |_, _| [100, 100, 100, 255]);
        let b = Picture::from_fn(4, 2, |x, _| if x < 2 { [151, 100, 49, 255] } else { [100, 100, 100, 0] });
        let all = difference(&a, &b, |_| true).unwrap();
        // 0.2 in two of three colours of half the pixels; alpha does not count.
        assert!((all.l1 - 0.2 / 3.0).abs() < 1e-9 && (all.mse - 0.04 / 3.0).abs() < 1e-9, "{all:?}");
        assert!((all.psnr() - 18.7506).abs() < 1e-3, "{}", all.psnr());
        let left = difference(&a, &b, |pixel| pixel % 4 < 2).unwrap();
        assert!((left.l1 - 2.0 * all.l1).abs() < 1e-9);
        assert_eq!(difference(&a, &b, |pixel| pixel % 4 > 1).unwrap().psnr(), 100.0);
        assert_eq!(difference(&a, &b, |_| false), None);
    }
}
