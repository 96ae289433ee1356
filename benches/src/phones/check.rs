//! `--check`: compiled instructions and spills are what is recorded, and within what the tiles promise.

use super::share;
use crate::report::PhoneRow;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::Path;

/// Share of the work that the promise for Adreno covers, and the least share of multiply-adds there.
const WORK: f64 = 0.8;
const MULTIPLY_ADDS: f64 = 0.45;

/// Compares with the record, or writes it where `UPDATE_SNAPSHOTS` is set.
pub(crate) fn run(rows: &[PhoneRow], file: &Path) -> Result<()> {
    let broken = promises(rows);
    if !broken.is_empty() {
        bail!("tiles that phones do not hold:\n{}", broken.join("\n"));
    }
    let mut text =
        String::from("# GPU, precision, pipeline: instructions, non-nops, multiply-adds, registers, spills\n");
    for row in rows {
        let number = |n: Option<u32>| n.map_or("-".to_owned(), |n| n.to_string());
        let (adds, registers) = (number(row.multiply_adds), number(row.registers));
        text += &format!(
            "{}, {}, {}: {} {} {adds} {registers} {}\n",
            row.gpu, row.precision, row.pipeline, row.instructions, row.non_nops, row.spills
        );
    }
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(file, text).with_context(|| format!("cannot write `{}`", file.display()))?;
        return Ok(());
    }
    let recorded = std::fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (old, new) = (lines(&recorded), lines(&text));
    let gone = old.difference(&new).map(|line| format!("- {line}"));
    let changes: Vec<String> = gone.chain(new.difference(&old).map(|line| format!("+ {line}"))).collect();
    if !changes.is_empty() {
        bail!("compiled code changed; if meant, run again with UPDATE_SNAPSHOTS=1\n{}", changes.join("\n"));
    }
    println!("phones: {} pipelines as recorded", rows.len());
    Ok(())
}

/// What the profiles promise and a compiler contradicts: no spills on Mali; on Adreno 740, in f32, a share of multiply-adds in
/// the pipelines that hold most of the work. Split convolutions are left out of the latter: they are there to read weights with
/// many invocations, and the static count of their short loop is mostly its end.
fn promises(rows: &[PhoneRow]) -> Vec<String> {
    let spilling = rows.iter().filter(|row| row.gpu.starts_with("Mali") && row.spills > 0);
    let mut broken: Vec<String> =
        spilling.map(|r| format!("{} {}: {} spills on {}", r.pipeline, r.precision, r.spills, r.gpu)).collect();
    let mut covered = 0.0;
    for row in rows.iter().filter(|row| row.gpu == "Adreno 740" && row.precision == "f32") {
        let adds = share(row).unwrap_or_default();
        let split = row.pipeline.starts_with("conv_split");
        if covered < WORK && adds < MULTIPLY_ADDS && !split {
            broken.push(format!("{}: {:.0} % multiply-adds on {}", row.pipeline, 100.0 * adds, row.gpu));
        }
        covered += row.work;
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(gpu: &str, work: f64, multiply_adds: u32, spills: u32) -> PhoneRow {
        PhoneRow {
            gpu: gpu.into(),
            pipeline: "conv".into(),
            precision: "f32".into(),
            work,
            instructions: 100,
            non_nops: 100,
            multiply_adds: Some(multiply_adds),
            registers: None,
            spills,
        }
    }

    #[test]
    fn broken_promises_are_named() {
        assert!(
            promises(&[row("Adreno 740", 0.9, 50, 0), row("Adreno 740", 0.1, 5, 0), row("Mali-G610", 1.0, 5, 0)])
                .is_empty()
        );
        assert_eq!(promises(&[row("Adreno 740", 0.9, 44, 0)]).len(), 1);
        assert_eq!(promises(&[row("Mali-G610", 0.0, 50, 1)]).len(), 1);
        let split = PhoneRow { pipeline: "conv_split_4x8 ACT=1".into(), ..row("Adreno 740", 0.5, 10, 0) };
        assert!(promises(&[split]).is_empty());
    }
}
