//! A face as numbers: mean shape with depth, what each ARKit expression moves, and what speech does. Fitted by
//! `portrait_training.expressions` and `portrait_training.lips`.

use crate::error::EngineError;
use crate::expression::Expression;
use crate::motion::Points;
use crate::speech::Lips;
use glam::{Mat3, Vec2, Vec3};
use portrait_graph::{Weights, WeightsError, WeightsFault};
use portrait_models::{FacialPoints, bundled};
use std::ops::Range;

/// Where a head turns: between skull and neck, in distances of the outer eye corners from their middle (right, down, away).
const PIVOT: Vec3 = Vec3::new(0.0, 0.8, 1.0);
/// Of the sum of the expressions' squares: how little a combination of expressions is believed.
const RIDGE: f64 = 1e-3;
/// Places among the facial points: the outer corners of the right and the left eye, ...
const OUTER_CORNERS: [usize; 2] = [44, 45];
/// ... and their lids' points, those of the lower ones below those of the upper ones.
const UPPER_LIDS: Range<usize> = 48..58;
const LOWER_LIDS: Range<usize> = 58..68;
/// The middle of the upper and of the lower lip's inner edge.
const INNER_LIPS: [usize; 2] = [95, 96];

/// Mean shape of the 106 facial points, and what expressions move of them and the irises. Unit: distance of the outer eye corners, their middle at 0; x to the
/// picture's right, y down, z away from the camera.
#[derive(Debug)]
pub(crate) struct FaceModel {
    mean: Vec<Vec3>,
    /// 108 offsets for each of [`Expression::NAMES`].
    offsets: Vec<Vec<Vec3>>,
    /// 108 offsets of lips that part by 1, and of a mouth that is wider by 1.
    lips: [Vec<Vec3>; 2],
}

/// How a head is seen: scaled orthography.
struct View {
    rotation: Mat3,
    scale: f32,
    shift: Vec2,
}

impl FaceModel {
    pub(crate) fn new() -> Result<Self, EngineError> {
        let weights = Weights::from_bytes("expressions.safetensors", bundled::EXPRESSIONS)?;
        let mean = tensor(&weights, "expressions.mean", &[Points::MESH, 3])?;
        let offsets = tensor(&weights, "expressions.offsets", &[Expression::NAMES.len(), Points::FACIAL, 3])?;
        let weights = Weights::from_bytes("speech.safetensors", bundled::SPEECH)?;
        let lips = tensor(&weights, "speech.lips", &[2, Points::FACIAL, 3])?;
        let points = |values: &[f32]| values.as_chunks().0.iter().map(|p| Vec3::from_array(*p)).collect::<Vec<_>>();
        let (opening, width) = lips.split_at(3 * Points::FACIAL);
        Ok(Self {
            mean: points(&mean),
            offsets: offsets.chunks(3 * Points::FACIAL).map(points).collect(),
            lips: [points(opening), points(width)],
        })
    }

    /// How the mean shape has to be held so that its stiff points lie on these best.
    fn view(&self, facial: &[[f32; 2]]) -> View {
        let stiff =
            || FacialPoints::STIFF.iter().map(|&i| (self.mean[i as usize], Vec2::from_array(facial[i as usize])));
        let count = FacialPoints::STIFF.len() as f32;
        let (x0, u0) = stiff().fold((Vec3::ZERO, Vec2::ZERO), |(x, u), (a, b)| (x + a / count, u + b / count));
        // Least squares for the two rows of a linear map; a flat face would leave its depth open.
        let mut gram = Mat3::from_diagonal(Vec3::splat(1e-3));
        let (mut right, mut down) = (Vec3::ZERO, Vec3::ZERO);
        for (x, u) in stiff() {
            let (x, u) = (x - x0, u - u0);
            gram += Mat3::from_cols(x * x.x, x * x.y, x * x.z);
            right += x * u.x;
            down += x * u.y;
        }
        let inverse = gram.inverse();
        let (right, down) = (inverse * right, inverse * down);
        let scale = (0.5 * (right.length() + down.length())).max(1e-4);
        // Both rows give way by as much to stand at a right angle.
        let (sum, difference) = ((right + down).normalize_or(Vec3::X), (right - down).normalize_or(Vec3::Y));
        let (right, down) = ((sum + difference).normalize_or(Vec3::X), (sum - difference).normalize_or(Vec3::Y));
        let rotation = Mat3::from_cols(right, down, right.cross(down)).transpose();
        View { rotation, scale, shift: u0 - scale * (rotation * x0).truncate() }
    }

