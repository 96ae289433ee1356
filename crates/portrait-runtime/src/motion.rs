//! Recorded motion: a driver's points over time, and the `.motion` file that keeps them. Numbers only: no pixel of the driver is in it.
//!
//! `docs/motion.md` describes the file.

use crate::error::EngineError;
use std::path::Path;
use std::time::Duration;

const MAGIC: &[u8; 8] = b"PTMOTION";
const VERSION: u32 = 1;
/// Magic, version, facial points, neural points, flags, frames.
const HEADER: usize = 8 + 4 * 4 + 8;
/// Whether a neutral pose follows the header.
const HAS_NEUTRAL: u32 = 1;
/// Larger files are no motions: two days at 30 frames a second.
pub(crate) const MAX_BYTES: u64 = 8 << 30;

/// A driver's points of one moment, in [-1, 1] of its portrait crop; up to [`Points::REACH`] where they lie outside of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    /// 108 facial keypoints: the 106 of the mesh, right and left iris.
    pub facial: Vec<[f32; 2]>,
    /// 50 neural keypoints.
    pub neural: Vec<[f32; 2]>,
}

impl Points {
    /// Coordinates of both kinds.
    const LEN: usize = 2 * (Self::FACIAL + Self::NEURAL);
    /// Coordinates reach from minus this to this. Far beyond any face, and near enough that the filter's state stays finite.
    pub const REACH: f32 = 100.0;
    /// How many facial keypoints there are.
    pub const FACIAL: usize = 108;
    /// How many of those are of the mesh.
    pub(crate) const MESH: usize = 106;
    /// How many neural keypoints there are.
    pub const NEURAL: usize = 50;

    /// Whether a coordinate is a number that a face may have.
    pub(crate) fn within(value: f32) -> bool {
        (-Self::REACH..=Self::REACH).contains(&value)
    }

    /// Checks that there are as many as needed, all within reach.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        let both = [("facial keypoints", &self.facial, Self::FACIAL), ("neural keypoints", &self.neural, Self::NEURAL)];
        for (what, points, expected) in both {
            if points.len() != expected {
                return Err(EngineError::Points { what, expected, found: points.len() });
            }
            if let Some(index) = points.iter().position(|point| !point.iter().all(|&v| Self::within(v))) {
                return Err(EngineError::PointReach { what, index, found: points[index] });
            }
        }
        Ok(())
    }

    /// All coordinates, facial first.
    pub(crate) fn flat(&self) -> Vec<f32> {
        [self.facial.as_flattened(), self.neural.as_flattened()].concat()
    }

    /// All coordinates in the order of a pose: mesh, neural, irises.
    pub(crate) fn pose(&self) -> Vec<f32> {
        let (mesh, irises) = self.facial.split_at(Self::MESH);
        [mesh.as_flattened(), self.neural.as_flattened(), irises.as_flattened()].concat()
    }

    /// The inverse of [`Points::pose`].
    pub(crate) fn from_pose(values: &[f32]) -> Self {
        let (mesh, rest) = values.split_at(2 * Self::MESH);
        let (neural, irises) = rest.split_at(2 * Self::NEURAL);
        Self::from_flat(&[mesh, irises, neural].concat())
    }

    /// The inverse of [`Points::flat`].
    pub(crate) fn from_flat(values: &[f32]) -> Self {
        let (facial, neural) = values.split_at(2 * Self::FACIAL);
        Self { facial: facial.as_chunks().0.to_vec(), neural: neural.as_chunks().0.to_vec() }
    }
}

/// One moment of a recorded motion.
#[derive(Clone, Debug, PartialEq)]
pub struct MotionFrame {
    /// When, from the start of the recording.
    pub time: Duration,
    /// The driver's points; `None` where no face was seen.
    pub points: Option<Points>,
}

impl MotionFrame {
    /// The time as a file has it.
    fn micros(&self) -> u64 {
        self.time.as_micros() as u64
    }
}

