//! `portrait info`: what a file is.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use portrait_media::{MediaError, Picture, SoundReader, VideoReader, is_sound};
use portrait_runtime::{Avatar, EngineError, Part, Preset, RecordedMotion, SessionOptions, frame_steps};
use serde_json::{Map, Value, json};

use crate::driver::{is_motion, pixels};
use crate::engine::EngineArgs;
use crate::{console, source};

/// Longest header of a weight file that is read.
const MAX_HEADER: u64 = 4 << 20;

/// Says what is in an avatar, a weight file, a photo, a video, a sound or a motion; without a file, what a frame of the preset costs
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  portrait info group.jpg
  portrait info --preset fast

For a photo, the faces are listed with the numbers that --face takes.")]
pub(crate) struct Info {
    /// An .avatar, a .safetensors, a .motion, a photo, a video or a sound
    file: Option<PathBuf>,
    #[command(flatten)]
    engine: EngineArgs,
    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Info {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let facts = self.facts()?;
        if self.json {
            console::line(&facts);
        } else {
            print(&facts, 0);
        }
        Ok(ExitCode::SUCCESS)
    }

    fn facts(&self) -> Result<Value> {
        let Some(file) = self.file.as_deref().or(self.engine.weights.as_deref()) else {
            return preset(&self.engine.preset);
        };
        let head = source::head(file);
        if Avatar::is_avatar(&head) {
            let avatar = Avatar::load(file)?;
            return Ok(json!({ "kind": "avatar", "file": name(file), "avatar": avatar.info() }));
        }
        if is_motion(file) {
            return motion(file);
        }
        if is_safetensors(&head) {
            return weights(file);
        }
        if is_sound(file) {
            return sound(file);
        }
        match portrait_media::load_photo(file) {
            Ok(photo) if !is_animation(file) => self.photo(file, &photo),
            Ok(_) => video(file, &VideoReader::open(file)?),
            // What is neither, a HEIC for one, is told of as the photo that it may be.
            Err(error @ MediaError::NotAPicture { .. }) => match VideoReader::open(file) {
                Err(MediaError::NotAVideo { .. }) => Err(error.into()),
                reader => video(file, &reader?),
            },
            Err(error) => Err(error.into()),
        }
    }

    fn photo(&self, file: &Path, photo: &Picture) -> Result<Value> {
        let mut facts = json!({ "kind": "photo", "file": name(file), "width": photo.width, "height": photo.height });
        let faces = match self.engine.open() {
            Ok(engine) => {
                let faces = engine.faces(pixels(photo))?;
                let face = |f: &portrait_runtime::FaceBox| json!({ "x": f.center[0].round(), "y": f.center[1].round(), "size": f.side.round(), "score": round(f.score.into()) });
                Value::from(faces.iter().map(face).collect::<Vec<_>>())
            }
            // A photo has a size also where there is no GPU to look for faces with.
            Err(error) if matches!(error.downcast_ref(), Some(EngineError::NoAdapter(_))) => {
                Value::from(format!("not looked for: {error}"))
            }
            Err(error) => return Err(error),
        };
        facts["faces"] = faces;
        Ok(facts)
    }
}

/// As JSON takes it, whatever bytes a system allows in names.
fn name(file: &Path) -> String {
    file.display().to_string()
}

