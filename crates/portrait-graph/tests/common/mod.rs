//! Plain NCHW arithmetic to hold programs against, and weight files made in memory.
#![allow(dead_code, reason = "each test binary uses a part")]

use portrait_graph::Weights;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// A picture of `c` planes.
#[derive(Clone, Debug)]
pub(crate) struct Planes {
    pub(crate) shape: [usize; 3],
    pub(crate) data: Vec<f32>,
}

impl Planes {
    pub(crate) fn noise(shape: [usize; 3], seed: u32) -> Self {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1u32 << 23) as f32 - 1.0
        };
        Self { shape, data: (0..shape.iter().product()).map(|_| next()).collect() }
    }

    pub(crate) fn at(&self, c: usize, y: isize, x: isize) -> f32 {
        let [_, h, w] = self.shape;
        if y < 0 || x < 0 || y >= h as isize || x >= w as isize {
            return 0.0;
        }
        self.data[(c * h + y as usize) * w + x as usize]
    }

    pub(crate) fn make(shape: [usize; 3], mut f: impl FnMut(usize, isize, isize) -> f32) -> Self {
        let [c, h, w] = shape;
        let mut data = Vec::with_capacity(c * h * w);
        for i in 0..c * h * w {
            data.push(f(i / (h * w), (i / w % h) as isize, (i % w) as isize));
        }
        Self { shape, data }
    }

    /// Convolution with `[out, in, k, k]`, symmetric zero padding of `k / 2`.
    pub(crate) fn conv(&self, weight: &[f32], bias: &[f32], k: usize, stride: usize) -> Self {
        let [c, h, w] = self.shape;
        let pad = (k / 2) as isize;
        let shape = [bias.len(), h.div_ceil(stride), w.div_ceil(stride)];
        Self::make(shape, |o, y, x| {
            let mut sum = bias[o];
            for i in 0..c {
                for t in 0..k * k {
                    let (dy, dx) = ((t / k) as isize - pad, (t % k) as isize - pad);
                    sum += weight[(o * c + i) * k * k + t]
                        * self.at(i, y * stride as isize + dy, x * stride as isize + dx);
                }
            }
            sum
        })
    }

    pub(crate) fn map(mut self, f: impl Fn(f32) -> f32) -> Self {
        self.data.iter_mut().for_each(|v| *v = f(*v));
        self
    }

    pub(crate) fn upsampled(&self) -> Self {
        let [c, h, w] = self.shape;
        Self::make([c, 2 * h, 2 * w], |c, y, x| self.at(c, y / 2, x / 2))
    }

    pub(crate) fn concat(&self, other: &Self) -> Self {
        let [c, h, w] = self.shape;
        Self { shape: [c + other.shape[0], h, w], data: [&self.data[..], &other.data].concat() }
    }

    /// In the layout of feature tensors.
    pub(crate) fn layout(&self) -> Vec<f32> {
        let [c, h, w] = self.shape;
        let mut out = vec![0.0; c.div_ceil(4) * 4 * h * w];
        for (i, v) in self.data.iter().enumerate() {
            let (channel, pixel) = (i / (h * w), i % (h * w));
            out[(channel / 4 * h * w + pixel) * 4 + channel % 4] = *v;
        }
        out
    }
}

/// A safetensors file of f32 tensors.
pub(crate) fn file(tensors: &[(&str, Vec<usize>, Vec<f32>)]) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> = tensors.iter().map(|t| t.2.iter().flat_map(|v| v.to_le_bytes()).collect()).collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape, _), data)| {
        (*name, TensorView::new(Dtype::F32, shape.clone(), data).expect("data fills the shape"))
    });
    safetensors::serialize(views, None).expect("serialises")
}

pub(crate) fn weights(tensors: &[(&str, Vec<usize>, Vec<f32>)]) -> Weights {
    Weights::from_bytes("test", &file(tensors)).expect("a good file")
}

pub(crate) fn close(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-4)
}
