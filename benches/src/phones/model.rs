//! A modelled frame time for each phone: what the compiled code can issue, what the memory can move, what dispatching costs.
//!
//! A dispatch takes the longer of arithmetic and memory, plus the gap to the next one. Arithmetic: multiply-adds over the
//! published peak times their share of the compiled instructions, since everything else takes issue slots too. Memory: everything
//! bound, once, at a part of the published bandwidth. Nothing here was measured on a phone.

use super::share;
use crate::report::{PhoneFrame, PhoneRow, Report};
use anyhow::Result;
use portrait_kernels::{DeviceProfile, Tier};
use portrait_models::Preset;
use portrait_runtime::{FrameStep, Part, SessionOptions, frame_steps};
use serde::Deserialize;

/// Published bandwidth that copies reach on phones.
const BANDWIDTH_SHARE: f64 = 0.8;
/// Share of multiply-adds for what no compiler has seen.
const UNKNOWN_SHARE: f64 = 0.3;

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

/// Models a frame on every phone of the table, and on this machine's adapter where the run has measured one.
pub(crate) fn run(preset: &Preset, tiers: &[Tier], rows: &[PhoneRow], report: &mut Report) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let table: Table = toml::from_str(include_str!("../../phones.toml"))?;
    let steps = frame_steps(preset, &SessionOptions::new(512, 512))?;
    println!(
        "\nphones, modelled: each dispatch takes the longer of arithmetic (peak × share of multiply-adds among the compiled \
         instructions) and memory (everything bound, once, at {:.0} % of the published bandwidth), plus the gap to the next",
        100.0 * BANDWIDTH_SHARE
    );
    for &tier in tiers {
        for phone in &table.phone {
            let assumptions = format!(
                "{} GFLOP/s, {} GB/s, {} µs a dispatch; code of {}",
                phone.gflops, phone.gbytes, phone.dispatch_us, phone.compiler
            );
            let phone = Phone { gbytes: BANDWIDTH_SHARE * phone.gbytes, ..phone.clone() };
            report.phone_frames.push(frame(preset, &steps, tier, &phone, rows, assumptions));
        }
        // The same model where it can be checked: ceilings as measured, memory at the measured copy.
        let measured = report.frame.iter().find(|row| {
            (row.preset.as_str(), row.precision.as_str(), row.driven_by.as_str())
                == (&preset.name, tier.name(), "keypoints")
        });
        let ceiling = report.ceilings.iter().find(|ceiling| ceiling.precision == tier.name());
        if let (Some(measured), Some(ceiling)) = (measured.and_then(|row| row.gpu_ms), ceiling) {
            let phone = Phone {
                gpu: report.adapter.name.clone(),
                gflops: ceiling.gflops,
                gbytes: ceiling.gbytes,
                dispatch_us: 0.0,
                compiler: "Adreno 740".to_owned(),
            };
            let assumptions = "ceilings as measured; code of Adreno 740 for want of its own statistics".to_owned();
            let mut row = frame(preset, &steps, tier, &phone, rows, assumptions);
            row.measured_ms = Some(measured.p50);
            report.phone_frames.push(row);
        }
    }
    for row in report.phone_frames.iter().filter(|row| row.preset == preset.name) {
        let checked = row.measured_ms.map_or(String::new(), |ms| {
            format!("; measured {ms:.1} ms, so the model is off by a factor of {:.2}", ms / row.modelled_ms)
        });
        println!(
            "  {:24} {:10} {:7.2} ms: arithmetic {:.2}, memory {:.2}, dispatching {:.2} ({}){checked}",
            row.gpu,
            row.precision,
            row.modelled_ms,
            row.arithmetic_ms,
            row.bandwidth_ms,
            row.dispatch_ms,
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
        modelled_ms: 0.0,
        arithmetic_ms: 0.0,
        bandwidth_ms: 0.0,
        dispatch_ms: 0.0,
        measured_ms: None,
        assumptions,
    };
    let profile = if phone.compiler.starts_with("Mali") { DeviceProfile::NARROW } else { DeviceProfile::MEDIUM };
    for step in steps.iter().filter(|step| step.part == Part::Render) {
        let pipeline = super::compile::label(&step.kernel.dispatch(tier, &profile).shader);
        let row = rows
            .iter()
            .find(|row| (&row.gpu, &row.pipeline, row.precision.as_str()) == (&phone.compiler, &pipeline, tier.name()));
        let share = row.and_then(share).unwrap_or(UNKNOWN_SHARE);
        let arithmetic = 2e-6 * step.kernel.executed_macs() as f64 / (phone.gflops * share.max(0.01));
        let memory = 1e-6 * step.bytes(tier) as f64 / phone.gbytes;
        if arithmetic > memory {
            found.arithmetic_ms += arithmetic;
        } else {
            found.bandwidth_ms += memory;
        }
        found.dispatch_ms += 1e-3 * phone.dispatch_us;
    }
    found.modelled_ms = found.arithmetic_ms + found.bandwidth_ms + found.dispatch_ms;
    found
}
