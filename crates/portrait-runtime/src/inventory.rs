//! What a frame consists of, for benches and budgets: every dispatch of a preset, without a device.

use crate::error::EngineError;
use crate::framing::Framing;
use crate::glue::Glue;
use crate::nets;
use crate::options::SessionOptions;
use portrait_graph::{Graph, Program, Storage, TensorKind, Weights};
use portrait_kernels::{Kernel, Paste, Tier};
use portrait_models::Preset;
use std::sync::Arc;

/// When a dispatch runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Once, when a photo is prepared.
    Prepare,
    /// In frames that look for a face: the first one, and while none is tracked.
    Search,
    /// In frames driven by video.
    Track,
    /// In every frame.
    Render,
}

/// A tensor that a dispatch is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameTensor {
    /// Shape.
    pub kind: TensorKind,
    /// Weights or bias.
    pub constant: bool,
}

/// One dispatch of the frame path.
#[derive(Clone, Debug)]
pub struct FrameStep {
    /// When it runs.
    pub part: Part,
    /// Program and layer.
    pub label: String,
    /// Shapes, shader and CPU twin.
    pub kernel: Arc<dyn Kernel>,
    /// In the order of [`Kernel::bindings`].
    pub tensors: Vec<FrameTensor>,
}

impl FrameStep {
    /// Bytes of everything it is bound to: what must move at least once if nothing is kept between dispatches.
    pub fn bytes(&self, tier: Tier) -> usize {
        self.tensors.iter().map(|t| t.kind.bytes(tier)).sum()
    }

    /// Bytes of its weights and bias.
    pub fn constant_bytes(&self, tier: Tier) -> usize {
        self.tensors.iter().filter(|t| t.constant).map(|t| t.kind.bytes(tier)).sum()
    }
}

/// Every dispatch of a session of this preset with these options, in order. Shapes only: the weights are noise. Frames are RGBA and
/// upright: others take one dispatch more; and how much of a whole photo is animated only an avatar tells.
///
/// # Errors
/// A preset whose networks cannot be built.
pub fn frame_steps(preset: &Preset, options: &SessionOptions) -> Result<Vec<FrameStep>, EngineError> {
    let glue = Glue::programs(options, preset, |program| program)?;
    let noise = Weights::seeded(1);
    let programs: [(Part, Program); 13] = [
        (Part::Search, glue.search),
        (Part::Search, nets::detector()?),
        (Part::Search, glue.decode),
        (Part::Track, glue.look),
        (Part::Track, nets::mesh()?),
        (Part::Track, glue.track),
        (Part::Track, glue.refiner_look),
        (Part::Track, nets::refine()?),
        (Part::Track, glue.neural_look),
        (Part::Track, nets::keypoints(preset, &noise)?),
        (Part::Render, glue.transfer),
        (Part::Render, nets::merge(preset, &noise)?),
        (Part::Render, nets::render(preset, &noise)?),
    ];
    let mut list: Vec<FrameStep> = programs.iter().flat_map(|(part, program)| steps(*part, program)).collect();
    if let Some(kernel) = enlarged(preset, options) {
        list.extend(steps(Part::Render, &paste(kernel)?));
    }
    Ok(list)
}

/// Every dispatch of the networks that only the preparation of a photo runs, those of views that not all weights have included. Shapes
/// only, as in [`frame_steps`].
///
/// # Errors
/// A preset whose networks cannot be built.
pub fn prepare_steps(preset: &Preset) -> Result<Vec<FrameStep>, EngineError> {
    let noise = Weights::seeded(1);
    let programs = [
        nets::segmentation()?,
        nets::motion_bias(preset, &noise)?,
        nets::view(preset, &noise)?,
        nets::fuse_views(preset, &noise)?,
    ];
    Ok(programs.iter().flat_map(|program| steps(Part::Prepare, program)).collect())
}

/// Every dispatch that only some sessions run, in their frames: what unpacks frames that are turned or not RGBA, and what brings the
/// square to another size, into a whole photo, or cuts the person out. Shapes only, as in [`frame_steps`].
///
/// # Errors
/// A preset whose networks cannot be built.
pub fn optional_steps(preset: &Preset, options: &SessionOptions) -> Result<Vec<FrameStep>, EngineError> {
    let glue = Glue::programs(options, preset, |program| program)?;
    let size = preset.image;
    let side = options.side.unwrap_or(2 * size);
    let pasted =
        |matte| paste(Paste { size, canvas: [side; 2], side, origin: [0; 2], fade: 1.0, edges: [None; 4], matte });
    let parts = [(Part::Track, glue.unpack), (Part::Render, pasted(false)?), (Part::Render, pasted(true)?)];
    Ok(parts.iter().flat_map(|(part, program)| steps(*part, program)).collect())
}

/// What brings the square to another size, or cuts the person out; `None` where neither is asked for.
fn enlarged(preset: &Preset, options: &SessionOptions) -> Option<Paste> {
    let (size, side) = (preset.image, options.side.unwrap_or(preset.image));
    let matte = match options.framing {
        Framing::Crop if side == size => return None,
        Framing::Crop => false,
        Framing::Cutout(_) => true,
        Framing::Photo(_) => return None,
    };
    Some(Paste { size, canvas: [side; 2], side, origin: [0; 2], fade: 1.0, edges: [None; 4], matte })
}

/// `flow`, `source`, `background`, `picture`, `photo` and, for a cutout, `backdrop` → `canvas`.
pub(crate) fn paste(kernel: Paste) -> Result<Program, EngineError> {
    let Paste { size, side, canvas, matte, .. } = kernel;
    let mut g = Graph::new("paste");
    let mut inputs = vec![
        g.external("flow", TensorKind::Floats(4 * size * size)),
        g.external("source", nets::square(4, size)),
        g.external("background", nets::square(4, size)),
        g.external("picture", TensorKind::Texture([size; 2])),
        g.external("photo", TensorKind::Texture([side; 2])),
    ];
    if matte {
        inputs.push(g.external("backdrop", TensorKind::Texture([side; 2])));
    }
    let output = g.external("canvas", TensorKind::Texture(canvas));
    g.kernel_into("paste", Arc::new(kernel), &inputs, &[output]);
    Ok(g.build()?)
}

fn steps(part: Part, program: &Program) -> impl Iterator<Item = FrameStep> {
    program.steps.iter().map(move |step| {
        let tensors = step.bindings.iter().map(|id| {
            let tensor = &program.tensors[id.0];
            FrameTensor { kind: tensor.kind, constant: matches!(tensor.storage, Storage::Constant(_)) }
        });
        let label =
            if step.label == program.name { step.label.clone() } else { format!("{}/{}", program.name, step.label) };
        FrameStep { part, label, kernel: step.kernel.clone(), tensors: tensors.collect() }
    })
}
