//! `--phones`: what the compilers of phones' GPUs make of every pipeline of a preset, without a phone, and a modelled frame.

mod check;
pub(crate) mod compile;
mod model;
mod statistics;

use crate::args::Args;
use crate::report::{PhoneRow, Report};
use anyhow::Result;
use compile::{Compiler, PHONES};
use portrait_kernels::Tier;
use portrait_models::Preset;
use std::path::Path;

/// Runs the section for one preset.
pub(crate) fn run(args: &Args, preset: &Preset, report: &mut Report) -> Result<()> {
    let tiers = match args.tiers() {
        given if given.is_empty() => vec![Tier::F32, Tier::F16Packed],
        given => given,
    };
    let mut rows = Vec::new();
    for (gpu, compiler) in PHONES {
        match directory(args, *compiler) {
            Ok(folder) => {
                for &tier in &tiers {
                    rows.extend(compile::run(args, &folder, gpu, *compiler, preset, tier)?);
                }
            }
            Err(reason) => println!("\nphones: {gpu} skipped: {reason}"),
        }
    }
    print(preset, &rows);
    model::run(preset, &tiers, &rows, report)?;
    if let Some(file) = &args.check {
        check::run(&rows, file)?;
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
            println!("\nphones, preset {}, {group}: by share of the work", preset.name);
            println!(
                "{:34} {:>6} {:>6} {:>8} {:>6} {:>6} {:>5} {:>6}",
                "pipeline", "work", "instr", "non-nops", "madds", "share", "regs", "spills"
            );
        }
        let number = |n: Option<u32>| n.map_or("-".to_owned(), |n| n.to_string());
        println!(
            "{:34} {:4.1} % {:6} {:8} {:>6} {:4.0} % {:>5} {:6}",
            row.pipeline,
            100.0 * row.work,
            row.instructions,
            row.non_nops,
            number(row.multiply_adds),
            100.0 * share(row).unwrap_or_default(),
            number(row.registers),
            row.spills
        );
    }
}

/// Multiply-adds among everything that is no `nop`.
fn share(row: &PhoneRow) -> Option<f64> {
    row.multiply_adds.map(|n| f64::from(n) / f64::from(row.non_nops.max(1)))
}
