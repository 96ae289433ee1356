//! An avatar: everything that depends on the photo alone, computed once.

use crate::engine::Engine;
use crate::error::EngineError;
use crate::frame::{Frame, Picture};
use crate::inpaint::{fill_background, soft_hole};
use crate::motion::Points;
use crate::photo::{Look, PhotoFace, cut};
use crate::views::view_poses;
use image::imageops::{self, FilterType};
use image::{DynamicImage, RgbImage};
use portrait_kernels::{Transfer, landmark_mask, slices};
use portrait_models::{SELFIE_SIZE, facial_points};

/// Faces narrower than this in the photo give a blurred picture.
const SMALL_FACE: f32 = 64.0;
/// Facial points of the mesh; the irises follow them.
const MESH: usize = 106;
/// Side of the largest square that an avatar keeps of its photo.
pub(crate) const MOST_DETAIL: u32 = 1024;
/// Heads turned further than this (in degrees) lack what a frontal view would show.
const TURNED_FACE: f32 = 35.0;
/// Degrees of tilt from which the networks, which have seen upright heads, break up what they paint.
const TILTED_FACE: f32 = 45.0;
/// Eyes less open than this, of their width, are shut. Of 1,065 portraits the narrowest eyes that look at somebody are open by 0.07 of it.
const SHUT_EYES: f32 = 0.06;

/// A face found in a photo, in photo pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaceBox {
    /// Centre.
    pub center: [f32; 2],
    /// Longer side of the box.
    pub side: f32,
    /// Certainty, 0.5..=1.
    pub score: f32,
}

/// Which of several faces.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum FaceChoice {
    /// The only one; several are an error that lists them.
    #[default]
    Only,
    /// The largest.
    Largest,
    /// Counted from 1, the largest.
    Index(usize),
    /// The one whose centre is nearest to this place, in photo pixels.
    At([f32; 2]),
}

impl FaceChoice {
    /// Checks that it may choose among a driver's faces, of which nobody knows yet how many there are.
    ///
    /// # Errors
    /// [`EngineError::DriverFace`].
    pub(crate) fn check_driver(self) -> Result<(), EngineError> {
        if self == Self::Index(0) { Err(EngineError::DriverFace) } else { Ok(()) }
    }

    /// The number of the face in a list that has the largest first.
    fn among(self, faces: &[FaceBox]) -> Result<usize, EngineError> {
        let far = |face: &FaceBox, at: [f32; 2]| (face.center[0] - at[0]).hypot(face.center[1] - at[1]);
        match self {
            _ if faces.is_empty() => Err(EngineError::NoFace),
            Self::Only if faces.len() > 1 => Err(EngineError::SeveralFaces { faces: faces.to_vec() }),
            Self::Only | Self::Largest => Ok(0),
            Self::Index(chosen) if chosen == 0 || chosen > faces.len() => {
                Err(EngineError::FaceIndex { chosen, found: faces.len() })
            }
            Self::Index(chosen) => Ok(chosen - 1),
            Self::At(at) => {
                let nearest = (0..faces.len()).min_by(|&a, &b| far(&faces[a], at).total_cmp(&far(&faces[b], at)));
                nearest.ok_or(EngineError::NoFace)
            }
        }
    }
}

/// How to make an avatar.
#[derive(Clone, Copy, Debug, Default)]
pub struct PrepareOptions {
    /// Which face.
    pub face: FaceChoice,
    /// Animates the centre square of the photo instead of a crop around the face: for pictures that are portraits already. Faces beside
    /// it are none.
    pub whole_photo: bool,
}

/// What is known about an avatar.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AvatarInfo {
    /// Preset of the networks it was made for.
    pub preset: String,
    /// SHA-256 of the weights it was made with.
    pub weights: String,
    /// Side of the picture in pixels.
    pub image: u32,
    /// Size of the photo in pixels.
    pub photo: [u32; 2],
    /// Left, top and side of the square that is animated, in photo pixels.
    pub crop: [u32; 3],
    /// Longer side of the face in photo pixels.
    pub face_size: f32,
    /// Turn of the head in the photo in degrees; positive: towards the picture's right.
    pub yaw: f32,
    /// What may spoil the result.
    pub warnings: Vec<String>,
}