    /// Depth of the 106 facial points of a face, then of irises and neural points alike (that of the face as a whole), in the
    /// points' own unit.
    pub(crate) fn depth_of(&self, facial: &[[f32; 2]]) -> Vec<f32> {
        self.depth(&self.view(facial))
    }

    fn depth(&self, view: &View) -> Vec<f32> {
        let mut depth: Vec<f32> = self.mean.iter().map(|&x| view.scale * (view.rotation * x).z).collect();
        let stiff: f32 = FacialPoints::STIFF.iter().map(|&i| depth[i as usize]).sum();
        depth.resize(Points::FACIAL + Points::NEURAL, stiff / FacialPoints::STIFF.len() as f32);
        depth
    }

    /// The linear map `[212, 106]` from how far facial points are from another face's, both heads held as in the photo, to how much
    /// deeper they lie: the expressions that explain the one (ridge regression) tell the other. A smile's corners lie far back.
    pub(crate) fn relief(&self, facial: &[[f32; 2]]) -> Vec<f32> {
        let view = self.view(facial);
        let turned = |offsets: &Vec<Vec3>| offsets[..Points::MESH].iter().map(|&o| view.rotation * o).collect();
        let seen: Vec<Vec<Vec3>> = self.offsets.iter().map(turned).collect();
        let dot =
            |a: &[Vec3], b: &[Vec3]| a.iter().zip(b).map(|(a, b)| f64::from(a.truncate().dot(b.truncate()))).sum();
        let mut gram: Vec<Vec<f64>> = seen.iter().map(|a| seen.iter().map(|b| dot(a, b)).collect()).collect();
        let ridge = RIDGE * (0..gram.len()).map(|k| gram[k][k]).sum::<f64>();
        (0..gram.len()).for_each(|k| gram[k][k] += ridge);
        let flat = |offsets: &Vec<Vec3>| offsets.iter().flat_map(|o| [o.x, o.y]).map(f64::from).collect();
        let weights = solve(gram, seen.iter().map(flat).collect());
        let mut map = vec![0.0; 2 * Points::MESH * Points::MESH];
        for (row, coordinate) in map.chunks_exact_mut(Points::MESH).zip(0..) {
            for (weights, offsets) in weights.iter().zip(&seen) {
                let weight: &f64 = &weights[coordinate];
                row.iter_mut().zip(offsets).for_each(|(to, offset)| *to += *weight as f32 * offset.z);
            }
        }
        map
    }

    /// Points of a face that turns and moves: `points` themselves for the neutral expression.
    pub(crate) fn posed(&self, points: &Points, expression: &Expression) -> Points {
        let view = self.view(&points.facial);
        let depth = self.depth(&view);
        let turn = expression.rotation();
        let pivot = view.rotation * PIVOT;
        let place = |point: [f32; 2], depth: f32, offset: Vec3| {
            let seen = ((Vec2::from_array(point) - view.shift) / view.scale).extend(depth / view.scale);
            let moved = turn * (seen + view.rotation * offset - pivot) + pivot;
            (view.shift + view.scale * moved.truncate()).to_array()
        };
        let [upper, lower] = INNER_LIPS.map(|i| Vec2::from_array(points.facial[i]));
        let down = (view.rotation * Vec3::Y).truncate();
        let rest = (lower - upper).dot(down) / (view.scale * down.length_squared()).max(1e-6);
        let [parted, widened] = [opening(rest, expression.lips) - rest, expression.lips.wide];
        let offset = |i: usize| -> Vec3 {
            let expressed: Vec3 =
                expression.weights.iter().zip(&self.offsets).map(|(&weight, offsets)| weight * offsets[i]).sum();
            expressed + parted * self.lips[0][i] + widened * self.lips[1][i]
        };
        let mut facial: Vec<[f32; 2]> =
            points.facial.iter().enumerate().map(|(i, &p)| place(p, depth[i], offset(i))).collect();
        meet(&mut facial);
        let rest = depth[Points::FACIAL..].iter();
        let neural = points.neural.iter().zip(rest).map(|(&p, &z)| place(p, z, Vec3::ZERO)).collect();
        Points { facial, neural }
    }
}

