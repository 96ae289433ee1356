//! How alike two faces are in pose and expression, whatever their place and size.

/// RMS distance of two sets of as many points, each without its mean and divided by its RMS radius: 0 for sets alike up to place
/// and size, lower is better. The shader `transfer` computes the same thing.
pub fn pose_distance(a: &[[f32; 2]], b: &[[f32; 2]]) -> f32 {
    let (a, b) = (standardised(a), standardised(b));
    let squares: f32 = a.iter().zip(&b).map(|(p, q)| (p[0] - q[0]).powi(2) + (p[1] - q[1]).powi(2)).sum();
    (squares / a.len().max(1) as f32).sqrt()
}

/// Points with mean 0 and RMS radius 1.
fn standardised(points: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let n = points.len().max(1) as f32;
    let mean = [0, 1].map(|axis| points.iter().map(|p| p[axis]).sum::<f32>() / n);
    let centred = points.iter().map(|p| [p[0] - mean[0], p[1] - mean[1]]);
    let radius = (centred.clone().map(|p| p[0] * p[0] + p[1] * p[1]).sum::<f32>() / n).sqrt().max(1e-6);
    centred.map(|p| p.map(|v| v / radius)).collect()
}
