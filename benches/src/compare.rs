//! `--compare`: what changed since an earlier run, times as factors, everything that needs no clock as numbers.

use crate::report::{FrameRow, KernelRow, Report, VERSION};
use anyhow::{Context, Result, bail};
use std::path::Path;

/// Changes of time below this are noise on shared machines.
const NOISE: f64 = 0.1;

/// Reads an earlier run.
pub(crate) fn read(file: &Path) -> Result<Report> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let report: Report = serde_json::from_str(&text)
        .with_context(|| format!("`{}` was not written by `cargo xtask bench`", file.display()))?;
    if report.version != VERSION {
        bail!("`{}` has version {}, this program writes {VERSION}: measure again", file.display(), report.version);
    }
    Ok(report)
}

/// Prints what changed.
pub(crate) fn print(old: &Report, new: &Report) {
    println!("\nsince then (then → now; times by more than {:.0} %)", 100.0 * NOISE);
    if old.adapter.name != new.adapter.name {
        println!("  then it was another adapter: {}", old.adapter.name);
    }
    let lines = changes(old, new);
    lines.iter().for_each(|line| println!("  {line}"));
    if lines.is_empty() {
        println!("  nothing");
    }
}

fn changes(old: &Report, new: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for now in &new.kernels {
        let same =
            |row: &&KernelRow| (&row.group, &row.name, &row.precision) == (&now.group, &now.name, &now.precision);
        if let Some(then) = old.kernels.iter().find(same) {
            let label = format!("{} ({})", now.name, now.precision);
            time(&mut lines, &label, then.median_ms, now.median_ms);
            if then.shader != now.shader {
                lines.push(format!("{label}: shader {} → {}", then.shader, now.shader));
            }
        }
    }
    for now in &new.frame {
        let key = |row: &FrameRow| (row.preset.clone(), row.precision.clone(), row.driven_by.clone());
        if let Some(then) = old.frame.iter().find(|then| key(then) == key(now)) {
            let label = format!("frame {} {} by {}", now.preset, now.precision, now.driven_by);
            time(&mut lines, &format!("{label}, end to end"), then.end_to_end_ms.p50, now.end_to_end_ms.p50);
            if let (Some(then), Some(now)) = (then.gpu_ms, now.gpu_ms) {
                time(&mut lines, &format!("{label}, GPU only"), then.p50, now.p50);
            }
            for (what, then, now) in [
                ("dispatches", then.dispatches, now.dispatches),
                ("bytes", then.bytes, now.bytes),
                ("planned bytes", then.planned_bytes, now.planned_bytes),
            ] {
                number(&mut lines, &format!("{label}, {what}"), then, now);
            }
        }
    }
    for now in &new.start {
        let same = old
            .start
            .iter()
            .find(|then| (&then.preset, &then.precision, &then.cache) == (&now.preset, &now.precision, &now.cache));
        if let Some(then) = same {
            let label = format!("start {} {}, cache {}", now.preset, now.precision, now.cache);
            time(&mut lines, &label, then.total_ms, now.total_ms);
            number(&mut lines, &format!("{label}, pipelines"), then.pipelines, now.pipelines);
        }
    }
    for now in &new.phones {
        let same = old
            .phones
            .iter()
            .find(|then| (&then.gpu, &then.pipeline, &then.precision) == (&now.gpu, &now.pipeline, &now.precision));
        if let Some(then) = same {
            let label = format!("{} on {} ({})", now.pipeline, now.gpu, now.precision);
            number(
                &mut lines,
                &format!("{label}, instructions"),
                then.instructions as usize,
                now.instructions as usize,
            );
            number(&mut lines, &format!("{label}, spills"), then.spills as usize, now.spills as usize);
        }
    }
    lines
}

fn time(lines: &mut Vec<String>, label: &str, then: f64, now: f64) {
    let factor = then / now;
    if (factor - 1.0).abs() > NOISE {
        lines.push(format!("{label}: {then:.3} → {now:.3} ms, {factor:.2} times as fast"));
    }
}

fn number(lines: &mut Vec<String>, label: &str, then: usize, now: usize) {
    if then != now {
        lines.push(format!("{label}: {then} → {now}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Quantiles;

    #[test]
    fn changes_are_named_and_noise_is_not() {
        let frame = |ms, dispatches| FrameRow {
            end_to_end_ms: Quantiles { p50: ms, ..Quantiles::default() },
            dispatches,
            ..FrameRow::default()
        };
        let report = |row| Report { frame: vec![row], ..Report::default() };
        let lines = |then, now| changes(&report(then), &report(now));
        assert!(lines(frame(10.0, 112), frame(10.5, 112)).is_empty());
        let found = lines(frame(10.0, 112), frame(5.0, 100));
        assert!(found[0].contains("2.00 times as fast") && found[1].contains("112 → 100"), "{found:?}");
    }
}
