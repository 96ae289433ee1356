//! A modelled frame time for each phone: what the compiled code issues, what the memory can move, what dispatching costs.
//! Nothing here was measured on a phone.

use super::turns::{self, Issued};
use super::{compile, share};
use crate::report::{PhoneFrame, PhoneRow, Report};
use anyhow::Result;
use portrait_kernels::{DeviceProfile, Dispatch, Tier};
use portrait_models::Preset;
use portrait_runtime::{FrameStep, Part};
use serde::Deserialize;

/// What the model takes for granted.
pub(crate) const ASSUMPTIONS: &str = "A dispatch takes the longer of arithmetic and memory, plus the gap to the next one. Arithmetic: \
    every instruction but nops takes one lane for one turn, and the published peak is two operations a lane and turn; loops count \
    as often as they turn, the rest once, both sides of every branch; all invocations of whole workgroups count, and every kernel \
    does, with multiply-adds or without. Memory: everything bound, once, at 80 % of the published bandwidth. Left out: caches, \
    latency (of kernels of one workgroup above all), occupancy, dispatches too small to fill a GPU, units that work side by side, \
    clocks that fall with heat.";
/// Published bandwidth that copies reach on phones; as in [`ASSUMPTIONS`].
const BANDWIDTH_SHARE: f64 = 0.8;
/// Share of multiply-adds for what no compiler has seen.
const UNKNOWN_SHARE: f64 = 0.3;
/// Counted multiply-adds below this part of those needed: the turns are not what turns.rs says.
const COUNTED: f64 = 0.95;

