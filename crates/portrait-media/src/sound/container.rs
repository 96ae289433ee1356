//! WAV, FLAC, MP3 and Ogg, by symphonia.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};

use super::decoded::{MAX_CHANNELS, Opened, Source, Step};
use super::decoder::Decoder;
use super::ffmpeg;
use crate::{MediaError, Result};

/// As much of a file as its header is looked for in, in bytes.
const HEAD: u64 = 4096;
/// Damaged places in a row that are passed over.
const PATIENCE: usize = 100;

struct Container {
    path: PathBuf,
    reader: Box<dyn FormatReader>,
    track: u32,
    decoder: Decoder,
    /// Damaged places in a row.
    damaged: usize,
}

/// Opens a file of a kind that is decoded here, but for variants of it.
pub(super) fn open(mut file: File, path: &Path, kind: &'static str) -> Result<Opened> {
    if let Some((channels, bits)) = wave_format(&mut file).map_err(|e| MediaError::read(path, e))?
        && (channels > MAX_CHANNELS || bits > 64)
    {
        let reason = format!("it claims {channels} channels of {bits} bits");
        return Err(MediaError::damaged_sound(path, reason));
    }
    match open_here(file, path) {
        Ok(opened) => Ok(opened),
        Err(Error::Unsupported(what)) => ffmpeg::open(path, &format!("{kind} of an unusual make ({what})")),
        // The end of the file is found as damage is: where there should be more.
        Err(Error::IoError(e)) if e.kind() != std::io::ErrorKind::UnexpectedEof => Err(MediaError::read(path, e)),
        Err(e) => Err(MediaError::damaged_sound(path, e.to_string())),
    }
}

fn open_here(file: File, path: &Path) -> std::result::Result<Opened, Error> {
    let stream = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
    let probe = symphonia::default::get_probe();
    let reader = probe.probe(&Hint::new(), stream, Default::default(), Default::default())?;
    let track = reader.default_track(TrackType::Audio).ok_or(Error::DecodeError("it has no sound"))?;
    let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio());
    let decoder = Decoder::new(path, parameters.ok_or(Error::DecodeError("its codec is not told"))?)?;
    // An MP3 without the encoder's tag is counted by its length in bytes.
    let exact = reader.format_info().short_name != "mp3" || track.delay.is_some();
    let (rate, channels, frames, track) = (decoder.rate, decoder.channels, track.num_frames, track.id);
    let source = Container { path: path.to_owned(), reader, track, decoder, damaged: 0 };
    Ok(Opened { source: Box::new(source), rate, channels, frames, exact })
}

/// Channels and bits of a sample that a WAV file claims to have. symphonia multiplies them in 16 bits, unchecked.
fn wave_format(file: &mut File) -> std::io::Result<Option<(usize, usize)>> {
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head)?;
    file.rewind()?;
    let format = head.windows(24).find(|bytes| head.starts_with(b"RIFF") && bytes.starts_with(b"fmt "));
    Ok(format.map(|bytes| {
        let number = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
        (number(10), number(22))
    }))
}

impl Source for Container {
    fn next(&mut self, out: &mut Vec<f32>) -> Result<Step> {
        match self.reader.next_packet() {
            Ok(Some(packet)) => {
                self.damaged = 0;
                if packet.track_id == self.track {
                    self.decoder.decode(&packet.as_packet_ref(), out)?;
                }
                Ok(Step::Sound)
            }
            Ok(None) => Ok(Step::End),
            Err(Error::IoError(e)) if e.kind() == std::io::ErrorKind::UnexpectedEof => Ok(Step::Cut),
            Err(Error::IoError(e)) => Err(MediaError::read(&self.path, e)),
            Err(Error::DecodeError(_)) if self.damaged < PATIENCE => {
                self.damaged += 1;
                Ok(Step::Sound)
            }
            Err(Error::ResetRequired) => {
                Err(MediaError::damaged_sound(&self.path, "another recording follows the first in the same file"))
            }
            Err(e) => Err(MediaError::damaged_sound(&self.path, e.to_string())),
        }
    }
}
