//! A face as numbers: mean shape with depth, and what each ARKit expression moves. Fitted by `portrait_training.expressions`.

use crate::error::EngineError;
use crate::expression::Expression;
use crate::motion::Points;
use glam::{Mat3, Vec2, Vec3};
use portrait_graph::{Weights, WeightsError, WeightsFault};
use portrait_models::{FacialPoints, bundled};

/// Where a head turns: between skull and neck, in distances of the outer eye corners from their middle (right, down, away).
const PIVOT: Vec3 = Vec3::new(0.0, 0.8, 1.0);
/// Mean shape and expressions of the 106 facial points. Unit: distance of the outer eye corners, their middle at 0; x to the
/// picture's right, y down, z away from the camera.
#[derive(Debug)]
pub(crate) struct FaceModel {
    mean: Vec<Vec3>,
    /// 106 offsets for each of [`Expression::NAMES`].
    offsets: Vec<Vec<Vec3>>,
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
        let names = Expression::NAMES.len();
        let fault = |fault: WeightsFault| {
            let (origin, network) = (weights.origin().to_owned(), "expressions".to_owned());
            WeightsError::Mismatch { origin, network, faults: vec![fault] }
        };
        let mean = weights.tensor("expressions.mean", &[Points::MESH, 3]).map_err(fault)?;
        let offsets = weights.tensor("expressions.offsets", &[names, Points::MESH, 3]).map_err(fault)?;
        let points = |values: &[f32]| values.as_chunks().0.iter().map(|p| Vec3::from_array(*p)).collect::<Vec<_>>();
        Ok(Self { mean: points(&mean), offsets: offsets.chunks(3 * Points::MESH).map(points).collect() })
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
        let offset = |i: usize| -> Vec3 {
            let all = expression.weights.iter().zip(&self.offsets);
            // No expression moves an iris.
            all.map(|(&weight, offsets)| weight * offsets.get(i).copied().unwrap_or_default()).sum()
        };
        let facial = points.facial.iter().enumerate().map(|(i, &p)| place(p, depth[i], offset(i))).collect();
        let rest = depth[Points::FACIAL..].iter();
        let neural = points.neural.iter().zip(rest).map(|(&p, &z)| place(p, z, Vec3::ZERO)).collect();
        Points { facial, neural }
    }
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
        let smile = with(&|e| e.set("mouthSmile", 1.0).expect("a name"));
        let width = |p: &Points| p.facial[at(291)][0] - p.facial[at(61)][0];
        assert!(width(&smile) > 1.05 * width(&face), "a smile is wide");
        let yawn = with(&|e| e.set("jawOpen", 1.0).expect("a name"));
        assert!(moved(&face, &yawn, at(14)).y > 0.05, "the lower lip goes down");
    }
}
