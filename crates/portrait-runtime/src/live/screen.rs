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
        let Window { surface, capabilities, size, placement } = window;
        let config = gpu.surface_configuration(&capabilities, size)?;
        let mut screen = Self { gpu: gpu.clone(), surface, config, placement };
        screen.resize(size)?;
        Ok(screen)
    }

    /// Fits the surface to its window; one without pixels shows nothing until it has some.
    ///
    /// # Errors
    /// [`EngineError::Surface`] when the surface is gone.
    pub(super) fn resize(&mut self, size: [u32; 2]) -> Result<(), EngineError> {
        self.gpu.configure_surface(&self.surface, &mut self.config, size)
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
            self.resize([self.config.width, self.config.height])?;
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
