//! `portrait pose`: another expression for a photo, without a driver.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use portrait_media::{check_target, save_png};
use portrait_runtime::{Expression, Mode, MotionOptions, SessionOptions};
use serde_json::json;

use crate::engine::EngineArgs;
use crate::framing::{FaceArgs, Faces, FramingArgs};
use crate::source::{Source, media_picture};
use crate::{console, output};

/// Gives the face in a photo another pose and expression, without a driver
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  portrait pose me.jpg --yaw 15 --smile 0.6 --blink-left 1 -o me-winking.png
  portrait pose me.jpg --look-right 0.8 --set browInnerUp=0.8 --set jawOpen=0.3 --output-as photo -o me-surprised.png

Left is the person's left. `portrait pose --list` prints every name that --set takes.")]
pub(crate) struct Pose {
    /// The photo (PNG, JPEG, WebP, GIF), or an avatar made by `portrait prepare`
    #[arg(value_name = "PHOTO|FILE.avatar", required_unless_present = "list")]
    source: Option<PathBuf>,
    /// The picture to write
    #[arg(short, long, value_name = "OUT.png", required_unless_present = "list")]
    output: Option<PathBuf>,
    /// Turn the head, in degrees towards the picture's right
    #[arg(long, value_name = "DEGREES", default_value_t = 0.0, allow_negative_numbers = true)]
    yaw: f32,
    /// Turn the head upwards, in degrees
    #[arg(long, value_name = "DEGREES", default_value_t = 0.0, allow_negative_numbers = true)]
    pitch: f32,
    /// Tilt the head, in degrees, clockwise in the picture
    #[arg(long, value_name = "DEGREES", default_value_t = 0.0, allow_negative_numbers = true)]
    roll: f32,
    /// Turn the eyes to the picture's right, -1 to 1
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    look_right: Option<f32>,
    /// Turn the eyes upwards, -1 to 1
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    look_up: Option<f32>,
    /// Smile, 0 to 1
    #[arg(long, value_name = "AMOUNT")]
    smile: Option<f32>,
    /// Close both eyes, 0 to 1
    #[arg(long, value_name = "AMOUNT")]
    blink: Option<f32>,
    /// Close the left eye, 0 to 1
    #[arg(long, value_name = "AMOUNT")]
    blink_left: Option<f32>,
    /// Close the right eye, 0 to 1
    #[arg(long, value_name = "AMOUNT")]
    blink_right: Option<f32>,
    /// Open the mouth, 0 to 1
    #[arg(long, value_name = "AMOUNT")]
    jaw_open: Option<f32>,
    /// Raise the brows, 0 to 1
    #[arg(long, value_name = "AMOUNT")]
    brows_up: Option<f32>,
    /// Any of ARKit's expressions; without Left or Right, both sides
    #[arg(long, value_name = "NAME=AMOUNT", value_parser = named)]
    set: Vec<(String, f32)>,
    /// Print the names that --set takes
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    framing: FramingArgs,
    #[command(flatten)]
    face: FaceArgs,
    #[command(flatten)]
    engine: EngineArgs,
    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Pose {
    pub(crate) fn run(self) -> Result<ExitCode> {
        if self.list {
            let names = &Expression::NAMES[1..];
            if self.json {
                console::line(json!({ "expressions": names }));
            } else {
                names.iter().for_each(console::line);
            }
            return Ok(ExitCode::SUCCESS);
        }
        let expression = self.expression()?;
        let (Some(path), Some(out)) = (&self.source, &self.output) else { bail!("give a photo and -o OUT.png") };
        if !out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
            bail!("the picture is written as PNG: give a name that ends in .png instead of `{}`", out.display());
        }
        let mut inputs = vec![path.as_path()];
        inputs.extend(self.engine.weights.as_deref());
        inputs.extend(self.framing.inputs());
        output::refuse_inputs(out, &inputs)?;
        check_target(out)?;
        let source = Source::read(path)?;

        let spinner = console::spinner("preparing the portrait");
        let engine = self.engine.open()?;
        let prepared = source.prepare(&engine, path, Faces::One(self.face.choice()))?;
        let motion = MotionOptions { mode: Mode::Absolute, filter: None, ..MotionOptions::default() };
        let options = SessionOptions { motion, ..SessionOptions::new(64, 64) };
        let options = self.framing.session(options, prepared.photo.as_ref(), path)?;
        let mut session = prepared.session(&engine, path, &options)?;
        session.animate_expression(&expression, 1.0 / 25.0)?;
        let picture = session.take_picture(true)?.context("the picture did not come back from the GPU")?;
        spinner.finish_and_clear();

        prepared.warnings().iter().for_each(console::warning);
        let picture = media_picture(picture);
        save_png(out, &picture)?;
        if self.json {
            let size = [picture.width, picture.height];
            let out = out.display().to_string();
            console::line(json!({ "output": out, "size": size, "adapter": engine.gpu().adapter().name }));
        } else {
            console::line(format!("{}: {}×{}", out.display(), picture.width, picture.height));
        }
        Ok(ExitCode::SUCCESS)
    }

