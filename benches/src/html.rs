//! `--html`: one page with plots, needing nothing but itself.

use crate::phones::{ASSUMPTIONS, executed_share, share};
use crate::plot::{Axis, Bar, COLORS, Chart, bars, escape, short};
use crate::report::{Ceiling, Control, FrameRow, KernelRow, Report};
use crate::stats::quantile;
use std::fmt::Write as _;

const STYLE: &str = "
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 900px; margin: 2em auto; padding: 0 1em; }
h1, h2 { font-weight: 600; } h2 { margin-top: 2em; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: currentColor; } .grid { stroke: currentColor; stroke-opacity: 0.15; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } .wide { overflow-x: auto; }
th, td { padding: 2px 12px 2px 0; text-align: right; white-space: nowrap; } th:first-child, td:first-child { text-align: left; }
th { border-bottom: 1px solid; } p { max-width: 70ch; }
";

/// Layers shown in the plot of time per layer.
const LAYERS: usize = 40;

/// The page.
pub(crate) fn page(report: &Report) -> String {
    let a = &report.adapter;
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>portrait {} on {}</title><style>{STYLE}</style>\n<h1>portrait {} on {}</h1>\n<p>{}, {}, {}</p>\n",
        escape(&report.program),
        escape(&a.name),
        escape(&report.program),
        escape(&a.name),
        escape(&a.kind),
        escape(&a.backend),
        escape(&a.driver)
    );
    for control in &report.controls {
        let Control { name, preset, precision, ratio, noisy } = control;
        let verdict = if *noisy { " Noisy: times of this run say little." } else { "" };
        line(
            &mut out,
            &format!("Control, {name} ({preset}, {precision}): the same thing twice is {ratio:.3}×.{verdict}"),
        );
    }
    for ceiling in &report.ceilings {
        let rows: Vec<&KernelRow> = report.kernels.iter().filter(|row| of(row, ceiling)).collect();
        let title = format!("{}, {}", ceiling.preset, ceiling.precision);
        layers(&mut out, &rows, &title);
        roofline(&mut out, &rows, &title, [ceiling.gflops, ceiling.gbytes]);
    }
    frames(&mut out, &report.frame);
    tables(&mut out, report);
    out.push_str("</html>\n");
    out
}

fn line(out: &mut String, text: &str) {
    let _ = writeln!(out, "<p>{}</p>", escape(text));
}

/// Whether a row took turns with the kernels of this ceiling.
fn of(row: &KernelRow, ceiling: &Ceiling) -> bool {
    (&row.preset, &row.precision) == (&ceiling.preset, &ceiling.precision)
}

fn layers(out: &mut String, rows: &[&KernelRow], title: &str) {
    let mut rows: Vec<&KernelRow> = rows.iter().copied().filter(|r| r.group == "layer").collect();
    let all: f64 = rows.iter().map(|r| r.median_ms).sum();
    rows.sort_by(|a, b| b.median_ms.total_cmp(&a.median_ms));
    let (shown, rest) = rows.split_at(rows.len().min(LAYERS));
    if shown.is_empty() {
        return;
    }
    let _ = writeln!(out, "<h2>Time per layer: {}</h2>", escape(title));
    let left: f64 = rest.iter().map(|r| r.median_ms).sum();
    let left = if rest.is_empty() {
        String::new()
    } else {
        format!("; the {} shortest ({left:.2} ms) are left out", rest.len())
    };
    line(
        out,
        &format!("Each layer by itself, {all:.2} ms in sum{left}. Blue: held by arithmetic, orange: by bandwidth."),
    );
    let list: Vec<Bar> = shown
        .iter()
        .map(|r| Bar {
            label: r.name.clone(),
            value: r.median_ms,
            color: color(r),
            note: format!("{} ms · {} GFLOP/s · {:.0} %", short(r.median_ms), short(r.gflops), 100.0 * r.share),
        })
        .collect();
    out.push_str(&bars(&list));
}

fn color(row: &KernelRow) -> &'static str {
    if row.bound == "arithmetic" { COLORS[0] } else { COLORS[1] }
}

fn roofline(out: &mut String, rows: &[&KernelRow], title: &str, [gflops, gbytes]: [f64; 2]) {
    let rows: Vec<&KernelRow> = rows.iter().copied().filter(|r| r.intensity > 0.0).collect();
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(out, "<h2>Roofline: {}</h2>", escape(title));
    line(out, &format!("Ceilings measured in the same run: {} GFLOP/s, {} GB/s.", short(gflops), short(gbytes)));
    let ridge = gflops / gbytes;
    let x = Axis::log("operations per byte", rows.iter().map(|r| r.intensity).chain([ridge]));
    let y = Axis::log("GFLOP/s", rows.iter().map(|r| r.gflops).chain([gflops]));
    let [low, high] = x.range();
    let mut chart = Chart::new(x, y);
    chart.line(&[[low, low * gbytes], [ridge.max(low), gflops], [high, gflops]], "currentColor", true);
    for row in rows {
        let text = format!("{} ({}): {} GFLOP/s, {} GB/s", row.name, row.shader, short(row.gflops), short(row.gbytes));
        chart.dot([row.intensity, row.gflops], color(row), &text);
    }
    out.push_str(&chart.svg());
}

