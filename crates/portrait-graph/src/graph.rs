//! The builder: networks add operations, shapes are inferred at once, weights are taken as they are named.

use crate::error::{GraphError, WeightsFault};
use crate::program::TensorKind;
use crate::weights::Weights;
use portrait_kernels::{
    Activation, GlobalAverage, Kernel, MaxPool, ResizeBilinear, ScaleChannels, Separable, feature_len,
};
use std::sync::Arc;

/// A value in a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub(crate) usize);

/// Geometry of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Kernel side in pixels.
    pub kernel: u32,
    /// Stride, both ways.
    pub stride: u32,
    /// Zero padding: top, left, bottom, right.
    pub pad: [u32; 4],
}

impl Conv2d {
    /// PyTorch's `padding = kernel / 2`.
    pub const fn same(kernel: u32, stride: u32) -> Self {
        Self { kernel, stride, pad: [kernel / 2; 4] }
    }

    /// TensorFlow's `SAME` for an input side that the stride divides: the odd pixel of padding goes to bottom and right.
    pub const fn tf_same(kernel: u32, stride: u32) -> Self {
        let total = kernel.saturating_sub(stride);
        let (low, high) = (total / 2, total - total / 2);
        Self { kernel, stride, pad: [low, low, high, high] }
    }

    /// No padding.
    pub const fn valid(kernel: u32, stride: u32) -> Self {
        Self { kernel, stride, pad: [0; 4] }
    }

    /// Output side lengths for an input of `h × w`, or `None` when the window is larger than the padded input.
    pub fn output(&self, h: u32, w: u32) -> Option<[u32; 2]> {
        let side = |n: u32, a: u32, b: u32| Some((n + a + b).checked_sub(self.kernel)? / self.stride + 1);
        let [top, left, bottom, right] = self.pad;
        Some([side(h, top, bottom)?, side(w, left, right)?])
    }
}

/// Parameters of one of several layers of an operation.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

#[derive(Debug)]
pub(crate) enum Op {
    Conv { weight: Vec<f32>, bias: Vec<f32>, geometry: Conv2d },
    Depthwise { weight: Vec<f32>, bias: Vec<f32>, geometry: Conv2d },
    Separable { layers: [Layer; 2], stride: u32 },
    ConvTranspose { weight: Vec<f32>, bias: Vec<f32> },
    FullyConnected { weight: Vec<f32>, bias: Vec<f32> },
    Activate { act: Activation, slopes: Vec<f32> },
    Add,
    Upsample,
    Concat,
    View { offset: usize },
    Kernel(Arc<dyn Kernel>),
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) label: String,
    pub(crate) op: Op,
    pub(crate) inputs: Vec<Value>,
    pub(crate) outputs: Vec<Value>,
}

#[derive(Debug)]
pub(crate) struct ValueInfo {
    pub(crate) label: String,
    pub(crate) kind: TensorKind,
    pub(crate) external: Option<String>,
}

/// A network under construction. Mistakes are collected and reported together by [`Graph::build`].
#[derive(Debug)]
pub struct Graph<'w> {
    pub(crate) name: String,
    weights: Option<&'w Weights>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) values: Vec<ValueInfo>,
    pub(crate) faults: Vec<(String, WeightsFault)>,
    pub(crate) errors: Vec<GraphError>,
}

impl<'w> Graph<'w> {
    /// An empty graph.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            weights: None,
            nodes: Vec::new(),
            values: Vec::new(),
            faults: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// The file that layers added from now on take their parameters from.
    pub fn use_weights(&mut self, weights: &'w Weights) {
        self.weights = Some(weights);
    }

    /// A tensor given by the host by name: an input, or state that kernels write with [`Graph::kernel_into`].
    pub fn external(&mut self, name: &str, kind: TensorKind) -> Value {
        self.value(name, kind, Some(name.to_owned()))
    }

    /// Makes `value` readable by the host under `name`: it gets storage of its own.
    pub fn output(&mut self, name: &str, value: Value) {
        self.values[value.0].external = Some(name.to_owned());
    }

    /// What a value holds.
    pub fn kind(&self, value: Value) -> TensorKind {
        self.values[value.0].kind
    }

    /// Shape of a feature tensor; of a vector, `[n, 1, 1]`.
    pub fn shape(&self, value: Value) -> [u32; 3] {
        match self.kind(value) {
            TensorKind::Feature(shape) => shape,
            TensorKind::Halves(n) | TensorKind::Floats(n) => [n, 1, 1],
            TensorKind::Texture([w, h]) => [4, h, w],
        }
    }

