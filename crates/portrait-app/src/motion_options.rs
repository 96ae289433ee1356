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
    /// Factor on what the head does as a whole, 0 to 4, unless with --absolute
    #[arg(long, value_name = "FACTOR", default_value_t = MotionOptions::default().head_gain, value_parser = factor)]
    head_gain: f32,
    /// Factor on everything else that the face does, 0 to 4, unless with --absolute
    #[arg(long, value_name = "FACTOR", default_value_t = MotionOptions::default().expression_gain, value_parser = factor)]
    expression_gain: f32,
    /// Further factor on the motion of the lips, 0 to 4, unless with --absolute
    #[arg(long, value_name = "FACTOR", default_value_t = MotionOptions::default().mouth_gain, value_parser = factor)]
    mouth_gain: f32,
    /// Further factor on the motion of the lids, 0 to 4, unless with --absolute: at 1 an eye that closes closes the photo's
    #[arg(long, value_name = "FACTOR", default_value_t = MotionOptions::default().eye_gain, value_parser = factor)]
    eye_gain: f32,
}

impl MotionArgs {
    pub(crate) fn options(self) -> MotionOptions {
        let Self { absolute, strength, head_gain, expression_gain, mouth_gain, eye_gain } = self;
        let mode = if absolute { Mode::Absolute } else { Mode::Relative };
        let filter = MotionOptions::default().filter;
        MotionOptions { mode, filter, strength, head_gain, expression_gain, eye_gain, mouth_gain }
    }
}

fn factor(text: &str) -> Result<f32, String> {
    let value = text.parse().ok().filter(|value| (0.0..=4.0).contains(value));
    value.ok_or_else(|| "give a number from 0 to 4".to_owned())
}
