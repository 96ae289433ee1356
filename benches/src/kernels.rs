//! Section `kernels`: every `perf` case and every layer of a preset by itself, beside what plain WGSL reaches in the same run.
//!
//! Inside the clock: one pass that runs the kernel often enough to outlast the timer's grain; by timestamps where the device
//! has them. Rows take turns, so that a slow minute of the machine falls on all of them.

use crate::args::Args;
use crate::report::{Ceiling, Control, KernelRow, Report};
use crate::stats::{median, quantile};
use anyhow::Result;
use portrait_graph::TensorKind;
use portrait_kernels::{Bind, CeilingCopy, CeilingFma, Kernel, Tier, cases};
use portrait_models::Preset;
use portrait_runtime::{Gpu, Runner, SessionOptions, frame_steps};
use std::sync::Arc;

/// What a row is for.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    Copy,
    Fma,
    Control,
    Case,
    Layer,
}

struct Row {
    role: Role,
    name: String,
    kernel: Arc<dyn Kernel>,
    bytes: usize,
    runner: Runner,
    repeats: u32,
    clock: &'static str,
    seconds: Vec<f64>,
}

impl Row {
    fn new(gpu: &Arc<Gpu>, role: Role, name: &str, kernel: Arc<dyn Kernel>, kinds: Vec<TensorKind>) -> Result<Self> {
        let runner = Runner::of_kernel(gpu, name, &kernel, &kinds)?;
        let mut noise = Noise(0x5EED);
        // Small and positive: sums stay finite, and sizes among the inputs mean something.
        let mut values: Vec<Vec<f32>> =
            kinds.iter().map(|kind| (0..kind.len()).map(|_| 0.1 * noise.next()).collect()).collect();
        kernel.rehearse(&mut values);
        for (i, values) in values.iter().enumerate() {
            runner.set(&Runner::binding(i), values)?;
        }
        let bytes = kinds.iter().map(|kind| kind.bytes(gpu.tier())).sum();
        // The first run may still compile; the second tells how many of them outlast the timer's grain.
        runner.time(1)?;
        let once = runner.time(1)?;
        let (clock, seconds) = once.gpu.map_or(("host", once.host), |gpu| ("gpu", gpu));
        let repeats = (0.004 / seconds.max(1e-7)).clamp(1.0, 500.0) as u32;
        let name = name.to_owned();
        Ok(Self { role, name, kernel, bytes, runner, repeats, clock, seconds: Vec::new() })
    }

    fn measure(&mut self) -> Result<()> {
        let time = self.runner.time(self.repeats)?;
        self.seconds.push(time.gpu.unwrap_or(time.host) / f64::from(self.repeats));
        Ok(())
    }

    fn gflops(&self) -> f64 {
        2e-9 * self.kernel.executed_macs() as f64 / median(&self.seconds)
    }

    fn gbytes(&self) -> f64 {
        1e-9 * self.bytes as f64 / median(&self.seconds)
    }
}

/// Runs the section for one precision.
pub(crate) fn run(gpu: &Arc<Gpu>, preset: &Preset, args: &Args, report: &mut Report) -> Result<()> {
    let tier = gpu.tier();
    let mut rows = rows(gpu, preset, args)?;
    if !rows.iter().any(|row| matches!(row.role, Role::Case | Role::Layer)) {
        args.nothing("kernels");
        return Ok(());
    }
    for _ in 0..args.rounds {
        rows.iter_mut().try_for_each(Row::measure)?;
    }
    let best = |role: Role, rate: fn(&Row) -> f64| rows.iter().filter(|r| r.role == role).map(rate).fold(0.0, f64::max);
    let ceiling = Ceiling {
        preset: preset.name.clone(),
        precision: tier.name().into(),
        gflops: best(Role::Fma, Row::gflops),
        gbytes: best(Role::Copy, Row::gbytes),
    };
    println!(
        "\nkernels, preset {}, {tier}: ceilings {:.1} GFLOP/s and {:.1} GB/s",
        preset.name, ceiling.gflops, ceiling.gbytes
    );
    let controls: Vec<&Row> = rows.iter().filter(|r| r.role == Role::Control).collect();
    for pair in controls.chunks_exact(2) {
        let ratio = median(&pair[0].seconds) / median(&pair[1].seconds);
        let control = Control::new(&pair[0].name, &preset.name, tier.name(), ratio);
        let warning = if control.noisy { "  << NOISY: times of this run say little" } else { "" };
        println!("control: {} measured twice: {ratio:.3}×{warning}", control.name);
        report.controls.push(control);
    }
    println!(
        "{:44} {:20} {:>9} {:>9} {:>8} {:>7} {:>6}",
        "case or layer", "shader", "median ms", "p95 ms", "GFLOP/s", "GB/s", "share"
    );
    for row in rows.iter().filter(|r| matches!(r.role, Role::Case | Role::Layer)) {
        let found = describe(row, gpu, preset, &ceiling);
        println!(
            "{:44} {:20} {:9.4} {:9.4} {:8.2} {:7.2} {:5.0} %",
            found.name,
            found.shader,
            found.median_ms,
            found.p95_ms,
            found.gflops,
            found.gbytes,
            100.0 * found.share
        );
        report.kernels.push(found);
    }
    report.ceilings.push(ceiling);
    Ok(())
}

