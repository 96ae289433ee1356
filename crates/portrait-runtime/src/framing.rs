//! What the pictures of a session show: the animated square, the whole photo, or the person alone.

use crate::avatar::{Avatar, AvatarInfo};
use crate::error::EngineError;
use crate::frame::Picture;
use crate::frozen::Compiled;
use crate::gpu::Gpu;
use crate::inventory;
use crate::options::SessionOptions;
use crate::photo::cut;
use image::imageops::{self, FilterType};
use portrait_kernels::Paste;
use portrait_models::Preset;
use std::sync::Arc;

/// What the pictures of a session show.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Framing {
    /// The square that is animated.
    #[default]
    Crop,
    /// The whole photo that the avatars were made of, the animated squares blended back into it.
    Photo(Arc<Picture>),
    /// The person of the square, in front of something else.
    Cutout(Backdrop),
}

/// What is behind a person who was cut out.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Backdrop {
    /// Nothing: pictures with straight alpha.
    #[default]
    Transparent,
    /// A colour: red, green, blue.
    Colour([u8; 3]),
    /// A picture, cut to a square and resized.
    Picture(Arc<Picture>),
}

/// How much of the square's side the blend into the photo takes.
const FADE: f32 = 0.1;

/// Texture and programs that make a picture of another framing from the animated squares.
pub(crate) struct Stage {
    pub(crate) canvas: wgpu::Texture,
    /// Of each avatar: puts its square on the canvas.
    pub(crate) pastes: Vec<PasteStep>,
}

/// Puts a square on the canvas.
pub(crate) struct PasteStep {
    pub(crate) program: Arc<Compiled>,
    /// What it reads beside what every session has, by the names of its externals.
    pub(crate) inputs: Vec<(&'static str, wgpu::Texture)>,
}

impl Stage {
    /// `None` where the square is shown as the networks make it.
    pub(crate) fn new(
        gpu: &Gpu,
        options: &SessionOptions,
        avatars: &[&Avatar],
        preset: &Preset,
    ) -> Result<Option<Self>, EngineError> {
        let infos: Vec<&AvatarInfo> = avatars.iter().map(|avatar| &avatar.info).collect();
        options.check_framing(gpu, &infos, preset)?;
        let size = preset.image;
        let side = options.side.unwrap_or(size);
        let square = Paste { size, canvas: [side; 2], side, origin: [0; 2], fade: 1.0, edges: [None; 4], matte: false };
        let (canvas, kernels) = match &options.framing {
            Framing::Crop if side == size => return Ok(None),
            Framing::Crop | Framing::Cutout(_) => {
                let kernel = Paste { matte: options.framing != Framing::Crop, ..square };
                (gpu.transient_texture("canvas", square.canvas), vec![(kernel, avatars[0].square(side))])
            }
            Framing::Photo(photo) => {
                let canvas = [photo.width, photo.height];
                let kernels = avatars.iter().zip(edges(avatars)).map(|(avatar, edges)| {
                    let [left, top, side] = avatar.info.crop;
                    let fade = (FADE * side as f32).max(1.0);
                    let kernel = Paste { canvas, side, origin: [left, top], fade, edges, ..square };
                    (kernel, cut(photo.frame(), avatar.info.crop, side).into_raw())
                });
                let texture = gpu.transient_texture("canvas", canvas);
                gpu.write_texture(&texture, &photo.rgba);
                (texture, kernels.collect())
            }
        };
        let texture = |name: &'static str, side: u32, rgba: &[u8]| {
            use wgpu::TextureUsages as U;
            let texture = gpu.texture(name, [side; 2], U::TEXTURE_BINDING | U::COPY_DST);
            gpu.write_texture(&texture, rgba);
            (name, texture)
        };
        let paste = |(kernel, photo): (Paste, Vec<u8>)| {
            let mut inputs = vec![texture("photo", kernel.side, &photo)];
            if let Framing::Cutout(backdrop) = &options.framing {
                inputs.push(texture("backdrop", kernel.side, &backdrop.texels(kernel.side)?));
            }
            Ok::<_, EngineError>(PasteStep { program: Compiled::new(gpu, inventory::paste(kernel)?), inputs })
        };
        let pastes = kernels.into_iter().map(paste).collect::<Result<_, _>>()?;
        Ok(Some(Self { canvas, pastes }))
    }
}

impl SessionOptions {
    /// Whether pictures can be made as they are wanted, of these avatars and by this preset.
    pub(crate) fn check_framing(&self, gpu: &Gpu, avatars: &[&AvatarInfo], preset: &Preset) -> Result<(), EngineError> {
        let (least, limit) = (preset.image, gpu.device.limits().max_texture_dimension_2d);
        match &self.framing {
            Framing::Crop | Framing::Cutout(_) => {
                let side = self.side.unwrap_or(least);
                match () {
                    () if avatars.len() > 1 => Err(EngineError::SeveralAvatars),
                    () if !(least..=limit).contains(&side) => Err(EngineError::PictureSide { side, least, limit }),
                    () => Ok(()),
                }
            }
            Framing::Photo(photo) => {
                photo.frame().check()?;
                let (width, height) = (photo.width, photo.height);
                if let Some(other) = avatars.iter().find(|avatar| avatar.photo != [width, height]) {
                    return Err(EngineError::PhotoSize { expected: other.photo, found: [width, height] });
                }
                if width.max(height) > limit {
                    return Err(EngineError::PhotoTooLarge { width, height, limit });
                }
                Ok(())
            }
        }
    }
}