#[derive(Debug, Deserialize)]
struct Table {
    phone: Vec<Phone>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Phone {
    gpu: String,
    gflops: f64,
    gbytes: f64,
    dispatch_us: f64,
    compiler: String,
}

/// Tiles that the engine takes on the GPU of a compiler.
fn profile(compiler: &str) -> DeviceProfile {
    if compiler.starts_with("Mali") { DeviceProfile::NARROW } else { DeviceProfile::MEDIUM }
}

/// Fills in what an invocation of each pipeline issues in the frame's dispatches, tracking and rendering. Rows compiled with other
/// tiles than a dispatch would take have none.
pub(super) fn count(steps: &[FrameStep], tiers: &[Tier], rows: &mut [PhoneRow]) {
    for row in rows {
        let Some(&tier) = tiers.iter().find(|tier| tier.name() == row.precision) else { continue };
        let (mut all, mut sum) = (0.0, Some(Issued::default()));
        for step in steps.iter().filter(|step| step.part != Part::Search) {
            let dispatch = step.kernel.dispatch(tier, &profile(&row.gpu));
            if compile::label(&dispatch.shader) != row.pipeline {
                continue;
            }
            let invocations = turns::invocations(&dispatch);
            let issued = counted(row, step, &dispatch);
            all += invocations;
            sum = sum.zip(issued).map(|(sum, issued)| Issued {
                non_nops: sum.non_nops + invocations * issued.non_nops,
                multiply_adds: sum.multiply_adds + invocations * issued.multiply_adds,
            });
        }
        if let Some(sum) = sum.filter(|_| all > 0.0) {
            row.executed_non_nops = Some(sum.non_nops / all);
            row.executed_multiply_adds = Some(sum.multiply_adds / all);
        }
    }
}

/// Models a frame on every phone of the table, and on this machine's adapter where the run has measured one.
pub(super) fn run(
    preset: &Preset,
    steps: &[FrameStep],
    tiers: &[Tier],
    rows: &[PhoneRow],
    report: &mut Report,
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let table: Table = toml::from_str(include_str!("../../phones.toml"))?;
    println!("\nphones, modelled, preset {}. {ASSUMPTIONS}", preset.name);
    for &tier in tiers {
        for phone in &table.phone {
            let assumptions = format!(
                "{} GFLOP/s, {} GB/s, {} µs a dispatch; code of {}",
                phone.gflops, phone.gbytes, phone.dispatch_us, phone.compiler
            );
            let phone = Phone { gbytes: BANDWIDTH_SHARE * phone.gbytes, ..phone.clone() };
            report.phone_frames.push(frame(preset, steps, tier, &phone, rows, assumptions));
        }
        // The same model where it can be checked: ceilings as measured, memory at the measured copy.
        let measured = report.frame.iter().find(|row| {
            (row.preset.as_str(), row.precision.as_str(), row.driven_by.as_str())
                == (&preset.name, tier.name(), "keypoints")
        });
        let ceiling =
            report.ceilings.iter().find(|c| (c.preset.as_str(), c.precision.as_str()) == (&preset.name, tier.name()));
        if let (Some(measured), Some(ceiling)) = (measured.and_then(|row| row.gpu_ms), ceiling) {
            let phone = Phone {
                gpu: report.adapter.name.clone(),
                gflops: ceiling.gflops,
                gbytes: ceiling.gbytes,
                dispatch_us: 0.0,
                compiler: "Adreno 740".to_owned(),
            };
            let assumptions = "ceilings as measured; code of Adreno 740 for want of its own".to_owned();
            let mut row = frame(preset, steps, tier, &phone, rows, assumptions);
            row.measured_ms = Some(measured.p50);
            row.error = Some(measured.p50 / row.modelled_ms);
            report.phone_frames.push(row);
        }
    }
    for row in report.phone_frames.iter().filter(|row| row.preset == preset.name) {
        let checked = row.measured_ms.zip(row.error).map_or(String::new(), |(ms, error)| {
            format!("; measured {ms:.1} ms, so the model is off by a factor of {error:.2}")
        });
        let uncounted = match row.uncounted {
            0 => String::new(),
            count => format!("; loops of {count} dispatches not counted"),
        };
        println!(
            "  {:24} {:10} {:7.2} ms: arithmetic {:.2}, memory {:.2}, dispatching {:.2}; with static shares {:.2} ({}){uncounted}{checked}",
            row.gpu,
            row.precision,
            row.modelled_ms,
            row.arithmetic_ms,
            row.bandwidth_ms,
            row.dispatch_ms,
            row.static_ms,
            row.assumptions
        );
    }
    Ok(())
}

/// One keypoint-driven frame.
fn frame(
    preset: &Preset,
    steps: &[FrameStep],
    tier: Tier,
    phone: &Phone,
    rows: &[PhoneRow],
    assumptions: String,
) -> PhoneFrame {
    let mut found = PhoneFrame {
        gpu: phone.gpu.clone(),
        preset: preset.name.clone(),
        precision: tier.name().into(),
        driven_by: "keypoints".into(),
        assumptions,
        ..PhoneFrame::default()
    };
    for step in steps.iter().filter(|step| step.part == Part::Render) {
        let dispatch = step.kernel.dispatch(tier, &profile(&phone.compiler));
        let pipeline = compile::label(&dispatch.shader);
        let row = rows
            .iter()
            .find(|row| (&row.gpu, &row.pipeline, row.precision.as_str()) == (&phone.compiler, &pipeline, tier.name()));
        // Milliseconds for so many lanes that issue one instruction each.
        let issuing = |instructions: f64| 2e-6 * instructions / phone.gflops;
        let invocations = turns::invocations(&dispatch);
        let counted = row.and_then(|row| counted(row, step, &dispatch));
        let by_share =
            issuing(step.kernel.executed_macs() as f64 / row.and_then(share).unwrap_or(UNKNOWN_SHARE).max(0.01));
        let arithmetic = match (counted, row) {
            (Some(issued), _) => issuing(invocations * issued.non_nops),
            (None, Some(row)) => by_share.max(issuing(invocations * f64::from(row.non_nops))),
            (None, None) => by_share,
        };
        found.uncounted += usize::from(counted.is_none());
        let memory = 1e-6 * step.bytes(tier) as f64 / phone.gbytes;
        if arithmetic > memory {
            found.arithmetic_ms += arithmetic;
        } else {
            found.bandwidth_ms += memory;
        }
        found.dispatch_ms += 1e-3 * phone.dispatch_us;
        found.static_ms += by_share.max(memory) + 1e-3 * phone.dispatch_us;
    }
    found.modelled_ms = found.arithmetic_ms + found.bandwidth_ms + found.dispatch_ms;
    found
}

/// What an invocation of a dispatch issues; `None` where the turns are not known, or would leave a convolution without some of the
/// multiply-adds that it computes with.
fn counted(row: &PhoneRow, step: &FrameStep, dispatch: &Dispatch) -> Option<Issued> {
    let convolution = dispatch.shader.file.starts_with("conv");
    let needed = if convolution { step.kernel.executed_macs() as f64 } else { 0.0 };
    turns::issued(row, dispatch)
        .filter(|issued| issued.multiply_adds * turns::invocations(dispatch) >= COUNTED * needed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use portrait_runtime::{SessionOptions, frame_steps};

    #[test]
    fn loops_make_a_frame_longer() {
        let preset = crate::preset("s").unwrap();
        let steps = frame_steps(&preset, &SessionOptions::new(512, 512)).unwrap();
        let phone = Phone { gpu: "A".into(), gflops: 1000.0, gbytes: 1e9, dispatch_us: 0.0, compiler: "A".into() };
        // Every pipeline of ten instructions without a loop: those of the convolutions are not enough for what they compute.
        let mut rows: Vec<PhoneRow> = Vec::new();
        for step in &steps {
            let pipeline = compile::label(&step.kernel.dispatch(Tier::F32, &profile("A")).shader);
            if rows.iter().all(|row| row.pipeline != pipeline) {
                rows.push(PhoneRow {
                    gpu: "A".into(),
                    pipeline,
                    precision: "f32".into(),
                    non_nops: 10,
                    multiply_adds: Some(5),
                    loops: Some(Vec::new()),
                    ..PhoneRow::default()
                });
            }
        }
        count(&steps, &[Tier::F32], &mut rows);
        let counted = |name: &str| rows.iter().find(|r| r.pipeline.starts_with(name)).unwrap().executed_non_nops;
        assert_eq!(counted("warp"), Some(10.0));
        assert_eq!(counted("conv3x3"), None, "a convolution without its loop");
        let found = frame(&preset, &steps, Tier::F32, &phone, &rows, String::new());
        assert!(found.uncounted > 10 && found.uncounted < steps.len());
        assert!(found.arithmetic_ms > 0.0 && found.modelled_ms >= found.static_ms);
        // `warp` has no multiply-adds that the literature counts, and yet it takes time.
        let warp: Vec<FrameStep> = steps.into_iter().filter(|s| s.label.ends_with("warp")).collect();
        let alone = frame(&preset, &warp, Tier::F32, &phone, &rows, String::new());
        assert!(alone.arithmetic_ms > 0.0 && alone.uncounted == 0);
    }
}
