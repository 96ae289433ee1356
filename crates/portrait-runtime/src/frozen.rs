//! A program with everything a device needs to run it again and again: buffers, bind groups, a flat list of dispatches.

use crate::error::EngineError;
use crate::gpu::Gpu;
use portrait_graph::{GraphError, MemoryPlan, Program, Storage, TensorKind};
use portrait_kernels::Bind;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Weights and parameters of a program, uploaded once and shared by all that freeze it.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// Without the values of its constants: it no longer runs on the CPU twins.
    pub(crate) program: Program,
    pub(crate) plan: MemoryPlan,
    constants: wgpu::Buffer,
    /// Byte offset of each constant tensor in `constants`, by tensor index.
    offsets: HashMap<usize, u64>,
}

impl Compiled {
    /// Uploads the constants of a program, and frees them on the host.
    pub(crate) fn new(gpu: &Gpu, mut program: Program) -> Arc<Self> {
        let tier = gpu.tier();
        let mut bytes = Vec::new();
        let mut offsets = HashMap::new();
        for (i, tensor) in program.tensors.iter_mut().enumerate() {
            if let Storage::Constant(values) = &mut tensor.storage {
                bytes.resize(bytes.len().next_multiple_of(256), 0);
                offsets.insert(i, bytes.len() as u64);
                bytes.extend(tensor.kind.stored(tier).encode(values));
                *values = Arc::default();
            }
        }
        let constants = gpu.storage(&format!("{} weights", program.name), bytes.len());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        gpu.queue.write_buffer(&constants, 0, &bytes);
        let plan = program.plan(tier);
        Arc::new(Self { program, plan, constants, offsets })
    }

    /// How many dispatches there are before the step of this label; all where there is none.
    pub(crate) fn position(&self, label: &str) -> usize {
        let steps = &self.program.steps;
        steps.iter().position(|step| step.label == label).unwrap_or(steps.len())
    }
}

/// Buffers that several programs use one after the other for what lives only during their own run.
#[derive(Debug)]
pub(crate) struct Arena {
    slots: Vec<wgpu::Buffer>,
}

impl Arena {
    /// Slots large enough for each of these programs.
    pub(crate) fn new(gpu: &Gpu, programs: &[&Compiled]) -> Self {
        let mut sizes: Vec<usize> = Vec::new();
        for compiled in programs {
            for (i, size) in sorted(&compiled.plan).into_iter().map(|slot| compiled.plan.slots[slot]).enumerate() {
                match sizes.get_mut(i) {
                    Some(largest) => *largest = (*largest).max(size),
                    None => sizes.push(size),
                }
            }
        }
        let slots = sizes.iter().enumerate().map(|(i, &size)| gpu.storage(&format!("arena {i}"), size)).collect();
        Self { slots }
    }

    /// Bytes of all slots.
    pub(crate) fn bytes(&self) -> usize {
        self.slots.iter().map(|b| b.size() as usize).sum()
    }
}

/// Slots of a plan, the largest first.
fn sorted(plan: &MemoryPlan) -> Vec<usize> {
    let mut order: Vec<usize> = (0..plan.slots.len()).collect();
    order.sort_by_key(|&s| std::cmp::Reverse(plan.slots[s]));
    order
}

/// What the host gives for an external tensor.
#[derive(Clone, Debug)]
pub(crate) enum Resource {
    Buffer(wgpu::Buffer),
    Texture(wgpu::TextureView),
}

impl Resource {
    /// A whole texture.
    pub(crate) fn texture(texture: &wgpu::Texture) -> Self {
        Self::Texture(texture.create_view(&wgpu::TextureViewDescriptor::default()))
    }
}

/// External tensors by name.
pub(crate) type Resources = HashMap<String, Resource>;

#[derive(Debug)]
struct Call {
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    workgroups: [u32; 3],
}

/// Ready to be encoded, any number of times, without creating anything.
#[derive(Debug)]
pub(crate) struct Frozen {
    calls: Vec<Call>,
}