fn frames(out: &mut String, rows: &[FrameRow]) {
    if rows.is_empty() {
        return;
    }
    let series = || rows.iter().zip(COLORS.into_iter().cycle());
    let label = |row: &FrameRow| format!("{} {} by {}", row.preset, row.precision, row.driven_by);
    out.push_str("<h2>Frame times</h2>\n");
    line(out, "Share of frames (vertical) that took at most so long end to end (horizontal).");
    let x = Axis::linear("ms", rows.iter().map(|r| r.times_ms.iter().copied().fold(0.0, f64::max)));
    let mut chart = Chart::new(x, Axis::linear("% of frames", [100.0].into_iter()));
    for (row, color) in series() {
        let points: Vec<[f64; 2]> =
            (0..=100).map(|p| [quantile(&row.times_ms, f64::from(p) / 100.0), f64::from(p)]).skip(1).collect();
        chart.line(&points, color, false);
        chart.legend(&label(row), color);
    }
    out.push_str(&chart.svg());
    out.push_str("<h2>Memory</h2>\n");
    line(
        out,
        "Resident memory of the process (solid) and of the driver's allocator (dashed) over the frames of each kind.",
    );
    let mb = |bytes: Option<u64>| bytes.map(|b| b as f64 / 1e6);
    let all = || rows.iter().flat_map(|r| &r.memory);
    let y = Axis::linear("MB", all().flat_map(|s| [s.resident, s.device]).filter_map(mb));
    let mut chart = Chart::new(Axis::linear("frames", all().map(|s| s.frame as f64)), y);
    for (row, color) in series() {
        for (dashed, pick) in [(false, 0), (true, 1)] {
            let points = row.memory.iter().filter_map(|s| Some([s.frame as f64, mb([s.resident, s.device][pick])?]));
            chart.line(&points.collect::<Vec<_>>(), color, dashed);
        }
        chart.legend(&label(row), color);
    }
    out.push_str(&chart.svg());
}

fn tables(out: &mut String, report: &Report) {
    let frames = report.frame.iter().map(|r| {
        let (e, g) = (r.end_to_end_ms, r.gpu_ms.unwrap_or_default());
        let mut row = vec![format!("{} {} by {}", r.preset, r.precision, r.driven_by)];
        row.extend([e.p50, e.p95, e.p99, g.p50, g.p95, r.first_ms].map(short));
        row.extend([r.dispatches.to_string(), short(r.bytes as f64 / 1e6), short(r.planned_bytes as f64 / 1e6)]);
        row
    });
    let head = ["frame", "p50 ms", "p95", "p99", "GPU p50", "GPU p95", "first", "dispatches", "MB bound", "MB planned"];
    table(out, "Frames", &head, frames);
    let soak = report.frame.iter().flat_map(|r| r.soak.iter().map(move |soak| (r, soak))).map(|(r, soak)| {
        let mb = |bytes: Option<u64>| bytes.map_or(String::new(), |bytes| short(bytes as f64 / 1e6));
        let mut row = vec![format!("{} {} by {}", r.preset, r.precision, r.driven_by), soak.frames.to_string()];
        row.extend([soak.p50_ms, soak.worst_ms].map(short));
        row.extend([mb(Some(soak.planned as u64)), mb(soak.device), mb(soak.resident)]);
        row
    });
    let head = ["soak", "frames", "p50 ms since", "worst ms since", "MB planned", "MB device", "MB process"];
    table(out, "Soak", &head, soak);
    let start = report.start.iter().map(|r| {
        let mut row = vec![format!("{} {}, cache {}", r.preset, r.precision, r.cache)];
        row.extend([r.total_ms, r.open_ms, r.session_ms, r.first_frame_ms].map(short));
        row.extend([r.pipelines.to_string(), r.share_of_cold.map_or(String::new(), |s| format!("{:.0} %", 100.0 * s))]);
        row
    });
    table(out, "Start", &["start", "total ms", "open", "session", "first frame", "pipelines", "of cold"], start);
    let peers = report.peers.iter().map(|r| {
        let mut row = vec![format!("{} {}", r.network, r.precision), r.peer.clone(), r.class.clone()];
        row.push(r.adapter.clone());
        row.extend([r.ours_ms, r.peer_ms, r.peer_ms / r.ours_ms].map(short));
        row.extend([format!("{:.1e}", r.max_diff), r.clock.clone()]);
        row
    });
    let head =
        ["network", "peer", "class", "adapter", "ours ms", "peer ms", "ratio", "largest difference", "both clocks"];
    table(out, "Other engines", &head, peers);
    phones(out, report);
}

