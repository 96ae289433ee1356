//! Lowering: fuses chains into one kernel call, places concatenations, emits the program.

use crate::error::{GraphError, WeightsError};
use crate::graph::{Conv2d, Graph, Node, Op, Value};
use crate::plan::ALIGNMENT;
use crate::program::{Program, Step, Storage, Tensor, TensorId, TensorKind};
use portrait_kernels::{
    Activation, AddFeatures, Bind, Conv, ConvTranspose2x2, Depthwise, FullyConnected, Kernel, Separable, Tier, slices,
};
use std::collections::HashMap;
use std::sync::Arc;

/// What one kernel call covers: `base`, then in this order what of these follows it.
#[derive(Clone, Debug, Default)]
struct Chain {
    base: usize,
    residual: Option<Value>,
    activation: Option<usize>,
    /// The node whose output the call writes; the call is emitted here.
    last: usize,
}

impl Graph<'_> {
    /// Turns the graph into a program.
    ///
    /// # Errors
    /// All faults of the weights, the first shape error, or an operation that no kernel covers.
    pub fn build(mut self) -> Result<Program, GraphError> {
        if let Some((origin, _)) = self.faults.first().cloned() {
            let faults = self.faults.into_iter().filter(|(o, _)| *o == origin).map(|(_, f)| f).collect();
            return Err(WeightsError::Mismatch { origin, network: self.name, faults }.into());
        }
        if !self.errors.is_empty() {
            return Err(self.errors.swap_remove(0));
        }
        Lowering::new(self).run()
    }
}

struct Lowering<'w> {
    graph: Graph<'w>,
    users: Vec<Vec<usize>>,
    producer: HashMap<Value, usize>,
    tensors: Vec<Tensor>,
    steps: Vec<Step>,
    of_value: HashMap<Value, TensorId>,
    /// Values written in place into a concatenation: the whole, and the offset in `f32` values.
    placed: HashMap<Value, (Value, usize)>,
}

impl<'w> Lowering<'w> {
    fn new(graph: Graph<'w>) -> Self {
        let mut users = vec![Vec::new(); graph.values.len()];
        let mut producer = HashMap::new();
        for (n, node) in graph.nodes.iter().enumerate() {
            for v in &node.inputs {
                users[v.0].push(n);
            }
            for &v in &node.outputs {
                producer.entry(v).or_insert(n);
            }
        }
        Self {
            graph,
            users,
            producer,
            tensors: Vec::new(),
            steps: Vec::new(),
            of_value: HashMap::new(),
            placed: HashMap::new(),
        }
    }

    fn unsupported(&self, node: &str, reason: impl Into<String>) -> GraphError {
        GraphError::Unsupported { graph: self.graph.name.clone(), node: node.to_owned(), reason: reason.into() }
    }

    /// The only reader of a value that the host does not read.
    fn only_user(&self, value: Value) -> Option<usize> {
        match (self.users[value.0].as_slice(), &self.graph.values[value.0].external) {
            ([user], None) => Some(*user),
            _ => None,
        }
    }

    fn chains(&self) -> Vec<Chain> {
        let mut absorbed = vec![false; self.graph.nodes.len()];
        let mut chains = Vec::new();
        for (base, node) in self.graph.nodes.iter().enumerate() {
            if absorbed[base] || matches!(node.op, Op::Upsample | Op::Concat | Op::View { .. }) {
                continue;
            }
            let mut chain = Chain { base, last: base, ..Chain::default() };
            let (adds, acts) = match node.op {
                Op::Conv { .. } | Op::Depthwise { .. } | Op::FullyConnected { .. } => (true, true),
                Op::ConvTranspose { .. } | Op::Add | Op::Separable { .. } => (false, true),
                _ => (false, false),
            };
            while let Some(user) = self.only_user(self.graph.nodes[chain.last].outputs[0]) {
                let open = chain.activation.is_none() && !absorbed[user];
                match &self.graph.nodes[user].op {
                    Op::Activate { .. } if acts && open => chain.activation = Some(user),
                    Op::Add if adds && open && chain.residual.is_none() => {
                        let current = self.graph.nodes[chain.last].outputs[0];
                        let [a, b] = self.graph.nodes[user].inputs[..] else { break };
                        let other = if a == current { b } else { a };
                        // A convolution pads a narrower residual; it cannot pad itself.
                        if other == current || self.graph.shape(other)[0] > self.graph.shape(current)[0] {
                            break;
                        }
                        chain.residual = Some(other);
                    }
                    _ => break,
                }
                absorbed[user] = true;
                chain.last = user;
            }
            chains.push(chain);
        }
        chains.sort_by_key(|c| c.last);
        chains
    }