    fn value(&mut self, label: &str, kind: TensorKind, external: Option<String>) -> Value {
        self.values.push(ValueInfo { label: label.to_owned(), kind, external });
        Value(self.values.len() - 1)
    }

    fn node(&mut self, label: &str, op: Op, inputs: &[Value], kind: TensorKind) -> Value {
        let output = self.value(label, kind, None);
        self.nodes.push(Node { label: label.to_owned(), op, inputs: inputs.to_vec(), outputs: vec![output] });
        output
    }

    fn fail(&mut self, node: &str, reason: String) {
        self.errors.push(GraphError::Shape { graph: self.name.clone(), node: node.to_owned(), reason });
    }

    /// A parameter to be rearranged before [`Graph::conv_with`] or [`Graph::fully_connected_with`]; zeros of its shape after noting the
    /// fault.
    pub fn take(&mut self, weights: &Weights, name: &str, shape: &[usize]) -> Vec<f32> {
        weights.tensor(name, shape).unwrap_or_else(|fault| {
            self.faults.push((weights.origin().to_owned(), fault));
            vec![0.0; shape.iter().product()]
        })
    }

    /// The parameter `name` of the current file, or zeros of its shape after noting the fault.
    fn parameter(&mut self, name: &str, shape: &[u32]) -> Vec<f32> {
        let shape: Vec<usize> = shape.iter().map(|&n| n as usize).collect();
        let Some(weights) = self.weights else {
            let fault = WeightsFault::Missing { tensor: name.to_owned(), expected: shape.clone() };
            self.faults.push(("no weights".to_owned(), fault));
            return vec![0.0; shape.iter().product()];
        };
        self.take(weights, name, &shape)
    }

    /// Convolution with `prefix.weight` `[outputs, C, k, k]` and `prefix.bias` `[outputs]`.
    pub fn conv(&mut self, x: Value, prefix: &str, outputs: u32, geometry: Conv2d) -> Value {
        let [c, h, w] = self.shape(x);
        let weight = self.parameter(&format!("{prefix}.weight"), &[outputs, c, geometry.kernel, geometry.kernel]);
        let bias = self.parameter(&format!("{prefix}.bias"), &[outputs]);
        let [oh, ow] = self.window(prefix, geometry, h, w);
        self.node(prefix, Op::Conv { weight, bias, geometry }, &[x], TensorKind::Feature([outputs, oh, ow]))
    }

    /// Convolution with weights computed by the caller: `weight` `[outputs, C, k, k]`.
    pub fn conv_with(&mut self, x: Value, label: &str, weight: Vec<f32>, bias: Vec<f32>, geometry: Conv2d) -> Value {
        let [c, h, w] = self.shape(x);
        let outputs = bias.len() as u32;
        let expected = (outputs * c * geometry.kernel * geometry.kernel) as usize;
        if weight.len() != expected {
            self.fail(label, format!("{} weights given, {expected} needed", weight.len()));
        }
        let [oh, ow] = self.window(label, geometry, h, w);
        self.node(label, Op::Conv { weight, bias, geometry }, &[x], TensorKind::Feature([outputs, oh, ow]))
    }

    fn window(&mut self, label: &str, geometry: Conv2d, h: u32, w: u32) -> [u32; 2] {
        geometry.output(h, w).unwrap_or_else(|| {
            self.fail(label, format!("a {0} × {0} window does not fit into {h} × {w}", geometry.kernel));
            [1, 1]
        })
    }

    /// Depthwise convolution with `prefix.weight` `[C, 1, k, k]` and `prefix.bias` `[C]`.
    pub fn depthwise(&mut self, x: Value, prefix: &str, geometry: Conv2d) -> Value {
        let [c, h, w] = self.shape(x);
        let weight = self.parameter(&format!("{prefix}.weight"), &[c, 1, geometry.kernel, geometry.kernel]);
        let bias = self.parameter(&format!("{prefix}.bias"), &[c]);
        let [oh, ow] = self.window(prefix, geometry, h, w);
        self.node(prefix, Op::Depthwise { weight, bias, geometry }, &[x], TensorKind::Feature([c, oh, ow]))
    }

