//! Movie fragments (`moof`): how screen recorders and phones that fear a crash write MP4.

use std::path::Path;

use super::boxes::{Bytes, children, find};
use super::demux::Track;
use super::table::{MAX_SAMPLES, Sample};
use crate::{MediaError, Result};

/// Per track: default duration, size and flags of a sample, from `mvex`.
pub(crate) struct Defaults(Vec<(u32, [u32; 3])>);

impl Defaults {
    pub(crate) fn of(moov: &[u8]) -> Self {
        let mvex = find(moov, &[b"mvex"]).unwrap_or_default();
        let trex = |payload: &[u8]| {
            let mut bytes = Bytes(payload);
            bytes.full_box()?;
            let id = bytes.u32()?;
            bytes.u32()?;
            Some((id, [bytes.u32()?, bytes.u32()?, bytes.u32()?]))
        };
        let all = children(mvex).filter(|(kind, _)| kind == b"trex");
        Self(all.filter_map(|(_, payload)| trex(payload)).collect())
    }
}

/// Appends what a fragment at a file position holds of a track. A fragment that is cut short gives
/// what it has.
pub(crate) fn append(track: &mut Track, position: u64, moof: &[u8], defaults: &Defaults, path: &Path) -> Result<()> {
    for (_, traf) in children(moof).filter(|(kind, _)| kind == b"traf") {
        // A cut table ends the fragment; what was read of it stays.
        let _ = append_traf(track, position, traf, defaults);
        if track.samples.len() > MAX_SAMPLES {
            let reason = "its fragments claim more samples than a recording can have";
            return Err(MediaError::damaged(path, reason));
        }
    }
    Ok(())
}

fn append_traf(track: &mut Track, position: u64, traf: &[u8], defaults: &Defaults) -> Option<()> {
    let mut tfhd = Bytes(find(traf, &[b"tfhd"])?);
    let (_, flags) = tfhd.full_box()?;
    if tfhd.u32()? != track.id {
        return None;
    }
    let [mut duration, mut size, mut sample_flags] =
        defaults.0.iter().find(|(id, _)| *id == track.id).map_or([0; 3], |(_, values)| *values);
    let base = if flags & 1 != 0 { tfhd.u64()? } else { position };
    if flags & 2 != 0 {
        tfhd.u32()?;
    }
    for (bit, value) in [(8, &mut duration), (0x10, &mut size), (0x20, &mut sample_flags)] {
        if flags & bit != 0 {
            *value = tfhd.u32()?;
        }
    }
    let mut decode_time = match find(traf, &[b"tfdt"]) {
        Some(payload) => {
            let mut tfdt = Bytes(payload);
            let (version, _) = tfdt.full_box()?;
            i64::try_from(tfdt.versioned(version)?).ok()?
        }
        None => track.samples.iter().map(|s| i64::from(s.duration)).fold(0, i64::saturating_add),
    };
    let mut offset = base;
    for (_, payload) in children(traf).filter(|(kind, _)| kind == b"trun") {
        let mut trun = Bytes(payload);
        let (_, flags) = trun.full_box()?;
        let count = trun.u32()?;
        if flags & 1 != 0 {
            offset = base.saturating_add_signed(i64::from(trun.i32()?));
        }
        let mut first_flags = if flags & 4 != 0 { Some(trun.u32()?) } else { None };
        for _ in 0..count {
            if track.samples.len() > MAX_SAMPLES {
                return None;
            }
            let mut field = |bit: u32, default: u32| {
                if flags & bit != 0 { trun.u32() } else { Some(default) }
            };
            let duration = field(0x100, duration)?;
            let size = field(0x200, size)?;
            let own_flags = field(0x400, first_flags.unwrap_or(sample_flags))?;
            let shift = field(0x800, 0)? as i32;
            first_flags = None;
            track.samples.push(Sample {
                offset,
                size,
                pts: decode_time.saturating_add(i64::from(shift)),
                duration,
                sync: own_flags & 0x1_0000 == 0,
            });
            offset = offset.saturating_add(u64::from(size));
            decode_time = decode_time.saturating_add(i64::from(duration));
        }
    }
    Some(())
}