    /// Gives every operand of a concatenation its place in the whole.
    fn place_concats(&mut self) -> Result<(), GraphError> {
        for node in &self.graph.nodes {
            if !matches!(node.op, Op::Concat) {
                continue;
            }
            let mut offset = 0;
            for &part in &node.inputs {
                let [c, h, w] = self.graph.shape(part);
                let whole_slices = c % 4 == 0 || Some(&part) == node.inputs.last();
                // Half-precision tiers have the smallest elements, so an offset aligned there is aligned everywhere.
                let aligned = (offset * Tier::F16.bytes()).is_multiple_of(ALIGNMENT);
                let free = self.graph.values[part.0].external.is_none() && !self.placed.contains_key(&part);
                let produced = self
                    .producer
                    .get(&part)
                    .is_some_and(|&n| !matches!(self.graph.nodes[n].op, Op::Upsample | Op::Concat | Op::View { .. }));
                if !(whole_slices && aligned && free && produced) {
                    let reason = format!(
                        "`{}` {:?} cannot be written in place: it must be computed by a layer, used in one concatenation, \
                         hold a multiple of four channels and start at a multiple of 128 values",
                        self.graph.values[part.0].label,
                        [c, h, w]
                    );
                    return Err(self.unsupported(&node.label, reason));
                }
                self.placed.insert(part, (node.outputs[0], offset));
                offset += slices(c) as usize * 4 * (h * w) as usize;
            }
        }
        Ok(())
    }

    fn push(&mut self, label: &str, kind: TensorKind, storage: Storage) -> TensorId {
        self.tensors.push(Tensor { label: label.to_owned(), kind, storage });
        TensorId(self.tensors.len() - 1)
    }

    fn tensor(&mut self, value: Value) -> Result<TensorId, GraphError> {
        if let Some(&id) = self.of_value.get(&value) {
            return Ok(id);
        }
        let storage = if let Some(&(whole, offset)) = self.placed.get(&value) {
            Storage::View { of: self.tensor(whole)?, offset }
        } else if let Some(name) = &self.graph.values[value.0].external {
            Storage::External(name.clone())
        } else {
            match self.producer.get(&value).map(|&n| (&self.graph.nodes[n].op, self.graph.nodes[n].inputs.clone())) {
                Some((&Op::View { offset }, inputs)) => Storage::View { of: self.tensor(inputs[0])?, offset },
                Some((Op::Upsample, _)) => {
                    let label = &self.graph.values[value.0].label;
                    return Err(self.unsupported(label, "nearest ×2 is only read by 3 × 3 convolutions of stride 1"));
                }
                _ => Storage::Planned,
            }
        };
        let info = &self.graph.values[value.0];
        let (label, kind) = (info.label.clone(), info.kind);
        let id = self.push(&label, kind, storage);
        self.of_value.insert(value, id);
        Ok(id)
    }

    fn run(mut self) -> Result<Program, GraphError> {
        self.place_concats()?;
        for chain in self.chains() {
            self.emit(&chain)?;
        }
        let program = Program { name: self.graph.name.clone(), tensors: self.tensors, steps: self.steps };
        for step in &program.steps {
            let specs = step.kernel.bindings();
            let roots = |outputs: bool| {
                let pairs = step.bindings.iter().zip(&specs);
                pairs.filter(move |(_, s)| s.kind.is_output() == outputs).map(|(&id, _)| program.root(id).0)
            };
            if roots(true).any(|w| roots(false).any(|r| r == w)) {
                let (graph, node) = (program.name.clone(), step.label.clone());
                let reason = "it would read and write parts of one buffer in one dispatch".to_owned();
                return Err(GraphError::Unsupported { graph, node, reason });
            }
        }
        Ok(program)
    }

