//! The merger: facial and neural keypoints to mixed keypoints.

use crate::preset::Preset;
use portrait_graph::{Graph, Value};
use portrait_kernels::Activation;

/// `points` is the vector of 106 facial and 50 neural points `(x, y)`, `base` the 50 points the result starts from; the
/// result is base + correction, `50 × (x, y)` in [-1, 1].
pub fn merger(g: &mut Graph<'_>, preset: &Preset, points: Value, base: Value) -> Value {
    let hidden = preset.merger.hidden;
    let y = g.fully_connected(points, "merger.fc.0", hidden);
    let y = g.activate(y, Activation::Relu);
    let y = g.fully_connected(y, "merger.fc.1", hidden);
    let y = g.activate(y, Activation::Relu);
    let y = g.fully_connected(y, "merger.fc.2", 2 * preset.keypoints.neural);
    g.add(y, base)
}
