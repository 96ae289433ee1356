//! MediaPipe's face mesh v1: 468 points of the face in a 192 × 192 crop. `weights/TOPOLOGY.md` has the layer table.

use portrait_graph::{Conv2d, Graph, Value};

/// Side of the input in pixels.
pub const MESH_SIZE: u32 = 192;
/// Number of points.
pub const MESH_POINTS: u32 = 468;

/// Outputs of the mesh network.
#[derive(Clone, Copy, Debug)]
pub struct FaceMesh {
    /// `468 × (x, y, z)` in pixels of the crop, as a vector of 1,404.
    pub points: Value,
    /// Logit of "the crop holds a face", in the first of four values.
    pub score: Value,
}

/// `x` is RGB in 0..=1, `[3, 192, 192]`.
pub fn face_mesh(g: &mut Graph<'_>, x: Value) -> FaceMesh {
    let stem = g.conv(x, "stem.conv", 16, Conv2d::tf_same(3, 2));
    let mut x = g.prelu(stem, "stem.prelu");
    for (i, (width, stride)) in [16, 16, 32, 32, 32, 64, 64, 64, 128, 128, 128, 128, 128, 128]
        .into_iter()
        .zip([1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1])
        .enumerate()
    {
        x = block(g, x, &format!("blocks.{i}"), width, stride);
    }
    let mut y = block(g, x, "mesh.blocks.0", 128, 2);
    y = block(g, y, "mesh.blocks.1", 128, 1);
    y = block(g, y, "mesh.blocks.2", 128, 1);
    y = reduce(g, y, "mesh.reduce");
    y = block(g, y, "mesh.blocks.3", 32, 1);
    let points = g.fully_connected(y, "mesh.head", 3 * MESH_POINTS);
    let mut z = block(g, x, "score.blocks.0", 128, 2);
    z = reduce(g, z, "score.reduce");
    z = block(g, z, "score.blocks.1", 32, 1);
    let score = g.fully_connected(z, "score.head", 1);
    FaceMesh { points, score }
}

fn block(g: &mut Graph<'_>, x: Value, name: &str, width: u32, stride: u32) -> Value {
    let y = g.separable(x, name, width, stride);
    g.prelu(y, &format!("{name}.prelu"))
}

fn reduce(g: &mut Graph<'_>, x: Value, name: &str) -> Value {
    let y = g.conv(x, &format!("{name}.conv"), 32, Conv2d::valid(1, 1));
    g.prelu(y, &format!("{name}.prelu"))
}
