//! A surface of the host's, and what it takes to show a picture there.

use crate::error::EngineError;
use crate::gpu::Gpu;
use crate::present::{Placement, Presenter};
use std::sync::Arc;

/// A surface on a window, made by [`Gpu::surface`] or [`Gpu::raw_surface`], and how to fill it.
#[derive(Debug)]
pub struct Window {
    /// The surface.
    pub surface: wgpu::Surface<'static>,
    /// What it allows.
    pub capabilities: wgpu::SurfaceCapabilities,
    /// Width and height in pixels.
    pub size: [u32; 2],
    /// Where in it pictures go.
    pub placement: Placement,
}

/// A window that is being drawn on.
pub(super) struct Screen {
    gpu: Arc<Gpu>,
    surface: wgpu::Surface<'static>,
    config: wgpu::SurfaceConfiguration,
    placement: Placement,
}

impl Screen {
    pub(super) fn new(gpu: &Arc<Gpu>, window: Window) -> Result<Self, EngineError> {
        let Window { surface, capabilities, size: [width, height], placement } = window;
        // Values as screens show them, without another encoding by the format, where there is one.
        let formats = &capabilities.formats;
        let format = formats.iter().find(|format| !format.is_srgb()).or(formats.first());
        let format = *format.ok_or_else(|| gpu.surface_failed("it takes no colour format"))?;
        let config = wgpu::SurfaceConfiguration {
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
            format,
            color_space: wgpu::SurfaceColorSpace::Auto,
            width,
            height,
            desired_maximum_frame_latency: 1,
            // The newest picture counts; where there is no mailbox, the display sets the pace.
            present_mode: match capabilities.present_modes.contains(&wgpu::PresentMode::Mailbox) {
                true => wgpu::PresentMode::Mailbox,
                false => wgpu::PresentMode::Fifo,
            },
            alpha_mode: wgpu::CompositeAlphaMode::Auto,
            view_formats: Vec::new(),
        };
        let mut screen = Self { gpu: gpu.clone(), surface, config, placement };
        screen.resize([width, height]);
        Ok(screen)
    }

    /// Fits the surface to its window; one without pixels shows nothing until it has some.
    pub(super) fn resize(&mut self, [width, height]: [u32; 2]) {
        let limit = self.gpu.device().limits().max_texture_dimension_2d;
        (self.config.width, self.config.height) = (width.min(limit), height.min(limit));
        if width > 0 && height > 0 {
            self.surface.configure(self.gpu.device(), &self.config);
        }
    }

    /// Shows the newest picture; a window that nobody can see is left as it is.
    ///
    /// # Errors
    /// [`EngineError::Surface`] when the surface is gone, others when the device is.
    pub(super) fn show(&mut self, presenter: &mut Presenter) -> Result<(), EngineError> {
        use wgpu::CurrentSurfaceTexture as Next;
        if self.config.width == 0 || self.config.height == 0 {
            return Ok(());
        }
        let mut next = self.surface.get_current_texture();
        if matches!(next, Next::Outdated) {
            self.surface.configure(self.gpu.device(), &self.config);
            next = self.surface.get_current_texture();
        }
        match next {
            Next::Success(frame) | Next::Suboptimal(frame) => {
                presenter.render_into(&frame.texture, &self.placement)?;
                self.gpu.queue().present(frame);
                Ok(())
            }
            Next::Timeout | Next::Occluded | Next::Outdated => Ok(()),
            Next::Lost => Err(self.gpu.surface_failed("it is gone; give a new one")),
            // A lost device refuses as well, and tells of its loss only when its last work has ended.
            Next::Validation => self.gpu.wait().and(Err(self.gpu.surface_failed("it refuses a frame"))),
        }
    }
}
