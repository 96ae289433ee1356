//! The boxes of an MP4 index, written.

use super::boxes::{put, put_full, put_u16, put_u32, put_u64};
use crate::color::{ColorSpec, Matrix};

/// What the decoder must know before the first frame.
pub(crate) struct Avc<'a> {
    pub(crate) width: u16,
    pub(crate) height: u16,
    /// Without start code.
    pub(crate) sps: &'a [u8],
    /// Without start code.
    pub(crate) pps: &'a [u8],
    pub(crate) color: ColorSpec,
}

/// What of a copied track is played.
#[derive(Clone, Copy)]
pub(crate) struct Edit {
    /// Silence before it, in movie ticks.
    pub(crate) delay: u64,
    /// Length in movie ticks.
    pub(crate) duration: u64,
    /// First of its own ticks that is played.
    pub(crate) media_time: u64,
}

/// The table of a track being written.
#[derive(Default)]
pub(crate) struct TrackOut {
    sizes: Vec<u32>,
    /// Runs of equal duration: count and ticks.
    times: Vec<(u32, u32)>,
    /// Numbers of the sync samples, from 1.
    syncs: Vec<u32>,
    /// Position and number of samples of each chunk.
    chunks: Vec<(u64, u32)>,
    total: u64,
}

impl TrackOut {
    pub(crate) fn is_empty(&self) -> bool {
        self.sizes.is_empty()
    }

    /// Length in ticks.
    pub(crate) fn duration(&self) -> u64 {
        self.total
    }

    pub(crate) fn begin_sample(&mut self, position: u64, size: u32, sync: bool, new_chunk: bool) {
        self.sizes.push(size);
        if sync {
            self.syncs.push(self.sizes.len() as u32);
        }
        match self.chunks.last_mut() {
            Some((_, count)) if !new_chunk => *count += 1,
            _ => self.chunks.push((position, 1)),
        }
    }

    pub(crate) fn end_sample(&mut self, duration: u32) {
        self.total += u64::from(duration);
        match self.times.last_mut() {
            Some((count, ticks)) if *ticks == duration => *count += 1,
            _ => self.times.push((1, duration)),
        }
    }

    fn put_tables(&self, out: &mut Vec<u8>, place: Place) {
        put_full(out, b"stts", 0, 0, |out| {
            put_u32(out, self.times.len() as u32);
            self.times.iter().for_each(|&(count, ticks)| {
                put_u32(out, count);
                put_u32(out, ticks);
            });
        });
        if self.syncs.len() != self.sizes.len() {
            put_full(out, b"stss", 0, 0, |out| {
                put_u32(out, self.syncs.len() as u32);
                self.syncs.iter().for_each(|&number| put_u32(out, number));
            });
        }
        put_full(out, b"stsc", 0, 0, |out| {
            let mut runs: Vec<(u32, u32)> = Vec::new();
            for (number, &(_, count)) in (1..).zip(&self.chunks) {
                if runs.last().is_none_or(|&(_, last)| last != count) {
                    runs.push((number, count));
                }
            }
            put_u32(out, runs.len() as u32);
            for (number, count) in runs {
                put_u32(out, number);
                put_u32(out, count);
                put_u32(out, 1);
            }
        });
        put_full(out, b"stsz", 0, 0, |out| {
            put_u32(out, 0);
            put_u32(out, self.sizes.len() as u32);
            self.sizes.iter().for_each(|&size| put_u32(out, size));
        });
        let positions = self.chunks.iter().map(|&(position, _)| place.base + position);
        if place.wide {
            put_full(out, b"co64", 0, 0, |out| {
                put_u32(out, self.chunks.len() as u32);
                positions.for_each(|p| put_u64(out, p));
            });
        } else {
            put_full(out, b"stco", 0, 0, |out| {
                put_u32(out, self.chunks.len() as u32);
                positions.for_each(|p| put_u32(out, p as u32));
            });
        }
    }
}

/// Where the payload lies in the file.
#[derive(Clone, Copy)]
struct Place {
    base: u64,
    /// Whether positions take 64 bits, in every track alike: the index is as long wherever the payload begins.
    wide: bool,
}

/// What comes before `payload` bytes of coded frames and sound: file type, index, and the payload's own header. Movie ticks are
/// the video's.
pub(crate) fn head(
    payload: u64,
    timescale: u32,
    video: &TrackOut,
    avc: &Avc<'_>,
    audio: Option<AudioOut<'_>>,
) -> Vec<u8> {
    let moov = |place| moov(place, timescale, video, avc, audio);
    let mut out = Vec::new();
    put(&mut out, b"ftyp", |out| {
        out.extend_from_slice(b"isom\0\0\x02\0isomiso2avc1mp41");
    });
    let before = |wide| (out.len() + moov(Place { base: 0, wide }).len()) as u64 + if wide { 16 } else { 8 };
    let wide = before(false) + payload > u64::from(u32::MAX);
    let place = Place { base: before(wide), wide };
    out.extend_from_slice(&moov(place));
    if wide {
        put_u32(&mut out, 1);
        out.extend_from_slice(b"mdat");
        put_u64(&mut out, payload + 16);
    } else {
        put_u32(&mut out, (payload + 8) as u32);
        out.extend_from_slice(b"mdat");
    }
    out
}