    /// Residual block of BlazeFace: depthwise 3 × 3 of `prefix.depthwise`, pointwise of `prefix.pointwise`, plus the input (its 2 × 2
    /// maximum at stride 2), channels that it lacks counting as zero.
    pub fn separable(&mut self, x: Value, prefix: &str, outputs: u32, stride: u32) -> Value {
        let [c, h, w] = self.shape(x);
        if outputs < c || outputs > Separable::CHANNELS || !(1..=2).contains(&stride) || h % stride + w % stride > 0 {
            let reason = format!("no separable block makes {outputs} channels of {:?} at stride {stride}", [c, h, w]);
            self.fail(prefix, reason);
        }
        let layers = [("depthwise", [c, 1, 3, 3]), ("pointwise", [outputs, c, 1, 1])].map(|(name, shape)| Layer {
            weight: self.parameter(&format!("{prefix}.{name}.weight"), &shape),
            bias: self.parameter(&format!("{prefix}.{name}.bias"), &shape[..1]),
        });
        let kind = TensorKind::Feature([outputs, h / stride.max(1), w / stride.max(1)]);
        self.node(prefix, Op::Separable { layers, stride }, &[x], kind)
    }

    /// Transposed 2 × 2 convolution of stride 2 with `prefix.weight` `[C, outputs, 2, 2]` and `prefix.bias` `[outputs]`.
    pub fn conv_transpose(&mut self, x: Value, prefix: &str, outputs: u32) -> Value {
        let [c, h, w] = self.shape(x);
        let weight = self.parameter(&format!("{prefix}.weight"), &[c, outputs, 2, 2]);
        let bias = self.parameter(&format!("{prefix}.bias"), &[outputs]);
        self.node(prefix, Op::ConvTranspose { weight, bias }, &[x], TensorKind::Feature([outputs, 2 * h, 2 * w]))
    }

    /// Fully connected layer with `prefix.weight`, either `[outputs, n]` or, as a convolution, `[outputs, C, H, W]`, and
    /// `prefix.bias` `[outputs]`; yields a vector of `f32` padded to a multiple of four.
    pub fn fully_connected(&mut self, x: Value, prefix: &str, outputs: u32) -> Value {
        let [c, h, w] = self.shape(x);
        let name = format!("{prefix}.weight");
        let flat = self.weights.is_none_or(|file| file.rank(&name) == Some(2)) && h * w == 1;
        let shape = if flat { vec![outputs, c] } else { vec![outputs, c, h, w] };
        let weight = self.parameter(&name, &shape);
        let bias = self.parameter(&format!("{prefix}.bias"), &[outputs]);
        self.fully_connected_with(x, prefix, weight, bias)
    }

    /// Fully connected layer with weights computed by the caller: `weight` `[outputs, C, H, W]`.
    pub fn fully_connected_with(&mut self, x: Value, label: &str, weight: Vec<f32>, bias: Vec<f32>) -> Value {
        let expected = bias.len() * self.shape(x).iter().product::<u32>() as usize;
        if weight.len() != expected {
            self.fail(label, format!("{} weights given, {expected} needed", weight.len()));
        }
        let kind = TensorKind::Floats(feature_len(bias.len() as u32, 1, 1) as u32);
        self.node(label, Op::FullyConnected { weight, bias }, &[x], kind)
    }

    /// Activation without parameters; it must follow a layer or a sum.
    pub fn activate(&mut self, x: Value, act: Activation) -> Value {
        let (label, kind) = (format!("{}.{act:?}", self.values[x.0].label), self.kind(x));
        self.node(&label, Op::Activate { act, slopes: Vec::new() }, &[x], kind)
    }

    /// PReLU with one slope per channel, `prefix.weight` `[C]`; it must follow a layer with weights.
    pub fn prelu(&mut self, x: Value, prefix: &str) -> Value {
        let ([c, ..], kind) = (self.shape(x), self.kind(x));
        let slopes = self.parameter(&format!("{prefix}.weight"), &[c]);
        self.node(prefix, Op::Activate { act: Activation::Prelu, slopes }, &[x], kind)
    }

    /// Sum. Where one operand has fewer channels the missing ones count as zero.
    pub fn add(&mut self, a: Value, b: Value) -> Value {
        let label = format!("{}.add", self.values[a.0].label);
        let ([ca, ha, wa], [cb, hb, wb]) = (self.shape(a), self.shape(b));
        if [ha, wa] != [hb, wb] {
            self.fail(&label, format!("cannot add {:?} and {:?}", self.kind(a), self.kind(b)));
        }
        let kind = if ca >= cb { self.kind(a) } else { self.kind(b) };
        self.node(&label, Op::Add, &[a, b], kind)
    }

    /// Nearest ×2; only a 3 × 3 convolution of stride 1 and padding 1 may read it, and does so without a copy.
    pub fn upsample(&mut self, x: Value) -> Value {
        let [c, h, w] = self.shape(x);
        let label = format!("{}.upsample", self.values[x.0].label);
        self.node(&label, Op::Upsample, &[x], TensorKind::Feature([c, 2 * h, 2 * w]))
    }

