//! What is made of a photo before the networks, against training.

use super::fixtures::{Fixture, max_difference};
use crate::inpaint::fill_background;

#[test]
fn the_background_is_filled_as_in_training() {
    let stored = Fixture::open("s_frame0");
    let rgb: Vec<[f32; 3]> = stored.get("src").as_chunks::<3>().0.iter().map(|p| p.map(|v| v / 255.0)).collect();
    let mask: Vec<f32> = stored.get("smask").iter().map(|v| v / 255.0).collect();
    let filled: Vec<f32> = fill_background(&rgb, &mask, 256).into_iter().flatten().map(|v| v * 255.0).collect();
    let expected = stored.get("back");
    let mean = filled.iter().zip(&expected).map(|(a, b)| (a - b).abs()).sum::<f32>() / filled.len() as f32;
    println!("background: mean difference {mean:.3} of 255, largest {:.1}", max_difference(&filled, &expected));
    assert!(mean < 1.5, "{mean}");
}