/// A photo, ready to be animated.
#[derive(Clone, Debug, PartialEq)]
pub struct Avatar {
    pub(crate) info: AvatarInfo,
    /// RGB and person mask, `image × image`.
    pub(crate) source: Vec<[u8; 4]>,
    /// The same square at the photo's own size or [`MOST_DETAIL`], where that is more.
    pub(crate) detail: Option<RgbImage>,
    /// The photo without the person.
    pub(crate) background: Vec<[u8; 3]>,
    /// 108 facial keypoints in [-1, 1]: the 106 of the mesh, right and left iris.
    pub(crate) facial: Vec<[f32; 2]>,
    /// 50 neural keypoints in [-1, 1].
    pub(crate) neural: Vec<[f32; 2]>,
    /// 50 mixed keypoints in [-1, 1].
    pub(crate) mixed: Vec<[f32; 2]>,
    /// What the masks contribute to the first layer of dense motion, as a feature tensor.
    pub(crate) motion_bias: Vec<f32>,
    /// What the pseudo views contribute to the synthesis network's bottleneck, as a feature tensor.
    pub(crate) view_bias: Vec<f32>,
}

impl Avatar {
    /// Where it came from and what to expect.
    pub fn info(&self) -> &AvatarInfo {
        &self.info
    }

    /// What may spoil the result: a small face, a head turned far, shut eyes.
    pub fn warnings(&self) -> &[String] {
        &self.info.warnings
    }

    /// The square that is animated, as the networks see it.
    pub fn picture(&self) -> Picture {
        let rgba = self.source.iter().flat_map(|&[r, g, b, _]| [r, g, b, 255]).collect();
        Picture { width: self.info.image, height: self.info.image, rgba }
    }

    /// RGBA of the photo's square at this side, opaque: as sharp as is known.
    pub(crate) fn square(&self, side: u32) -> Vec<u8> {
        let known = match &self.detail {
            Some(detail) => detail.clone(),
            None => {
                let rgb = self.source.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect();
                RgbImage::from_raw(self.info.image, self.info.image, rgb).expect("the source fills its square")
            }
        };
        let fitted = match known.width() == side {
            true => known,
            false => imageops::resize(&known, side, side, FilterType::CatmullRom),
        };
        DynamicImage::from(fitted).into_rgba8().into_raw()
    }

    /// The photo's 106 facial keypoints in [-1, 1] of [`Avatar::picture`].
    pub fn facial(&self) -> &[[f32; 2]] {
        &self.facial[..MESH]
    }

    /// The person's alpha, one byte a pixel of [`Avatar::picture`].
    pub fn person(&self) -> Vec<u8> {
        self.source.iter().map(|&[.., m]| m).collect()
    }

    /// The photo's own points.
    pub fn points(&self) -> Points {
        Points { facial: self.facial.clone(), neural: self.neural.clone() }
    }

    /// Source RGB as a feature tensor with the person mask as fourth channel.
    pub(crate) fn source_feature(&self) -> Vec<f32> {
        self.source.iter().flatten().map(|&v| f32::from(v) / 255.0).collect()
    }

    /// Background as a feature tensor with the hole that was filled as fourth channel.
    pub(crate) fn background_feature(&self) -> Vec<f32> {
        let person: Vec<f32> = self.source.iter().map(|&[.., m]| f32::from(m) / 255.0).collect();
        let hole = soft_hole(&person, self.info.image as usize);
        let rgb = |&[r, g, b]: &[u8; 3]| [r, g, b].map(|v| f32::from(v) / 255.0);
        self.background.iter().map(rgb).zip(hole).flat_map(|([r, g, b], h)| [r, g, b, h]).collect()
    }

