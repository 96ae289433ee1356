//! `--phones`: what the compilers of phones' GPUs make of every pipeline of a preset, without a phone, and a modelled frame.

mod check;
mod code;
pub(crate) mod compile;
mod model;
mod statistics;
mod turns;

use crate::args::Args;
use crate::report::{PhoneRow, Report};
use anyhow::Result;
use check::Key;
use compile::{Compiler, PHONES};
use portrait_kernels::Tier;
use portrait_models::Preset;
use std::path::Path;

pub(crate) use model::ASSUMPTIONS;

/// Runs the section for one preset.
pub(crate) fn run(args: &Args, preset: &Preset, report: &mut Report) -> Result<()> {
    let tiers = match args.tiers() {
        given if given.is_empty() => vec![Tier::F32, Tier::F16Packed],
        given => given,
    };
    let (mut rows, mut ran) = (Vec::new(), Vec::new());
    for (gpu, compiler) in PHONES {
        match directory(args, *compiler) {
            Ok(folder) => {
                for &tier in &tiers {
                    rows.extend(compile::run(args, &folder, gpu, *compiler, preset, tier)?);
                    ran.push(Key::new(gpu, &preset.name, tier.name()));
                }
            }
            Err(reason) => println!("\nphones: {gpu} skipped: {reason}"),
        }
    }
    if rows.is_empty() && !ran.is_empty() {
        args.nothing("phones");
    }
    let steps = portrait_runtime::frame_steps(preset, &portrait_runtime::SessionOptions::new(512, 512))?;
    model::count(&steps, &tiers, &mut rows);
    print(preset, &rows);
    match &args.filter {
        Some(_) => println!("\nphones, modelled: skipped, since --filter leaves pipelines out"),
        None => model::run(preset, &steps, &tiers, &rows, report)?,
    }
    if let Some(file) = &args.check {
        let frames =
            report.phone_frames.iter().filter(|frame| frame.preset == preset.name).cloned().collect::<Vec<_>>();
        check::run(&rows, &frames, &ran, file)?;
    }
    report.phones.extend(rows);
    Ok(())
}

/// Where a compiler was built, or why it cannot be used.
fn directory(args: &Args, compiler: Compiler) -> Result<std::path::PathBuf, String> {
    let Some(folder) = &args.mobile_compilers else {
        return Err("no compilers: give --mobile-compilers DIR (docs/bench.md says how to build them)".to_owned());
    };
    let library: &Path = &folder.join(compiler.library());
    match library.exists() {
        true => std::path::absolute(folder).map_err(|error| error.to_string()),
        false => Err(format!("there is no `{}`", library.display())),
    }
}

fn print(preset: &Preset, rows: &[PhoneRow]) {
    let mut group = String::new();
    for row in rows {
        let head = format!("{} ({})", row.gpu, row.precision);
        if group != head {
            group = head;
            println!(
                "\nphones, preset {}, {group}: by share of the work; multiply-adds among the non-nops as they stand in the code, \
                 and with loops counted by their turns",
                preset.name
            );
            println!(
                "{:34} {:>6} {:>6} {:>8} {:>6} {:>6} {:>6} {:>7} {:>5} {:>6}",
                "pipeline", "work", "instr", "non-nops", "madds", "static", "turns", "issued", "regs", "spills"
            );
        }
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let percent = |share: Option<f64>| or_dash(share.map(|share| format!("{:.0} %", 100.0 * share)));
        println!(
            "{:34} {:4.1} % {:6} {:8} {:>6} {:>6} {:>6} {:>7} {:>5} {:6}",
            row.pipeline,
            100.0 * row.work,
            row.instructions,
            row.non_nops,
            or_dash(row.multiply_adds.map(|n| n.to_string())),
            percent(share(row)),
            percent(executed_share(row)),
            or_dash(row.executed_non_nops.map(|n| format!("{n:.0}"))),
            or_dash(row.registers.map(|n| n.to_string())),
            row.spills
        );
    }
}

/// Multiply-adds among everything that is no `nop`, every instruction once.
pub(crate) fn share(row: &PhoneRow) -> Option<f64> {
    row.multiply_adds.map(|n| f64::from(n) / f64::from(row.non_nops.max(1)))
}

/// The same of what an invocation issues.
pub(crate) fn executed_share(row: &PhoneRow) -> Option<f64> {
    Some(row.executed_multiply_adds? / row.executed_non_nops?.max(1.0))
}
