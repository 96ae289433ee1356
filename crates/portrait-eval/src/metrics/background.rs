//! Background stillness: how much changes where nobody is.

use portrait_media::Picture;

use super::difference;
use super::region::dilated;

/// Mask values from which a pixel counts as person, as for the engine's own background.
const PERSON: u8 = 40;
/// How far hair and shadows may reach beyond the mask, in pixels of a 256-pixel picture.
const MARGIN: usize = 8;
/// Least share of the picture that has to be background.
const LEAST: f64 = 0.02;

/// Mean absolute difference of a picture from the photo, in 8-bit steps, where neither the photo's nor the driver's person mask
/// (one byte a pixel), widened by 8 pixels of 256, covers it. `None` where that is less than a fiftieth of the picture.
pub(crate) fn background_change(made: &Picture, photo: &Picture, masks: [&[u8]; 2]) -> Option<f64> {
    let side = photo.width as usize;
    let both: Vec<bool> = masks[0].iter().zip(masks[1]).map(|(&a, &b)| a.max(b) >= PERSON).collect();
    let covered = dilated(&both, side, MARGIN * side / 256);
    let free = covered.iter().filter(|&&c| !c).count();
    if (free as f64) < LEAST * covered.len() as f64 {
        return None;
    }
    difference(made, photo, |pixel| !covered[pixel]).map(|d| 255.0 * d.l1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_covers_counts() {
        let photo = Picture::from_fn(256, 256, |_, _| [100, 100, 100, 255]);
        // The right half changes by 3 steps, the left half, where the driver is, by 100.
        let made = Picture::from_fn(256, 256, |x, _| if x < 128 { [200; 4] } else { [103; 4] });
        let driver: Vec<u8> = (0..256 * 256).map(|p| if p % 256 < 120 { 255 } else { 0 }).collect();
        let nobody = vec![0; 256 * 256];
        assert!((background_change(&made, &photo, [&nobody, &driver]).unwrap() - 3.0).abs() < 1e-9);
        assert!(background_change(&made, &photo, [&nobody, &nobody]).unwrap() > 50.0);
        assert_eq!(background_change(&made, &photo, [&[255; 256 * 256], &nobody]), None);
    }
}