    /// Source RGB at `side × side`, by area mean, as a feature tensor.
    pub(crate) fn small_feature(&self, side: u32) -> Vec<f32> {
        let rgb: Vec<[f32; 3]> =
            self.source.iter().map(|&[r, g, b, _]| [r, g, b].map(|v| f32::from(v) / 255.0)).collect();
        area_mean(&rgb, self.info.image, side).into_iter().flat_map(|[r, g, b]| [r, g, b, 0.0]).collect()
    }
}

/// A value in 0..=1 as a byte.
fn byte(v: f32) -> u8 {
    (v.clamp(0.0, 1.0) * 255.0).round() as u8
}

/// Means of square blocks; `to` divides `from`.
pub(crate) fn area_mean<const C: usize>(picture: &[[f32; C]], from: u32, to: u32) -> Vec<[f32; C]> {
    let (from, to) = (from as usize, to as usize);
    let block = from / to;
    (0..to * to)
        .map(|p| {
            let (x, y) = (p % to * block, p / to * block);
            let mut sum = [0.0; C];
            for row in 0..block {
                for texel in &picture[(y + row) * from + x..][..block] {
                    (0..C).for_each(|c| sum[c] += texel[c]);
                }
            }
            sum.map(|v| v / (block * block) as f32)
        })
        .collect()
}

impl Engine {
    /// All faces in a photo, the largest first.
    ///
    /// # Errors
    /// A malformed frame or a failing device.
    pub fn faces(&self, photo: Frame<'_>) -> Result<Vec<FaceBox>, EngineError> {
        let faces = pollster::block_on(Look::new(photo)?.faces(self))?;
        Ok(faces.into_iter().map(|(face, _)| face).collect())
    }

    /// Makes an avatar of a photo. Takes some tens of milliseconds on a GPU, seconds on a software driver; longer where the face has to be
    /// looked for in ever smaller parts of a large photo.
    ///
    /// # Errors
    /// A malformed photo ([`EngineError::PictureSize`]), no face, several faces and none chosen, a face that does not exist, or a failing
    /// device.
    pub fn prepare(&self, photo: Frame<'_>, options: &PrepareOptions) -> Result<Avatar, EngineError> {
        pollster::block_on(self.prepare_async(photo, options))
    }

    /// [`Engine::prepare`] for a browser, which waits for the device beside its other work; everywhere else this blocks as well.
    ///
    /// # Errors
    /// As [`Engine::prepare`].
    pub async fn prepare_async(&self, photo: Frame<'_>, options: &PrepareOptions) -> Result<Avatar, EngineError> {
        let look = Look::new(photo)?;
        let mut faces = look.faces(self).await?;
        let size @ [width, height] = [photo.width, photo.height];
        let side = width.min(height);
        let square = options.whole_photo.then_some([(width - side) / 2, (height - side) / 2, side]);
        let shown = |face: &FaceBox| {
            let within = |at: f32, first: u32| at >= first as f32 && at < (first + side) as f32;
            square.is_none_or(|[left, top, _]| within(face.center[0], left) && within(face.center[1], top))
        };
        // A number counts all faces of the photo.
        if !matches!(options.face, FaceChoice::Index(_)) {
            faces.retain(|(face, _)| shown(face));
        }
        let boxes: Vec<FaceBox> = faces.iter().map(|(face, _)| *face).collect();
        let (found, face) = &faces[options.face.among(&boxes)?];
        if !shown(found) {
            return Err(EngineError::NoFace);
        }
        let crop = square.unwrap_or_else(|| face.crop(size));
        self.assemble_avatar(photo, &look, face, crop).await
    }

