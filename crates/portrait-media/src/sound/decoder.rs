//! A decoder that a damaged packet does not stop.

use std::path::{Path, PathBuf};

use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::packet::PacketRef;

use crate::{MediaError, Result};

/// Packets in a row that may be damaged, a few seconds: more are no sound any longer.
const PATIENCE: usize = 100;

pub(super) struct Decoder {
    path: PathBuf,
    inner: Box<dyn AudioDecoder>,
    pub(super) rate: u32,
    pub(super) channels: usize,
    /// Samples of the packet before.
    last: usize,
    /// Packets in a row that were damaged.
    damaged: usize,
    scratch: Vec<f32>,
}

impl Decoder {
    /// An error of symphonia's says what the decoder cannot do.
    pub(super) fn new(path: &Path, parameters: &AudioCodecParameters) -> std::result::Result<Self, Error> {
        let inner = symphonia::default::get_codecs().make_audio_decoder(parameters, &AudioDecoderOptions::default())?;
        let told = inner.codec_params();
        let rate = told.sample_rate.or(parameters.sample_rate).unwrap_or(0);
        let channels = told.channels.as_ref().or(parameters.channels.as_ref()).map_or(0, |channels| channels.count());
        let (path, scratch) = (path.to_owned(), Vec::new());
        Ok(Self { path, inner, rate, channels, last: 0, damaged: 0, scratch })
    }

    /// Appends what a packet holds, interleaved. Of a damaged one it is silence of the length of the one before, so that what
    /// follows keeps its time.
    pub(super) fn decode(&mut self, packet: &PacketRef<'_>, out: &mut Vec<f32>) -> Result<()> {
        match self.inner.decode_ref(packet) {
            Ok(sound) => {
                let spec = sound.spec();
                if (spec.rate(), spec.channels().count()) != (self.rate, self.channels) {
                    return Err(MediaError::damaged_sound(
                        &self.path,
                        "its rate or number of channels changes half-way",
                    ));
                }
                sound.copy_to_vec_interleaved(&mut self.scratch);
                self.damaged = 0;
                self.last = self.scratch.len();
                out.extend_from_slice(&self.scratch);
                Ok(())
            }
            Err(Error::DecodeError(_) | Error::IoError(_) | Error::Unsupported(_)) if self.damaged < PATIENCE => {
                self.damaged += 1;
                out.resize(out.len() + self.last, 0.0);
                Ok(())
            }
            Err(e) => Err(MediaError::damaged_sound(&self.path, e.to_string())),
        }
    }
}