fn rows(gpu: &Arc<Gpu>, preset: &Preset, args: &Args) -> Result<Vec<Row>> {
    let plain = |kernel: &dyn Kernel| kernel.bindings().iter().map(|b| plain_kind(b.kind, b.len)).collect::<Vec<_>>();
    let software = gpu.adapter().kind == "Cpu";
    let mut rows = Vec::new();
    // Large enough to leave the caches; a software driver shares them with everything else.
    let copy: Arc<dyn Kernel> = Arc::new(CeilingCopy { length: if software { 1 << 20 } else { 7 << 20 } });
    let fma: Arc<dyn Kernel> = match software {
        true => Arc::new(CeilingFma { length: 1 << 12, rounds: 64 }),
        false => Arc::new(CeilingFma { length: 1 << 18, rounds: 256 }),
    };
    rows.push(Row::new(gpu, Role::Copy, "copy", copy.clone(), plain(&*copy))?);
    rows.push(Row::new(gpu, Role::Fma, "multiply-add", fma.clone(), plain(&*fma))?);
    let table: Vec<_> = cases().into_iter().filter(|case| case.perf).collect();
    for case in table.iter().take(2) {
        for _ in 0..2 {
            rows.push(Row::new(gpu, Role::Control, case.name, case.kernel.clone(), plain(&*case.kernel))?);
        }
    }
    for case in table.into_iter().filter(|case| args.wants(case.name)) {
        let kinds = plain(&*case.kernel);
        rows.push(Row::new(gpu, Role::Case, case.name, case.kernel, kinds)?);
    }
    for step in frame_steps(preset, &SessionOptions::new(512, 512))?.into_iter().filter(|s| args.wants(&s.label)) {
        let kinds = step.tensors.iter().map(|t| t.kind).collect();
        rows.push(Row::new(gpu, Role::Layer, &step.label, step.kernel, kinds)?);
    }
    Ok(rows)
}

/// A tensor for a binding of the case table, which has no textures.
fn plain_kind(bind: Bind, len: usize) -> TensorKind {
    match bind {
        Bind::Feature | Bind::FeatureOut => TensorKind::Feature([4, 1, len as u32 / 4]),
        Bind::Halves => TensorKind::Halves(len as u32),
        _ => TensorKind::Floats(len as u32),
    }
}

fn describe(row: &Row, gpu: &Gpu, preset: &Preset, ceiling: &Ceiling) -> KernelRow {
    let (gflops, gbytes) = (row.gflops(), row.gbytes());
    let intensity = 2.0 * row.kernel.executed_macs() as f64 / row.bytes.max(1) as f64;
    let (arithmetic, bandwidth) = (gflops / ceiling.gflops, gbytes / ceiling.gbytes);
    KernelRow {
        group: if row.role == Role::Case { "case" } else { "layer" }.into(),
        name: row.name.clone(),
        shader: row.kernel.dispatch(gpu.tier(), gpu.profile()).shader.file.into(),
        preset: preset.name.clone(),
        precision: gpu.tier().name().into(),
        median_ms: 1e3 * median(&row.seconds),
        p95_ms: 1e3 * quantile(&row.seconds, 0.95),
        gflops,
        gbytes,
        share: arithmetic.max(bandwidth),
        bound: if arithmetic > bandwidth { "arithmetic" } else { "bandwidth" }.into(),
        intensity,
        clock: row.clock.into(),
    }
}

/// The precisions to measure: those asked for, or all that the adapter runs well.
pub(crate) fn tiers(gpu: &Gpu, wanted: &[Tier]) -> Vec<Tier> {
    // Software drivers emulate f16 and take minutes to compile it.
    let native = gpu.adapter().shader_f16 && gpu.adapter().kind != "Cpu";
    match wanted {
        [] => Tier::ALL.into_iter().filter(|&tier| tier != Tier::F16 || native).collect(),
        _ => wanted.to_vec(),
    }
}

/// Uniform values in 0..1 (SplitMix64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32
    }
}
