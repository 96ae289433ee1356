//! NAL units: length-prefixed as in MP4 (ISO/IEC 14496-15) and with start codes (ITU-T H.264, annex B).

use crate::mp4::Bytes;

const START: [u8; 4] = [0, 0, 0, 1];

/// The decoder configuration of an `avcC` box.
#[derive(Clone, Debug)]
pub(crate) struct AvcConfig {
    length_size: u8,
    /// Parameter sets with start codes, to go before the first frame.
    pub(crate) parameter_sets: Vec<u8>,
    /// The first sequence parameter set, without start code.
    pub(crate) sps: Option<Vec<u8>>,
}

impl AvcConfig {
    pub(crate) fn parse(avcc: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(avcc);
        bytes.take(4)?;
        let length_size = (bytes.u8()? & 3) + 1;
        let mut config = Self { length_size, parameter_sets: Vec::new(), sps: None };
        for mask in [0x1f, 0xff] {
            for _ in 0..bytes.u8()? & mask {
                let size = bytes.u16()?;
                let nal = bytes.take(usize::from(size))?;
                if mask == 0x1f && config.sps.is_none() {
                    config.sps = Some(nal.to_vec());
                }
                config.parameter_sets.extend_from_slice(&START);
                config.parameter_sets.extend_from_slice(nal);
            }
        }
        Some(config)
    }

    /// Appends a sample with start codes in place of lengths. `None` where a length overruns the sample;
    /// what fitted has been appended.
    pub(crate) fn to_annex_b(&self, sample: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let mut bytes = Bytes(sample);
        // Some writers pad samples with a few zeros.
        while bytes.0.len() > usize::from(self.length_size) {
            let length = bytes.take(usize::from(self.length_size))?;
            let length = length.iter().fold(0usize, |sum, &b| sum << 8 | usize::from(b));
            let nal = bytes.take(length)?;
            if !nal.is_empty() {
                out.extend_from_slice(&START);
                out.extend_from_slice(nal);
            }
        }
        Some(())
    }
}

/// The NAL units between start codes.
pub(crate) fn split(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start(stream);
    std::iter::from_fn(move || {
        let all = rest?;
        let end = all.windows(3).position(|w| w == [0, 0, 1]);
        rest = end.map(|end| &all[end + 3..]);
        let mut nal = &all[..end.unwrap_or(all.len())];
        // The zero of a four-byte start code, and trailing zeros.
        while let [head @ .., 0] = nal {
            nal = head;
        }
        Some(nal)
    })
    .filter(|nal| !nal.is_empty())
}

fn after_start(stream: &[u8]) -> Option<&[u8]> {
    stream.windows(3).position(|w| w == [0, 0, 1]).map(|at| &stream[at + 3..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        let avcc = [1, 66, 0, 30, 0xff, 0xe1, 0, 2, 0x67, 9, 1, 0, 1, 0x68];
        let config = AvcConfig::parse(&avcc).unwrap();
        assert_eq!(config.sps.as_deref(), Some(&[0x67, 9][..]));
        assert_eq!(split(&config.parameter_sets).collect::<Vec<_>>(), [&[0x67, 9][..], &[0x68]]);
        let mut out = Vec::new();
        assert!(config.to_annex_b(&[0, 0, 0, 2, 5, 6, 0, 0, 0, 1, 7], &mut out).is_some());
        assert_eq!(out, [0, 0, 0, 1, 5, 6, 0, 0, 0, 1, 7]);
        assert!(config.to_annex_b(&[0, 0, 0, 9, 5, 6], &mut out).is_none());
        for cut in 0..avcc.len() {
            let _ = AvcConfig::parse(&avcc[..cut]);
        }
    }
}
