//! The `.avatar` file: `PORTRAIT`, a format version, the SHA-256 of the rest, then safetensors with the avatar's tensors and
//! its [`AvatarInfo`] as JSON in the metadata.

use crate::avatar::{Avatar, AvatarInfo, MOST_DETAIL};
use crate::error::EngineError;
use crate::motion::Points;
use image::RgbImage;
use portrait_kernels::RefinePoints;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::Path;

const MAGIC: &[u8; 8] = b"PORTRAIT";
const VERSION: u32 = 3;
const HEADER: usize = 8 + 4 + 32;
/// Larger files are not avatars.
const MAX_BYTES: u64 = 256 << 20;

/// Writes a file under a temporary name, then renames it: it appears whole or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, path));
    if written.is_err() {
        // The original error matters more than a failing clean-up.
        let _ = std::fs::remove_file(&part);
    }
    written
}

/// Checks the picture's side and its square in the photo, which other code counts on.
fn check_squares(info: &AvatarInfo) -> Result<(), String> {
    if info.image == 0 {
        return Err("its `image` is 0, expected the side of its picture in pixels".to_owned());
    }
    let (crop @ [left, top, side], photo @ [width, height]) = (info.crop, info.photo);
    let within = |first: u32, size: u32| first.checked_add(side).is_some_and(|end| end <= size);
    if side == 0 || !within(left, width) || !within(top, height) {
        return Err(format!(
            "its `crop` is {crop:?}, expected left, top and side of a square in its photo of {photo:?}"
        ));
    }
    Ok(())
}