/// How far lips part for speech that are `rest` apart: what is said opens a mouth that is open already by less.
fn opening(rest: f32, lips: Lips) -> f32 {
    let left = rest * (1.0 - lips.shut.clamp(0.0, 1.0));
    if rest > 0.0 { left.hypot(lips.open) } else { rest + lips.open }
}

/// Lids that have crossed, as those of narrow eyes do by what shuts wide ones, meet half way.
fn meet(facial: &mut [[f32; 2]]) {
    let point = |i: usize| Vec2::from_array(facial[i]);
    let across = (point(OUTER_CORNERS[1]) - point(OUTER_CORNERS[0])).perp().normalize_or(Vec2::Y);
    for (upper, lower) in UPPER_LIDS.zip(LOWER_LIDS) {
        let crossed = (Vec2::from_array(facial[lower]) - Vec2::from_array(facial[upper])).dot(across).min(0.0);
        for (i, share) in [(upper, 0.5), (lower, -0.5)] {
            facial[i] = (Vec2::from_array(facial[i]) + share * crossed * across).to_array();
        }
    }
}

fn tensor(weights: &Weights, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
    let fault = |fault: WeightsFault| {
        let (origin, network) = (weights.origin().to_owned(), "face model".to_owned());
        WeightsError::Mismatch { origin, network, faults: vec![fault] }
    };
    weights.tensor(name, shape).map_err(fault)
}

/// `a⁻¹ b` for a positive definite `a`, by Gaussian elimination.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let take =
        |row: &mut Vec<f64>, factor: f64, from: &[f64]| row.iter_mut().zip(from).for_each(|(v, f)| *v -= factor * f);
    for k in 0..a.len() {
        let (pivot, known) = (a[k].clone(), b[k].clone());
        for i in (0..a.len()).filter(|&i| i != k) {
            let factor = a[i][k] / pivot[k];
            take(&mut a[i], factor, &pivot);
            take(&mut b[i], factor, &known);
        }
    }
    b.iter_mut().zip(&a).enumerate().for_each(|(k, (row, a))| row.iter_mut().for_each(|v| *v /= a[k]));
    b
}

#[cfg(test)]
mod tests {
    use super::*;
    use portrait_models::facial_points;

    /// The mean face seen a little from the side.
    fn face(model: &FaceModel) -> Points {
        let turned = Mat3::from_rotation_y(0.2) * Mat3::from_rotation_z(0.1);
        let irises = [Vec3::new(-0.3, 0.0, 0.0), Vec3::new(0.3, 0.0, 0.0)];
        let place = |&x: &Vec3| (0.4 * (turned * x).truncate() + Vec2::new(0.1, -0.2)).to_array();
        let facial = model.mean.iter().chain(&irises).map(place).collect();
        Points { facial, neural: vec![[0.3, -0.4]; Points::NEURAL] }
    }

    fn moved(a: &Points, b: &Points, i: usize) -> Vec2 {
        Vec2::from_array(b.facial[i]) - Vec2::from_array(a.facial[i])
    }

    #[test]
    fn the_neutral_expression_moves_nothing() {
        let model = FaceModel::new().expect("the model is part of the build");
        let face = face(&model);
        let same = model.posed(&face, &Expression::default());
        let far = (0..Points::FACIAL).map(|i| moved(&face, &same, i).length()).fold(0.0, f32::max);
        assert!(far < 1e-5, "{far}");
        let view = model.view(&face.facial);
        assert!((view.scale - 0.4).abs() < 0.01 && (view.rotation.determinant() - 1.0).abs() < 1e-4, "{}", view.scale);
    }

    #[test]
    fn a_smile_lies_back() {
        let model = FaceModel::new().expect("the model is part of the build");
        let face = face(&model);
        let relief = model.relief(&face.facial);
        let deeper = |change: &dyn Fn(&mut Expression)| {
            let mut expression = Expression::default();
            change(&mut expression);
            let other = model.posed(&face, &expression);
            let apart = (0..2 * Points::MESH).map(|k| other.facial[k / 2][k % 2] - face.facial[k / 2][k % 2]);
            let mut deeper = vec![0.0; Points::MESH];
            for (row, by) in relief.chunks_exact(Points::MESH).zip(apart) {
                deeper.iter_mut().zip(row).for_each(|(z, factor)| *z += factor * by);
            }
            deeper
        };
        let corner = facial_points().indices.iter().position(|&i| i == 291).expect("a facial point");
        let name = Expression::NAMES.iter().position(|&name| name == "mouthSmileLeft").expect("a name");
        let view = model.view(&face.facial);
        let wanted = view.scale * (view.rotation * model.offsets[name][corner]).z;
        let got = deeper(&|e| e.set("mouthSmileLeft", 1.0).expect("a name"))[corner];
        assert!(wanted > 0.02 && got > 0.7 * wanted && got < 1.1 * wanted, "{got} of {wanted}");
        assert!(deeper(&|_| ()).iter().all(|z| z.abs() < 1e-6), "the same face has the same depth");
    }

