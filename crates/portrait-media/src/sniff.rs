//! What a file is, by its first bytes: extensions lie.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::mp4::Movie;
use crate::{MediaError, Result};

/// How many bytes a look takes.
const LOOK: usize = 4096;

/// What the first bytes of a file say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Png,
    Jpeg,
    WebP,
    Gif,
    /// ISO base media: MP4, M4V, MOV, 3GP.
    Mp4,
    /// A still picture in an ISO container: HEIC, HEIF, AVIF.
    Heif,
    Matroska,
    Avi,
    /// Another known video container, by name.
    OtherVideo(&'static str),
    /// ISO base media of a brand that is for sound alone.
    M4a,
    /// A sound file that is decoded here, by name.
    Sound(&'static str),
    /// Another known sound file, by name.
    OtherSound(&'static str),
    /// Something known that is neither picture nor video nor sound.
    Other(&'static str),
    Text,
    Unknown,
}

impl Kind {
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Png => "a PNG picture",
            Self::Jpeg => "a JPEG picture",
            Self::WebP => "a WebP picture",
            Self::Gif => "a GIF",
            Self::Mp4 => "an MP4 or MOV video",
            Self::Heif => "a HEIC or AVIF picture",
            Self::Matroska => "a Matroska or WebM video",
            Self::Avi => "an AVI video",
            Self::M4a => "an M4A sound file",
            Self::OtherVideo(name) | Self::Sound(name) | Self::OtherSound(name) | Self::Other(name) => name,
            Self::Text => "text",
            Self::Unknown => "bytes of no known format",
        }
    }
}

/// Opens a file for reading and looks at its first bytes. `expected` is `photo`, `video` or `sound`.
pub(crate) fn open(path: &Path, expected: &'static str) -> Result<(File, Kind)> {
    let open = |source| MediaError::Open { path: path.to_owned(), source };
    let meta = std::fs::metadata(path).map_err(open)?;
    if meta.is_dir() {
        return Err(MediaError::IsDirectory { path: path.to_owned(), expected });
    }
    let mut file = File::open(path).map_err(open)?;
    let mut head = Vec::with_capacity(LOOK);
    file.by_ref().take(LOOK as u64).read_to_end(&mut head).map_err(|e| MediaError::read(path, e))?;
    if head.is_empty() {
        return Err(MediaError::Empty { path: path.to_owned() });
    }
    std::io::Seek::rewind(&mut file).map_err(|e| MediaError::read(path, e))?;
    Ok((file, kind(&head)))
}

/// Whether the first bytes of a file are those of a video; a GIF counts as a picture. `false` where it cannot be read.
#[must_use]
pub fn is_video(path: impl AsRef<Path>) -> bool {
    let kind = open(path.as_ref(), "video").map(|(_, kind)| kind);
    matches!(kind, Ok(Kind::Mp4 | Kind::Matroska | Kind::Avi | Kind::OtherVideo(_)))
}

/// Whether a file is sound by its first bytes, or an MP4 or MOV with tracks of sound alone. `false` where it cannot be read.
///
/// Such a Matroska or WebM file is not looked into: [`crate::SoundReader`] reads it all the same.
#[must_use]
pub fn is_sound(path: impl AsRef<Path>) -> bool {
    let path = path.as_ref();
    match open(path, "sound") {
        Ok((_, Kind::M4a | Kind::Sound(_) | Kind::OtherSound(_))) => true,
        Ok((mut file, Kind::Mp4)) => Movie::read(&mut file, path).is_ok_and(|movie| movie.is_sound()),
        _ => false,
    }
}

/// What the first bytes say.
pub(crate) fn kind(head: &[u8]) -> Kind {
    let tag = |at: usize| head.get(at..at + 4).unwrap_or_default();
    match head {
        [0x89, b'P', b'N', b'G', ..] => return Kind::Png,
        [0xff, 0xd8, 0xff, ..] => return Kind::Jpeg,
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => return Kind::Gif,
        [0x1a, 0x45, 0xdf, 0xa3, ..] => return Kind::Matroska,
        [b'F', b'L', b'V', 1, ..] => return Kind::OtherVideo("a Flash video"),
        [0x30, 0x26, 0xb2, 0x75, ..] => return Kind::OtherVideo("a Windows Media video"),
        [b'O', b'g', b'g', b'S', ..] => return ogg(head),
        [b'f', b'L', b'a', b'C', ..] => return Kind::Sound("a FLAC sound file"),
        [b'#', b'!', b'A', b'M', b'R', ..] => return Kind::OtherSound("an AMR sound file"),
        [b'c', b'a', b'f', b'f', 0, 1, ..] => return Kind::OtherSound("a CAF sound file"),
        [0, 0, 1, 0xba | 0xb3, ..] => return Kind::OtherVideo("an MPEG program stream"),
        [0x00, 0x00, 0x00, 0x01, 0x67 | 0x27 | 0x09, ..] => {
            return Kind::OtherVideo("a bare H.264 stream");
        }
        [b'%', b'P', b'D', b'F', ..] => return Kind::Other("a PDF document"),
        [b'P', b'K', 3, 4, ..] => return Kind::Other("a ZIP archive"),
        [b'B', b'M', ..] if tag(6) == [0; 4] => return Kind::Other("a BMP picture"),
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => return Kind::Other("a TIFF picture"),
        [b'I', b'D', b'3', ..] => return Kind::Sound("an MP3 sound file"),
        // The sync word of MPEG audio: of layer III, with a bit rate and a sampling rate; or of AAC.
        [0xff, version, rates, ..]
            if version & 0xe6 == 0xe2
                && version & 0x18 != 0x08
                && !matches!(rates >> 4, 0 | 15)
                && rates & 0x0c != 0x0c =>
        {
            return Kind::Sound("an MP3 sound file");
        }
        [0xff, version, ..] if version & 0xf6 == 0xf0 => return Kind::OtherSound("a bare AAC sound file"),
        _ => {}
    }
    match (tag(0), tag(8)) {
        (b"RIFF", b"WEBP") => return Kind::WebP,
        (b"RIFF", b"AVI ") => return Kind::Avi,
        (b"RIFF", b"WAVE") => return Kind::Sound("a WAV sound file"),
        (b"FORM", b"AIFF" | b"AIFC") => return Kind::OtherSound("an AIFF sound file"),
        _ => {}
    }
    match tag(4) {
        b"ftyp" => {
            return match tag(8) {
                b"M4A " | b"M4B " => Kind::M4a,
                b"heic" | b"heix" | b"heif" | b"mif1" | b"msf1" | b"avif" | b"avis" => Kind::Heif,
                _ => Kind::Mp4,
            };
        }
        b"moov" | b"mdat" | b"wide" | b"free" | b"skip" | b"moof" | b"styp" | b"pnot" => {
            return Kind::Mp4;
        }
        _ => {}
    }
    if head.first() == Some(&0x47) && head.get(188) == Some(&0x47) {
        return Kind::OtherVideo("an MPEG transport stream");
    }
    if is_text(head) { Kind::Text } else { Kind::Unknown }
}

/// What an Ogg stream holds, by the first packet of its first page; Theora may come second.
fn ogg(head: &[u8]) -> Kind {
    let packet = head.get(26).and_then(|&segments| head.get(27 + usize::from(segments)..)).unwrap_or_default();
    match packet {
        _ if head.windows(7).any(|bytes| bytes == b"\x80theora") => Kind::OtherVideo("an Ogg video"),
        [1, b'v', b'o', b'r', b'b', b'i', b's', ..] => Kind::Sound("an Ogg Vorbis sound file"),
        [0x7f, b'F', b'L', b'A', b'C', ..] => Kind::Sound("an Ogg FLAC sound file"),
        [b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', ..] => Kind::OtherSound("an Ogg Opus sound file"),
        [b'S', b'p', b'e', b'e', b'x', ..] => Kind::OtherSound("an Ogg Speex sound file"),
        _ => Kind::OtherVideo("an Ogg stream"),
    }
}

fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The look may cut a character in two.
        Err(e) if e.error_len().is_none() => std::str::from_utf8(&head[..e.valid_up_to()]).unwrap_or_default(),
        Err(_) => return false,
    };
    !text.is_empty() && text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_decide() {
        assert_eq!(kind(b"\x89PNG\r\n\x1a\n"), Kind::Png);
        assert_eq!(kind(b"\0\0\0\x20ftypisom"), Kind::Mp4);
        assert_eq!(kind(b"\0\0\0\x20ftypheic"), Kind::Heif);
        assert_eq!(kind(b"RIFF\x10\0\0\0AVI LIST"), Kind::Avi);
        assert_eq!(kind(b"RIFF\x10\0\0\0WAVEfmt "), Kind::Sound("a WAV sound file"));
        assert_eq!(kind(b"\0\0\0\x20ftypM4A "), Kind::M4a);
        assert_eq!(kind(b"fLaC\0"), Kind::Sound("a FLAC sound file"));
        for (head, mp3) in [
            ([0xff, 0xfb, 0x90], true),
            ([0xff, 0xf3, 0x48], true),
            ([0xff, 0xfb, 0xf0], false),
            ([0xff, 0xfe, 0x41], false),
        ] {
            assert_eq!(kind(&head) == Kind::Sound("an MP3 sound file"), mp3, "{head:x?}");
        }
        let ogg = |packet: &[u8]| kind(&[b"OggS", &[0; 22][..], &[1, packet.len() as u8], packet].concat());
        assert_eq!(ogg(b"\x01vorbis"), Kind::Sound("an Ogg Vorbis sound file"));
        assert_eq!(ogg(b"OpusHead"), Kind::OtherSound("an Ogg Opus sound file"));
        assert_eq!(ogg(b"\x01vorbis, and then \x80theora"), Kind::OtherVideo("an Ogg video"));
        assert_eq!(kind(b"OggS"), Kind::OtherVideo("an Ogg stream"));
        assert_eq!(kind("plain words, überall".as_bytes()), Kind::Text);
        assert_eq!(kind(b"GIF89a"), Kind::Gif);
        assert_eq!(kind(&[0, 1, 2, 3]), Kind::Unknown);
        assert_eq!(kind(b"M"), Kind::Text);
        assert_eq!(kind(&[]), Kind::Unknown);
        // A cut character at the end is still text.
        assert_eq!(kind(&"über".as_bytes()[..1].iter().chain(b"").copied().collect::<Vec<_>>()), Kind::Unknown);
        assert_eq!(kind(&[b'a', 0xc3]), Kind::Text);
    }
}
