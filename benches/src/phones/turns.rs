//! How often the loops of a dispatch turn, and what an invocation issues by that.

use crate::report::PhoneRow;
use portrait_kernels::Dispatch;

/// Instructions that an invocation issues.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Issued {
    pub(super) non_nops: f64,
    pub(super) multiply_adds: f64,
}

/// What an invocation of this dispatch issues: every loop as often as it turns, the rest once, both sides of every branch. `None`
/// where the code was not read or the turns are not known.
pub(super) fn issued(row: &PhoneRow, dispatch: &Dispatch) -> Option<Issued> {
    let loops = row.loops.as_deref()?;
    let turns = turns(dispatch, loops.len())?;
    let mut issued = Issued { non_nops: f64::from(row.non_nops), multiply_adds: f64::from(row.multiply_adds?) };
    // How often the loop at each depth turns in all.
    let mut around: Vec<f64> = Vec::new();
    for (found, turns) in loops.iter().zip(turns) {
        around.truncate(found.depth as usize);
        let times = turns * around.last().copied().unwrap_or(1.0);
        around.push(times);
        // Counted once already.
        issued.non_nops += (times - 1.0) * f64::from(found.non_nops);
        issued.multiply_adds += (times - 1.0) * f64::from(found.multiply_adds);
    }
    Some(issued)
}

