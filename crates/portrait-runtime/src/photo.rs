//! From a photo to a face: detection, mesh, crop.

use crate::avatar::FaceBox;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::frame::Frame;
use image::RgbaImage;
use image::imageops::{self, FilterType};
use portrait_kernels::{Border, Crop, DetectedFace, Kernel, RefineCrops, decode_faces, portrait_crop};
use portrait_models::{DETECTOR_SIZE, MESH_POINTS, MESH_SIZE, facial_points};
use std::borrow::Cow;

/// Longest side at which a photo is looked at, and a part of it: the mesh sees half of that, three pixels for two of its own.
const LOOK_SIZE: u32 = 1024;
const NEAR_SIZE: u32 = 3 * MESH_SIZE;
/// Mesh score from which a crop holds a face.
pub(crate) const PRESENT: f32 = 0.5;
/// Sizes of tiles in which faces are looked for: the whole photo, halves, quarters, eighths.
const LEVELS: u32 = 4;
/// The first ones are cut from the reduced photo, the finer ones from the photo itself, and only if nothing larger was found.
const COARSE: u32 = 2;
/// Tiles of the last level have at least this side, in inputs of the detector: faces of fewer pixels are of no use.
const FINEST: f32 = 3.0;
/// What mesh and refiner see of a photo, in sizes of the face's box: their crops, wherever the second look moves them.
const NEAR: f32 = 3.0;

/// A photo, or a part of it, reduced. Places are those of the photo, in its pixels.
#[derive(Clone)]
pub(crate) struct Look<'a> {
    photo: Frame<'a>,
    texels: Vec<f32>,
    size: [u32; 2],
    /// Left top corner in the photo.
    corner: [f32; 2],
    /// Photo pixels per pixel here.
    scale: f32,
}

/// The mesh of one face, in photo pixels (pixel 0 has its centre at 0.5); z has the scale of x, smaller is nearer.
#[derive(Clone, Debug)]
pub(crate) struct PhotoFace {
    pub(crate) points: Vec<[f32; 3]>,
    pub(crate) score: f32,
}

impl<'a> Look<'a> {
    pub(crate) fn new(photo: Frame<'a>) -> Result<Self, EngineError> {
        photo.check()?;
        Ok(Self::part(photo, [0, 0], [photo.width, photo.height], LOOK_SIZE))
    }

    /// The part of a checked photo at a corner, with no side longer than `most`.
    fn part(photo: Frame<'a>, [left, top]: [u32; 2], [width, height]: [u32; 2], most: u32) -> Self {
        let longest = width.max(height);
        let (rgba, size, scale) = if longest <= most {
            (rows(photo, [left, top], [width, height]), [width, height], 1.0)
        } else {
            let scale = longest as f32 / most as f32;
            let size = [width, height].map(|n| ((n as f32 / scale).round() as u32).max(1));
            let whole = buffer(photo);
            let part = imageops::crop_imm(&whole, left, top, width, height);
            (imageops::thumbnail(&*part, size[0], size[1]), size, scale)
        };
        let texels = rgba.as_raw().iter().map(|&v| f32::from(v) / 255.0).collect();
        Self { photo, texels, size, corner: [left as f32, top as f32], scale }
    }

