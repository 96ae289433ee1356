//! Structural similarity (Wang et al. 2004) with the window and constants of scikit-image's `structural_similarity`: a uniform
//! 7 × 7 window, sample covariance, K1 = 0.01, K2 = 0.03, range 255, mean of the three channels, the border of three pixels left
//! out.

use portrait_media::Picture;

const WINDOW: usize = 7;
const C1: f64 = (0.01 * 255.0) * (0.01 * 255.0);
const C2: f64 = (0.03 * 255.0) * (0.03 * 255.0);

/// Structural similarity of two pictures of one size, -1..=1; 1 is equal. `None` where a side is below 7 pixels.
pub(crate) fn ssim(a: &Picture, b: &Picture) -> Option<f64> {
    assert_eq!((a.width, a.height), (b.width, b.height), "pictures of one size");
    let (width, height) = (a.width as usize, a.height as usize);
    if width.min(height) < WINDOW {
        return None;
    }
    let channels = [0, 1, 2].map(|c| {
        let plane =
            |picture: &Picture| -> Vec<f64> { picture.rgba.iter().skip(c).step_by(4).map(|&v| v.into()).collect() };
        channel(&plane(a), &plane(b), width)
    });
    Some(channels.iter().sum::<f64>() / 3.0)
}

fn channel(a: &[f64], b: &[f64], width: usize) -> f64 {
    let sums = |f: &dyn Fn(f64, f64) -> f64| windows(a.iter().zip(b).map(|(&x, &y)| f(x, y)).collect(), width);
    let moments = [sums(&|x, _| x), sums(&|_, y| y), sums(&|x, _| x * x), sums(&|_, y| y * y), sums(&|x, y| x * y)];
    let n = (WINDOW * WINDOW) as f64;
    let unbiased = n / (n - 1.0);
    let count = moments[0].len();
    let one = |i: usize| {
        let [x, y, xx, yy, xy] = [0, 1, 2, 3, 4].map(|m| moments[m][i] / n);
        let (vx, vy, covariance) = (unbiased * (xx - x * x), unbiased * (yy - y * y), unbiased * (xy - x * y));
        (2.0 * x * y + C1) * (2.0 * covariance + C2) / ((x * x + y * y + C1) * (vx + vy + C2))
    };
    (0..count).map(one).sum::<f64>() / count as f64
}

/// Sums over all windows that lie inside the plane.
fn windows(plane: Vec<f64>, width: usize) -> Vec<f64> {
    let across: Vec<Vec<f64>> =
        plane.chunks(width).map(|row| row.windows(WINDOW).map(|w| w.iter().sum()).collect()).collect();
    let down =
        |rows: &[Vec<f64>]| (0..rows[0].len()).map(|x| rows.iter().map(|row| row[x]).sum()).collect::<Vec<f64>>();
    across.windows(WINDOW).flat_map(down).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_scikit_image_has_it() {
        let a = |x, y, c| x * 11 + y * 7 + c * 40;
        let b = |x, y, c| a(x, y, c) + (x * y + 5 * c) % 23;
        let picture = |v: &dyn Fn(u32, u32, u32) -> u32| {
            Picture::from_fn(24, 17, |x, y| [v(x, y, 0) as u8, v(x, y, 1) as u8, v(x, y, 2) as u8, 255])
        };
        let (a, b) = (picture(&a), picture(&b));
        // scikit-image 0.26.0: structural_similarity(a, b, channel_axis=2) of the same uint8 pictures.
        let found = ssim(&a, &b).unwrap();
        assert!((found - 0.675_660_476_742_516_6).abs() < 1e-9, "{found}");
        assert!((ssim(&a, &a).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(ssim(&Picture::from_fn(6, 9, |_, _| [0; 4]), &Picture::from_fn(6, 9, |_, _| [0; 4])), None);
    }
}