fn round(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

fn is_safetensors(head: &[u8]) -> bool {
    let length = head.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
    length.is_some_and(|n| (2..=MAX_HEADER).contains(&n)) && head.get(8) == Some(&b'{')
}

/// A GIF with more than one frame is a clip.
fn is_animation(file: &Path) -> bool {
    let Ok(mut reader) = VideoReader::open(file) else { return false };
    matches!(reader.next_frame(), Ok(Some(_))) && matches!(reader.next_frame(), Ok(Some(_)))
}

fn sound(file: &Path) -> Result<Value> {
    let reader = SoundReader::open(file)?;
    let seconds = reader.duration().map(|duration| round(duration.as_secs_f64()));
    Ok(json!({ "kind": "sound", "file": name(file), "seconds": seconds }))
}

fn video(file: &Path, reader: &VideoReader) -> Result<Value> {
    let info = reader.info();
    let audio = match reader.audio() {
        Some(track) => Value::from(format!("AAC, {} Hz, {:.2} s", track.sample_rate(), track.duration().as_secs_f64())),
        None if info.has_audio => Value::from("not AAC"),
        None => Value::Null,
    };
    Ok(json!({
        "kind": "video",
        "file": name(file),
        "width": info.width,
        "height": info.height,
        "codec": info.codec,
        "fps": info.fps,
        "frames": info.frames,
        "seconds": info.duration.map(|d| d.as_secs_f64()),
        "audio": audio,
    }))
}

fn motion(file: &Path) -> Result<Value> {
    let motion = RecordedMotion::load(file)?;
    let times = motion.frames.first().zip(motion.frames.last());
    Ok(json!({
        "kind": "motion",
        "file": name(file),
        "frames": motion.frames.len(),
        "seconds": times.map(|(first, last)| (last.time - first.time).as_secs_f64()),
        "neutral": motion.neutral.is_some(),
    }))
}

fn preset(name: &str) -> Result<Value> {
    let preset = Preset::named(name).map_err(EngineError::from)?;
    let (image, frame) = (preset.image, frame(&preset)?);
    let known: Vec<_> = Preset::names().collect();
    Ok(json!({ "kind": "preset", "preset": name, "image": image, "frame": frame, "presets": known }))
}

/// What a frame costs while the face is tracked: 10⁹ multiply-accumulates, as the literature counts them and as the shaders
/// execute them, and dispatches.
fn frame(preset: &Preset) -> Result<Value> {
    let steps = frame_steps(preset, &SessionOptions::new(256, 256))?;
    let cost = |parts: &[Part]| {
        let steps: Vec<_> = steps.iter().filter(|step| parts.contains(&step.part)).map(|step| &step.kernel).collect();
        let giga = |sum: u64| round(sum as f64 / 1e9);
        let gmac = giga(steps.iter().map(|kernel| kernel.macs()).sum());
        let executed = giga(steps.iter().map(|kernel| kernel.executed_macs()).sum());
        json!({ "gmac": gmac, "executed_gmac": executed, "dispatches": steps.len() })
    };
    Ok(json!({ "keypoint_driven": cost(&[Part::Render]), "video_driven": cost(&[Part::Track, Part::Render]) }))
}

fn weights(file: &Path) -> Result<Value> {
    let cannot_read = || format!("cannot read `{}`", file.display());
    let mut reader = File::open(file).with_context(cannot_read)?;
    let bytes = reader.metadata().with_context(cannot_read)?.len();
    let mut length = [0; 8];
    reader.read_exact(&mut length).with_context(cannot_read)?;
    let length = u64::from_le_bytes(length);
    let mut header = Vec::new();
    reader.take(length).read_to_end(&mut header).with_context(cannot_read)?;
    let damaged = || format!("`{}` is a damaged or truncated safetensors file; get a fresh copy", file.display());
    let header: Map<String, Value> = serde_json::from_slice(&header).with_context(damaged)?;
    let mut tensors = 0;
    let mut values = 0u64;
    let mut end = 0;
    let mut kinds: Vec<&str> = Vec::new();
    for (name, tensor) in header.iter().filter(|(name, _)| *name != "__metadata__") {
        end = end.max(tensor["data_offsets"][1].as_u64().unwrap_or_default());
        if name.ends_with("_scale") {
            continue; // of a tensor in bytes
        }
        tensors += 1;
        let shape = tensor["shape"].as_array().map(Vec::as_slice).unwrap_or_default();
        values = values.saturating_add(shape.iter().filter_map(Value::as_u64).fold(1, u64::saturating_mul));
        kinds.extend(tensor["dtype"].as_str());
    }
    kinds.sort_unstable();
    kinds.dedup();
    let expected = end.saturating_add(8 + length);
    if bytes != expected {
        bail!("{}: {bytes} bytes, its header describes {expected}", damaged());
    }
    let metadata = header.get("__metadata__").cloned().unwrap_or_default();
    let preset = metadata["preset"].as_str().and_then(|name| Preset::named(name).ok());
    Ok(json!({
        "kind": "weights",
        "file": name(file),
        "bytes": bytes,
        "tensors": tensors,
        "parameters": values,
        "types": kinds,
        "frame": preset.as_ref().map(frame).transpose()?,
        "metadata": metadata,
    }))
}

/// Prints an object as indented lines.
fn print(value: &Value, depth: usize) {
    let Some(object) = value.as_object() else { return };
    let pad = "  ".repeat(depth);
    for (key, value) in object {
        match value {
            Value::Null => {}
            Value::Object(_) => {
                console::line(format!("{pad}{key}:"));
                print(value, depth + 1);
            }
            Value::Array(list) if list.iter().any(Value::is_object) => {
                console::line(format!("{pad}{key}: {}", list.len()));
                for (index, item) in list.iter().enumerate() {
                    let parts =
                        item.as_object().into_iter().flatten().map(|(key, value)| format!("{key} {}", plain(value)));
                    console::line(format!("{pad}  {}: {}", index + 1, parts.collect::<Vec<_>>().join(", ")));
                }
            }
            other => console::line(format!("{pad}{key}: {}", plain(other))),
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) if list.is_empty() => "none".to_owned(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => format!("{}", (float * 1e3).round() / 1e3),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}