    /// Makes an avatar of everybody in a photo, the largest face first: for [`Engine::session_of`].
    ///
    /// # Errors
    /// A malformed photo ([`EngineError::PictureSize`]), no face, or a failing device.
    pub fn prepare_all(&self, photo: Frame<'_>) -> Result<Vec<Avatar>, EngineError> {
        let look = Look::new(photo)?;
        let faces = pollster::block_on(look.faces(self))?;
        if faces.is_empty() {
            return Err(EngineError::NoFace);
        }
        let size = [photo.width, photo.height];
        let assemble = |face: &PhotoFace| pollster::block_on(self.assemble_avatar(photo, &look, face, face.crop(size)));
        faces.iter().map(|(_, face)| assemble(face)).collect()
    }

    async fn assemble_avatar(
        &self,
        photo: Frame<'_>,
        look: &Look<'_>,
        face: &PhotoFace,
        crop: [u32; 3],
    ) -> Result<Avatar, EngineError> {
        let image = self.preset.image;
        let picture = cut(photo, crop, image);
        let rgb: Vec<[f32; 3]> = picture.pixels().map(|p| [0, 1, 2].map(|c| f32::from(p.0[c]) / 255.0)).collect();

        let person = self.person_mask(&picture).await?;
        let background = fill_background(&rgb, &person, image as usize);
        let facial3 = look.facial(self, face, crop, image).await?;
        let facial: Vec<[f32; 2]> = facial3.iter().map(|&[x, y, _]| [x, y]).collect();
        let neural = self.neural_keypoints(&rgb).await?;
        let (mixed, _) = self.mixed_keypoints(&facial, &neural).await?;

        let known = crop[2].min(MOST_DETAIL);
        let detail = (known > image).then(|| DynamicImage::from(cut(photo, crop, known)).into_rgb8());
        let source = picture.pixels().zip(&person).map(|(p, &m)| [p.0[0], p.0[1], p.0[2], byte(m)]).collect();
        let mut avatar = Avatar {
            info: AvatarInfo {
                preset: self.preset.name.clone(),
                weights: self.weights_id().to_owned(),
                image,
                photo: [photo.width, photo.height],
                crop,
                face_size: face.size(),
                yaw: face.yaw().to_degrees(),
                warnings: warnings(face, &facial),
            },
            source,
            detail,
            background: background.iter().map(|p| p.map(byte)).collect(),
            facial,
            neural,
            mixed,
            motion_bias: Vec::new(),
            view_bias: Vec::new(),
        };
        self.add_bias_maps(&mut avatar, &facial3).await?;
        Ok(avatar)
    }

    /// What shows in the avatar's mouth when it opens, as a feature tensor.
    pub(crate) fn mouth_of(&self, avatar: &Avatar) -> Vec<f32> {
        self.nets.mouth.of(&avatar.source, avatar.info.image, &avatar.facial)
    }

    /// Fills in the cached bias maps of an avatar whose pictures and points are there.
    pub(crate) async fn add_bias_maps(&self, avatar: &mut Avatar, facial3: &[[f32; 3]]) -> Result<(), EngineError> {
        let (n, preset) = (self.preset.motion, &self.preset);
        let person: Vec<[f32; 1]> = avatar.source.iter().map(|&[.., m]| [f32::from(m) / 255.0]).collect();
        let marks = landmark_mask(&avatar.facial[..MESH], n as usize, preset.keypoints.mark_var);
        let person = area_mean(&person, avatar.info.image, n);
        let masks: Vec<f32> = person.iter().zip(&marks).flat_map(|(&[p], &m)| [p, m, 0.0, 0.0]).collect();
        let outputs = self.run_once(&self.nets.motion_bias, &[("masks", &masks)], &["motion_bias"]).await?;
        avatar.motion_bias = outputs.into_iter().flatten().collect();

        let [c, h, w] = preset.synthesis_bottleneck();
        let Some((view, fuse)) = &self.nets.views else {
            avatar.view_bias = vec![0.0; (4 * slices(c) * h * w) as usize];
            return Ok(());
        };
        let (source, small) = (avatar.source_feature(), avatar.small_feature(n));
        let (background, mouth) = (avatar.background_feature(), self.mouth_of(avatar));
        let (mut views, pins) = (Vec::new(), Transfer::pins(&avatar.facial));
        for pose in view_poses(facial3, preset.synthesis.views) {
            let (driving, merge) = self.mixed_keypoints(&pose, &avatar.neural).await?;
            let inputs: [(&str, &[f32]); 9] = [
                ("driving", driving.as_flattened()),
                ("merge", &merge),
                ("source_pins", pins.as_flattened()),
                ("source_points", avatar.mixed.as_flattened()),
                ("source_small", &small),
                ("source", &source),
                ("background", &background),
                ("mouth", &mouth),
                ("motion_bias", &avatar.motion_bias),
            ];
            views.extend(self.run_once(view, &inputs, &["bottleneck"]).await?.into_iter().flatten());
        }
        let outputs = self.run_once(fuse, &[("views", &views)], &["view_bias"]).await?;
        avatar.view_bias = outputs.into_iter().flatten().collect();
        Ok(())
    }

