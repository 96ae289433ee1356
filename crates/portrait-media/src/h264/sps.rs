//! The sequence parameter set (ITU-T H.264, 7.3.2.1.1 and annex E): what a stream needs and means.

/// What of a sequence parameter set matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sps {
    pub(crate) profile: u8,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub(crate) chroma_format: u32,
    pub(crate) bit_depth: u32,
    pub(crate) progressive: bool,
    pub(crate) full_range: Option<bool>,
    /// `matrix_coefficients`.
    pub(crate) matrix: Option<u8>,
}

impl Sps {
    /// Reads a NAL unit, its header byte included.
    pub(crate) fn parse(nal: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(nal.get(1..)?);
        let mut sps = Self { chroma_format: 1, bit_depth: 8, ..Self::default() };
        sps.profile = bits.u(8)? as u8;
        bits.u(16)?;
        bits.ue()?;
        if matches!(sps.profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
            sps.chroma_format = bits.ue()?;
            if sps.chroma_format == 3 {
                bits.u(1)?;
            }
            let luma = bits.ue()?;
            sps.bit_depth = 8 + luma.max(bits.ue()?).min(8);
            bits.u(1)?;
            if bits.u(1)? == 1 {
                for list in 0..if sps.chroma_format == 3 { 12 } else { 8 } {
                    if bits.u(1)? == 1 {
                        bits.skip_scaling_list(if list < 6 { 16 } else { 64 })?;
                    }
                }
            }
        }
        bits.ue()?;
        match bits.ue()? {
            0 => {
                bits.ue()?;
            }
            1 => {
                bits.u(1)?;
                bits.ue()?;
                bits.ue()?;
                for _ in 0..bits.ue()?.min(255) {
                    bits.ue()?;
                }
            }
            _ => {}
        }
        bits.ue()?;
        bits.u(1)?;
        let width_mbs = bits.ue()?.checked_add(1)?;
        let height_units = bits.ue()?.checked_add(1)?;
        sps.progressive = bits.u(1)? == 1;
        let fields = if sps.progressive { 1 } else { bits.u(1).map(|_| 2)? };
        bits.u(1)?;
        let mut crop = [0; 4];
        if bits.u(1)? == 1 {
            for side in &mut crop {
                *side = bits.ue()?;
            }
        }
        let (crop_x, crop_y) = match sps.chroma_format {
            1 => (2, 2 * fields),
            2 => (2, fields),
            _ => (1, fields),
        };
        let size = |units: u32, unit: u32, a: u32, b: u32, step: u32| {
            let cut = a.checked_add(b)?.checked_mul(step)?;
            units.checked_mul(unit)?.checked_sub(cut).filter(|&size| size > 0)
        };
        sps.width = size(width_mbs, 16, crop[0], crop[1], crop_x)?;
        sps.height = size(height_units, 16 * fields, crop[2], crop[3], crop_y)?;
        // What follows is optional, and a stream with a broken tail still decodes.
        let _ = sps.parse_vui(&mut bits);
        Some(sps)
    }

    fn parse_vui(&mut self, bits: &mut Bits) -> Option<()> {
        if bits.u(1)? == 0 {
            return None;
        }
        if bits.u(1)? == 1 && bits.u(8)? == 255 {
            bits.u(32)?;
        }
        if bits.u(1)? == 1 {
            bits.u(1)?;
        }
        if bits.u(1)? == 1 {
            bits.u(3)?;
            self.full_range = Some(bits.u(1)? == 1);
            if bits.u(1)? == 1 {
                bits.u(16)?;
                self.matrix = Some(bits.u(8)? as u8);
            }
        }
        Some(())
    }

    /// What keeps the built-in decoder from decoding it, or nothing.
    pub(crate) fn obstacle(&self) -> Option<String> {
        let kind = match self.chroma_format {
            0 => "grey",
            2 => "4:2:2",
            3 => "4:4:4",
            _ => "4:2:0",
        };
        if self.bit_depth != 8 || self.chroma_format != 1 {
            return Some(format!("{}-bit {kind} H.264", self.bit_depth));
        }
        if !self.progressive {
            return Some("interlaced H.264".to_owned());
        }
        (!matches!(self.profile, 66 | 77 | 100)).then(|| format!("H.264 of profile {}", self.profile))
    }
}