    /// What the photo has of a square `(cx, cy, side)`, looked at from near: a face that is small in the photo has all its pixels.
    /// One that is not is seen as well from here, and a large photo is not gone through again.
    fn near(&self, [cx, cy, side]: [f32; 3]) -> Cow<'_, Self> {
        let ends = |centre: f32, n: u32| {
            let first = ((centre - 0.5 * side).floor().max(0.0) as u32).min(n - 1);
            let end = ((centre + 0.5 * side).ceil().max(0.0) as u32).clamp(first + 1, n);
            [first, end - first]
        };
        let ([left, width], [top, height]) = (ends(cx, self.photo.width), ends(cy, self.photo.height));
        if width.max(height) as f32 / NEAR_SIZE as f32 >= self.scale {
            return Cow::Borrowed(self);
        }
        Cow::Owned(Self::part(self.photo, [left, top], [width, height], NEAR_SIZE))
    }

    /// A square `(cx, cy, side)` of the photo, in pixels of this look.
    fn here(&self, [cx, cy, side]: [f32; 3]) -> [f32; 3] {
        [(cx - self.corner[0]) / self.scale, (cy - self.corner[1]) / self.scale, side / self.scale]
    }

    /// A region `(cx, cy, side, angle)` as input of the mesh.
    fn mesh_input(&self, [cx, cy, side, angle]: [f32; 4]) -> Vec<f32> {
        let [cx, cy, side] = self.here([cx, cy, side]);
        let taps = (side / MESH_SIZE as f32).round().clamp(1.0, 4.0) as u32;
        let size = [MESH_SIZE; 2];
        let crop = Crop { frame: self.size, size, taps, scale: 1.0, offset: 0.0, border: Border::Zero };
        let mut out = vec![0.0; 4 * (MESH_SIZE * MESH_SIZE) as usize];
        crop.cpu(&[&self.texels, &[cx, cy, side, angle]], &mut [&mut out]);
        out
    }

    /// Faces that the mesh network confirms, the largest first, each with its box in photo pixels.
    pub(crate) async fn faces(&self, engine: &Engine) -> Result<Vec<(FaceBox, PhotoFace)>, EngineError> {
        let mut found = Vec::new();
        for level in 0..LEVELS {
            if level < COARSE || found.is_empty() {
                self.look(engine, level, &mut found).await?;
            }
        }
        found.sort_by(|(a, _), (b, _)| b.side.total_cmp(&a.side));
        Ok(found)
    }

    /// Adds the confirmed faces of one level of tiles that are not known yet.
    async fn look(
        &self,
        engine: &Engine,
        level: u32,
        found: &mut Vec<(FaceBox, PhotoFace)>,
    ) -> Result<(), EngineError> {
        let mut boxes: Vec<DetectedFace> = Vec::new();
        for tile in self.tiles(level) {
            boxes.extend(if level < COARSE {
                self.detect(engine, tile).await?
            } else {
                self.near(tile).detect(engine, tile).await?
            });
        }
        boxes.sort_by(|a, b| b.area().total_cmp(&a.area()));
        for face in &boxes {
            // Tiles overlap, and a part of a face in one is the whole of it in another.
            let known = |(other, _): &(FaceBox, PhotoFace)| {
                let far = (0..2).map(|c| (other.center[c] - face.center[c]).abs()).fold(0.0, f32::max);
                far < 0.5 * other.side
            };
            if found.iter().any(known) {
                continue;
            }
            let ([cx, cy], side) = (face.center, face.size[0].max(face.size[1]));
            if let Some(mesh) = self.near([cx, cy, NEAR * side]).mesh(engine, face).await? {
                found.push((FaceBox { center: face.center, side, score: face.score }, mesh));
            }
        }
        Ok(())
    }

    /// Squares `(cx, cy, side)` that cover the photo: all of it at level 0, then overlapping ones of half the side and less.
    /// The detector sees faces from about a tenth of its input on.
    fn tiles(&self, level: u32) -> Vec<[f32; 3]> {
        let [w, h] = [self.photo.width, self.photo.height].map(|n| n as f32);
        let side = w.max(h) / (1 << level) as f32;
        let least = if level + 1 == LEVELS { FINEST } else { 1.0 };
        if level > 0 && side < least * DETECTOR_SIZE as f32 {
            return Vec::new();
        }
        let steps = |n: f32| if level == 0 || n <= side { 1 } else { (2.0 * (n / side - 1.0)).ceil() as u32 + 1 };
        let at = |i: u32, count: u32, n: f32| {
            if count == 1 { 0.5 * n } else { 0.5 * side + (n - side) * i as f32 / (count - 1) as f32 }
        };
        let (columns, rows) = (steps(w), steps(h));
        let tile = |r: u32, c: u32| [at(c, columns, w), at(r, rows, h), side];
        (0..rows).flat_map(|r| (0..columns).map(move |c| tile(r, c))).collect()
    }

    /// The 108 facial points of a face, eyes and lips refined, in [-1, 1] of a crop of the photo (left, top, side); z in the same unit.
    pub(crate) async fn facial(
        &self,
        engine: &Engine,
        face: &PhotoFace,
        crop: [u32; 3],
        image: u32,
    ) -> Result<Vec<[f32; 3]>, EngineError> {
        let mesh = face.facial(crop, image);
        let raw: Vec<f32> = mesh.iter().flat_map(|&[x, y, _]| [x, y]).collect();
        let [left, top, side] = crop.map(|v| v as f32);
        let near = self.near(face.surroundings());
        let [cx, cy, side] = near.here([left + 0.5 * side, top + 0.5 * side, side]);
        let mut crops = vec![0.0; RefineCrops::OUTPUT.iter().product::<u32>() as usize];
        let cuts = RefineCrops { frame: near.size, image };
        cuts.cpu(&[&near.texels, &[cx, cy, side, 0.0], &raw], &mut [&mut crops]);
        let refiner = &engine.nets.refiner;
        let inputs: [(&str, &[f32]); 3] =
            [("refiner_input", &crops), ("raw_facial", &raw), ("refiner_map", &refiner.map)];
        let found = engine.run_once(&refiner.program, &inputs, &["facial"]).await?;
        // An iris is as deep as the corners of its eye.
        let corners = &facial_points().eyes[..4];
        let depth = |i: usize| mesh[corners[i] as usize][2];
        let irises = [0, 1].map(|eye| 0.5 * (depth(eye) + depth(eye + 2)));
        let depths = mesh.iter().map(|p| p[2]).chain(irises);
        Ok(found[0].as_chunks().0.iter().zip(depths).map(|(&[x, y], z)| [x, y, z]).collect())
    }

    /// Faces in one square `(cx, cy, side)` of the photo.
    async fn detect(
        &self,
        engine: &Engine,
        square @ [cx, cy, side]: [f32; 3],
    ) -> Result<Vec<DetectedFace>, EngineError> {
        let [x, y, pixels] = self.here(square);
        let taps = (pixels / DETECTOR_SIZE as f32).ceil().clamp(1.0, 4.0) as u32;
        let size = [DETECTOR_SIZE; 2];
        let crop = Crop { frame: self.size, size, taps, scale: 2.0, offset: -1.0, border: Border::Zero };
        let mut input = vec![0.0; 4 * (DETECTOR_SIZE * DETECTOR_SIZE) as usize];
        crop.cpu(&[&self.texels, &[x, y, pixels, 0.0]], &mut [&mut input]);
        let names = ["boxes16", "scores16", "boxes8", "scores8"];
        let found = engine.run_once(&engine.nets.detector, &[("detector_input", &input)], &names).await?;
        // Decoded as if the input were a frame of its own, then moved to where it was cut out.
        let unit = [DETECTOR_SIZE; 2];
        let scale = side / DETECTOR_SIZE as f32;
        let place = |[x, y]: [f32; 2]| [x * scale + cx - 0.5 * side, y * scale + cy - 0.5 * side];
        let faces = decode_faces(&found[0], &found[1], &found[2], &found[3], unit).into_iter();
        Ok(faces
            .map(|f| DetectedFace {
                center: place(f.center),
                size: f.size.map(|v| v * scale),
                points: f.points.map(place),
                score: f.score,
            })
            .collect())
    }

    /// The mesh of a detected face; `None` when the mesh network sees none there.
    async fn mesh(&self, engine: &Engine, face: &DetectedFace) -> Result<Option<PhotoFace>, EngineError> {
        let mut roi = face.roi();
        let mut result = None;
        // The second pass looks through the box of the first one's points, as a tracker does from frame to frame.
        for _ in 0..2 {
            let input = self.mesh_input(roi);
            let found =
                engine.run_once(&engine.nets.mesh, &[("mesh_input", &input)], &["mesh_points", "mesh_score"]).await?;
            let score = 1.0 / (1.0 + (-found[1][0]).exp());
            if score.is_nan() || score < PRESENT || found[0].iter().any(|v| !v.is_finite()) {
                return Ok(None);
            }
            let points = to_photo(&found[0], roi);
            roi = next_roi(&points);
            result = Some(PhotoFace { points, score });
        }
        Ok(result)
    }
}