/// A recorded motion. It plays on any avatar.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordedMotion {
    /// The pose that relative motion is measured from, where one was settled.
    pub neutral: Option<Points>,
    /// All moments; times grow.
    pub frames: Vec<MotionFrame>,
}

impl RecordedMotion {
    /// The file's contents.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER + self.frames.len() * Self::record_bytes());
        out.extend_from_slice(MAGIC);
        let flags = if self.neutral.is_some() { HAS_NEUTRAL } else { 0 };
        for value in [VERSION, Points::FACIAL as u32, Points::NEURAL as u32, flags] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out.extend_from_slice(&(self.frames.len() as u64).to_le_bytes());
        let mut floats = |values: &[f32]| out.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        self.neutral.iter().for_each(|neutral| floats(&neutral.flat()));
        for frame in &self.frames {
            out.extend_from_slice(&frame.micros().to_le_bytes());
            out.extend_from_slice(&u32::from(frame.points.is_some()).to_le_bytes());
            let values = frame.points.as_ref().map_or_else(|| vec![0.0; Points::LEN], Points::flat);
            out.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        }
        out
    }

    /// Time, whether there is a face, points.
    const fn record_bytes() -> usize {
        8 + 4 + 4 * Points::LEN
    }

    /// What a reader of the file would refuse.
    fn check(&self) -> Result<(), String> {
        let neutral = if self.neutral.is_some() { 4 * Points::LEN } else { 0 };
        check_length((HEADER + neutral) as u64 + self.frames.len() as u64 * Self::record_bytes() as u64)?;
        if let Some(neutral) = &self.neutral {
            neutral.check().map_err(|error| format!("its neutral pose: {error}"))?;
        }
        for (i, frame) in self.frames.iter().enumerate() {
            if let Some(points) = &frame.points {
                points.check().map_err(|error| format!("frame {i}: {error}"))?;
            }
        }
        self.check_frames()
    }

    /// Checks that times grow as a file has them, and that there is a face.
    fn check_frames(&self) -> Result<(), String> {
        if let Some(i) = self.frames.windows(2).position(|pair| pair[0].micros() >= pair[1].micros()) {
            return Err(format!("frame {} is not later than the one before", i + 1));
        }
        match self.frames.iter().any(|frame| frame.points.is_some()) {
            true => Ok(()),
            false => Err("no frame of it shows a face".to_owned()),
        }
    }

    /// Writes the file. It appears whole or not at all.
    ///
    /// # Errors
    /// When [`RecordedMotion::load`] would refuse the file, or it cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), EngineError> {
        let path = path.as_ref();
        self.check().map_err(|reason| EngineError::MotionUnfit { file: path.to_owned(), reason })?;
        crate::avatar_file::write_whole(path, &self.to_bytes())
            .map_err(|source| EngineError::MotionIo { file: path.to_owned(), source })
    }

    /// Reads a motion and checks every number in it.
    ///
    /// # Errors
    /// When the file cannot be read, is no motion, is truncated, holds numbers that are not finite or beyond [`Points::REACH`], or was
    /// made by another version.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, EngineError> {
        let path = path.as_ref();
        let failed = |source| EngineError::MotionIo { file: path.to_owned(), source };
        let origin = path.display().to_string();
        check_length(std::fs::metadata(path).map_err(failed)?.len())
            .map_err(|reason| EngineError::MotionFormat { origin: origin.clone(), reason })?;
        Self::from_bytes(&origin, &std::fs::read(path).map_err(failed)?)
    }

    /// Reads a motion from memory; `origin` names it in errors.
    ///
    /// # Errors
    /// As [`RecordedMotion::load`].
    pub fn from_bytes(origin: &str, bytes: &[u8]) -> Result<Self, EngineError> {
        Self::parse(bytes).map_err(|reason| EngineError::MotionFormat { origin: origin.to_owned(), reason })
    }

    /// Whether bytes start like a motion file.
    pub fn is_motion(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        if !Self::is_motion(bytes) {
            return Err("it does not start like one".to_owned());
        }
        let Some((header, mut body)) = bytes.split_at_checked(HEADER) else { return Err("it is truncated".to_owned()) };
        let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (version, facial, neural, flags) = (word(8), word(12), word(16), word(20));
        if version != VERSION {
            return Err(format!("it has format version {version}, this engine reads {VERSION}"));
        }
        if [facial as usize, neural as usize] != [Points::FACIAL, Points::NEURAL] || flags & !HAS_NEUTRAL != 0 {
            return Err(format!("its header names {facial} facial and {neural} neural points, flags {flags}"));
        }
        let count = u64::from(word(24)) | u64::from(word(28)) << 32;
        let floats = |part: &[u8], what: &dyn Fn() -> String| {
            let values: Vec<f32> = part.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            match values.iter().all(|&v| Points::within(v)) {
                true => Ok(Points::from_flat(&values)),
                false => Err(format!("{} holds numbers that are not finite or beyond ±{}", what(), Points::REACH)),
            }
        };
        let neutral = match flags & HAS_NEUTRAL {
            0 => None,
            _ => {
                let (part, rest) = body.split_at_checked(4 * Points::LEN).ok_or("it is truncated")?;
                body = rest;
                Some(floats(part, &|| "its neutral pose".to_owned())?)
            }
        };
        let record = Self::record_bytes();
        if body.len() as u64 != count.saturating_mul(record as u64) {
            return Err(format!(
                "it announces {count} frames and holds {}: it is truncated or damaged",
                body.len() / record
            ));
        }
        let mut frames: Vec<MotionFrame> = Vec::with_capacity(body.len() / record);
        for (i, part) in body.chunks_exact(record).enumerate() {
            let time = part[..8].iter().rev().fold(0u64, |v, &b| v << 8 | u64::from(b));
            let points = floats(&part[12..], &|| format!("frame {i}"))?;
            let time = Duration::from_micros(time);
            frames.push(MotionFrame { time, points: (part[8] != 0).then_some(points) });
        }
        let motion = Self { neutral, frames };
        motion.check_frames()?;
        Ok(motion)
    }
}

