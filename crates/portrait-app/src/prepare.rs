//! `portrait prepare`: a photo becomes an avatar file.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use portrait_runtime::PrepareOptions;
use serde_json::json;

use crate::driver::pixels;
use crate::engine::EngineArgs;
use crate::framing::FaceArgs;
use crate::{console, output, source};

/// Prepares a photo once, so that it opens in milliseconds
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  portrait prepare me.jpg -o me.avatar
  portrait animate me.avatar --drive talk.mp4 -o me-talking.mp4")]
pub(crate) struct Prepare {
    /// The photo: PNG, JPEG, WebP or GIF
    photo: PathBuf,
    /// The avatar file to write
    #[arg(short, long, value_name = "FILE.avatar")]
    output: PathBuf,
    #[command(flatten)]
    face: FaceArgs,
    #[command(flatten)]
    engine: EngineArgs,
    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Prepare {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let mut inputs = vec![self.photo.as_path()];
        inputs.extend(self.engine.weights.as_deref());
        output::refuse_inputs(&self.output, &inputs)?;
        portrait_media::check_target(&self.output)?;
        if !self.output.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("avatar")) {
            let output = self.output.display();
            bail!("an avatar is written: give a name that ends in .avatar instead of `{output}`");
        }
        if source::is_avatar(&self.photo) {
            bail!("`{}` is an avatar already", self.photo.display());
        }
        let photo = source::read_photo(&self.photo)?;

        let spinner = console::spinner("preparing the portrait");
        let engine = self.engine.open()?;
        let avatar = engine
            .prepare(pixels(&photo), &PrepareOptions { face: self.face.choice(), ..PrepareOptions::default() })
            .with_context(|| format!("cannot prepare `{}`", self.photo.display()))?;
        spinner.finish_and_clear();

        avatar.warnings().iter().for_each(console::warning);
        avatar.save(&self.output)?;
        let bytes = std::fs::metadata(&self.output).map(|meta| meta.len()).unwrap_or_default();
        if self.json {
            console::line(json!({
                "output": self.output.display().to_string(),
                "bytes": bytes,
                "adapter": engine.gpu().adapter().name,
                "tier": engine.gpu().tier().name(),
                "avatar": avatar.info(),
            }));
        } else {
            let adapter = &engine.gpu().adapter().name;
            console::line(format!("{}: {:.1} MB, made on {adapter}", self.output.display(), bytes as f64 / 1e6));
        }
        Ok(ExitCode::SUCCESS)
    }
}