/// Mesh output in pixels of its crop to pixels of the photo.
fn to_photo(mesh: &[f32], [cx, cy, side, angle]: [f32; 4]) -> Vec<[f32; 3]> {
    let (sin, cos) = angle.sin_cos();
    let scale = side / MESH_SIZE as f32;
    let place = |p: &[f32; 3]| {
        let (u, v) = (p[0] * scale - 0.5 * side, p[1] * scale - 0.5 * side);
        [cx + cos * u - sin * v, cy + sin * u + cos * v, p[2] * scale]
    };
    mesh.as_chunks().0.iter().take(MESH_POINTS as usize).map(place).collect()
}

/// The region for the next look at a face: 1.5 times the box of its points, level with the eyes (as `Track`).
fn next_roi(points: &[[f32; 3]]) -> [f32; 4] {
    let (low, high) = bounds(points);
    let side = (high[0] - low[0]).max(high[1] - low[1]) * 1.5;
    let (right, left) = (points[33], points[263]);
    let angle = (left[1] - right[1]).atan2(left[0] - right[0]);
    [0.5 * (low[0] + high[0]), 0.5 * (low[1] + high[1]), side, angle]
}

fn bounds(points: &[[f32; 3]]) -> ([f32; 2], [f32; 2]) {
    points.iter().fold(([f32::MAX; 2], [f32::MIN; 2]), |(low, high), p| {
        ([low[0].min(p[0]), low[1].min(p[1])], [high[0].max(p[0]), high[1].max(p[1])])
    })
}

