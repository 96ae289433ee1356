//! `--compare`: what changed since an earlier run, times as factors, everything that needs no clock as numbers.

use crate::report::{FrameRow, KernelRow, PeerRow, PhoneFrame, PhoneRow, Report, VERSION};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::Path;

/// Changes of time below this are noise on shared machines.
const NOISE: f64 = 0.1;

/// Reads an earlier run.
pub(crate) fn read(file: &Path) -> Result<Report> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
    let mut report: Report = serde_json::from_str(&text)
        .with_context(|| format!("`{}` was not written by `cargo xtask bench`", file.display()))?;
    if report.version != VERSION {
        bail!("`{}` has version {}, this program writes {VERSION}: measure again", file.display(), report.version);
    }
    name_presets(&mut report);
    Ok(report)
}

/// Rows of kernels and phones once named no preset. Where the rest of such a file names a single one, they are of that; those of
/// a file that holds several or names none stay without, and are compared with nothing.
fn name_presets(report: &mut Report) {
    let named = report.frame.iter().map(|r| &r.preset).chain(report.start.iter().map(|r| &r.preset));
    let named: BTreeSet<String> = named.chain(report.phone_frames.iter().map(|r| &r.preset)).cloned().collect();
    if let (1, Some(only)) = (named.len(), named.first()) {
        let kernels = report.kernels.iter_mut().map(|r| &mut r.preset);
        let unnamed = kernels.chain(report.phones.iter_mut().map(|r| &mut r.preset)).filter(|preset| preset.is_empty());
        unnamed.for_each(|preset| preset.clone_from(only));
    }
}