    fn expression(&self) -> Result<Expression> {
        let mut expression = Expression { yaw: self.yaw, pitch: self.pitch, roll: self.roll, ..Expression::default() };
        for (what, degrees) in [("yaw", self.yaw), ("pitch", self.pitch), ("roll", self.roll)] {
            if !(-45.0..=45.0).contains(&degrees) {
                bail!("--{what} {degrees} is too far: a photo from the front shows nothing of that; give −45 to 45");
            }
        }
        let options = [
            ("look-right", self.look_right),
            ("look-up", self.look_up),
            ("smile", self.smile),
            ("blink", self.blink),
            ("blink-left", self.blink_left),
            ("blink-right", self.blink_right),
            ("jaw-open", self.jaw_open),
            ("brows-up", self.brows_up),
        ];
        let options = options.into_iter().filter_map(|(name, amount)| Some((format!("--{name} "), amount?)));
        for (name, amount) in options.chain(self.set.iter().map(|(name, amount)| (format!("--set {name}="), *amount))) {
            if !(-1.0..=2.0).contains(&amount) {
                bail!("{name}{amount} is too much; 0 is none, 1 the whole expression, −1 its opposite: give −1 to 2");
            }
        }
        // One direction of a look is one pair of expressions, the other another.
        let look = |amount: Option<f32>, there: [&'static str; 2], back: [&'static str; 2]| {
            let names = if amount.is_some_and(|amount| amount < 0.0) { back } else { there };
            names.map(|name| (name, amount.map(f32::abs)))
        };
        let [right, also_right] =
            look(self.look_right, ["eyeLookOutLeft", "eyeLookInRight"], ["eyeLookInLeft", "eyeLookOutRight"]);
        let [up, also_up] =
            look(self.look_up, ["eyeLookUpLeft", "eyeLookUpRight"], ["eyeLookDownLeft", "eyeLookDownRight"]);
        let short = [
            right,
            also_right,
            up,
            also_up,
            ("mouthSmile", self.smile),
            ("eyeBlink", self.blink),
            ("eyeBlinkLeft", self.blink_left),
            ("eyeBlinkRight", self.blink_right),
            ("jawOpen", self.jaw_open),
            ("browInnerUp", self.brows_up),
            ("browOuterUp", self.brows_up),
        ];
        let short = short.into_iter().filter_map(|(name, amount)| Some((name, amount?)));
        for (name, amount) in short.chain(self.set.iter().map(|(name, amount)| (name.as_str(), *amount))) {
            expression.set(name, amount)?;
        }
        Ok(expression)
    }
}

fn named(text: &str) -> Result<(String, f32), String> {
    let pair = text.split_once('=').and_then(|(name, amount)| Some((name.to_owned(), amount.parse().ok()?)));
    pair.ok_or_else(|| "write NAME=AMOUNT, for example jawOpen=0.3".to_owned())
}