impl Frozen {
    /// Binds a program to buffers.
    pub(crate) fn new(
        gpu: &Gpu,
        compiled: &Compiled,
        arena: &Arena,
        externals: &Resources,
    ) -> Result<Self, EngineError> {
        let program = &compiled.program;
        let slot_order = sorted(&compiled.plan);
        let mut buffers: Vec<Option<wgpu::Buffer>> = vec![None; program.tensors.len()];
        for placement in &compiled.plan.placements {
            let position = slot_order.iter().position(|&s| s == placement.slot);
            buffers[placement.tensor.0] = position.map(|p| arena.slots[p].clone());
        }
        let mut views: HashMap<usize, wgpu::TextureView> = HashMap::new();
        for (name, id) in program.externals() {
            let kind = program.tensors[id.0].kind;
            let missing = |found| GraphError::External {
                program: program.name.clone(),
                tensor: name.to_owned(),
                expected: kind.len(),
                found,
            };
            match (externals.get(name), kind) {
                (Some(Resource::Texture(view)), TensorKind::Texture(_)) => {
                    views.insert(id.0, view.clone());
                }
                (
                    Some(Resource::Buffer(buffer)),
                    TensorKind::Feature(_) | TensorKind::Halves(_) | TensorKind::Floats(_),
                ) => {
                    if (buffer.size() as usize) < kind.bytes(gpu.tier()) {
                        let element = kind.stored(gpu.tier()).bytes();
                        return Err(missing(buffer.size() as usize / element).into());
                    }
                    buffers[id.0] = Some(buffer.clone());
                }
                _ => return Err(missing(0).into()),
            }
        }

        let dispatches: Vec<_> = program.steps.iter().map(|s| s.kernel.dispatch(gpu.tier(), gpu.profile())).collect();
        let mut params = Vec::new();
        let mut params_at = Vec::new();
        for dispatch in &dispatches {
            params_at.push(params.len() as u64);
            params.extend_from_slice(&dispatch.params);
            params.resize(params.len().next_multiple_of(256), 0);
        }
        use wgpu::BufferUsages as U;
        let uniforms = gpu.buffer(&format!("{} parameters", program.name), params.len(), U::UNIFORM | U::COPY_DST);
        gpu.queue.write_buffer(&uniforms, 0, &params);

        let ids: Vec<_> = program
            .steps
            .iter()
            .zip(&dispatches)
            .map(|(s, d)| (d.shader.clone(), s.kernel.bindings().iter().map(|b| b.kind).collect::<Vec<Bind>>()))
            .collect();
        let pipelines = gpu.pipelines(&ids);
        let mut calls = Vec::with_capacity(ids.len());
        for (i, ((step, dispatch), id)) in program.steps.iter().zip(&dispatches).zip(&ids).enumerate() {
            let failed = || EngineError::Device(format!("pipeline `{}` could not be created", dispatch.shader.file));
            let pipeline = pipelines.get(id).ok_or_else(failed)?;
            let uniform = wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer: &uniforms,
                offset: params_at[i],
                size: wgpu::BufferSize::new(dispatch.params.len() as u64),
            });
            let mut entries = vec![wgpu::BindGroupEntry { binding: 0, resource: uniform }];
            for (binding, &tensor) in (1..).zip(&step.bindings) {
                let (root, offset) = program.root(tensor);
                let kind = program.tensors[tensor.0].kind;
                let element = kind.stored(gpu.tier()).bytes();
                let size = wgpu::BufferSize::new(kind.bytes(gpu.tier()) as u64);
                let part = |buffer, offset| wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size });
                let resource = match (views.get(&root.0), &buffers[root.0], compiled.offsets.get(&root.0)) {
                    (Some(view), ..) => wgpu::BindingResource::TextureView(view),
                    (_, Some(buffer), _) => part(buffer, (offset * element) as u64),
                    (.., Some(&at)) => part(&compiled.constants, at + (offset * element) as u64),
                    _ => {
                        let node = step.label.clone();
                        let reason = format!("`{}` has no storage", program.tensors[root.0].label);
                        return Err(GraphError::Shape { graph: program.name.clone(), node, reason }.into());
                    }
                };
                entries.push(wgpu::BindGroupEntry { binding, resource });
            }
            calls.push(Call {
                pipeline: pipeline.pipeline.clone(),
                group: gpu.bind_group(&step.label, &pipeline.layout, &entries),
                workgroups: dispatch.workgroups,
            });
        }
        gpu.check()?;
        Ok(Self { calls })
    }

    /// Number of dispatches.
    pub(crate) fn dispatches(&self) -> usize {
        self.calls.len()
    }

    /// Adds the dispatches to a pass.
    pub(crate) fn encode(&self, pass: &mut wgpu::ComputePass<'_>) {
        self.encode_part(pass, 0..self.calls.len());
    }

    /// Adds some of the dispatches to a pass.
    pub(crate) fn encode_part(&self, pass: &mut wgpu::ComputePass<'_>, part: Range<usize>) {
        for call in &self.calls[part] {
            pass.set_pipeline(&call.pipeline);
            pass.set_bind_group(0, &call.group, &[]);
            let [x, y, z] = call.workgroups;
            pass.dispatch_workgroups(x, y, z);
        }
    }
}
