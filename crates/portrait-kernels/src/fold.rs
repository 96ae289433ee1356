//! Space to depth: squares of `fold × fold` pixels as the channels of one pixel. The host side of `shaders/prelude/fold.wgsl`.
//!
//! A folded picture of `4 · n` channels has `n · fold²` slices: slice `s · fold² + dy · fold + dx` holds slice `s` of the pixels
//! in row `dy`, column `dx` of their squares, so that one pixel stays one vec4.

/// Which vec4 of the first `fold²` slices holds pixel (x, y) of a picture `size × size`.
pub(crate) const fn folded(x: usize, y: usize, size: usize, fold: usize) -> usize {
    let side = size / fold;
    ((y % fold * fold + x % fold) * side + y / fold) * side + x / fold
}

/// The channel of PyTorch's `pixel_unshuffle` or `pixel_shuffle` of a multiple of four channels that stands at `channel` of the
/// folded layout: weights trained on those are permuted by it.
pub const fn shuffled_channel(channel: u32, fold: u32) -> u32 {
    let square = fold * fold;
    let (slice, lane) = (channel / 4, channel % 4);
    (slice / square * 4 + lane) * square + slice % square
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_folding_nothing_moves() {
        assert!((0..35).all(|i| folded(i % 7, i / 7, 7, 1) == i));
        assert!((0..16).all(|c| shuffled_channel(c, 1) == c));
    }

    #[test]
    fn channels_are_those_of_pixel_unshuffle() {
        // torch: channel c · fold² + dy · fold + dx of the result is channel c of pixel (dx, dy).
        for (fold, channels) in [(2, 8), (3, 4)] {
            let square = fold * fold;
            for (c, corner) in (0..channels).flat_map(|c| (0..square).map(move |d| (c, d))) {
                let slice = c / 4 * square + corner;
                assert_eq!(shuffled_channel(slice * 4 + c % 4, fold), c * square + corner);
                let (dx, dy) = ((corner % fold) as usize, (corner / fold) as usize);
                let side = 5;
                let size = side * fold as usize;
                assert_eq!(folded(dx, dy, size, fold as usize), corner as usize * side * side);
            }
        }
    }
}