/// Bits of a NAL unit, emulation prevention removed.
struct Bits {
    data: Vec<u8>,
    at: usize,
}

impl Bits {
    fn new(nal: &[u8]) -> Self {
        let mut data = Vec::with_capacity(nal.len());
        let mut zeros = 0;
        for &byte in nal {
            if zeros >= 2 && byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            data.push(byte);
        }
        Self { data, at: 0 }
    }

    fn u(&mut self, count: u32) -> Option<u32> {
        let mut value = 0u64;
        for _ in 0..count {
            let byte = *self.data.get(self.at / 8)?;
            value = value << 1 | u64::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value as u32)
    }

    /// Unsigned exponential-Golomb code.
    fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.u(1)? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.u(zeros)?)
    }

    fn se(&mut self) -> Option<i32> {
        let code = self.ue()?;
        let half = code.div_ceil(2) as i32;
        Some(if code % 2 == 1 { half } else { -half })
    }

    fn skip_scaling_list(&mut self, size: usize) -> Option<()> {
        let (mut last, mut next) = (8i32, 8i32);
        for _ in 0..size {
            if next != 0 {
                next = last.wrapping_add(self.se()?).rem_euclid(256);
            }
            if next != 0 {
                last = next;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packs (bits, value) pairs, exponential-Golomb where bits is 0.
    fn nal(fields: &[(u32, u32)]) -> Vec<u8> {
        let mut bits = String::new();
        for &(width, value) in fields {
            if width > 0 {
                bits += &format!("{value:0w$b}", w = width as usize);
            } else {
                let code = format!("{:b}", value + 1);
                bits += &"0".repeat(code.len() - 1);
                bits += &code;
            }
        }
        bits += "1";
        let mut out = vec![0x67];
        for chunk in bits.as_bytes().chunks(8) {
            let byte = chunk.iter().enumerate().fold(0, |b, (i, &c)| b | (c - b'0') << (7 - i));
            out.push(byte);
        }
        out
    }

    fn high_1080p() -> Vec<u8> {
        nal(&[
            (8, 100),
            (8, 0),
            (8, 40),
            (0, 0),
            (0, 1),
            (0, 0),
            (0, 0),
            (1, 0),
            (1, 0),
            (0, 0),
            (0, 0),
            (0, 2),
            (0, 4),
            (1, 0),
            (0, 119),
            (0, 67),
            (1, 1),
            (1, 1),
            (1, 1),
            (0, 0),
            (0, 0),
            (0, 0),
            (0, 4),
            (1, 1),
            (1, 0),
            (1, 0),
            (1, 1),
            (3, 5),
            (1, 0),
            (1, 1),
            (8, 1),
            (8, 1),
            (8, 1),
        ])
    }

    #[test]
    fn size_and_colour() {
        let sps = Sps::parse(&high_1080p()).unwrap();
        assert_eq!((sps.width, sps.height), (1920, 1080));
        assert_eq!((sps.matrix, sps.full_range), (Some(1), Some(false)));
        assert_eq!(sps.obstacle(), None);
    }

    #[test]
    fn ten_bits_are_an_obstacle() {
        let sps = Sps { profile: 110, bit_depth: 10, chroma_format: 1, progressive: true, ..Sps::default() };
        assert_eq!(sps.obstacle().as_deref(), Some("10-bit 4:2:0 H.264"));
    }

    #[test]
    fn damage_is_no_panic() {
        let whole = high_1080p();
        for at in 0..whole.len() {
            for value in 0..=255 {
                let mut bad = whole.clone();
                bad[at] = value;
                let _ = Sps::parse(&bad);
            }
            let _ = Sps::parse(&whole[..at]);
        }
    }
}
