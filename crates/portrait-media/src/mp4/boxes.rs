//! Boxes and big-endian fields. Reading past the end is `None`, never a panic.

/// A cursor over big-endian bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// 64 bits in version 1 of a box, 32 bits in version 0.
    pub(crate) fn versioned(&mut self, version: u8) -> Option<u64> {
        if version == 1 { self.u64() } else { self.u32().map(u64::from) }
    }

    /// Version and flags of a full box.
    pub(crate) fn full_box(&mut self) -> Option<(u8, u32)> {
        let word = self.u32()?;
        Some(((word >> 24) as u8, word & 0xff_ffff))
    }
}

/// Type and payload of each box in a row. Stops at the first one that does not fit.
pub(crate) fn children(data: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = Bytes(data);
    std::iter::from_fn(move || {
        let whole = rest.0;
        let size = u64::from(rest.u32()?);
        let kind = rest.array::<4>()?;
        let (header, size) = match size {
            0 => (8, whole.len() as u64),
            1 => (16, rest.u64()?),
            size => (8, size),
        };
        let end = usize::try_from(size).ok()?;
        let payload = whole.get(header..end)?;
        rest = Bytes(&whole[end..]);
        Some((kind, payload))
    })
}

/// The payload at a path of box types.
pub(crate) fn find<'a>(data: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(data, |data, want| children(data).find(|(kind, _)| kind == *want).map(|(_, payload)| payload))
}

/// Appends a box whose payload `fill` writes.
pub(crate) fn put(out: &mut Vec<u8>, kind: &[u8; 4], fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(kind);
    fill(out);
    let size = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
}

/// Appends a full box.
pub(crate) fn put_full(out: &mut Vec<u8>, kind: &[u8; 4], version: u8, flags: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    put(out, kind, |out| {
        put_u32(out, u32::from(version) << 24 | flags);
        fill(out);
    });
}

pub(crate) fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(crate) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(crate) fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_nest_and_are_found() {
        let mut out = Vec::new();
        put(&mut out, b"moov", |o| {
            put(o, b"free", |_| {});
            put_full(o, b"mvhd", 1, 7, |o| put_u64(o, 9));
        });
        let mvhd = find(&out, &[b"moov", b"mvhd"]).unwrap();
        let mut bytes = Bytes(mvhd);
        assert_eq!(bytes.full_box(), Some((1, 7)));
        assert_eq!(bytes.versioned(1), Some(9));
        assert_eq!(bytes.u8(), None);
        assert!(find(&out, &[b"moov", b"trak"]).is_none());
    }

    #[test]
    fn broken_sizes_end_the_walk() {
        for data in [
            &[0, 0, 0, 99, b'm', b'o', b'o', b'v'][..],
            &[0, 0, 0, 4, 1, 2, 3, 4],
            &[0, 0, 0, 1, 1, 2, 3, 4, 255, 255, 255, 255, 255, 255, 255, 255],
            &[1, 2],
        ] {
            assert_eq!(children(data).count(), 0);
        }
    }
}