    /// The person's alpha in the centre square of a picture, one byte a pixel of [`Preset::image`](portrait_models::Preset) squared,
    /// as avatars have it. For measurements.
    ///
    /// # Errors
    /// A malformed picture or a failing device.
    pub fn person(&self, picture: Frame<'_>) -> Result<Vec<u8>, EngineError> {
        picture.check()?;
        let side = picture.width.min(picture.height);
        let crop = [(picture.width - side) / 2, (picture.height - side) / 2, side];
        let person = pollster::block_on(self.person_mask(&cut(picture, crop, self.preset.image)))?;
        Ok(person.into_iter().map(byte).collect())
    }

    /// The person's alpha at the picture's size, 0..=1.
    async fn person_mask(&self, picture: &image::RgbaImage) -> Result<Vec<f32>, EngineError> {
        let image = self.preset.image;
        let input = if image == SELFIE_SIZE {
            picture.clone()
        } else {
            imageops::resize(picture, SELFIE_SIZE, SELFIE_SIZE, FilterType::Triangle)
        };
        let input: Vec<f32> = input
            .pixels()
            .flat_map(|p| [0, 1, 2].map(|c| f32::from(p.0[c]) / 255.0).into_iter().chain([0.0]))
            .collect();
        let outputs = self.run_once(&self.nets.segmentation, &[("segmentation_input", &input)], &["person"]).await?;
        let mask: Vec<f32> = outputs[0].as_chunks::<4>().0.iter().map(|v| v[0]).collect();
        if image == SELFIE_SIZE {
            return Ok(mask);
        }
        let small = image::ImageBuffer::<image::Luma<f32>, _>::from_raw(SELFIE_SIZE, SELFIE_SIZE, mask)
            .expect("the network's output has its input's size");
        Ok(imageops::resize(&small, image, image, FilterType::Triangle).into_raw())
    }

    /// The 50 neural keypoints of a picture at the networks' size.
    pub(crate) async fn neural_keypoints(&self, rgb: &[[f32; 3]]) -> Result<Vec<[f32; 2]>, EngineError> {
        let small = area_mean(rgb, self.preset.image, self.preset.nk.input);
        let input: Vec<f32> = small.into_iter().flat_map(|[r, g, b]| [r, g, b, 0.0]).collect();
        let outputs = self.run_once(&self.nets.keypoints, &[("keypoints_input", &input)], &["neural"]).await?;
        let points = outputs[0].as_chunks::<2>().0;
        Ok(points.iter().take(self.preset.keypoints.neural as usize).map(|p| p.map(|v| 2.0 * v - 1.0)).collect())
    }