impl PhotoFace {
    /// Longer side of the box of the points, in photo pixels.
    pub(crate) fn size(&self) -> f32 {
        let (low, high) = bounds(&self.points);
        (high[0] - low[0]).max(high[1] - low[1])
    }

    /// The square `(cx, cy, side)` of the photo in which the face is looked at from near.
    fn surroundings(&self) -> [f32; 3] {
        let (low, high) = bounds(&self.points);
        [0.5 * (low[0] + high[0]), 0.5 * (low[1] + high[1]), NEAR * self.size()]
    }

    /// Turn of the head to the side in radians, from the depth of both sides of the face.
    pub(crate) fn yaw(&self) -> f32 {
        let (right, left) = (self.points[234], self.points[454]);
        (left[2] - right[2]).atan2((left[0] - right[0]).hypot(left[1] - right[1]))
    }

    /// Tilt of the head in radians, clockwise in the photo.
    pub(crate) fn roll(&self) -> f32 {
        let (right, left) = (self.points[234], self.points[454]);
        (left[1] - right[1]).atan2(left[0] - right[0])
    }

    /// The square the networks see: left, top and side in whole photo pixels.
    pub(crate) fn crop(&self, photo: [u32; 2]) -> [u32; 3] {
        let (low, high) = bounds(&self.points);
        let [cx, cy, side] = portrait_crop(low, high, photo);
        let side = (side.round() as u32).clamp(1, photo[0].min(photo[1]));
        let corner = |centre: f32, n: u32| ((centre - 0.5 * side as f32).round().max(0.0) as u32).min(n - side);
        [corner(cx, photo[0]), corner(cy, photo[1]), side]
    }

    /// The mesh's 106 facial points in [-1, 1] of a crop (x, y, and z in the same unit), as the networks count them.
    fn facial(&self, [left, top, side]: [u32; 3], image: u32) -> Vec<[f32; 3]> {
        let (n, side) = (image as f32, side as f32);
        let unit = |v: f32| (2.0 * (v * n - 0.5)) / (n - 1.0) - 1.0;
        let place = |&i: &u32| {
            let [x, y, z] = self.points[i as usize];
            [unit((x - left as f32) / side), unit((y - top as f32) / side), 2.0 * z / side]
        };
        facial_points().indices.iter().map(place).collect()
    }
}