/// Where in each avatar's square the blend into the photo begins. Squares that overlap are parted between the faces, so that each
/// pixel of the photo belongs to one of them.
fn edges(avatars: &[&Avatar]) -> Vec<[Option<f32>; 4]> {
    let mut list: Vec<[Option<f32>; 4]> = avatars.iter().map(|avatar| outer_edges(&avatar.info)).collect();
    let squares: Vec<[f32; 4]> = avatars.iter().map(|avatar| square_of(&avatar.info)).collect();
    let faces: Vec<[f32; 4]> = avatars.iter().map(|avatar| face_of(avatar)).collect();
    for b in 1..avatars.len() {
        for a in 0..b {
            let overlap =
                |axis: usize| squares[a][axis].max(squares[b][axis]) < squares[a][axis + 2].min(squares[b][axis + 2]);
            if !(overlap(0) && overlap(1)) {
                continue;
            }
            // The gap between the faces along an axis, and which of them comes first; negative where they overlap.
            let gap = |axis: usize| {
                let first =
                    if faces[a][axis] + faces[a][axis + 2] <= faces[b][axis] + faces[b][axis + 2] { a } else { b };
                let second = a + b - first;
                (faces[second][axis] - faces[first][axis + 2], first, second)
            };
            let axis = usize::from(gap(1).0 > gap(0).0);
            let (_, first, second) = gap(axis);
            let line = 0.5 * (faces[first][axis + 2] + faces[second][axis]);
            let cut = |edge: &mut Option<f32>, inset: f32| {
                if inset > 0.0 {
                    *edge = Some(edge.unwrap_or(0.0).max(inset));
                }
            };
            cut(&mut list[first][axis + 2], squares[first][axis + 2] - line);
            cut(&mut list[second][axis], line - squares[second][axis]);
        }
    }
    list
}

/// Sides of the square that are not the photo's are blended.
fn outer_edges(info: &AvatarInfo) -> [Option<f32>; 4] {
    let ([left, top, side], [width, height]) = (info.crop, info.photo);
    [left > 0, top > 0, left + side < width, top + side < height].map(|inside| inside.then_some(0.0))
}

/// Left, top, right and bottom of the square in the photo.
fn square_of(info: &AvatarInfo) -> [f32; 4] {
    let [left, top, side] = info.crop.map(|v| v as f32);
    [left, top, left + side, top + side]
}

/// Left, top, right and bottom of the face in the photo.
fn face_of(avatar: &Avatar) -> [f32; 4] {
    let [left, top, side] = avatar.info.crop.map(|v| v as f32);
    let ends = |axis: usize| {
        let values = avatar.facial().iter().map(|point| 0.5 * (point[axis] + 1.0) * side);
        values.fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(v), high.max(v)))
    };
    let (x, y) = (ends(0), ends(1));
    [left + x.0, top + y.0, left + x.1, top + y.1]
}

impl Backdrop {
    /// RGBA of a square of this side.
    fn texels(&self, side: u32) -> Result<Vec<u8>, EngineError> {
        let pixels = (side * side) as usize;
        Ok(match self {
            Self::Transparent => vec![0; 4 * pixels],
            Self::Colour([r, g, b]) => [*r, *g, *b, 255].repeat(pixels),
            Self::Picture(picture) => {
                picture.frame().check()?;
                let (width, height) = (picture.width, picture.height);
                let middle = width.min(height);
                let part = cut(picture.frame(), [(width - middle) / 2, (height - middle) / 2, middle], middle);
                let mut fitted = imageops::resize(&part, side, side, FilterType::Triangle);
                fitted.pixels_mut().for_each(|p| p.0[3] = 255);
                fitted.into_raw()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An avatar in a photo of 400 × 300 whose face is the middle half of its square.
    fn avatar(crop: [u32; 3]) -> Avatar {
        let info = AvatarInfo {
            preset: String::new(),
            weights: String::new(),
            image: 256,
            photo: [400, 300],
            crop,
            face_size: 0.0,
            yaw: 0.0,
            warnings: Vec::new(),
        };
        let facial = (0..108).map(|i| if i % 2 == 0 { [-0.5, -0.5] } else { [0.5, 0.5] }).collect();
        let (neural, mixed) = (Vec::new(), Vec::new());
        let (source, background, motion_bias, view_bias) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Avatar { info, source, detail: None, background, facial, neural, mixed, motion_bias, view_bias }
    }

    #[test]
    fn squares_that_overlap_are_parted_between_the_faces() {
        let alone = avatar([0, 100, 200]);
        assert_eq!(edges(&[&alone]), [[None, Some(0.0), Some(0.0), None]]);
        // Faces from 50 to 150 and from 190 to 290 across: the line is at 170.
        let right = avatar([140, 60, 200]);
        let parted = edges(&[&alone, &right]);
        assert_eq!(parted[0], [None, Some(0.0), Some(30.0), None]);
        assert_eq!(parted[1], [Some(30.0), Some(0.0), Some(0.0), Some(0.0)]);
        // The order does not matter, and who is far away neither.
        let far = avatar([345, 0, 50]);
        assert_eq!(edges(&[&right, &far, &alone]), [parted[1], [Some(0.0), None, Some(0.0), Some(0.0)], parted[0]]);
        // One above the other.
        let parted = edges(&[&avatar([0, 0, 200]), &avatar([20, 170, 130])]);
        assert_eq!((parted[0][3], parted[1][1]), (Some(23.75), Some(6.25)));
        assert_eq!((parted[0][0], parted[1][0]), (None, Some(0.0)), "the sides stay");
    }
}
