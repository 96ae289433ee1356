//! MP4 and MOV files (ISO/IEC 14496-12): a tolerant demultiplexer and a small multiplexer.
//!
//! Written here because the crates looked at do not fit: `re_mp4` indexes the file's tables unchecked
//! and panics on damaged ones, `muxide` keeps the whole encoded clip in memory and knows one timescale,
//! and neither passes an AAC track through with its edit list.

mod audio;
mod audio_source;
mod boxes;
mod demux;
mod flac;
mod fragments;
mod mux;
mod mux_boxes;
mod sound_entry;
mod table;

pub use audio::AudioTrack;
pub(crate) use audio::read_sample;
pub(crate) use audio_source::{AudioSource, first_needed};
pub(crate) use boxes::{Bytes, children};
pub(crate) use demux::{Movie, Track};
pub(crate) use mux::{Muxer, Timebase};
pub(crate) use mux_boxes::Avc;
pub(crate) use sound_entry::{SoundCodec, sound_codec};
pub(crate) use table::Sample;