    /// The merger: 108 facial and 50 neural keypoints to mixed ones; and what it was given, as `Transfer` would write it.
    pub(crate) async fn mixed_keypoints(
        &self,
        facial: &[[f32; 2]],
        neural: &[[f32; 2]],
    ) -> Result<(Vec<[f32; 2]>, Vec<f32>), EngineError> {
        let from = &facial_points().base40;
        let base: Vec<[f32; 2]> =
            from.iter().map(|&i| facial[i as usize]).chain(neural[from.len()..].iter().copied()).collect();
        let mut merge = vec![0.0; Transfer::OUT_LEN];
        let mut put =
            |at: usize, points: &[[f32; 2]]| merge[at..][..2 * points.len()].copy_from_slice(points.as_flattened());
        put(0, &facial[..MESH]);
        put(2 * MESH, neural);
        put(Transfer::BASE_AT, &base);
        put(Transfer::PINS_AT, &Transfer::pins(facial));
        let outputs = self.run_once(&self.nets.merger, &[("merge", &merge)], &["driving"]).await?;
        Ok((outputs[0].as_chunks().0.to_vec(), merge))
    }
}

/// How open the eyes are, of their width, on average over both; from the 106 facial points.
fn eyes_open(facial: &[[f32; 2]]) -> f32 {
    let minus = |a: usize, b: usize| [0, 1].map(|c| facial[a][c] - facial[b][c]);
    // Corners from 44 on, five points of the upper lids from 48 on and as many of the lower ones, of both eyes in turn.
    let openings = [0, 1].map(|eye| {
        let [x, y] = minus(45, 44);
        let gaps = (eye..10).step_by(2).map(|i| minus(58 + i, 48 + i));
        let sum: f32 = gaps.map(|[gap_x, gap_y]| (gap_y * x - gap_x * y) / x.hypot(y).max(1e-6)).sum();
        let [x, y] = minus(44 + eye, 46 + eye);
        sum / 5.0 / x.hypot(y).max(1e-6)
    });
    0.5 * (openings[0] + openings[1])
}

fn warnings(face: &PhotoFace, facial: &[[f32; 2]]) -> Vec<String> {
    let mut list = Vec::new();
    if face.size() < SMALL_FACE {
        list.push(format!(
            "the face is only {:.0} pixels large; below {SMALL_FACE:.0} the result will be blurred",
            face.size()
        ));
    }
    let yaw = face.yaw().to_degrees();
    if yaw.abs() > TURNED_FACE {
        list.push(format!("the head is turned by {:.0}°; a photo from the front animates better", yaw.abs()));
    }
    let roll = face.roll().to_degrees();
    if roll.abs() > TILTED_FACE {
        list.push(format!("the head is tilted by {:.0}°; turn the photo so that the face is upright", roll.abs()));
    }
    if eyes_open(facial) < SHUT_EYES {
        list.push("the eyes are shut, and what is behind the lids is not in the photo: they will stay shut".to_owned());
    }
    if face.score < 0.8 {
        list.push(format!("the face is hard to make out (score {:.2})", face.score));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eyes_are_as_open_as_they_are_drawn_however_the_head_is_tilted() {
        for (tilt, open) in [(0.0f32, 0.3), (0.5, 0.04), (-0.9, 0.0)] {
            let mut facial = vec![[0.0; 2]; MESH];
            let (sin, cos) = tilt.sin_cos();
            let mut put = |i: usize, [x, y]: [f32; 2]| facial[i] = [0.1 + cos * x - sin * y, sin * x + cos * y - 0.2];
            for (eye, side) in [(0, -1.0), (1, 1.0)] {
                put(44 + eye, [side * 0.4, 0.0]);
                put(46 + eye, [side * 0.2, 0.0]);
                for i in (eye..10).step_by(2) {
                    put(48 + i, [side * 0.3, -0.06 * open]);
                    put(58 + i, [side * 0.3, 0.14 * open]);
                }
            }
            assert!((eyes_open(&facial) - open).abs() < 1e-5, "{}", eyes_open(&facial));
        }
    }
}
