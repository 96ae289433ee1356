//! Thin-plate splines: solving for the transform of each group of keypoints.

use crate::{Bind, Binding, DeviceProfile, Dispatch, Kernel, ShaderKey, Tier};
use bytemuck::{Pod, Zeroable};

/// Keypoints in one thin-plate spline.
pub(crate) const POINTS: usize = 5;
/// Rows of one solution: five radial weights, then the x, y and 1 rows.
pub(crate) const ROWS: usize = POINTS + 3;
/// A pivot at or below this marks the system as singular.
const MIN_PIVOT: f32 = 1e-6;

/// Solves `groups` thin-plate splines that carry driving keypoints to source keypoints (backward: where to read), five pairs
/// each. TPSMM (CVPR 2022), with the regulariser on the whole diagonal.
///
/// Inputs `kp_d`, `kp_s` `[groups, 5, 2]` in [-1, 1]; output `tps` `[groups, 8, 2]`: five radial weights, then the rows that
/// multiply x, y and 1. A singular or non-finite system gives the identity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TpsSolve {
    /// Number of groups K.
    pub groups: u32,
    /// Added to the diagonal; 0.01 in the trained networks.
    pub reg: f32,
}

/// Mirrors `Params` in `shaders/tps_solve.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
struct Params {
    groups: u32,
    reg: f32,
    pad: [u32; 2],
}

/// `r² ln(r² + 1e-9)` of a difference of two points.
fn radial(d: [f32; 2]) -> f32 {
    let r2 = d[0] * d[0] + d[1] * d[1];
    r2 * (r2 + 1e-9).ln()
}

/// Where transform `group` of `tps` `[K, 8, 2]` reads for the point `z`; `kp_d` are the driving keypoints it was solved for.
pub(crate) fn transform(tps: &[f32], kp_d: &[f32], group: usize, z: [f32; 2]) -> [f32; 2] {
    let rows = &tps[group * ROWS * 2..][..ROWS * 2];
    let points = &kp_d[group * POINTS * 2..][..POINTS * 2];
    std::array::from_fn(|axis| {
        let bent: f32 =
            (0..POINTS).map(|i| rows[i * 2 + axis] * radial([z[0] - points[i * 2], z[1] - points[i * 2 + 1]])).sum();
        bent + rows[POINTS * 2 + axis] * z[0] + rows[POINTS * 2 + 2 + axis] * z[1] + rows[POINTS * 2 + 4 + axis]
    })
}

/// Solves one group by elimination with partial pivoting; `None` if the system is singular or not finite.
fn solve(d: &[f32], s: &[f32], reg: f32) -> Option<[f32; ROWS * 2]> {
    let mut m = [[0.0f32; ROWS + 2]; ROWS];
    for i in 0..POINTS {
        for j in 0..POINTS {
            m[i][j] = radial([d[i * 2] - d[j * 2], d[i * 2 + 1] - d[j * 2 + 1]]);
        }
        for (j, v) in [d[i * 2], d[i * 2 + 1], 1.0].into_iter().enumerate() {
            m[i][POINTS + j] = v;
            m[POINTS + j][i] = v;
        }
        m[i][ROWS] = s[i * 2];
        m[i][ROWS + 1] = s[i * 2 + 1];
    }
    for (i, row) in m.iter_mut().enumerate() {
        row[i] += reg;
    }
    for c in 0..ROWS {
        let best = (c..ROWS).fold(c, |best, r| if m[r][c].abs() > m[best][c].abs() { r } else { best });
        m.swap(best, c);
        let pivot = m[c];
        if pivot[c].abs().partial_cmp(&MIN_PIVOT) != Some(std::cmp::Ordering::Greater) {
            return None;
        }
        for row in &mut m[c + 1..] {
            let f = row[c] / pivot[c];
            for j in c + 1..ROWS + 2 {
                row[j] -= f * pivot[j];
            }
        }
    }
    let mut x = [0.0; ROWS * 2];
    for c in (0..ROWS).rev() {
        for axis in 0..2 {
            let known: f32 = (c + 1..ROWS).map(|j| m[c][j] * x[j * 2 + axis]).sum();
            x[c * 2 + axis] = (m[c][ROWS + axis] - known) / m[c][c];
        }
    }
    x.iter().all(|v| v.is_finite()).then_some(x)
}

impl Kernel for TpsSolve {
    fn name(&self) -> &'static str {
        "tps_solve"
    }

    fn bindings(&self) -> Vec<Binding> {
        let k = self.groups as usize;
        vec![
            Binding::new(Bind::Floats, k * POINTS * 2),
            Binding::new(Bind::Floats, k * POINTS * 2),
            Binding::new(Bind::FloatsOut, k * ROWS * 2),
        ]
    }

    fn dispatch(&self, tier: Tier, _profile: &DeviceProfile) -> Dispatch {
        let params = Params { groups: self.groups, reg: self.reg, pad: [0; 2] };
        Dispatch {
            shader: ShaderKey::new("tps_solve", tier),
            params: bytemuck::bytes_of(&params).to_vec(),
            workgroups: [self.groups.div_ceil(16), 1, 1],
        }
    }

    fn cpu(&self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        let mut identity = [0.0; ROWS * 2];
        identity[POINTS * 2] = 1.0;
        identity[POINTS * 2 + 3] = 1.0;
        let groups = inputs[0].chunks_exact(POINTS * 2).zip(inputs[1].chunks_exact(POINTS * 2));
        for ((d, s), tps) in groups.zip(outputs[0].chunks_exact_mut(ROWS * 2)) {
            tps.copy_from_slice(&solve(d, s, self.reg).unwrap_or(identity));
        }
    }
}
