//! The engine's own way to a screen: draws a session's picture into any texture of the same device.
#![allow(
    clippy::disallowed_methods,
    reason = "hosts bring targets of any format: pipelines are made when one is first seen"
)]

use crate::error::EngineError;
use crate::gpu::Gpu;
use std::collections::HashMap;
use std::sync::Arc;

const SHADER: &str = include_str!("../../../shaders/surface/present.wgsl");

/// How a picture fills a target of another shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// All of it, with bars beside or above it.
    #[default]
    Contain,
    /// All of the target; what is too wide or too high is cut off evenly.
    Cover,
}

/// Where on a target a picture goes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Placement {
    /// How it fills the target.
    pub fit: Fit,
    /// Colour of the bars, and of what is behind a transparent picture: red, green, blue as screens show them, 0..=1.
    pub bars: [f32; 3],
}

impl Placement {
    /// Left, top, width and height of the picture in pixels of the target; parts of it may lie outside.
    pub fn rectangle(&self, picture: [u32; 2], target: [u32; 2]) -> [f32; 4] {
        let [pw, ph] = picture.map(|v| v.max(1) as f32);
        let [tw, th] = target.map(|v| v as f32);
        let scale = match self.fit {
            Fit::Contain => (tw / pw).min(th / ph),
            Fit::Cover => (tw / pw).max(th / ph),
        };
        let (w, h) = (pw * scale, ph * scale);
        [0.5 * (tw - w), 0.5 * (th - h), w, h]
    }
}

/// Draws one session's newest picture; made by [`crate::Session::presenter`]. It may live in another thread than the session, so that
/// a display that waits for its next refresh does not hold up the frames.
#[derive(Debug)]
pub struct Presenter {
    gpu: Arc<Gpu>,
    picture: wgpu::Texture,
    uniforms: wgpu::Buffer,
    layout: wgpu::PipelineLayout,
    group: wgpu::BindGroup,
    module: wgpu::ShaderModule,
    pipelines: HashMap<wgpu::TextureFormat, wgpu::RenderPipeline>,
}

impl Presenter {
    pub(crate) fn new(gpu: &Arc<Gpu>, picture: &wgpu::Texture) -> Self {
        use wgpu::BufferUsages as U;
        let device = &gpu.device;
        let uniforms = gpu.buffer("placement", 48, U::UNIFORM | U::COPY_DST);
        let entry = |binding, ty| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::FRAGMENT,
            ty,
            count: None,
        };
        let texture = wgpu::BindingType::Texture {
            sample_type: wgpu::TextureSampleType::Float { filterable: false },
            view_dimension: wgpu::TextureViewDimension::D2,
            multisampled: false,
        };
        let uniform = wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Uniform,
            has_dynamic_offset: false,
            min_binding_size: None,
        };
        let label = Some("present");
        let entries = [entry(0, uniform), entry(1, texture)];
        let groups = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
        let view = picture.create_view(&wgpu::TextureViewDescriptor::default());
        let group = gpu.bind_group(
            "present",
            &groups,
            &[
                wgpu::BindGroupEntry { binding: 0, resource: uniforms.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: wgpu::BindingResource::TextureView(&view) },
            ],
        );
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&groups)],
            immediate_size: 0,
        });
        let source = wgpu::ShaderSource::Wgsl(SHADER.into());
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label, source });
        let (gpu, picture) = (gpu.clone(), picture.clone());
        Self { gpu, picture, uniforms, layout, group, module, pipelines: HashMap::new() }
    }

    /// Draws the newest picture into `target`, a colour texture that may be rendered to: a surface's, or any other of the session's
    /// device. All of it is written. One submission; returns before it is done.
    ///
    /// # Errors
    /// A target that cannot be rendered to, or a failing device.
    pub fn render_into(&mut self, target: &wgpu::Texture, placement: &Placement) -> Result<(), EngineError> {
        let encoder = self.record(target, placement)?;
        self.gpu.submit(encoder);
        self.gpu.check()
    }

    /// Draws into a texture of another owner's, and waits until the device is done. It is left as textures are that shaders read from.
    pub(crate) fn hand_over(&mut self, target: &wgpu::Texture, placement: &Placement) -> Result<(), EngineError> {
        let mut encoder = self.record(target, placement)?;
        let readable = wgpu::TextureTransition { texture: target, selector: None, state: wgpu::TextureUses::RESOURCE };
        encoder.transition_resources(std::iter::empty(), std::iter::once(readable));
        self.gpu.submit(encoder);
        self.gpu.wait()
    }

    fn record(&mut self, target: &wgpu::Texture, placement: &Placement) -> Result<wgpu::CommandEncoder, EngineError> {
        let format = target.format();
        if !target.usage().contains(wgpu::TextureUsages::RENDER_ATTACHMENT) || !format.has_color_aspect() {
            return Err(EngineError::Target { format: format!("{format:?}") });
        }
        let size = [self.picture.width(), self.picture.height()];
        let [x, y, w, h] = placement.rectangle(size, [target.width(), target.height()]);
        let [r, g, b] = placement.bars;
        // Where the format itself turns linear values into what a screen shows, the shader hands it linear ones.
        let linear = if format.is_srgb() { 1.0 } else { 0.0 };
        let [pw, ph] = size.map(|v| v as f32);
        let values: [f32; 12] = [x, y, w, h, r, g, b, linear, pw, ph, 0.0, 0.0];
        self.gpu.queue.write_buffer(&self.uniforms, 0, bytemuck::cast_slice(&values));
        if !self.pipelines.contains_key(&format) {
            let pipeline = self.pipeline(format);
            self.pipelines.insert(format, pipeline);
        }
        let view = target.create_view(&wgpu::TextureViewDescriptor::default());
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("present"),
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: &view,
                    depth_slice: None,
                    resolve_target: None,
                    ops: wgpu::Operations {
                        load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                        store: wgpu::StoreOp::Store,
                    },
                })],
                ..Default::default()
            });
            if let Some(pipeline) = self.pipelines.get(&format) {
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, &self.group, &[]);
                pass.draw(0..3, 0..1);
            }
        }
        Ok(encoder)
    }

    fn pipeline(&self, format: wgpu::TextureFormat) -> wgpu::RenderPipeline {
        self.gpu.device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("present"),
            layout: Some(&self.layout),
            vertex: wgpu::VertexState {
                module: &self.module,
                entry_point: Some("vertex"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[],
            },
            primitive: wgpu::PrimitiveState::default(),
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: &self.module,
                entry_point: Some("fragment"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                targets: &[Some(format.into())],
            }),
            multiview_mask: None,
            cache: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_keep_their_shape() {
        let contain = Placement::default();
        let cover = Placement { fit: Fit::Cover, ..contain };
        assert_eq!(contain.rectangle([256, 256], [640, 480]), [80.0, 0.0, 480.0, 480.0]);
        assert_eq!(cover.rectangle([256, 256], [640, 480]), [0.0, -80.0, 640.0, 640.0]);
        assert_eq!(contain.rectangle([400, 200], [100, 100]), [0.0, 25.0, 100.0, 50.0]);
        assert_eq!(contain.rectangle([7, 7], [0, 0]), [0.0; 4]);
    }
}
