//! The square of a frame in which the networks see a person.

/// Side of the crop in longer sides of the box of the 468 face points. Measured on what the v0 weights were trained on: 31 clips
/// 1.80 ± 0.13 (1.77 as the trainer samples them), 1,065 stills 1.73 ± 0.14.
pub const CROP_SCALE: f32 = 1.77;
/// How far the crop's centre lies above the box's, in crop sides. Measured: clips 0.060 ± 0.035, stills 0.058 ± 0.030.
pub const CROP_UP: f32 = 0.058;

/// The portrait crop `(cx, cy, side)` around the box of a face, in frame pixels (pixel 0 spans 0..1): [`CROP_SCALE`] times the
/// longer side of the box, centre moved up by [`CROP_UP`] sides, no larger than `frame` `[width, height]` and shifted inside it.
/// The shader `track` computes the same thing.
pub fn portrait_crop(bbox_min: [f32; 2], bbox_max: [f32; 2], frame: [u32; 2]) -> [f32; 3] {
    let [w, h] = frame.map(|v| v as f32);
    let longer = (bbox_max[0] - bbox_min[0]).max(bbox_max[1] - bbox_min[1]);
    let side = (longer * CROP_SCALE).min(w.min(h));
    let inside = |centre: f32, length: f32| centre.max(0.5 * side).min(length - 0.5 * side);
    let cx = inside(0.5 * (bbox_min[0] + bbox_max[0]), w);
    let cy = inside(0.5 * (bbox_min[1] + bbox_max[1]) - CROP_UP * side, h);
    [cx, cy, side]
}
