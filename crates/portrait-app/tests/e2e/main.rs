//! The program as a user runs it: a process with arguments, files, exit code and output.
//!
//! Every failing run is held to the same rules: exit code 1, one `error:` on stderr that says what to do, nothing on
//! stdout, no panic, nothing left in the output directory. See `common::Outcome::fails`. Two are different: a clip that
//! breaks off midway leaves a whole video up to there, see `clips::truncated`, and a motion that cannot be written at the
//! end leaves the video, see `outputs::disk_full`.

mod adapters;
mod animating;
mod avatars;
#[cfg(target_os = "linux")]
mod beginning;
#[cfg(target_os = "linux")]
mod cameras;
mod clips;
mod common;
mod interrupting;
mod jitter;
#[cfg(target_os = "linux")]
mod living;
mod memory;
mod outputs;
#[cfg(target_os = "linux")]
mod photos;
#[cfg(target_os = "linux")]
mod pointer;
mod posing;
#[cfg(target_os = "linux")]
mod screen;
#[cfg(target_os = "linux")]
mod sizes;
mod speaking;
#[cfg(target_os = "linux")]
mod wayland;
mod weights;
#[cfg(target_os = "linux")]
mod window;