impl Avatar {
    /// Writes the avatar. The file appears whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), EngineError> {
        let path = path.as_ref();
        write_whole(path, &self.to_bytes()).map_err(|source| EngineError::AvatarIo { file: path.to_owned(), source })
    }

    /// The file's contents.
    pub fn to_bytes(&self) -> Vec<u8> {
        let n = self.info.image as usize;
        let floats = |v: &[f32]| -> Vec<u8> { v.iter().flat_map(|x| x.to_le_bytes()).collect() };
        let mut tensors: Vec<(&str, Dtype, Vec<usize>, Vec<u8>)> = vec![
            ("source", Dtype::U8, vec![n, n, 4], self.source.as_flattened().to_vec()),
            ("background", Dtype::U8, vec![n, n, 3], self.background.as_flattened().to_vec()),
            ("facial", Dtype::F32, vec![self.facial.len(), 2], floats(self.facial.as_flattened())),
            ("neural", Dtype::F32, vec![self.neural.len(), 2], floats(self.neural.as_flattened())),
            ("mixed", Dtype::F32, vec![self.mixed.len(), 2], floats(self.mixed.as_flattened())),
            ("motion_bias", Dtype::F32, vec![self.motion_bias.len()], floats(&self.motion_bias)),
            ("view_bias", Dtype::F32, vec![self.view_bias.len()], floats(&self.view_bias)),
        ];
        if let Some(detail) = &self.detail {
            let side = detail.width() as usize;
            tensors.push(("detail", Dtype::U8, vec![side, side, 3], detail.as_raw().clone()));
        }
        let views = tensors.iter().map(|(name, dtype, shape, data)| {
            (*name, TensorView::new(*dtype, shape.clone(), data).expect("each tensor fills its shape"))
        });
        let info = serde_json::to_string(&self.info).expect("the info is plain data");
        let metadata = HashMap::from([("avatar".to_owned(), info)]);
        let body = safetensors::serialize(views, Some(metadata)).expect("a few small tensors serialise");
        let mut file = Vec::with_capacity(HEADER + body.len());
        file.extend_from_slice(MAGIC);
        file.extend_from_slice(&VERSION.to_le_bytes());
        file.extend_from_slice(&Sha256::digest(&body));
        file.extend_from_slice(&body);
        file
    }

    /// Reads an avatar and verifies it.
    ///
    /// # Errors
    /// When the file cannot be read, is no avatar, is damaged, or was made by another version.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, EngineError> {
        let path = path.as_ref();
        let failed = |source| EngineError::AvatarIo { file: path.to_owned(), source };
        let origin = path.display().to_string();
        if std::fs::metadata(path).map_err(failed)?.len() > MAX_BYTES {
            let reason = format!("it is larger than {} MiB", MAX_BYTES >> 20);
            return Err(EngineError::AvatarFormat { origin, reason });
        }
        Self::from_bytes(&origin, &std::fs::read(path).map_err(failed)?)
    }

    /// Reads an avatar from memory; `origin` names it in errors.
    ///
    /// # Errors
    /// As [`Avatar::load`].
    pub fn from_bytes(origin: &str, bytes: &[u8]) -> Result<Self, EngineError> {
        Self::parse(bytes).map_err(|reason| EngineError::AvatarFormat { origin: origin.to_owned(), reason })
    }

    /// Whether bytes start like an avatar file.
    pub fn is_avatar(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        if !Self::is_avatar(bytes) {
            return Err("it does not start like one".to_owned());
        }
        let Some((header, body)) = bytes.split_at_checked(HEADER) else { return Err("it is truncated".to_owned()) };
        let version = header[8..12].iter().rev().fold(0u32, |v, &b| v << 8 | u32::from(b));
        if version != VERSION {
            return Err(format!("it has format version {version}, this engine reads {VERSION}"));
        }
        if Sha256::digest(body).as_slice() != &header[12..] {
            return Err("its checksum does not match: it is truncated or damaged".to_owned());
        }
        let tensors = SafeTensors::deserialize(body).map_err(|e| e.to_string())?;
        let (_, metadata) = SafeTensors::read_metadata(body).map_err(|e| e.to_string())?;
        let info = metadata.metadata().as_ref().and_then(|m| m.get("avatar")).ok_or("it carries no description")?;
        let info: AvatarInfo = serde_json::from_str(info).map_err(|e| format!("its description is unreadable: {e}"))?;
        check_squares(&info)?;
        let n = info.image as usize;
        let take = |name: &str, dtype: Dtype, shape: Option<&[usize]>| {
            let view = tensors.tensor(name).map_err(|e| format!("`{name}`: {e}"))?;
            if view.dtype() != dtype || shape.is_some_and(|s| s != view.shape()) {
                let expected = shape.map_or_else(|| "of any shape".to_owned(), |shape| format!("{shape:?}"));
                return Err(format!(
                    "`{name}` is {:?} {:?}, expected {dtype:?} {expected}",
                    view.dtype(),
                    view.shape()
                ));
            }
            Ok(view.data().to_vec())
        };
        let floats = |name: &str, shape: Option<&[usize]>| {
            let data = take(name, Dtype::F32, shape)?;
            let values: Vec<f32> = data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            match values.iter().all(|v| v.is_finite()) {
                true => Ok(values),
                false => Err(format!("`{name}` holds values that are not finite")),
            }
        };
        let detail = match tensors.tensor("detail").ok().map(|view| view.shape().to_vec()).as_deref() {
            None => None,
            Some(&[side, _, _]) if (n + 1..=MOST_DETAIL as usize).contains(&side) => {
                let rgb = take("detail", Dtype::U8, Some(&[side, side, 3]))?;
                RgbImage::from_raw(side as u32, side as u32, rgb)
            }
            Some(shape) => {
                return Err(format!(
                    "`detail` is {shape:?}, expected [side, side, 3] with a side above {n} and up to {MOST_DETAIL}"
                ));
            }
        };
        let points = |name: &str, n: usize| {
            let values = floats(name, Some(&[n, 2]))?;
            match values.iter().all(|&v| Points::within(v)) {
                true => Ok(values.as_chunks().0.to_vec()),
                false => Err(format!("`{name}` holds points beyond ±{}", Points::REACH)),
            }
        };
        Ok(Self {
            source: take("source", Dtype::U8, Some(&[n, n, 4]))?.as_chunks().0.to_vec(),
            detail,
            background: take("background", Dtype::U8, Some(&[n, n, 3]))?.as_chunks().0.to_vec(),
            facial: points("facial", RefinePoints::POINTS)?,
            neural: points("neural", 50)?,
            mixed: points("mixed", 50)?,
            motion_bias: floats("motion_bias", None)?,
            view_bias: floats("view_bias", None)?,
            info,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The middle of a photo of 4 × 4 pixels.
    fn avatar() -> Avatar {
        Avatar {
            info: AvatarInfo {
                preset: "s".to_owned(),
                weights: String::new(),
                image: 2,
                photo: [4, 4],
                crop: [1, 1, 2],
                face_size: 2.0,
                yaw: 0.0,
                warnings: Vec::new(),
            },
            source: vec![[9; 4]; 4],
            detail: None,
            background: vec![[9; 3]; 4],
            facial: vec![[0.5; 2]; RefinePoints::POINTS],
            neural: vec![[0.5; 2]; 50],
            mixed: vec![[0.5; 2]; 50],
            motion_bias: vec![0.5; 4],
            view_bias: vec![0.5; 4],
        }
    }

    #[test]
    fn squares_that_cannot_be_are_refused_with_the_reason() {
        let read = |avatar: &Avatar| Avatar::from_bytes("x.avatar", &avatar.to_bytes());
        assert_eq!(read(&avatar()).expect("its own file"), avatar());
        for (image, crop, detail, reason) in [
            (0, [1, 1, 2], None, "`image` is 0"),
            (2, [1, 1, 0], None, "`crop` is [1, 1, 0]"),
            (2, [3, 1, 2], None, "`crop` is [3, 1, 2]"),
            (2, [1, 3, 2], None, "`crop` is [1, 3, 2]"),
            (2, [u32::MAX, 1, 2], None, "`crop` is [4294967295, 1, 2]"),
            (2, [1, u32::MAX, 2], None, "`crop` is [1, 4294967295, 2]"),
            (2, [1, 1, 2], Some(2), "`detail` is [2, 2, 3], expected [side, side, 3] with a side above 2"),
        ] {
            let mut hostile = avatar();
            (hostile.info.image, hostile.info.crop) = (image, crop);
            hostile.source.truncate((image * image) as usize);
            hostile.background.truncate((image * image) as usize);
            hostile.detail = detail.map(|side| RgbImage::new(side, side));
            let error = read(&hostile).expect_err(reason).to_string();
            assert!(error.contains(reason) && error.contains("x.avatar"), "{error}");
        }
    }

    #[test]
    fn tensors_of_another_shape_and_points_out_of_reach_are_refused_with_the_reason() {
        type Change = fn(&mut Avatar);
        let changes: [(Change, &str); 3] = [
            (|avatar| avatar.neural.truncate(49), "`neural` is F32 [49, 2], expected F32 [50, 2]"),
            (|avatar| avatar.mixed[7][1] = -1e38, "`mixed` holds points beyond ±100"),
            (|avatar| avatar.facial[0][0] = f32::NAN, "`facial` holds values that are not finite"),
        ];
        for (change, reason) in changes {
            let mut hostile = avatar();
            change(&mut hostile);
            let error = Avatar::from_bytes("x.avatar", &hostile.to_bytes()).expect_err(reason).to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
