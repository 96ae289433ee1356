//! `portrait doctor`: whether this machine can do the work.

use std::process::{Command, ExitCode, Stdio};

use anyhow::Result;
use clap::Args;
use portrait_runtime::{Engine, PipelineTest, adapters};
use serde_json::json;

use crate::console;
use crate::engine::{EngineArgs, bundled_presets};

/// Names adapter, driver, precision and limits, and tests every pipeline against its twin on the CPU
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  portrait doctor --precision f16_packed

The exit code is 1 where no adapter is found or a pipeline fails.")]
pub(crate) struct Doctor {
    #[command(flatten)]
    engine: EngineArgs,
    /// List every pipeline, not only those that fail
    #[arg(long)]
    all: bool,
    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let found = pollster::block_on(adapters());
        if !self.json {
            console::line(format!("portrait {}", env!("CARGO_PKG_VERSION")));
            console::line(format!("adapters: {}", found.len()));
            for (index, a) in found.iter().enumerate() {
                console::line(format!("  {index}: {} ({}, {}, {})", a.name, a.kind, a.backend, a.driver));
            }
        }
        let engine = self.engine.open()?;
        if !self.json {
            self.describe(&engine);
        }
        let spinner = console::spinner("testing every pipeline against its twin on the CPU");
        let tests = engine.self_test()?;
        spinner.finish_and_clear();
        let failed = tests.iter().filter(|test| !test.passed).count();
        if self.json {
            let adapter = engine.gpu().adapter();
            console::line(json!({
                "version": env!("CARGO_PKG_VERSION"),
                "adapters": found.iter().map(|a| &a.name).collect::<Vec<_>>(),
                "adapter": adapter.name,
                "backend": adapter.backend,
                "kind": adapter.kind,
                "driver": adapter.driver,
                "shader_f16": adapter.shader_f16,
                "tier": engine.gpu().tier().name(),
                "weights_sha256": engine.weights_id(),
                "ffmpeg": has_ffmpeg(),
                "pipelines": tests.len(),
                "failed": tests.iter().filter(|test| !test.passed).map(line).collect::<Vec<_>>(),
            }));
        } else {
            console::line(format!("self-test: {} pipelines, {failed} failed", tests.len()));
            for test in tests.iter().filter(|test| self.all || !test.passed) {
                console::line(format!("  {}", line(test)));
            }
            if failed > 0 {
                console::line("with --cache DIR the other commands go around what fails, or say that they cannot");
            }
        }
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn describe(&self, engine: &Engine) {
        let (gpu, adapter) = (engine.gpu(), engine.gpu().adapter());
        let f16 = if adapter.shader_f16 { "yes" } else { "no" };
        let limits = &gpu.adapter().limits;
        console::line(format!("adapter: {}", adapter.name));
        console::line(format!("driver: {} ({}, {})", adapter.driver, adapter.backend, adapter.kind));
        console::line(format!("precision: {} (native f16 in shaders: {f16})", gpu.tier()));
        console::line(format!(
            "limits: {} storage buffers, {} MiB a binding, {} invocations, {} KiB of workgroup memory, textures of {}",
            limits.max_storage_buffers_per_shader_stage,
            limits.max_storage_buffer_binding_size >> 20,
            limits.max_compute_invocations_per_workgroup,
            limits.max_compute_workgroup_storage_size >> 10,
            limits.max_texture_dimension_2d,
        ));
        console::line(format!("weights: preset {}, SHA-256 {}", engine.preset().name, engine.weights_id()));
        console::line(format!("presets inside: {}", bundled_presets().collect::<Vec<_>>().join(", ")));
        let ffmpeg =
            if has_ffmpeg() { "found" } else { "not found (needed only for clips other than H.264 MP4/MOV and GIF)" };
        console::line(format!("ffmpeg: {ffmpeg}"));
    }
}

fn line(test: &PipelineTest) -> String {
    let verdict = if test.passed { "ok" } else { "FAILED" };
    format!("{} {}: {verdict}, error {:.1e}", test.name, test.variant, test.error)
}

fn has_ffmpeg() -> bool {
    ["ffmpeg", "ffprobe"].iter().all(|program| {
        let mut command = Command::new(program);
        command.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
}