impl Engine {
    /// The 468 mesh points of the largest face in a picture, eyes and lips refined as in a session, then its right and its left
    /// iris: x and y in pixels (pixel 0 has its centre at 0.5), z in the same unit, smaller is nearer. `None` if there is no
    /// face. For measurements; a session tracks the driver without this.
    ///
    /// # Errors
    /// A malformed frame or a failing device.
    pub fn landmarks(&self, picture: Frame<'_>) -> Result<Option<Vec<[f32; 3]>>, EngineError> {
        pollster::block_on(self.find_landmarks(picture))
    }

    async fn find_landmarks(&self, picture: Frame<'_>) -> Result<Option<Vec<[f32; 3]>>, EngineError> {
        let look = Look::new(picture)?;
        let mut faces = Vec::new();
        for level in 0..LEVELS {
            if faces.is_empty() {
                look.look(self, level, &mut faces).await?;
            }
        }
        let Some((_, face)) = faces.first() else { return Ok(None) };
        let mut points = face.points.clone();
        let (image, side) = (self.preset.image, picture.width.max(picture.height));
        let pixels = |v: f32| (0.5 * (v + 1.0) * (image - 1) as f32 + 0.5) * (side as f32 / image as f32);
        let refined = look.facial(self, face, [0, 0, side], image).await?;
        let refined = refined.iter().map(|&[x, y, z]| [pixels(x), pixels(y), 0.5 * z * side as f32]);
        let indices = &facial_points().indices;
        for (&i, point) in indices.iter().zip(refined.clone()) {
            points[i as usize] = point;
        }
        points.extend(refined.skip(indices.len()));
        Ok(Some(points))
    }
}

fn buffer(photo: Frame<'_>) -> image::ImageBuffer<image::Rgba<u8>, &[u8]> {
    image::ImageBuffer::from_raw(photo.width, photo.height, photo.rgba).expect("the frame was checked")
}

/// Pixels of a part of the photo.
fn rows(photo: Frame<'_>, [left, top]: [u32; 2], [width, height]: [u32; 2]) -> RgbaImage {
    let mut rgba = Vec::with_capacity(4 * width as usize * height as usize);
    for y in top..top + height {
        let first = 4 * (y as usize * photo.width as usize + left as usize);
        rgba.extend_from_slice(&photo.rgba[first..][..4 * width as usize]);
    }
    RgbaImage::from_raw(width, height, rgba).expect("the rows fill the part")
}

/// A crop of the photo at the networks' size, RGBA.
pub(crate) fn cut(photo: Frame<'_>, [left, top, side]: [u32; 3], image: u32) -> RgbaImage {
    if side == image {
        return rows(photo, [left, top], [side, side]);
    }
    let whole = buffer(photo);
    imageops::resize(&*imageops::crop_imm(&whole, left, top, side, side), image, image, FilterType::CatmullRom)
}

#[cfg(test)]
mod unit {
    use super::*;

    /// A mesh whose face sides, points 234 and 454, are 100 pixels apart on a head turned by `yaw` degrees.
    fn turned(yaw: f32) -> PhotoFace {
        let (sin, cos) = yaw.to_radians().sin_cos();
        let mut points = vec![[200.0, 200.0, 0.0]; MESH_POINTS as usize];
        points[234] = [200.0 - 50.0 * cos, 200.0, -50.0 * sin];
        points[454] = [200.0 + 50.0 * cos, 200.0, 50.0 * sin];
        PhotoFace { points, score: 1.0 }
    }

    #[test]
    fn roll_is_the_tilt_of_the_head() {
        for roll in [-170.0, -90.0, 0.0, 30.0, 90.0] {
            let (sin, cos) = f32::to_radians(roll).sin_cos();
            let mut face = turned(0.0);
            (face.points[234], face.points[454]) = ([-50.0 * cos, -50.0 * sin, 0.0], [50.0 * cos, 50.0 * sin, 0.0]);
            assert!((face.roll().to_degrees() - roll).abs() < 1e-3, "{roll}");
        }
    }

    #[test]
    fn yaw_is_the_turn_of_the_head() {
        for yaw in [-50.0, -20.0, 0.0, 35.0, 60.0] {
            assert!((turned(yaw).yaw().to_degrees() - yaw).abs() < 1e-3, "{yaw}");
        }
    }
}
