//! FLAC in MP4: packets made as they are needed, and their sample description ("Encapsulation of FLAC in ISO Base Media
//! File Format", 0.0.4: `doc/isoflac.txt` of the FLAC project).

use flacenc::bitsink::ByteSink;
use flacenc::component::{BitRepr, StreamInfo};
use flacenc::config;
use flacenc::error::{Verified, Verify};
use flacenc::source::{Fill, FrameBuf};

use super::boxes::{put, put_full, put_u16, put_u32, put_u64};
use crate::sound::{Decoded, downmix};
use crate::{MediaError, Result};

/// Samples of each channel in a packet, but for the last.
const BLOCK: usize = 4096;
/// Bits of a sample.
const BITS: usize = 16;

/// How many channels of a sound are kept: two stay two, more are mixed to one.
pub(super) fn channels(sound: &Decoded) -> usize {
    if sound.channels() == 2 { 2 } else { 1 }
}

/// The sample description: a `fLaC` entry with its `dfLa` box. Rates are in Hz.
pub(super) fn description(rate: u32, channels: usize) -> Vec<u8> {
    // What the field of 16 bits before the point cannot hold is told by a regular division of it.
    let told = (0..).map(|halvings| rate >> halvings).find(|told| *told <= 0xffff).unwrap_or(0);
    let mut out = Vec::new();
    put_u32(&mut out, 0);
    put_u32(&mut out, 1);
    put(&mut out, b"fLaC", |out| {
        out.extend_from_slice(&[0; 6]);
        put_u16(out, 1);
        out.extend_from_slice(&[0; 8]);
        put_u16(out, channels as u16);
        put_u16(out, BITS as u16);
        out.extend_from_slice(&[0; 4]);
        put_u32(out, told << 16);
        put_full(out, b"dfLa", 0, 0, |out| {
            // The last metadata block, STREAMINFO, of 34 bytes.
            put_u32(out, 0x8000_0000 | 34);
            put_u16(out, BLOCK as u16);
            put_u16(out, BLOCK as u16);
            // Unknown before all is encoded, and so zero: sizes of packets, number of samples, MD5.
            out.extend_from_slice(&[0; 6]);
            put_u64(out, u64::from(rate) << 44 | (channels as u64 - 1) << 41 | (BITS as u64 - 1) << 36);
            out.extend_from_slice(&[0; 16]);
        });
    });
    out
}

/// A sound, packet by packet.
pub(super) struct FlacPackets {
    sound: Decoded,
    config: Verified<config::Encoder>,
    info: StreamInfo,
    block: FrameBuf,
    channels: usize,
    /// Interleaved samples that are not encoded yet.
    waiting: Vec<i32>,
    packets: usize,
    /// Samples of each channel that are encoded.
    position: i64,
    /// Whether the sound has ended; some of it may wait.
    ended: bool,
}

impl FlacPackets {
    pub(super) fn new(sound: Decoded) -> Result<Self> {
        let channels = channels(&sound);
        // A rate that a packet cannot name, so that it says "as the description": flacenc knows no rates above 96 kHz.
        let told = if sound.rate() > 96_000 { 95_999 } else { sound.rate() };
        let refused = |e: flacenc::error::VerifyError| MediaError::encode(sound.path(), e);
        let info = StreamInfo::new(told as usize, channels, BITS).map_err(refused)?;
        let block = FrameBuf::with_size(channels, BLOCK).map_err(refused)?;
        let config = config::Encoder::default().into_verified().map_err(|(_, e)| refused(e))?;
        Ok(Self { sound, config, info, block, channels, waiting: Vec::new(), packets: 0, position: 0, ended: false })
    }

    /// Where the next packet starts, in samples; nothing after the last.
    pub(super) fn position(&self) -> Option<i64> {
        (!self.ended || !self.waiting.is_empty()).then_some(self.position)
    }

    /// The next packet, and how many samples of each channel it holds.
    pub(super) fn next(&mut self) -> Result<Option<(Vec<u8>, u32)>> {
        while !self.ended && self.waiting.len() < BLOCK * self.channels {
            let all = self.sound.channels();
            match self.sound.next() {
                Ok(Some(samples)) => {
                    // Groups of one where the channels are kept.
                    let kept = downmix(samples, if self.channels == all { 1 } else { all });
                    self.waiting.extend(kept.map(|s| (s * 32768.0).round().min(32767.0) as i32));
                }
                // A sound that breaks off, for whatever reason, is kept as far as it goes: the pictures are not lost with it.
                Ok(None) | Err(_) => self.ended = true,
            }
        }
        let samples = (self.waiting.len() / self.channels).min(BLOCK);
        if samples == 0 {
            return Ok(None);
        }
        let refused = |e: &dyn std::fmt::Display| MediaError::encode(self.sound.path(), e);
        let block = self.waiting.drain(..samples * self.channels);
        self.block.fill_interleaved(block.as_slice()).map_err(|e| refused(&e))?;
        drop(block);
        let frame = flacenc::encode_fixed_size_frame(&self.config, &self.block, self.packets, &self.info);
        let mut packet = ByteSink::new();
        frame.map_err(|e| refused(&e))?.write(&mut packet).map_err(|e| refused(&e))?;
        self.packets += 1;
        self.position += samples as i64;
        Ok(Some((packet.into_inner(), samples as u32)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_by_the_book() {
        let [entry, dfla] = [86u8, 50];
        let expected = [
            &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, entry][..],
            b"fLaC\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\x02\0\x10\0\0\0\0\xac\x44\0\0",
            &[0, 0, 0, dfla],
            // Blocks of 4096; 44,100 Hz in 20 bits, two channels in 3, 16 bits in 5, no length in 36.
            b"dfLa\0\0\0\0\x80\0\0\x22\x10\0\x10\0\0\0\0\0\0\0\x0a\xc4\x42\xf0\0\0\0\0",
            &[0; 16],
        ];
        assert_eq!(description(44_100, 2), expected.concat());
        // 16 bits hold no 192 kHz: a quarter of it.
        assert_eq!(description(192_000, 1)[40..44], [0xbb, 0x80, 0, 0]);
    }
}
