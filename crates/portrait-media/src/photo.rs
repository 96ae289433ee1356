//! Photos in, pictures out.

use std::fs::File;
use std::io::{BufReader, BufWriter, Seek, Write};
use std::path::Path;

use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::{CompressionType, FilterType, PngDecoder, PngEncoder};
use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageResult, Limits};

use crate::jpeg_end;
use crate::output::{TempFile, check_target};
use crate::sniff::{self, Kind};
use crate::{MediaError, Picture, Result};

/// The longest side of a photo that is read, in pixels.
pub const MAX_PHOTO_SIDE: u32 = 16_384;

/// The largest photo that is read, in pixels (100 megapixels).
pub const MAX_PHOTO_PIXELS: u64 = 100_000_000;

/// Reads a PNG, JPEG, WebP or GIF (its first frame), whatever its extension says.
///
/// The picture is turned upright by its EXIF orientation; grey, palette and 16-bit pictures become
/// RGBA8. The size is checked in the header, before any pixel is decoded: at most [`MAX_PHOTO_SIDE`]
/// a side and [`MAX_PHOTO_PIXELS`] in all. Colour profiles are not applied: pixels are taken as sRGB.
///
/// # Errors
/// [`MediaError::Open`], [`MediaError::IsDirectory`], [`MediaError::Empty`], [`MediaError::NotAPicture`],
/// [`MediaError::PictureTooLarge`], and [`MediaError::DamagedPicture`] for a picture that is cut short:
/// it is never padded with grey.
pub fn load_photo(path: impl AsRef<Path>) -> Result<Picture> {
    let path = path.as_ref();
    let (file, kind) = sniff::open(path, "photo")?;
    let mut reader = BufReader::new(file);
    // Decoders fill the missing part of a cut JPEG with grey.
    let complete = kind != Kind::Jpeg || {
        let complete = jpeg_end::is_complete(&mut reader).map_err(|e| MediaError::read(path, e))?;
        reader.rewind().map_err(|e| MediaError::read(path, e))?;
        complete
    };
    let (format, picture) = match kind {
        Kind::Png => ("PNG", PngDecoder::new(reader).map(|d| decode(path, d))),
        Kind::Jpeg => ("JPEG", JpegDecoder::new(reader).map(|d| decode(path, d))),
        Kind::WebP => ("WebP", WebPDecoder::new(reader).map(|d| decode(path, d))),
        Kind::Gif => ("GIF", GifDecoder::new(reader).map(|d| decode(path, d))),
        other => {
            let found = other.describe().to_owned();
            return Err(MediaError::NotAPicture { path: path.to_owned(), found });
        }
    };
    let damaged = |reason: String| MediaError::DamagedPicture { path: path.to_owned(), format, reason };
    let picture = match picture {
        Ok(Err(Refusal::Own(error))) => return Err(error),
        Ok(Err(Refusal::Decoder(error))) | Err(error) => return Err(damaged(error.to_string())),
        Ok(Ok(picture)) => picture,
    };
    if !complete {
        return Err(damaged("the end of the file is missing".to_owned()));
    }
    Ok(picture)
}

enum Refusal {
    Own(MediaError),
    Decoder(image::ImageError),
}

impl From<image::ImageError> for Refusal {
    fn from(error: image::ImageError) -> Self {
        Self::Decoder(error)
    }
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_PHOTO_SIDE);
    limits.max_image_height = Some(MAX_PHOTO_SIDE);
    // 16-bit RGBA of the largest picture, and as much again for the decoder.
    limits.max_alloc = Some(MAX_PHOTO_PIXELS * 16);
    limits
}

fn decode(path: &Path, mut decoder: impl ImageDecoder) -> std::result::Result<Picture, Refusal> {
    let (width, height) = decoder.dimensions();
    if width.max(height) > MAX_PHOTO_SIDE || u64::from(width) * u64::from(height) > MAX_PHOTO_PIXELS {
        return Err(Refusal::Own(MediaError::PictureTooLarge {
            path: path.to_owned(),
            width,
            height,
            max_side: MAX_PHOTO_SIDE,
            max_pixels: MAX_PHOTO_PIXELS,
        }));
    }
    decoder.set_limits(limits())?;
    // A broken EXIF block is no reason to refuse the photo.
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    let rgba = image.into_rgba8();
    Ok(Picture { width: rgba.width(), height: rgba.height(), rgba: rgba.into_raw() })
}

/// Writes a PNG with straight alpha, under a temporary name in the same directory, then renames it.
///
/// # Errors
/// [`MediaError::PixelCount`], [`MediaError::MissingParent`], [`MediaError::InTheWay`],
/// [`MediaError::OutputSize`] for a picture without pixels, [`MediaError::Write`]. An older file of
/// that name is left as it was.
pub fn save_png(path: impl AsRef<Path>, picture: &Picture) -> Result<()> {
    let path = path.as_ref();
    check_target(path)?;
    let temp = TempFile::beside(path)?;
    write_png(temp.file(), path, picture)?;
    temp.publish()
}

/// Encodes a PNG into an open file. `path` is for messages.
pub(crate) fn write_png(file: &File, path: &Path, picture: &Picture) -> Result<()> {
    picture.check()?;
    let (width, height) = (picture.width, picture.height);
    if width == 0 || height == 0 {
        let reason = "a picture needs at least one pixel";
        return Err(MediaError::OutputSize { path: path.to_owned(), width, height, reason });
    }
    let mut out = BufWriter::new(file);
    let encoder = PngEncoder::new_with_quality(&mut out, CompressionType::Fast, FilterType::Adaptive);
    let written: ImageResult<()> = encoder.write_image(&picture.rgba, width, height, ExtendedColorType::Rgba8);
    match written {
        Ok(()) => out.flush().map_err(|e| MediaError::write(path, e)),
        Err(image::ImageError::IoError(e)) => Err(MediaError::write(path, e)),
        Err(e) => Err(MediaError::encode(path, e)),
    }
}
