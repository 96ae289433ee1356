//! What the pictures of a session show: the animated square, the whole photo, or the person alone.

use crate::avatar::AvatarInfo;
use crate::error::EngineError;
use crate::frame::Picture;
use crate::frozen::{Compiled, Resource, Resources};
use crate::gpu::Gpu;
use crate::nets::square;
use crate::photo::cut;
use image::imageops::{self, FilterType};
use portrait_graph::{Graph, TensorKind};
use portrait_kernels::Paste;
use portrait_models::Preset;
use std::sync::Arc;

/// What the pictures of a session show.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Framing {
    /// The square that is animated, at the networks' size.
    #[default]
    Crop,
    /// The whole photo that the avatar was made of, the animated square blended back into it.
    Photo(Arc<Picture>),
    /// The person of the square, at the networks' size, in front of something else.
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

/// Program and textures that make a picture of another framing from the animated square.
pub(crate) struct Stage {
    pub(crate) paste: Arc<Compiled>,
    pub(crate) canvas: wgpu::Texture,
}

impl Stage {
    /// `None` where the square is shown as it is. Adds its textures to `externals`.
    pub(crate) fn new(
        gpu: &Gpu,
        framing: &Framing,
        info: &AvatarInfo,
        preset: &Preset,
        externals: &mut Resources,
    ) -> Result<Option<Self>, EngineError> {
        let size = preset.image;
        let [left, top, side] = info.crop;
        let plain = Paste {
            size,
            motion: preset.motion,
            canvas: [size; 2],
            side: size,
            origin: [0; 2],
            fade: 1.0,
            fades: [false; 4],
            matte: true,
        };
        let (kernel, behind) = match framing {
            Framing::Crop => return Ok(None),
            Framing::Photo(photo) => {
                photo.frame().check()?;
                let canvas @ [width, height] = [photo.width, photo.height];
                if canvas != info.photo {
                    return Err(EngineError::PhotoSize { expected: info.photo, found: canvas });
                }
                let limit = gpu.device.limits().max_texture_dimension_2d;
                if width.max(height) > limit {
                    return Err(EngineError::PhotoTooLarge { width, height, limit });
                }
                let fades = [left > 0, top > 0, left + side < width, top + side < height];
                let fade = (FADE * side as f32).max(1.0);
                let kernel = Paste { canvas, side, origin: [left, top], fade, fades, matte: false, ..plain };
                (kernel, cut(photo.frame(), info.crop, side).into_raw())
            }
            Framing::Cutout(backdrop) => (plain, backdrop.texels(size)?),
        };
        use wgpu::TextureUsages as U;
        let backdrop = gpu.texture("backdrop", [kernel.side; 2], U::TEXTURE_BINDING | U::COPY_DST);
        gpu.write_texture(&backdrop, &behind);
        let canvas = gpu.transient_texture("canvas", kernel.canvas);
        if let Framing::Photo(photo) = framing {
            gpu.write_texture(&canvas, &photo.rgba);
        }
        externals.insert("backdrop".to_owned(), Resource::texture(&backdrop));
        externals.insert("canvas".to_owned(), Resource::texture(&canvas));
        Ok(Some(Self { paste: program(gpu, kernel)?, canvas }))
    }
}

/// `flow`, `source`, `picture`, `backdrop` → `canvas`.
fn program(gpu: &Gpu, kernel: Paste) -> Result<Arc<Compiled>, EngineError> {
    let Paste { size, motion, side, canvas, .. } = kernel;
    let mut g = Graph::new("paste");
    let inputs = [
        g.external("flow", TensorKind::Floats(4 * motion * motion)),
        g.external("source", square(4, size)),
        g.external("picture", TensorKind::Texture([size; 2])),
        g.external("backdrop", TensorKind::Texture([side; 2])),
    ];
    let output = g.external("canvas", TensorKind::Texture(canvas));
    g.kernel_into("paste", Arc::new(kernel), &inputs, &[output]);
    Ok(Compiled::new(gpu, g.build()?))
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
