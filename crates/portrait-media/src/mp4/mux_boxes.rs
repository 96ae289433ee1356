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

    fn put_tables(&self, out: &mut Vec<u8>, base: u64) {
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
        let positions = self.chunks.iter().map(|&(position, _)| base + position);
        if positions.clone().any(|p| p > u64::from(u32::MAX)) {
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

pub(crate) fn ftyp() -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, b"ftyp", |out| {
        out.extend_from_slice(b"isom\0\0\x02\0isomiso2avc1mp41");
    });
    out
}

pub(crate) fn mdat_header(out: &mut Vec<u8>, payload: u64) {
    match u32::try_from(payload + 8) {
        Ok(size) => {
            put_u32(out, size);
            out.extend_from_slice(b"mdat");
        }
        Err(_) => {
            put_u32(out, 1);
            out.extend_from_slice(b"mdat");
            put_u64(out, payload + 16);
        }
    }
}

const UNITY: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// Sound: table, ticks per second, sample description, what is played.
type AudioOut<'a> = (&'a TrackOut, u32, &'a [u8], Edit);

/// The index. `base` is the position of the payload in the file; movie ticks are the video's.
pub(crate) fn moov(base: u64, timescale: u32, video: &TrackOut, avc: &Avc<'_>, audio: Option<AudioOut<'_>>) -> Vec<u8> {
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
                base,
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
                    base,
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
    base: u64,
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
                table.put_tables(out, base);
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
