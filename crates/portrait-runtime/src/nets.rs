//! The networks as compiled programs: everything that depends on weights and preset, and on neither photo nor driver.

use crate::error::EngineError;
use crate::face_model::FaceModel;
use crate::frozen::Compiled;
use crate::gpu::Gpu;
use crate::mouth::Mouth;
use portrait_graph::{Graph, GraphError, Program, TensorKind, Value, Weights, WeightsError, WeightsFault};
use portrait_kernels::{
    Compose, FindRims, MotionCombine, MotionInput, PinFlow, RefineCrops, RefinePoints, TpsSolve, Transfer, Warp,
};
use portrait_models::{
    DETECTOR_SIZE, MESH_SIZE, Preset, SELFIE_SIZE, blazeface, bundled, dense_motion, dense_motion_bias, face_mesh,
    merger, neural_keypoints, refiner, selfie_segmentation, synthesis, synthesis_bottleneck, view_bias,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What `Transfer` writes: the merger's input, the points its result starts from, the pins.
pub(crate) const MERGE: TensorKind = TensorKind::Floats(Transfer::OUT_LEN as u32);

/// What a mouth shows when it opens.
pub(crate) const MOUTH: TensorKind = TensorKind::Feature([4, Warp::MOUTH[0], Warp::MOUTH[1]]);

/// Programs of one preset. The external tensors of each are named in its builder below.
#[derive(Debug)]
pub(crate) struct Nets {
    pub(crate) detector: Arc<Compiled>,
    pub(crate) mesh: Arc<Compiled>,
    pub(crate) segmentation: Arc<Compiled>,
    pub(crate) keypoints: Arc<Compiled>,
    pub(crate) merger: Arc<Compiled>,
    pub(crate) render: Arc<Compiled>,
    pub(crate) motion_bias: Arc<Compiled>,
    pub(crate) refiner: Refiner,
    /// Depth and expressions of faces.
    pub(crate) face: Arc<FaceModel>,
    pub(crate) mouth: Mouth,
    /// Pseudo view to bottleneck, and the four bottlenecks to the fusion's bias map; absent where the weights give views no
    /// say (all their columns are zero), so that the bias map is exactly zero.
    pub(crate) views: Option<(Arc<Compiled>, Arc<Compiled>)>,
}

/// A feature tensor of a square picture.
pub(crate) fn square(channels: u32, side: u32) -> TensorKind {
    TensorKind::Feature([channels, side, side])
}

/// The network that corrects eyes and lips and finds the irises.
#[derive(Debug)]
pub(crate) struct Refiner {
    pub(crate) program: Arc<Compiled>,
    /// Its external tensor `refiner_map`.
    pub(crate) map: Vec<f32>,
}

impl Nets {
    pub(crate) fn new(gpu: &Gpu, preset: &Preset, weights: &Weights) -> Result<Self, EngineError> {
        let compile = |program: Program| Compiled::new(gpu, program);
        // Every network is built before the first fault is returned, so that all faults of the file are named at once.
        let mut faults = Vec::new();
        let mut trained = |program: Result<Program, EngineError>| match program {
            Ok(program) => Ok(Some(program)),
            Err(EngineError::Graph(GraphError::Weights(WeightsError::Mismatch { faults: more, .. }))) => {
                faults.extend(more);
                Ok(None)
            }
            Err(other) => Err(other),
        };
        let programs = [
            trained(keypoints(preset, weights))?,
            trained(merge(preset, weights))?,
            trained(motion_bias(preset, weights))?,
            trained(render(preset, weights))?,
        ];
        faults.extend(weights.unknown());
        let mut named = BTreeSet::new();
        faults.retain(|fault| named.insert(fault.to_string()));
        let [Some(keypoints), Some(merger), Some(motion_bias), Some(render)] = programs else {
            return Err(mismatch(weights, preset, faults));
        };
        if !faults.is_empty() {
            return Err(mismatch(weights, preset, faults));
        }
        Ok(Self {
            detector: compile(detector()?),
            mesh: compile(mesh()?),
            segmentation: compile(segmentation()?),
            keypoints: compile(keypoints),
            merger: compile(merger),
            render: compile(render),
            motion_bias: compile(motion_bias),
            refiner: Refiner { program: compile(refine()?), map: refiner_map()? },
            face: Arc::new(FaceModel::new()?),
            mouth: Mouth::new()?,
            views: match views_matter(preset, weights)? {
                true => Some((compile(view(preset, weights)?), compile(fuse_views(preset, weights)?))),
                false => None,
            },
        })
    }
}

fn mismatch(weights: &Weights, preset: &Preset, faults: Vec<WeightsFault>) -> EngineError {
    let (origin, network) = (weights.origin().to_owned(), format!("preset {}", preset.name));
    WeightsError::Mismatch { origin, network, faults }.into()
}

fn bundle(name: &str, bytes: &[u8]) -> Result<Weights, EngineError> {
    Ok(Weights::from_bytes(name, bytes)?)
}

/// `detector_input` → `boxes16`, `scores16`, `boxes8`, `scores8`.
pub(crate) fn detector() -> Result<Program, EngineError> {
    let weights = bundle("blazeface.safetensors", bundled::BLAZEFACE)?;
    let mut g = Graph::new("detector");
    g.use_weights(&weights);
    let x = g.external("detector_input", square(3, DETECTOR_SIZE));
    let found = blazeface(&mut g, x);
    g.output("boxes16", found.boxes16);
    g.output("scores16", found.scores16);
    g.output("boxes8", found.boxes8);
    g.output("scores8", found.scores8);
    Ok(g.build()?)
}

/// `mesh_input` → `mesh_points`, `mesh_score`.
pub(crate) fn mesh() -> Result<Program, EngineError> {
    let weights = bundle("face_mesh.safetensors", bundled::FACE_MESH)?;
    let mut g = Graph::new("mesh");
    g.use_weights(&weights);
    let x = g.external("mesh_input", square(3, MESH_SIZE));
    let found = face_mesh(&mut g, x);
    g.output("mesh_points", found.points);
    g.output("mesh_score", found.score);
    Ok(g.build()?)
}

/// `refiner_input` (crops of eyes and mouth), `raw_facial` (106 points of the mesh), `refiner_map` → `facial`, 108 points.
pub(crate) fn refine() -> Result<Program, EngineError> {
    let weights = bundle(REFINER, bundled::REFINER)?;
    let mut g = Graph::new("refiner");
    let x = g.external("refiner_input", TensorKind::Feature(RefineCrops::OUTPUT));
    let raw = g.external("raw_facial", TensorKind::Floats(212));
    let map = g.external("refiner_map", TensorKind::Floats(RefinePoints::MAP_LEN as u32));
    let facial = g.external("facial", TensorKind::Floats(2 * RefinePoints::POINTS as u32));
    let seen = refiner(&mut g, &weights, x);
    g.kernel_into("refine_points", Arc::new(RefinePoints), &[raw, seen, map], &[facial]);
    Ok(g.build()?)
}

const REFINER: &str = "refiner.safetensors";

fn refiner_map() -> Result<Vec<f32>, EngineError> {
    let shape = [RefinePoints::FOUND, RefinePoints::MAP_LEN / RefinePoints::FOUND];
    let network = || "refiner".to_owned();
    let fault = |f| WeightsError::Mismatch { origin: REFINER.to_owned(), network: network(), faults: vec![f] };
    Ok(bundle(REFINER, bundled::REFINER)?.tensor("map.weight", &shape).map_err(fault)?)
}

/// `segmentation_input` → `person`.
pub(crate) fn segmentation() -> Result<Program, EngineError> {
    let weights = bundle("selfie_segmentation.safetensors", bundled::SELFIE_SEGMENTATION)?;
    let mut g = Graph::new("segmentation");
    g.use_weights(&weights);
    let x = g.external("segmentation_input", square(3, SELFIE_SIZE));
    let mask = selfie_segmentation(&mut g, x);
    g.output("person", mask);
    Ok(g.build()?)
}

/// `keypoints_input` → `neural`, 50 points in 0..=1.
pub(crate) fn keypoints(preset: &Preset, weights: &Weights) -> Result<Program, EngineError> {
    let mut g = Graph::new("keypoints");
    g.use_weights(weights);
    let x = g.external("keypoints_input", square(3, preset.nk.input));
    let points = neural_keypoints(&mut g, preset, x);
    g.output("neural", points);
    Ok(g.build()?)
}

/// `merge` (what `Transfer` writes) → `driving`, the mixed keypoints.
pub(crate) fn merge(preset: &Preset, weights: &Weights) -> Result<Program, EngineError> {
    let points = 2 * preset.keypoints.neural;
    let mut g = Graph::new("merger");
    g.use_weights(weights);
    let merge = g.external("merge", MERGE);
    let input = g.view(merge, 0, 2 * preset.keypoints.facial + points);
    let base = g.view(merge, Transfer::BASE_AT as u32, points);
    let mixed = merger(&mut g, preset, input, base);
    g.output("driving", mixed);
    Ok(g.build()?)
}

/// `masks` (person and landmark mask at motion resolution) → `motion_bias`.
pub(crate) fn motion_bias(preset: &Preset, weights: &Weights) -> Result<Program, EngineError> {
    let mut g = Graph::new("motion bias");
    let masks = g.external("masks", square(2, preset.motion));
    let bias = dense_motion_bias(&mut g, preset, weights, masks);
    g.output("motion_bias", bias);
    Ok(g.build()?)
}

/// Values made by [`warped`].
struct Warped {
    /// Input of the synthesis network.
    synthesis_input: Value,
    /// Warped source, and how much of it is given.
    warped: Value,
}

/// Keypoints to the warped source. Externals: `driving`, `source_points` (mixed keypoints), `merge` (for its pins) and `source_pins`
/// (facial points), `source_small`, `source` (RGB and person mask), `background` (RGB and hole), `mouth`, `motion_bias`, and the flow as `flow`.
fn warped(g: &mut Graph<'_>, preset: &Preset, weights: &Weights) -> Warped {
    let k = &preset.keypoints;
    let (n, side) = (preset.motion, preset.image);
    let driving = g.external("driving", TensorKind::Floats(2 * k.neural));
    let source_points = g.external("source_points", TensorKind::Floats(2 * k.neural));
    let merge = g.external("merge", MERGE);
    let pins = g.view(merge, Transfer::PINS_AT as u32, 2 * Transfer::PINS as u32);
    let source_pins = g.external("source_pins", TensorKind::Floats(2 * Transfer::PINS as u32));
    let source_small = g.external("source_small", square(3, n));
    let source = g.external("source", square(4, side));
    let background = g.external("background", square(4, side));
    let mouth = g.external("mouth", MOUTH);
    let bias = g.external("motion_bias", square(preset.dense_motion.stem, n));
    let flow = g.external("flow", TensorKind::Floats(4 * side * side));

    let solve = Arc::new(TpsSolve { groups: k.tps, reg: k.tps_reg });
    let tps = g.kernel("tps", solve, &[driving, source_points], &[TensorKind::Floats(16 * k.tps)])[0];
    let input = MotionInput { size: n, groups: k.tps, keypoints: k.neural, variance: k.heat_var };
    let channels = input.channels();
    let x =
        g.kernel("motion_input", Arc::new(input), &[source_small, tps, driving, source_points], &[square(channels, n)])
            [0];
    let head = dense_motion(g, preset, weights, x, bias);
    let combine = Arc::new(MotionCombine { size: n, groups: k.tps });
    let loose = g.kernel("motion_combine", combine, &[head, tps, driving], &[TensorKind::Floats(4 * n * n)])[0];
    let (sigma, softness) = (preset.pins.sigma, preset.pins.softness);
    let find = Arc::new(FindRims { motion: n, size: side, sigma });
    let rims = g.kernel("find_rims", find, &[loose, source_pins, pins], &[TensorKind::Floats(FindRims::LEN)])[0];
    let pin = PinFlow { motion: n, size: side, sigma, softness };
    g.kernel_into("pin_flow", Arc::new(pin), &[loose, rims, pins, background], &[flow]);
    let warp = Arc::new(Warp { size: side, fold: preset.synthesis.fold });
    let outputs = [TensorKind::Feature(preset.synthesis_input()), square(4, side)];
    let made = g.kernel("warp", warp, &[flow, source, background, mouth, pins], &outputs);
    Warped { synthesis_input: made[0], warped: made[1] }
}

/// Mixed keypoints to the finished picture: the externals of [`warped`], `view_bias` and the texture `picture`.
pub(crate) fn render(preset: &Preset, weights: &Weights) -> Result<Program, EngineError> {
    let mut g = Graph::new("render");
    g.use_weights(weights);
    let views = g.external("view_bias", TensorKind::Feature(preset.synthesis_bottleneck()));
    let picture = g.external("picture", TensorKind::Texture([preset.image; 2]));
    let w = warped(&mut g, preset, weights);
    let head = synthesis(&mut g, preset, weights, w.synthesis_input, views);
    let compose = Compose { size: preset.image, fold: preset.synthesis.fold };
    g.kernel_into("compose", Arc::new(compose), &[head, w.warped], &[picture]);
    Ok(g.build()?)
}

/// Mixed keypoints of a pseudo view to its `bottleneck`: the externals of [`warped`].
pub(crate) fn view(preset: &Preset, weights: &Weights) -> Result<Program, EngineError> {
    let mut g = Graph::new("view");
    g.use_weights(weights);
    let w = warped(&mut g, preset, weights);
    let features = synthesis_bottleneck(&mut g, preset, weights, w.synthesis_input);
    g.output("bottleneck", features);
    Ok(g.build()?)
}

/// `views` (the bottlenecks of all views) → `view_bias`.
pub(crate) fn fuse_views(preset: &Preset, weights: &Weights) -> Result<Program, EngineError> {
    let [c, h, w] = preset.synthesis_bottleneck();
    let mut g = Graph::new("view bias");
    let views = g.external("views", TensorKind::Feature([c * preset.synthesis.views, h, w]));
    let bias = view_bias(&mut g, preset, weights, views);
    g.output("view_bias", bias);
    Ok(g.build()?)
}

/// Whether any weight of the fusion's view columns differs from zero.
fn views_matter(preset: &Preset, weights: &Weights) -> Result<bool, EngineError> {
    let top = preset.synthesis_bottleneck()[0] as usize;
    let all = top * (1 + preset.synthesis.views as usize);
    let fusion = weights
        .tensor("synthesis.fusion.conv.weight", &[top, all, 1, 1])
        .map_err(|fault| mismatch(weights, preset, vec![fault]))?;
    Ok(fusion.chunks(all).any(|row| row[top..].iter().any(|&w| w != 0.0)))
}
