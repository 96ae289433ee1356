//! The sample tables of a track, spelt out: where each sample lies and when it is shown.

use super::boxes::{Bytes, find};

/// More samples than a day of sound has; a table that claims more is damaged.
pub(crate) const MAX_SAMPLES: usize = 1 << 22;

/// One sample: a coded picture, or a packet of sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Position in the file, in bytes.
    pub(crate) offset: u64,
    /// Length in bytes.
    pub(crate) size: u32,
    /// Time of presentation, in the track's ticks, before the edit list.
    pub(crate) pts: i64,
    /// Length in ticks.
    pub(crate) duration: u32,
    /// Decodes without the samples before it.
    pub(crate) sync: bool,
}

/// Pairs of (count, value) read as one long row; the last value repeats for ever.
struct Runs<'a> {
    entries: Bytes<'a>,
    left: u32,
    value: u32,
}

impl<'a> Runs<'a> {
    fn new(table: &'a [u8]) -> Option<Self> {
        let mut entries = Bytes(table);
        entries.full_box()?;
        entries.u32()?;
        Some(Self { entries, left: 0, value: 0 })
    }

    fn next(&mut self) -> u32 {
        while self.left == 0 {
            match (self.entries.u32(), self.entries.u32()) {
                (Some(count), Some(value)) => (self.left, self.value) = (count, value),
                _ => return self.value,
            }
        }
        self.left -= 1;
        self.value
    }
}

/// All samples of a sample table box (`stbl`), in decoding order. Tables that are too short end the
/// row or repeat their last entry; an error is one line for a message.
pub(crate) fn samples(stbl: &[u8]) -> Result<Vec<Sample>, &'static str> {
    let table = |kind: &[u8; 4]| find(stbl, &[kind]);
    let (stsz, stsc) = match (table(b"stsz"), table(b"stsc")) {
        (Some(stsz), Some(stsc)) => (stsz, stsc),
        _ => return Err("the table of sample sizes (stsz) or chunks (stsc) is missing"),
    };
    let short = "a sample table is cut short";
    let mut sizes = Bytes(stsz);
    sizes.full_box().ok_or(short)?;
    let fixed = sizes.u32().ok_or(short)?;
    let count = sizes.u32().ok_or(short)? as usize;
    if count > MAX_SAMPLES {
        return Err("the table of samples claims more samples than a recording can have");
    }
    let mut times = Runs::new(table(b"stts").ok_or("the table of times (stts) is missing")?).ok_or(short)?;
    let mut shifts = table(b"ctts").and_then(Runs::new);
    let mut syncs = table(b"stss").map(Bytes);
    if let Some(syncs) = &mut syncs {
        syncs.full_box().ok_or(short)?;
        syncs.u32().ok_or(short)?;
    }
    let mut next_sync = syncs.as_mut().and_then(Bytes::u32);

    let (mut offsets, wide) = match (table(b"stco"), table(b"co64")) {
        (Some(stco), _) => (Bytes(stco), false),
        (None, Some(co64)) => (Bytes(co64), true),
        _ => return Err("the table of chunk positions (stco) is missing"),
    };
    offsets.full_box().ok_or(short)?;
    offsets.u32().ok_or(short)?;

    let mut chunks = Bytes(stsc);
    chunks.full_box().ok_or(short)?;
    chunks.u32().ok_or(short)?;
    let entry = |bytes: &mut Bytes<'_>| {
        let entry = (bytes.u32()?, bytes.u32()?);
        bytes.u32()?;
        Some(entry)
    };
    let mut per_chunk = 0;
    let mut next_run = entry(&mut chunks);

    // The capacity is bounded by what the file really holds: a fixed size costs nothing to claim.
    let mut out = Vec::with_capacity(count.min(sizes.0.len() / 4 + 1024));
    let mut decode_time = 0i64;
    let mut chunk = 0u32;
    while out.len() < count {
        let offset = if wide { offsets.u64() } else { offsets.u32().map(u64::from) };
        let Some(mut offset) = offset else { break };
        chunk = chunk.saturating_add(1);
        while let Some((_, samples)) = next_run.filter(|(first, _)| *first <= chunk) {
            per_chunk = samples;
            next_run = entry(&mut chunks);
        }
        for _ in 0..per_chunk {
            if out.len() == count {
                break;
            }
            let size = if fixed != 0 { Some(fixed) } else { sizes.u32() };
            let Some(size) = size else { return Ok(out) };
            let number = out.len() as u32 + 1;
            while next_sync.is_some_and(|s| s < number) {
                next_sync = syncs.as_mut().and_then(Bytes::u32);
            }
            let duration = times.next();
            // Version 0 is unsigned by the book, but negative shifts are found there too.
            let shift = shifts.as_mut().map_or(0, |s| s.next() as i32);
            out.push(Sample {
                offset,
                size,
                pts: decode_time.saturating_add(i64::from(shift)),
                duration,
                sync: syncs.is_none() || next_sync == Some(number),
            });
            offset = offset.saturating_add(u64::from(size));
            decode_time = decode_time.saturating_add(i64::from(duration));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::super::boxes::{put_full, put_u32};
    use super::*;

    fn table(out: &mut Vec<u8>, kind: &[u8; 4], words: &[u32]) {
        put_full(out, kind, 0, 0, |o| words.iter().for_each(|&w| put_u32(o, w)));
    }

    fn stbl() -> Vec<u8> {
        let mut out = Vec::new();
        table(&mut out, b"stsz", &[0, 5, 10, 20, 30, 40, 50]);
        table(&mut out, b"stsc", &[2, 1, 2, 1, 2, 1, 1]);
        table(&mut out, b"stco", &[4, 100, 200, 300, 400]);
        table(&mut out, b"stts", &[2, 2, 5, 3, 7]);
        table(&mut out, b"ctts", &[2, 1, 0, 4, -3i32 as u32]);
        table(&mut out, b"stss", &[2, 1, 4]);
        out
    }

    #[test]
    fn tables_are_spelt_out() {
        let got = samples(&stbl()).unwrap();
        let offsets: Vec<_> = got.iter().map(|s| (s.offset, s.size)).collect();
        assert_eq!(offsets, [(100, 10), (110, 20), (200, 30), (300, 40), (400, 50)]);
        assert_eq!(got.iter().map(|s| s.pts).collect::<Vec<_>>(), [0, 2, 7, 14, 21]);
        assert_eq!(got.iter().map(|s| s.sync).collect::<Vec<_>>(), [true, false, false, true, false]);
    }

    #[test]
    fn damage_is_no_panic() {
        let whole = stbl();
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bad = whole.clone();
                bad[at] = value;
                let _ = samples(&bad);
            }
            let _ = samples(&whole[..at]);
        }
    }

    #[test]
    fn absurd_counts_are_refused() {
        let mut out = Vec::new();
        table(&mut out, b"stsz", &[1, u32::MAX]);
        table(&mut out, b"stsc", &[1, 1, u32::MAX, 1]);
        table(&mut out, b"stco", &[1, 0]);
        table(&mut out, b"stts", &[1, u32::MAX, u32::MAX]);
        assert!(samples(&out).is_err());
    }
}