fn phones(out: &mut String, report: &Report) {
    let factor = |error: Option<f64>| error.map_or(String::new(), |error| format!("{error:.2}×"));
    let model = report.phone_frames.iter().map(|r| {
        let mut row = vec![format!("{}, {} {} by {}", r.gpu, r.preset, r.precision, r.driven_by)];
        row.extend([r.modelled_ms, r.arithmetic_ms, r.bandwidth_ms, r.dispatch_ms, r.static_ms].map(short));
        row.extend([r.measured_ms.map_or(String::new(), short), factor(r.error), r.assumptions.clone()]);
        row
    });
    let head = [
        "modelled frame",
        "ms",
        "arithmetic",
        "bandwidth",
        "dispatching",
        "static shares",
        "measured",
        "of the model",
        "assumptions",
    ];
    table(out, "Phones, modelled", &head, model);
    if !report.phone_frames.is_empty() {
        line(out, ASSUMPTIONS);
    }
    let mut sets: Vec<(&str, &str)> = report.phones.iter().map(|r| (r.preset.as_str(), r.precision.as_str())).collect();
    sets.sort_unstable();
    sets.dedup();
    for (preset, precision) in sets {
        let rows = report.phones.iter().filter(|r| (r.preset.as_str(), r.precision.as_str()) == (preset, precision));
        let rows = rows.map(|r| {
            let number = |n: Option<u32>| n.map_or(String::new(), |n| n.to_string());
            let percent = |share: Option<f64>| share.map_or(String::new(), |share| format!("{:.0} %", 100.0 * share));
            let mut row = vec![r.pipeline.clone(), r.gpu.clone(), format!("{:.1} %", 100.0 * r.work)];
            row.extend([r.instructions.to_string(), r.non_nops.to_string(), number(r.multiply_adds)]);
            row.extend([percent(share(r)), percent(executed_share(r)), number(r.registers), r.spills.to_string()]);
            row
        });
        let head = [
            "pipeline",
            "GPU",
            "work",
            "instructions",
            "non-nops",
            "multiply-adds",
            "share",
            "by turns",
            "registers",
            "spills",
        ];
        table(out, &format!("Phones, compiled: {preset}, {precision}"), &head, rows);
    }
}

fn table(out: &mut String, title: &str, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return;
    }
    let cells = |tag: &str, list: &mut dyn Iterator<Item = &str>| {
        list.fold(String::new(), |text, cell| format!("{text}<{tag}>{}</{tag}>", escape(cell)))
    };
    let _ = writeln!(
        out,
        "<h2>{}</h2><div class=\"wide\"><table><tr>{}</tr>",
        escape(title),
        cells("th", &mut head.iter().copied())
    );
    for row in &rows {
        let _ = writeln!(out, "<tr>{}</tr>", cells("td", &mut row.iter().map(String::as_str)));
    }
    out.push_str("</table></div>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{PeerRow, PhoneFrame, PhoneRow};

    #[test]
    fn presets_and_precisions_stand_apart() {
        let ceiling = |preset: &str, precision: &str| Ceiling {
            preset: preset.into(),
            precision: precision.into(),
            gflops: 10.0,
            gbytes: 5.0,
        };
        let layer = |preset: &str, name: &str| KernelRow {
            group: "layer".into(),
            name: name.into(),
            preset: preset.into(),
            precision: "f32".into(),
            median_ms: 1.0,
            gflops: 1.0,
            intensity: 1.0,
            ..KernelRow::default()
        };
        let phone = |preset: &str| PhoneRow { preset: preset.into(), precision: "f32".into(), ..PhoneRow::default() };
        let report = Report {
            ceilings: vec![ceiling("s", "f32"), ceiling("fast", "f32"), ceiling("fast", "f16_packed")],
            controls: vec![Control::new("conv", "s", "f32", 1.3)],
            kernels: vec![layer("s", "only of s"), layer("fast", "only of fast")],
            phones: vec![phone("s"), phone("fast")],
            phone_frames: vec![PhoneFrame {
                error: Some(1.25),
                assumptions: "2700 GFLOP/s <here>".into(),
                ..PhoneFrame::default()
            }],
            peers: vec![PeerRow { clock: "host to host".into(), ..PeerRow::default() }],
            ..Report::default()
        };
        let page = page(&report);
        let sections: Vec<&str> = page.split("<h2>").collect();
        let section = |title: &str| *sections.iter().find(|s| s.starts_with(title)).unwrap_or(&"");
        assert!(section("Time per layer: s, f32<").contains("only of s"));
        assert!(!section("Time per layer: s, f32<").contains("only of fast"));
        assert!(section("Roofline: fast, f32<").contains("only of fast"));
        assert!(section("Time per layer: fast, f16_packed").is_empty(), "nothing was measured in it");
        assert!(!section("Phones, compiled: s, f32").is_empty() && !section("Phones, compiled: fast, f32").is_empty());
        let model = section("Phones, modelled");
        assert!(
            model.contains("1.25×") && model.contains("GFLOP/s &lt;here&gt;") && model.contains("Left out: caches")
        );
        assert!(page.contains("Noisy") && page.contains("host to host"));
    }
}