    /// Concatenation along channels: the operands are written in place, nothing is copied.
    pub fn concat(&mut self, parts: &[Value]) -> Value {
        let label = format!("{}.concat", parts.first().map_or("", |p| &self.values[p.0].label));
        let shapes: Vec<[u32; 3]> = parts.iter().map(|&p| self.shape(p)).collect();
        let [_, h, w] = shapes.first().copied().unwrap_or_default();
        if shapes.iter().any(|s| s[1..] != [h, w]) {
            self.fail(&label, format!("cannot concatenate {shapes:?}"));
        }
        let channels = shapes.iter().map(|s| s[0]).sum();
        self.node(&label, Op::Concat, parts, TensorKind::Feature([channels, h, w]))
    }

    /// Part of a vector: `len` values from `offset` on (a multiple of 64, for the device's alignment).
    pub fn view(&mut self, x: Value, offset: u32, len: u32) -> Value {
        let label = format!("{}[{offset}..{}]", self.values[x.0].label, offset + len);
        if offset + len > self.shape(x)[0] || !offset.is_multiple_of(64) {
            self.fail(&label, format!("no aligned part of {:?}", self.kind(x)));
        }
        self.node(&label, Op::View { offset: offset as usize }, &[x], TensorKind::Floats(len))
    }

    /// Max pooling; padding never wins.
    pub fn max_pool(&mut self, x: Value, geometry: Conv2d) -> Value {
        let input @ [c, h, w] = self.shape(x);
        let label = format!("{}.max_pool", self.values[x.0].label);
        let [oh, ow] = self.window(&label, geometry, h, w);
        let Conv2d { kernel, stride, pad } = geometry;
        let pool = Arc::new(MaxPool { input, kernel, stride, pad });
        self.kernel(&label, pool, &[x], &[TensorKind::Feature([c, oh, ow])])[0]
    }

    /// Mean over all pixels, as an `f32` vector.
    pub fn global_average(&mut self, x: Value) -> Value {
        let input = self.shape(x);
        let label = format!("{}.global_average", self.values[x.0].label);
        let kind = TensorKind::Floats(feature_len(input[0], 1, 1) as u32);
        self.kernel(&label, Arc::new(GlobalAverage { input }), &[x], &[kind])[0]
    }

    /// Bilinear resize to `height × width`.
    pub fn resize(&mut self, x: Value, height: u32, width: u32) -> Value {
        let input = self.shape(x);
        let label = format!("{}.resize", self.values[x.0].label);
        let kernel = Arc::new(ResizeBilinear { input, height, width });
        self.kernel(&label, kernel, &[x], &[TensorKind::Feature([input[0], height, width])])[0]
    }

    /// `x · s` with one factor per channel, from a vector.
    pub fn scale_channels(&mut self, x: Value, factors: Value) -> Value {
        let input = self.shape(x);
        let label = format!("{}.scale", self.values[x.0].label);
        let kernel = Arc::new(ScaleChannels { input });
        self.kernel(&label, kernel, &[x, factors], &[TensorKind::Feature(input)])[0]
    }

    /// Any kernel: `inputs` are its read-only bindings in order; new values of `kinds` take its outputs.
    pub fn kernel(
        &mut self,
        label: &str,
        kernel: Arc<dyn Kernel>,
        inputs: &[Value],
        kinds: &[TensorKind],
    ) -> Vec<Value> {
        let outputs: Vec<Value> = kinds.iter().map(|&kind| self.value(label, kind, None)).collect();
        self.kernel_into(label, kernel, inputs, &outputs);
        outputs
    }

    /// Any kernel, writing into existing values: state the host owns, or values made for it.
    pub fn kernel_into(&mut self, label: &str, kernel: Arc<dyn Kernel>, inputs: &[Value], outputs: &[Value]) {
        let specs = kernel.bindings();
        let given: Vec<Value> = inputs.iter().chain(outputs).copied().collect();
        if specs.len() != given.len() {
            self.fail(label, format!("{} tensors given, {} needed", given.len(), specs.len()));
        }
        for (i, (&value, spec)) in given.iter().zip(&specs).enumerate() {
            let kind = self.kind(value);
            if !kind.fits(spec.kind) || kind.len() != spec.len || spec.kind.is_output() != (i >= inputs.len()) {
                self.fail(label, format!("tensor {i} `{}` is {kind:?}, needed {spec:?}", self.values[value.0].label));
            }
        }
        self.nodes.push(Node {
            label: label.to_owned(),
            op: Op::Kernel(kernel),
            inputs: inputs.to_vec(),
            outputs: outputs.to_vec(),
        });
    }
}