    #[test]
    fn heads_turn_and_faces_move_the_way_they_are_told() {
        let model = FaceModel::new().expect("the model is part of the build");
        let face = face(&model);
        let with = |change: &dyn Fn(&mut Expression)| {
            let mut expression = Expression::default();
            change(&mut expression);
            model.posed(&face, &expression)
        };
        // By index of the 468 mesh: 4 is the tip of the nose, 159 and 145 the person's right lids, 386 and 374 the left ones.
        let at = |mesh: u32| facial_points().indices.iter().position(|&i| i == mesh).expect("a facial point");
        let nose = at(4);
        assert!(moved(&face, &with(&|e| e.yaw = 20.0), nose).x > 0.1, "yaw turns to the picture's right");
        assert!(moved(&face, &with(&|e| e.pitch = 15.0), nose).y < -0.05, "pitch looks up");
        let open = |p: &Points, upper: u32, lower: u32| p.facial[at(lower)][1] - p.facial[at(upper)][1];
        let wink = with(&|e| e.set("eyeBlinkLeft", 1.0).expect("a name"));
        assert!(open(&wink, 386, 374) < 0.45 * open(&face, 386, 374), "the left eye closes");
        assert!(open(&wink, 159, 145) > 0.9 * open(&face, 159, 145), "the right eye stays open");
        let shut = with(&|e| e.set("eyeBlink", 2.0).expect("a name"));
        assert!(open(&shut, 386, 374).abs() < 2e-3 && open(&shut, 159, 145).abs() < 2e-3, "lids meet and do not cross");
        let smile = with(&|e| e.set("mouthSmile", 1.0).expect("a name"));
        let width = |p: &Points| p.facial[at(291)][0] - p.facial[at(61)][0];
        assert!(width(&smile) > 1.05 * width(&face), "a smile is wide");
        // To the person's left is to the picture's right, for both eyes.
        let look = with(&|e| {
            ["eyeLookOutLeft", "eyeLookInRight"].iter().for_each(|name| e.set(name, 1.0).expect("a name"));
        });
        let upwards = with(&|e| e.set("eyeLookUp", 1.0).expect("a name"));
        for iris in [Points::MESH, Points::MESH + 1] {
            assert!(moved(&face, &look, iris).x > 0.02, "gaze");
            assert!(moved(&face, &upwards, iris).y < -0.008, "gaze upwards");
            assert!(moved(&face, &smile, iris).length() < 1e-4, "a smile looks nowhere else");
        }
        assert!(moved(&face, &look, at(386)).length() < 0.005, "lids hardly follow to the side");
        let lips = |open, wide, shut| with(&move |e: &mut Expression| e.lips = Lips { open, wide, shut });
        let (parted, rest) = (open(&lips(0.3, 0.0, 0.0), 13, 14), open(&face, 13, 14));
        assert!(
            parted > 2.0 * rest && (parted / 0.4 - 0.3).abs() < 0.03,
            "{parted}: 0.3 of the corners' distance, 0.4"
        );
        assert!(open(&lips(0.01, 0.0, 0.0), 13, 14) < 1.01 * rest, "what is open already does not open for a little");
        assert!(open(&lips(0.0, 0.0, 1.0), 13, 14).abs() < 0.1 * rest, "m, b and p shut it");
        assert!(width(&lips(0.0, -0.1, 0.0)) < 0.9 * width(&face), "an o is narrow");
        assert!(moved(&face, &lips(0.3, 0.1, 0.0), at(386)).length() < 1e-6, "lids do not speak");
        let yawn = with(&|e| e.set("jawOpen", 1.0).expect("a name"));
        assert!(moved(&face, &yawn, at(14)).y > 0.05, "the lower lip goes down");
    }
}