    fn emit(&mut self, chain: &Chain) -> Result<(), GraphError> {
        let node = &self.graph.nodes[chain.base];
        let output = self.graph.nodes[chain.last].outputs[0];
        let (act, slopes) = match chain.activation.map(|n| &self.graph.nodes[n].op) {
            Some(Op::Activate { act, slopes }) => (*act, slopes.clone()),
            _ => (Activation::None, Vec::new()),
        };
        let residual = chain.residual.map(|v| self.graph.shape(v)[0]);
        let label = node.label.clone();
        let mut inputs = node.inputs.clone();
        let outputs = self.graph.shape(output)[0];
        let (kernel, weight, bias): (Arc<dyn Kernel>, Vec<f32>, Vec<f32>) = match &node.op {
            Op::Kernel(kernel) => {
                let (kernel, outputs) = (kernel.clone(), node.outputs.clone());
                return self.step(label, kernel, &inputs, None, &outputs);
            }
            Op::Add => {
                let input = self.graph.shape(output);
                if inputs.iter().any(|&v| self.graph.shape(v) != input) {
                    return Err(
                        self.unsupported(&label, "operands of different channel counts need a convolution before")
                    );
                }
                if act == Activation::Prelu {
                    return Err(self.unsupported(&label, "PReLU keeps its slopes with weights: it must follow a layer"));
                }
                return self.step(label, Arc::new(AddFeatures { input, act }), &inputs, None, &[output]);
            }
            Op::Conv { weight, bias, geometry } => {
                let read = self.upsampled(inputs[0]);
                let upsample = read.is_some();
                if upsample && *geometry != Conv2d::same(3, 1) {
                    return Err(self.unsupported(&label, "nearest ×2 is only read by 3 × 3 convolutions of stride 1"));
                }
                inputs[0] = read.unwrap_or(inputs[0]);
                let Conv2d { kernel, stride, pad } = *geometry;
                let input = self.graph.shape(inputs[0]);
                let conv = Conv { input, outputs, kernel, stride, pad, upsample, residual, act };
                let packed = conv.pack(weight);
                (Arc::new(conv), packed, bias.clone())
            }
            Op::Depthwise { weight, bias, geometry } => {
                let Conv2d { kernel, stride, pad } = *geometry;
                let input = self.graph.shape(inputs[0]);
                let conv = Depthwise { input, kernel, stride, pad, residual, act };
                let packed = conv.pack(weight);
                (Arc::new(conv), packed, bias.clone())
            }
            Op::Separable { layers: [depthwise, pointwise], stride } => {
                let block = Separable { input: self.graph.shape(inputs[0]), outputs, stride: *stride, act };
                let bias = block.bias(&depthwise.bias, &pointwise.weight, &pointwise.bias);
                (Arc::new(block), block.pack(&depthwise.weight, &pointwise.weight), bias)
            }
            Op::ConvTranspose { weight, bias } => {
                let conv = ConvTranspose2x2 { input: self.graph.shape(inputs[0]), outputs, act };
                let packed = conv.pack(weight);
                (Arc::new(conv), packed, bias.clone())
            }
            Op::FullyConnected { weight, bias } => {
                let float_input = matches!(self.graph.kind(inputs[0]), TensorKind::Floats(_));
                let input = self.graph.shape(inputs[0]);
                let outputs = bias.len() as u32;
                let fc = FullyConnected { input, outputs, float_input, residual: residual.is_some(), act };
                let packed = fc.pack(weight);
                (Arc::new(fc), packed, bias.clone())
            }
            Op::Activate { .. } => return Err(self.unsupported(&label, "activation must follow a layer directly")),
            Op::Upsample | Op::Concat | Op::View { .. } => return Ok(()),
        };
        inputs.extend(chain.residual);
        let packed_bias = act.pack_bias(bias.len() as u32, &bias, &slopes);
        self.step(label, kernel, &inputs, Some((weight, packed_bias)), &[output])
    }

    /// The value that `v` upsamples, if it does.
    fn upsampled(&self, v: Value) -> Option<Value> {
        let node: &Node = &self.graph.nodes[*self.producer.get(&v)?];
        matches!(node.op, Op::Upsample).then(|| node.inputs[0])
    }

    fn step(
        &mut self,
        label: String,
        kernel: Arc<dyn Kernel>,
        inputs: &[Value],
        constants: Option<(Vec<f32>, Vec<f32>)>,
        outputs: &[Value],
    ) -> Result<(), GraphError> {
        let specs = kernel.bindings();
        let mut bindings = inputs.iter().map(|&v| self.tensor(v)).collect::<Result<Vec<_>, _>>()?;
        if let Some((weight, bias)) = constants {
            let halves = specs.get(inputs.len()).is_some_and(|spec| spec.kind == Bind::Halves);
            let len = weight.len() as u32;
            let weight_kind = if halves { TensorKind::Halves(len) } else { TensorKind::Feature([4, 1, len / 4]) };
            let bias_kind = TensorKind::Floats(bias.len() as u32);
            bindings.push(self.push(&format!("{label}.weight"), weight_kind, Storage::Constant(Arc::new(weight))));
            bindings.push(self.push(&format!("{label}.bias"), bias_kind, Storage::Constant(Arc::new(bias))));
        }
        for &v in outputs {
            bindings.push(self.tensor(v)?);
        }
        let fits = |(&id, spec): (&TensorId, &portrait_kernels::Binding)| {
            let t = &self.tensors[id.0];
            t.kind.fits(spec.kind)
                && t.kind.len() == spec.len
                && (spec.kind != Bind::Feature || t.kind.len().is_multiple_of(4))
        };
        if bindings.len() != specs.len() || !bindings.iter().zip(&specs).all(fits) {
            let found: Vec<_> = bindings.iter().map(|id| self.tensors[id.0].kind).collect();
            let reason = format!("`{}` needs {specs:?}, got {found:?}", kernel.name());
            return Err(GraphError::Shape { graph: self.graph.name.clone(), node: label, reason });
        }
        self.steps.push(Step { label, kernel, bindings });
        Ok(())
    }
}