const UNITY: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// Sound: table, ticks per second, sample description, what is played.
pub(crate) type AudioOut<'a> = (&'a TrackOut, u32, &'a [u8], Edit);

fn moov(place: Place, timescale: u32, video: &TrackOut, avc: &Avc<'_>, audio: Option<AudioOut<'_>>) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, b"moov", |out| {
        put_full(out, b"mvhd", 1, 0, |out| {
            put_u64(out, 0);
            put_u64(out, 0);
            put_u32(out, timescale);
            put_u64(out, video.duration());
            put_u32(out, 0x1_0000);
            put_u16(out, 0x100);
            out.extend_from_slice(&[0; 10]);
            UNITY.iter().for_each(|&v| put_u32(out, v));
            out.extend_from_slice(&[0; 24]);
            put_u32(out, if audio.is_some() { 3 } else { 2 });
        });
        put(out, b"trak", |out| {
            put_tkhd(out, 1, video.duration(), 0, (avc.width, avc.height));
            put_mdia(
                out,
                b"vide",
                timescale,
                video,
                place,
                |out| {
                    put_full(out, b"vmhd", 0, 1, |out| out.extend_from_slice(&[0; 8]));
                },
                |out| {
                    put_full(out, b"stsd", 0, 0, |out| {
                        put_u32(out, 1);
                        put_avc1(out, avc);
                    })
                },
            );
        });
        if let Some((table, ticks, stsd, edit)) = audio {
            put(out, b"trak", |out| {
                put_tkhd(out, 2, edit.delay + edit.duration, 0x100, (0, 0));
                put(out, b"edts", |out| put_elst(out, edit));
                put_mdia(
                    out,
                    b"soun",
                    ticks,
                    table,
                    place,
                    |out| {
                        put_full(out, b"smhd", 0, 0, |out| out.extend_from_slice(&[0; 4]));
                    },
                    |out| put(out, b"stsd", |out| out.extend_from_slice(stsd)),
                );
            });
        }
    });
    out
}

fn put_tkhd(out: &mut Vec<u8>, id: u32, duration: u64, volume: u16, size: (u16, u16)) {
    put_full(out, b"tkhd", 1, 3, |out| {
        put_u64(out, 0);
        put_u64(out, 0);
        put_u32(out, id);
        put_u32(out, 0);
        put_u64(out, duration);
        out.extend_from_slice(&[0; 12]);
        put_u16(out, volume);
        put_u16(out, 0);
        UNITY.iter().for_each(|&v| put_u32(out, v));
        put_u32(out, u32::from(size.0) << 16);
        put_u32(out, u32::from(size.1) << 16);
    });
}

fn put_elst(out: &mut Vec<u8>, edit: Edit) {
    put_full(out, b"elst", 1, 0, |out| {
        put_u32(out, if edit.delay > 0 { 2 } else { 1 });
        if edit.delay > 0 {
            put_u64(out, edit.delay);
            put_u64(out, u64::MAX);
            put_u32(out, 0x1_0000);
        }
        put_u64(out, edit.duration);
        put_u64(out, edit.media_time);
        put_u32(out, 0x1_0000);
    });
}

fn put_mdia(
    out: &mut Vec<u8>,
    handler: &[u8; 4],
    timescale: u32,
    table: &TrackOut,
    place: Place,
    media_header: impl FnOnce(&mut Vec<u8>),
    stsd: impl FnOnce(&mut Vec<u8>),
) {
    put(out, b"mdia", |out| {
        put_full(out, b"mdhd", 1, 0, |out| {
            put_u64(out, 0);
            put_u64(out, 0);
            put_u32(out, timescale);
            put_u64(out, table.duration());
            // The language "und", five bits a letter.
            put_u16(out, 0x55c4);
            put_u16(out, 0);
        });
        put_full(out, b"hdlr", 0, 0, |out| {
            put_u32(out, 0);
            out.extend_from_slice(handler);
            out.extend_from_slice(&[0; 12]);
            out.extend_from_slice(if handler == b"vide" { b"VideoHandler\0" } else { b"SoundHandler\0" });
        });
        put(out, b"minf", |out| {
            media_header(out);
            put(out, b"dinf", |out| {
                put_full(out, b"dref", 0, 0, |out| {
                    put_u32(out, 1);
                    put_full(out, b"url ", 0, 1, |_| {});
                });
            });
            put(out, b"stbl", |out| {
                stsd(out);
                table.put_tables(out, place);
            });
        });
    });
}