/// Turns of each loop, each time it is entered, in the order of the code. Which loops a shader has is written here beside its
/// parameters; where a compiler has made another number of them, nothing is said. Kernels of one workgroup are left out: their
/// latency counts, not what they issue.
fn turns(dispatch: &Dispatch, loops: usize) -> Option<Vec<f64>> {
    let key = &dispatch.shader;
    let word =
        |at: usize| dispatch.params.get(4 * at..4 * at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let set =
        |name: &str, default: u32| key.overrides.iter().find(|(n, _)| *n == name).map_or(default, |(_, value)| *value);
    let file = key.file;
    let found: Vec<u32> = if file.starts_with("conv") || file == "separable" {
        // `Params` of prelude/conv.wgsl.
        let [in_slices, out_slices, kernel, span] = [word(2)?, word(3)?, word(10)?, word(12)?.max(1)];
        match file {
            _ if file.starts_with("conv_kxk") => vec![in_slices, kernel, kernel],
            // Tiles of one slice walk the rows of the kernel.
            "conv3x3_4x4" | "conv3x3_s2_4x4" => vec![in_slices, 3],
            "conv_up2_4x4" => vec![in_slices, kernel.saturating_sub(1)],
            "conv_split_4x8" => {
                let side = set("SIDE", 3);
                let sums = 8 * span;
                vec![(in_slices * side * side).div_ceil((64 / span).max(1)), (64 / sums).saturating_sub(1)]
            }
            "separable" => {
                let quads = (span / 4).max(1);
                vec![in_slices.div_ceil((64 / span).max(1)), out_slices.div_ceil((64 / quads).max(1)), in_slices]
            }
            _ => vec![in_slices],
        }
    } else {
        match file {
            "depthwise" => vec![word(10)?; 2],
            "fully_connected" => vec![word(0)?],
            "global_average" => vec![word(0)?.div_ceil(256)],
            "max_pool" | "crop" => vec![word(4)?; 2],
            "motion_combine" => vec![word(1)?; 2],
            // The samples of a pixel depend on the face's size: four at most.
            "refine_crops" => vec![4, 4, 4],
            // Openings; the points of their rims are unrolled.
            "pin_flow" if loops == 1 => vec![3],
            _ if loops == 0 => vec![],
            _ => return None,
        }
    };
    (found.len() == loops).then(|| found.into_iter().map(f64::from).collect())
}

/// Invocations of a dispatch, whole workgroups.
pub(super) fn invocations(dispatch: &Dispatch) -> f64 {
    let size = workgroup_size(&dispatch.shader.source());
    dispatch.workgroups.iter().chain(&size).map(|n| f64::from(*n)).product()
}

/// The numbers of `@workgroup_size(…)`.
fn workgroup_size(source: &str) -> Vec<u32> {
    let inside = source.split("@workgroup_size(").nth(1).and_then(|rest| rest.split(')').next()).unwrap_or_default();
    inside.split(',').filter_map(|n| n.trim().trim_end_matches('u').parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::PhoneLoop;
    use portrait_kernels::{DeviceProfile, Tier, shader_names};
    use portrait_runtime::{SessionOptions, frame_steps};
    use std::collections::BTreeMap;

    /// Loops that the compilers make of each shader today.
    fn loops(file: &str) -> Option<Vec<usize>> {
        Some(match file {
            _ if file.starts_with("conv_kxk") => vec![3],
            "conv3x3_4x4" | "conv3x3_s2_4x4" | "conv_up2_4x4" | "conv_split_4x8" => vec![2],
            "max_pool" | "crop" | "motion_combine" | "depthwise" => vec![2],
            "separable" | "refine_crops" => vec![3],
            "fully_connected" | "global_average" => vec![1],
            "compose" | "motion_input" | "warp" | "track" => vec![0],
            "refine_points" | "transfer" | "tps_solve" | "decode_face" | "find_rims" => return None,
            _ => vec![1],
        })
    }

    #[test]
    fn loops_turn_as_often_as_the_work_needs() {
        let preset = crate::preset("s").unwrap();
        let mut seen = BTreeMap::new();
        for profile in DeviceProfile::ALL {
            for step in frame_steps(&preset, &SessionOptions::new(512, 512)).unwrap() {
                let dispatch = step.kernel.dispatch(Tier::F32, &profile);
                let file = dispatch.shader.file;
                seen.insert(file, ());
                let Some(counts) = loops(file) else { continue };
                for count in counts {
                    let turns = turns(&dispatch, count);
                    let turns = turns.unwrap_or_else(|| panic!("{}: turns of {file} with {count} loops", step.label));
                    assert_eq!(turns.len(), count);
                }
                assert!(turns(&dispatch, 17).is_none(), "{file}: more loops than the shader has");
            }
        }
        assert!(seen.len() > 20 && shader_names().count() >= seen.len());
    }

    /// The multiply-adds of a turn, for the tiles of which they are known: pixels × channels × 4 input channels × taps.
    #[test]
    fn convolutions_issue_what_they_compute() {
        let preset = crate::preset("s").unwrap();
        for profile in DeviceProfile::ALL {
            for step in frame_steps(&preset, &SessionOptions::new(512, 512)).unwrap() {
                let dispatch = step.kernel.dispatch(Tier::F32, &profile);
                let file = dispatch.shader.file;
                let Some((pixels, channels)) = file.rsplit('_').next().and_then(|tile| tile.split_once('x')) else {
                    continue;
                };
                let (Ok(pixels), Ok(channels)) = (pixels.parse::<u32>(), channels.parse::<u32>()) else { continue };
                let taps = match file {
                    "conv_split_4x8" => 1,
                    "conv3x3_4x4" | "conv3x3_s2_4x4" => 3,
                    // A row of the four 2 × 2 kernels of all phases.
                    "conv_up2_4x4" => 2,
                    _ if file.starts_with("conv_up2") => 4,
                    _ if file.starts_with("conv3x3") => 9,
                    _ => 1,
                };
                let multiply_adds = pixels * channels * 4 * taps;
                let count = loops(file).unwrap()[0];
                // The innermost loop that computes: the last, but for the sum at the end of a split convolution.
                let inner = if file == "conv_split_4x8" { 0 } else { count - 1 };
                let depth = |i: usize| if file == "conv_split_4x8" { 0 } else { i as u32 };
                let loops = (0..count).map(|i| PhoneLoop {
                    depth: depth(i),
                    non_nops: 0,
                    multiply_adds: if i == inner { multiply_adds } else { 0 },
                });
                let row = PhoneRow {
                    multiply_adds: Some(multiply_adds),
                    loops: Some(loops.collect()),
                    ..PhoneRow::default()
                };
                let found = issued(&row, &dispatch).unwrap().multiply_adds * invocations(&dispatch);
                let needed = step.kernel.executed_macs() as f64;
                // Whole tiles, slices and workgroups: more than needed, and never less.
                assert!(found >= 0.999 * needed, "{} ({file}): {found} of {needed}", step.label);
                assert!(found <= 70.0 * needed, "{} ({file}): {found} of {needed}", step.label);
            }
        }
    }

    #[test]
    fn loops_inside_of_loops_multiply() {
        let dispatch = |file, params: &[u32]| Dispatch {
            shader: portrait_kernels::ShaderKey::new(file, Tier::F32),
            params: params.iter().flat_map(|n| n.to_le_bytes()).collect(),
            workgroups: [3, 2, 1],
        };
        // Five slices of seven by seven taps.
        let kxk = dispatch("conv_kxk_4x4", &[0, 0, 5, 1, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0]);
        let turn = |depth, non_nops, multiply_adds| PhoneLoop { depth, non_nops, multiply_adds };
        let row = PhoneRow {
            non_nops: 100,
            multiply_adds: Some(70),
            loops: Some(vec![turn(0, 10, 0), turn(1, 5, 0), turn(2, 70, 64)]),
            ..PhoneRow::default()
        };
        let found = issued(&row, &kxk).unwrap();
        let once = 100.0 - 85.0;
        assert_eq!(found.non_nops, once + 5.0 * (10.0 + 7.0 * (5.0 + 7.0 * 70.0)));
        assert_eq!(found.multiply_adds, 6.0 + 5.0 * 49.0 * 64.0);
        assert_eq!(invocations(&kxk), 3.0 * 2.0 * 64.0);
        assert_eq!(issued(&PhoneRow { loops: None, ..row }, &kxk), None);
    }
}
