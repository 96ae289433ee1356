//! Arguments that say how motion is taken over.

use clap::Args;
use portrait_runtime::{Mode, MotionOptions};

/// How the driver's motion is taken over.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct MotionArgs {
    /// Take over the driver's pose and expression as they are, instead of how they change
    #[arg(long)]
    absolute: bool,
    /// Factor on the whole motion, 0 to 4, unless with --absolute
    #[arg(long, value_name = "FACTOR", default_value_t = MotionOptions::default().strength, value_parser = factor)]
    strength: f32,
    /// Factor on the motion of the lids, 0 to 4, unless with --absolute: at 1 an eye that closes closes the photo's
    #[arg(long, value_name = "FACTOR", default_value_t = MotionOptions::default().eye_gain, value_parser = factor)]
    eye_gain: f32,
}

impl MotionArgs {
    pub(crate) fn options(self) -> MotionOptions {
        let Self { absolute, strength, eye_gain } = self;
        let mode = if absolute { Mode::Absolute } else { Mode::Relative };
        MotionOptions { mode, strength, eye_gain, ..MotionOptions::default() }
    }
}

fn factor(text: &str) -> Result<f32, String> {
    let value = text.parse().ok().filter(|value| (0.0..=4.0).contains(value));
    value.ok_or_else(|| "give a number from 0 to 4".to_owned())
}
