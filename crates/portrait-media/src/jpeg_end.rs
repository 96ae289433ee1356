//! Is a JPEG complete? A walk over its markers (ITU-T T.81, annex B) to the end of the image.

use std::io::{self, BufRead};

/// Whether the end-of-image marker is reached. What follows it (a phone's motion photo, a depth map)
/// does not matter, and the thumbnail inside the EXIF block, which has an end of its own, is skipped.
pub(crate) fn is_complete(reader: &mut impl BufRead) -> io::Result<bool> {
    match walk(reader) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        other => other,
    }
}

fn byte(reader: &mut impl BufRead) -> io::Result<u8> {
    let mut one = [0];
    reader.read_exact(&mut one)?;
    Ok(one[0])
}

/// The next marker code, over entropy-coded data, stuffed zeros, fill bytes and restarts.
fn next_marker(reader: &mut impl BufRead) -> io::Result<u8> {
    loop {
        while byte(reader)? != 0xff {}
        let mut code = byte(reader)?;
        while code == 0xff {
            code = byte(reader)?;
        }
        if code != 0 && !(0xd0..=0xd7).contains(&code) {
            return Ok(code);
        }
    }
}

fn walk(reader: &mut impl BufRead) -> io::Result<bool> {
    loop {
        match next_marker(reader)? {
            0xd9 => return Ok(true),
            0xd8 | 0x01 => {}
            _ => {
                let length = u16::from_be_bytes([byte(reader)?, byte(reader)?]);
                let body = u64::from(length.saturating_sub(2));
                let skipped = io::copy(&mut io::Read::take(&mut *reader, body), &mut io::sink())?;
                if skipped < body {
                    return Ok(false);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_marker_counts_only_in_its_place() {
        let whole = [
            0xff, 0xd8, 0xff, 0xe1, 0, 4, 0xff, 0xd9, 0xff, 0xda, 0, 3, 7, 1, 0xff, 0, 2, 0xff, 0xd0, 3, 0xff, 0xd9, 9,
        ];
        assert!(is_complete(&mut &whole[..]).unwrap());
        for cut in 0..whole.len() - 1 {
            assert!(!is_complete(&mut &whole[..cut]).unwrap(), "cut at {cut}");
        }
    }
}