/// Checks the bytes of a file.
fn check_length(bytes: u64) -> Result<(), String> {
    if bytes > MAX_BYTES {
        return Err(format!("it is larger than {} GiB", MAX_BYTES >> 30));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(seed: usize) -> Points {
        Points::from_flat(&(0..Points::LEN).map(|i| ((i * 7 + seed) % 100) as f32 / 50.0 - 1.0).collect::<Vec<_>>())
    }

    fn motion() -> RecordedMotion {
        let frame =
            |i: usize| MotionFrame { time: Duration::from_millis(40 * i as u64), points: (i != 1).then(|| points(i)) };
        RecordedMotion { neutral: Some(points(9)), frames: (0..4).map(frame).collect() }
    }

    #[test]
    fn files_come_back_as_they_were() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.motion");
        motion().save(&file).expect("saved");
        assert_eq!(RecordedMotion::load(&file).expect("loaded"), motion());
        let bare = RecordedMotion { neutral: None, ..motion() };
        assert_eq!(RecordedMotion::from_bytes("bare", &bare.to_bytes()).expect("loaded"), bare);
        assert!(matches!(RecordedMotion::load(folder.path().join("b.motion")), Err(EngineError::MotionIo { .. })));
    }

    #[test]
    fn what_would_not_load_is_not_saved() {
        fn changed(change: impl Fn(&mut RecordedMotion)) -> RecordedMotion {
            let mut motion = motion();
            change(&mut motion);
            motion
        }
        fn pose(motion: &mut RecordedMotion, frame: usize) -> &mut Points {
            motion.frames[frame].points.as_mut().expect("a face")
        }
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.motion");
        let micros = Duration::from_micros;
        for (unfit, reason) in [
            (changed(|m| m.neutral.as_mut().expect("a pose").facial.truncate(106)), "neutral pose: facial keypoints"),
            // As many numbers as there should be.
            (
                changed(|m| {
                    pose(m, 2).facial.truncate(107);
                    pose(m, 2).neural.push([0.0; 2]);
                }),
                "frame 2: facial keypoints: expected 108 finite values, got 107",
            ),
            (
                changed(|m| m.neutral.as_mut().expect("a pose").facial.push([f32::NAN, 0.0])),
                "neutral pose: facial keypoints: expected 108 finite values, got 109",
            ),
            (
                changed(|m| pose(m, 3).neural[7][1] = f32::NAN),
                "frame 3: neural keypoints: point 7 is [-0.74, NaN]; its coordinates go from -100 to 100",
            ),
            (changed(|m| pose(m, 0).facial[107][0] = 1e38), "frame 0: facial keypoints: point 107"),
            (changed(|m| m.frames[2].time = m.frames[1].time), "frame 2 is not later"),
            (changed(|m| m.frames[2].time = m.frames[1].time + micros(1) / 2), "frame 2 is not later"),
            (changed(|m| m.frames[3].time = micros(7)), "frame 3 is not later"),
            (changed(|m| m.frames.iter_mut().for_each(|frame| frame.points = None)), "no frame of it shows a face"),
            (changed(|m| m.frames.clear()), "no frame of it shows a face"),
        ] {
            let error = unfit.save(&file).expect_err(reason);
            assert!(matches!(error, EngineError::MotionUnfit { .. }), "{error}");
            assert!(error.to_string().contains(reason) && error.to_string().contains("a.motion"), "{error}");
            assert!(!file.exists(), "{reason}");
        }
        assert!(check_length(MAX_BYTES).is_ok() && check_length(MAX_BYTES + 1).is_err());
    }

    #[test]
    fn damaged_files_are_refused_with_the_reason() {
        let good = motion().to_bytes();
        let record = RecordedMotion::record_bytes();
        let changed = |at: usize, with: &[u8]| {
            let mut bytes = good.clone();
            bytes[at..at + with.len()].copy_from_slice(with);
            bytes
        };
        let first = HEADER + 4 * Points::LEN;
        for (bytes, reason) in [
            (Vec::new(), "does not start"),
            (b"PTMOTION".to_vec(), "truncated"),
            (good[..HEADER + 100].to_vec(), "truncated"),
            (good[..good.len() - 1].to_vec(), "announces 4 frames and holds 3"),
            ([good.clone(), vec![0; record]].concat(), "announces 4 frames and holds 5"),
            (changed(8, &[2]), "version 2"),
            (changed(12, &[106]), "106 facial"),
            (changed(24, &[255; 8]), "announces"),
            (changed(HEADER + 40, &f32::INFINITY.to_le_bytes()), "neutral pose holds"),
            (changed(first + 2 * record + 60, &f32::NAN.to_le_bytes()), "frame 2 holds"),
            (changed(first + 60, &1e38f32.to_le_bytes()), "frame 0 holds numbers that are not finite or beyond ±100"),
            (changed(first + 60, &(-100.1f32).to_le_bytes()), "frame 0 holds"),
            (changed(first + 2 * record, &[0; 8]), "frame 2 is not later"),
        ] {
            let error = RecordedMotion::from_bytes("x.motion", &bytes).expect_err(reason).to_string();
            assert!(error.contains(reason) && error.contains("x.motion"), "{error}");
        }
        let mut empty = motion();
        empty.frames.iter_mut().for_each(|frame| frame.points = None);
        assert!(
            RecordedMotion::from_bytes("x", &empty.to_bytes())
                .expect_err("no face")
                .to_string()
                .contains("shows a face")
        );
    }
}
