//! What is behind the overlay's panels, drawn by a pipeline of its own: egui's shader reads a texture for every pixel, which on a
//! software driver made these fills two thirds of what the overlay costs.

use egui_wgpu::{CallbackResources, CallbackTrait, Renderer, wgpu};

/// Fills a panel's rectangle.
pub(crate) struct Shade;

struct Pipeline(wgpu::RenderPipeline);

impl Shade {
    /// Makes the pipeline of a renderer that draws on this format.
    pub(crate) fn install(renderer: &mut Renderer, device: &wgpu::Device, format: wgpu::TextureFormat) {
        let shader = device.create_shader_module(wgpu::include_wgsl!("shade.wgsl"));
        let linear = if format.is_srgb() { 1.0 } else { 0.0 };
        let constants = [("linear", linear)];
        let target = wgpu::ColorTargetState {
            format,
            blend: Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
            write_mask: wgpu::ColorWrites::ALL,
        };
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("shade"),
            layout: None,
            vertex: wgpu::VertexState {
                module: &shader,
                entry_point: Some("corner"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[],
            },
            primitive: wgpu::PrimitiveState::default(),
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: &shader,
                entry_point: Some("fill"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants: &constants,
                    ..wgpu::PipelineCompilationOptions::default()
                },
                targets: &[Some(target)],
            }),
            multiview_mask: None,
            cache: None,
        });
        renderer.callback_resources.insert(Pipeline(pipeline));
    }
}

impl CallbackTrait for Shade {
    fn paint(
        &self,
        _info: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &CallbackResources,
    ) {
        if let Some(Pipeline(pipeline)) = resources.get() {
            pass.set_pipeline(pipeline);
            pass.draw(0..3, 0..1);
        }
    }
}