/// Prints what changed.
pub(crate) fn print(old: &Report, new: &Report) {
    println!("\nsince then (then → now; times by more than {:.0} %)", 100.0 * NOISE);
    if old.adapter.name != new.adapter.name {
        println!("  then it was another adapter: {}", old.adapter.name);
    }
    let unnamed = old.kernels.iter().map(|r| &r.preset).chain(old.phones.iter().map(|r| &r.preset));
    match unnamed.filter(|preset| preset.is_empty()).count() {
        0 => {}
        count => println!("  {count} rows then named no preset and are left out"),
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
        let key = |row: &KernelRow| [&row.group, &row.name, &row.preset, &row.precision].map(String::clone);
        if let Some(then) = old.kernels.iter().find(|then| key(then) == key(now)) {
            let label = format!("{} ({} {})", now.name, now.preset, now.precision);
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
        let key = |row: &PhoneRow| [&row.gpu, &row.pipeline, &row.preset, &row.precision].map(String::clone);
        if let Some(then) = old.phones.iter().find(|then| key(then) == key(now)) {
            let label = format!("{} on {} ({} {})", now.pipeline, now.gpu, now.preset, now.precision);
            for (what, then, now) in [
                ("instructions", Some(then.instructions), Some(now.instructions)),
                ("multiply-adds", then.multiply_adds, now.multiply_adds),
                ("registers", then.registers, now.registers),
                ("spills", Some(then.spills), Some(now.spills)),
            ] {
                if let (Some(then), Some(now)) = (then, now) {
                    number(&mut lines, &format!("{label}, {what}"), then as usize, now as usize);
                }
            }
        }
    }
    for now in &new.phone_frames {
        let key = |row: &PhoneFrame| [&row.gpu, &row.preset, &row.precision, &row.driven_by].map(String::clone);
        if let Some(then) = old.phone_frames.iter().find(|then| key(then) == key(now)) {
            // Modelled, so no clock is in it, and no noise.
            if (then.modelled_ms - now.modelled_ms).abs() >= 0.005 {
                let label = format!("modelled frame on {} ({} {})", now.gpu, now.preset, now.precision);
                lines.push(format!("{label}: {:.2} → {:.2} ms", then.modelled_ms, now.modelled_ms));
            }
        }
    }
    for now in &new.peers {
        let key = |row: &PeerRow| [&row.network, &row.peer, &row.precision, &row.adapter].map(String::clone);
        if let Some(then) = old.peers.iter().find(|then| key(then) == key(now)) {
            // Both of a pair ran in the same minutes: their ratio can be held beside an earlier one, their times cannot.
            let (then, ratio) = (then.peer_ms / then.ours_ms, now.peer_ms / now.ours_ms);
            if (ratio / then - 1.0).abs() > NOISE {
                let label = format!("{} of {} ({})", now.peer, now.network, now.precision);
                lines.push(format!("{label}: takes {then:.2} → {ratio:.2} times ours"));
            }
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

    fn kernel(preset: &str, median_ms: f64) -> KernelRow {
        KernelRow { name: "synthesis/dec.0".into(), preset: preset.into(), median_ms, ..KernelRow::default() }
    }

    #[test]
    fn presets_are_not_mixed() {
        let old = Report { kernels: vec![kernel("s", 10.0), kernel("fast", 2.0)], ..Report::default() };
        let new = Report { kernels: vec![kernel("s", 10.0), kernel("fast", 1.0)], ..Report::default() };
        let found = changes(&old, &new);
        assert!(found.len() == 1 && found[0].contains("fast") && found[0].contains("2.00 times"), "{found:?}");
    }

    #[test]
    fn peers_are_compared_by_ratio_and_phones_by_what_was_compiled() {
        let peers = |ours_ms, peer_ms| Report {
            peers: vec![PeerRow {
                network: "synthesis".into(),
                peer: "ncnn-vulkan".into(),
                ours_ms,
                peer_ms,
                ..PeerRow::default()
            }],
            ..Report::default()
        };
        assert!(changes(&peers(100.0, 300.0), &peers(200.0, 600.0)).is_empty(), "a machine of half the speed");
        let found = changes(&peers(100.0, 300.0), &peers(100.0, 200.0));
        assert!(found.len() == 1 && found[0].contains("3.00 → 2.00 times ours"), "{found:?}");
        let phones = |registers, modelled_ms| Report {
            phones: vec![PhoneRow { registers, spills: 2, ..PhoneRow::default() }],
            phone_frames: vec![PhoneFrame { gpu: "Apple A16".into(), modelled_ms, ..PhoneFrame::default() }],
            ..Report::default()
        };
        assert!(changes(&phones(None, 5.0), &phones(Some(32), 5.0)).is_empty(), "not counted then");
        let found = changes(&phones(Some(32), 5.0), &phones(Some(48), 5.5));
        assert!(found.len() == 2 && found[0].contains("registers: 32 → 48"), "{found:?}");
        assert!(found[1].contains("Apple A16") && found[1].contains("5.00 → 5.50 ms"), "{found:?}");
    }

    #[test]
    fn files_from_before_the_preset_was_named_can_be_read() {
        // Rows as version 1 wrote them at first: no preset, no soak, no clock of peers.
        let text = r#"{ "version": 1, "kernels": [{ "group": "layer", "name": "synthesis/dec.0", "shader": "conv", "precision": "f32",
            "median_ms": 4.0, "p95_ms": 5.0, "gflops": 1.0, "gbytes": 1.0, "share": 0.5, "bound": "bandwidth", "intensity": 1.0,
            "clock": "gpu" }], "frame": [{ "preset": "fast", "precision": "f32", "driven_by": "video" }],
            "controls": [{ "name": "a", "precision": "f32", "ratio": 1.0 }] }"#;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let mut old = read(file.path()).unwrap();
        assert_eq!(old.kernels[0].preset, "fast");
        old.kernels[0].preset.clear();
        old.frame.push(FrameRow { preset: "s".into(), ..FrameRow::default() });
        name_presets(&mut old);
        assert_eq!(old.kernels[0].preset, "", "two presets in one file: whose it was cannot be told");
    }
}