fn put_avc1(out: &mut Vec<u8>, avc: &Avc<'_>) {
    put(out, b"avc1", |out| {
        out.extend_from_slice(&[0; 6]);
        put_u16(out, 1);
        out.extend_from_slice(&[0; 16]);
        put_u16(out, avc.width);
        put_u16(out, avc.height);
        put_u32(out, 0x48_0000);
        put_u32(out, 0x48_0000);
        put_u32(out, 0);
        put_u16(out, 1);
        out.extend_from_slice(&[0; 32]);
        put_u16(out, 0x18);
        put_u16(out, 0xffff);
        put(out, b"avcC", |out| {
            let profile: [u8; 3] = avc.sps.get(1..4).and_then(|p| p.try_into().ok()).unwrap_or([66, 0, 30]);
            out.push(1);
            out.extend_from_slice(&profile);
            out.extend_from_slice(&[0xff, 0xe1]);
            put_u16(out, avc.sps.len() as u16);
            out.extend_from_slice(avc.sps);
            out.push(1);
            put_u16(out, avc.pps.len() as u16);
            out.extend_from_slice(avc.pps);
            if matches!(profile[0], 100 | 110 | 122 | 144) {
                // 4:2:0, 8 bits luma and chroma, no SPS extension.
                out.extend_from_slice(&[0xfd, 0xf8, 0xf8, 0]);
            }
        });
        put(out, b"colr", |out| {
            let code = match avc.color.matrix {
                Matrix::Bt601 => 6,
                Matrix::Bt709 => 1,
                Matrix::Bt2020 => 9,
            };
            out.extend_from_slice(b"nclx");
            (0..3).for_each(|_| put_u16(out, code));
            out.push(u8::from(avc.color.full_range) << 7);
        });
    });
}

#[cfg(test)]
mod tests {
    use super::super::boxes::{Bytes, children, find};
    use super::*;

    /// Positions in the file that the index tells of a track's chunks.
    fn positions(head: &[u8], track: usize) -> Vec<u64> {
        let moov = find(head, &[b"moov"]).unwrap();
        let (_, trak) = children(moov).filter(|(kind, _)| kind == b"trak").nth(track).unwrap();
        let stbl = find(trak, &[b"mdia", b"minf", b"stbl"]).unwrap();
        let (mut bytes, wide) = match (find(stbl, &[b"stco"]), find(stbl, &[b"co64"])) {
            (Some(narrow), None) => (Bytes(narrow), false),
            (None, Some(wide)) => (Bytes(wide), true),
            other => panic!("{other:?}"),
        };
        bytes.full_box().unwrap();
        let count = bytes.u32().unwrap();
        (0..count).map(|_| if wide { bytes.u64() } else { bytes.u32().map(u64::from) }.unwrap()).collect()
    }

    /// Checks it for a packet of sound at `sounds` beside a video of two frames, the second at the end of the payload. Gives the
    /// length of what comes before the payload.
    #[track_caller]
    fn every_chunk_is_where_the_index_says(sounds: u64, payload: u64) -> u64 {
        let (mut video, mut sound) = (TrackOut::default(), TrackOut::default());
        let frames = [0, payload - 100];
        for position in frames {
            video.begin_sample(position, 100, true, true);
            video.end_sample(1000);
        }
        sound.begin_sample(sounds, 50, true, true);
        sound.end_sample(1024);
        let color = ColorSpec::unmarked(16);
        let avc = Avc { width: 16, height: 16, sps: &[0x67, 66, 0, 30], pps: &[0x68], color };
        let edit = Edit { delay: 0, duration: 1000, media_time: 0 };
        let head = head(payload, 25_000, &video, &avc, Some((&sound, 48_000, &[0; 8], edit)));
        let start = head.len() as u64;
        assert_eq!(positions(&head, 0), frames.map(|position| start + position), "video, {payload} bytes");
        assert_eq!(positions(&head, 1), [start + sounds], "sound, {payload} bytes");
        // The payload's header tells how much there is.
        let told = match head.split_last_chunk::<8>().unwrap() {
            (_, &[a, b, c, d, b'm', b'd', b'a', b't']) => u64::from(u32::from_be_bytes([a, b, c, d])) - 8,
            (rest, size) => {
                assert_eq!(rest.last_chunk(), Some(b"\0\0\0\x01mdat"), "{payload} bytes");
                u64::from_be_bytes(*size) - 16
            }
        };
        assert_eq!(told, payload);
        head.len() as u64
    }

    #[test]
    fn positions_beyond_four_gibibytes_are_told_in_every_track() {
        let limit = 1 << 32;
        let narrow = every_chunk_is_where_the_index_says(100, 1000);
        // Sound that ends long before the video, and sound to its end.
        every_chunk_is_where_the_index_says(100, 3 * limit);
        every_chunk_is_where_the_index_says(3 * limit - 200, 3 * limit);
        // Around the size at which the file, its index with it, outgrows 32 bits, to where its last frame begins beyond them.
        for payload in limit - narrow - 20..limit - narrow + 200 {
            let length = every_chunk_is_where_the_index_says(100, payload);
            assert_eq!(length > narrow, payload + narrow >= limit, "{payload} bytes");
        }
    }
}
