//! The sample description of a sound track: what it is coded in, and what its decoder must know.

use super::boxes::{Bytes, find, put, put_u32};
use super::demux::Track;

/// What a track of sound is coded in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SoundCodec {
    /// With its `AudioSpecificConfig` (ISO/IEC 14496-3, 1.6.2.1).
    Aac(Vec<u8>),
    /// With its `STREAMINFO` (RFC 9639, 8.2).
    Flac(Vec<u8>),
    /// Another one, in words.
    Other(String),
}

/// What a track is coded in, from its first sample description.
pub(crate) fn sound_codec(track: &Track) -> SoundCodec {
    let aac = || {
        let (object, config) = decoder_config(esds(track)?)?;
        (is_aac(object) && !config.is_empty()).then(|| SoundCodec::Aac(config.to_vec()))
    };
    let flac = || {
        let (kind, entry) = track.description()?;
        let mut blocks = Bytes(find(entry.get(28..)?, &[b"dfLa"]).filter(|_| &kind == b"fLaC")?);
        // Version and flags, then type and length of the first metadata block.
        blocks.take(8)?;
        Some(SoundCodec::Flac(blocks.take(34)?.to_vec()))
    };
    aac().or_else(flac).unwrap_or_else(|| SoundCodec::Other(name(track)))
}

fn name(track: &Track) -> String {
    let object = esds(track).and_then(decoder_config).map(|(object, _)| object);
    let kind = track.description().map_or([b'?'; 4], |(kind, _)| kind);
    let name = match (&kind, object) {
        (_, Some(0x69 | 0x6b)) => "MP3",
        (b"Opus", _) => "Opus",
        (b"alac", _) => "Apple Lossless",
        (b"ac-3" | b"ec-3", _) => "Dolby Digital",
        (b"samr" | b"sawb", _) => "AMR",
        (b"sowt" | b"twos" | b"lpcm" | b"ipcm" | b"raw " | b"in24" | b"in32" | b"fl32" | b"NONE", _) => "PCM",
        (other, _) => return format!("sound of the codec `{}`", other.escape_ascii()),
    };
    format!("{name} sound")
}

/// The elementary stream descriptor of an `mp4a` entry, of QuickTime's longer form too (version 1, descriptor inside a
/// `wave` box).
fn esds(track: &Track) -> Option<&[u8]> {
    let (kind, entry) = track.description()?;
    let rest = match (&kind, Bytes(entry.get(8..)?).u16()?) {
        (b"mp4a", 0) => entry.get(28..)?,
        (b"mp4a", 1) => entry.get(44..)?,
        _ => return None,
    };
    find(rest, &[b"esds"]).or_else(|| find(rest, &[b"wave", b"esds"]))
}

/// The sample description of an AAC track in its plain MP4 form, into which QuickTime's is rewritten; anything but AAC is
/// nothing.
pub(crate) fn aac_description(track: &Track) -> Option<Vec<u8>> {
    let esds = esds(track)?;
    decoder_config(esds).filter(|&(object, _)| is_aac(object))?;
    let fixed = track.description()?.1.get(..28)?;
    let mut out = Vec::new();
    put_u32(&mut out, 0);
    put_u32(&mut out, 1);
    put(&mut out, b"mp4a", |out| {
        out.extend_from_slice(&fixed[..8]);
        // Version, revision, vendor of QuickTime: reserved zeros here.
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&fixed[16..20]);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&fixed[24..28]);
        put(out, b"esds", |out| out.extend_from_slice(esds));
    });
    Some(out)
}

/// MPEG-4 AAC, and MPEG-2 AAC main, LC, SSR.
fn is_aac(object: u8) -> bool {
    matches!(object, 0x40 | 0x66..=0x68)
}

/// `objectTypeIndication` and decoder specific information, where there is one, of an elementary stream descriptor
/// (ISO/IEC 14496-1, 7.2.6.5 and 7.2.6.6).
fn decoder_config(esds: &[u8]) -> Option<(u8, &[u8])> {
    let mut bytes = Bytes(esds);
    bytes.full_box()?;
    descriptor(&mut bytes, 3)?;
    bytes.u16()?;
    let flags = bytes.u8()?;
    if flags & 0x80 != 0 {
        bytes.u16()?;
    }
    if flags & 0x40 != 0 {
        let length = bytes.u8()?;
        bytes.take(usize::from(length))?;
    }
    if flags & 0x20 != 0 {
        bytes.u16()?;
    }
    descriptor(&mut bytes, 4)?;
    let object = bytes.u8()?;
    let mut specific = || {
        bytes.take(12)?;
        let length = descriptor(&mut bytes, 5)?;
        bytes.take(length)
    };
    Some((object, specific().unwrap_or_default()))
}

/// Enters a descriptor of a kind; its length.
fn descriptor(bytes: &mut Bytes<'_>, tag: u8) -> Option<usize> {
    (bytes.u8()? == tag).then_some(())?;
    let mut length = 0usize;
    loop {
        let byte = bytes.u8()?;
        length = (length << 7 | usize::from(byte & 0x7f)) & 0xff_ffff;
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::boxes::put_full;
    use super::super::demux::Window;
    use super::super::flac;
    use super::*;

    /// An `stsd` payload with one `mp4a` entry of QuickTime's version, descriptor in place.
    pub(crate) fn stsd(version: u16, object_type: u8) -> Vec<u8> {
        let mut out = Vec::new();
        put_u32(&mut out, 0);
        put_u32(&mut out, 1);
        put(&mut out, b"mp4a", |out| {
            out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
            out.extend_from_slice(&version.to_be_bytes());
            out.extend_from_slice(&[0; 6]);
            out.extend_from_slice(&[0, 2, 0, 16, 0, 0, 0, 0, 0xbb, 0x80, 0, 0]);
            if version == 1 {
                out.extend_from_slice(&[0; 16]);
            }
            let esds = |out: &mut Vec<u8>| {
                put_full(out, b"esds", 0, 0, |out| {
                    out.extend_from_slice(&[3, 0x80, 0x80, 0x80, 22, 0, 1, 0, 4, 17, object_type]);
                    out.extend_from_slice(&[0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 2, 0x11, 0x90]);
                });
            };
            if version == 1 { put(out, b"wave", esds) } else { esds(out) }
        });
        out
    }

    fn track(stsd: Vec<u8>) -> Track {
        let window = Window { start: 0, end: i64::MAX, at: 0 };
        Track { id: 1, handler: *b"soun", timescale: 48_000, quarter_turns: 0, stsd, samples: vec![], window }
    }

    #[test]
    fn aac_is_told_from_the_rest() {
        let plain = aac_description(&track(stsd(0, 0x40))).unwrap();
        assert_eq!(plain, stsd(0, 0x40));
        assert_eq!(aac_description(&track(stsd(1, 0x40))).unwrap(), plain);
        assert!(aac_description(&track(stsd(0, 0x6b))).is_none(), "MP3 is not AAC");
        assert_eq!(sound_codec(&track(stsd(1, 0x40))), SoundCodec::Aac(vec![0x11, 0x90]));
        assert_eq!(sound_codec(&track(stsd(0, 0x6b))), SoundCodec::Other("MP3 sound".to_owned()));
        let flac = flac::description(44_100, 2);
        assert!(matches!(sound_codec(&track(flac.clone())), SoundCodec::Flac(info) if info.len() == 34));
        for whole in [stsd(1, 0x40), flac] {
            for cut in 0..whole.len() {
                let cut = track(whole[..cut].to_vec());
                assert!(aac_description(&cut).is_none() && matches!(sound_codec(&cut), SoundCodec::Other(_)));
            }
        }
    }
}
