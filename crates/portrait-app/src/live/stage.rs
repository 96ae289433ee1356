//! Device, surface and what draws on it: everything that a lost device takes with it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use portrait_runtime::{EngineError, Fit, Gpu, GpuOptions, Placement, Presenter, adapters, wgpu};
use winit::window::Window;

use super::screen::Event;
use super::shade::Shade;

/// What is around a picture that does not fill the window.
pub(crate) const PLACEMENT: Placement = Placement { fit: Fit::Contain, bars: [0.055, 0.055, 0.07] };

/// The longest wait for work in flight.
const WAIT: Duration = Duration::from_secs(5);

pub(crate) struct Stage {
    pub(crate) gpu: Arc<Gpu>,
    pub(crate) presenter: Option<Presenter>,
    surface: Option<wgpu::Surface<'static>>,
    config: wgpu::SurfaceConfiguration,
    renderer: egui_wgpu::Renderer,
}

impl Stage {
    pub(crate) fn open(options: &GpuOptions, window: &Arc<Window>) -> Result<Self> {
        let (gpu, surface, config) = reaching(options, window)?;
        let mut renderer = egui_wgpu::Renderer::new(gpu.device(), config.format, egui_wgpu::RendererOptions::default());
        Shade::install(&mut renderer, gpu.device(), config.format);
        Ok(Self { gpu, presenter: None, surface: Some(surface), config, renderer })
    }

    /// A new surface in place of a lost one.
    pub(crate) fn make_surface(&mut self, window: &Arc<Window>) -> Result<()> {
        // The old one has to go first.
        self.surface = None;
        let (surface, config) = surface(&self.gpu, window)?;
        (self.surface, self.config) = (Some(surface), config);
        Ok(())
    }

    /// Takes the surface away, as some systems do.
    pub(crate) fn lose_surface(&mut self) {
        self.surface = None;
    }

    /// Fits the surface to the window, or says what is wrong.
    pub(crate) fn configure(&mut self, size: [u32; 2]) -> Event {
        match self.surface.as_ref().map(|surface| self.gpu.configure_surface(surface, &mut self.config, size)) {
            Some(Ok(())) => Event::Configured,
            Some(Err(_)) | None => Event::SurfaceLost,
        }
    }

    /// What is wrong with the device, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        // A loss is told of when the device is asked for news; what comes of that is in the check.
        let polled = self.gpu.poll(wgpu::PollType::Poll);
        self.gpu.check().and(polled).err().map(|error| error.to_string())
    }

    /// Waits until the device has nothing left to do, which is when it tells of its loss; not for ever.
    pub(crate) fn wait(&self) {
        let _ = self.gpu.poll(wgpu::PollType::Wait { submission_index: None, timeout: Some(WAIT) });
    }

    /// The texture that will be shown next, or what is wrong.
    pub(crate) fn frame(&self) -> Result<wgpu::SurfaceTexture, Event> {
        use wgpu::CurrentSurfaceTexture as Current;
        match self.surface.as_ref().map(wgpu::Surface::get_current_texture) {
            // A suboptimal one is shown as it is; the next resize puts it right.
            Some(Current::Success(frame) | Current::Suboptimal(frame)) => Ok(frame),
            Some(Current::Outdated | Current::Validation) => Err(Event::Outdated),
            Some(Current::Lost) | None => Err(Event::SurfaceLost),
            // Another time: what is shown stays.
            Some(Current::Timeout | Current::Occluded) => Err(Event::Shown),
        }
    }

    /// Draws the newest picture and the overlay, and shows them.
    pub(crate) fn draw(
        &mut self,
        frame: wgpu::SurfaceTexture,
        jobs: &[egui::ClippedPrimitive],
        mut textures: egui::TexturesDelta,
        pixels_per_point: f32,
        window: &Window,
    ) {
        let (device, queue) = (self.gpu.device(), self.gpu.queue());
        for (id, changes) in textures.set.drain() {
            for change in &changes {
                self.renderer.update_texture(device, queue, id, change);
            }
        }
        let drawn = self.presenter.as_mut().is_some_and(|p| p.render_into(&frame.texture, &PLACEMENT).is_ok());
        let load = match drawn {
            true => wgpu::LoadOp::Load,
            false => {
                let [r, g, b] = PLACEMENT.bars.map(f64::from);
                wgpu::LoadOp::Clear(wgpu::Color { r, g, b, a: 1.0 })
            }
        };
        let size_in_pixels = [frame.texture.width(), frame.texture.height()];
        let screen = egui_wgpu::ScreenDescriptor { size_in_pixels, pixels_per_point };
        let view = frame.texture.create_view(&wgpu::TextureViewDescriptor::default());
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut buffers = self.renderer.update_buffers(device, queue, &mut encoder, jobs, &screen);
        {
            let attachment = wgpu::RenderPassColorAttachment {
                view: &view,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations { load, store: wgpu::StoreOp::Store },
            };
            let pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("overlay"),
                color_attachments: &[Some(attachment)],
                ..Default::default()
            });
            self.renderer.render(&mut pass.forget_lifetime(), jobs, &screen);
        }
        buffers.push(encoder.finish());
        queue.submit(buffers);
        window.pre_present_notify();
        queue.present(frame);
        for id in textures.free.drain() {
            self.renderer.free_texture(&id);
        }
    }
}

/// A device that reaches the window, with the surface.
fn reaching(
    options: &GpuOptions,
    window: &Arc<Window>,
) -> Result<(Arc<Gpu>, wgpu::Surface<'static>, wgpu::SurfaceConfiguration)> {
    let count = || pollster::block_on(adapters()).len();
    any_adapter(options, count, |options| {
        let gpu = pollster::block_on(Gpu::open(options))?;
        let (surface, config) = surface(&gpu, window)?;
        Ok((gpu, surface, config))
    })
}

/// Opens the adapter that was asked for, or else the best one, or where that draws on no screen, or on another one, the first that can
/// be opened. Of failures the best one's is told.
fn any_adapter<T>(
    options: &GpuOptions,
    count: impl FnOnce() -> usize,
    mut open: impl FnMut(&GpuOptions) -> Result<T>,
) -> Result<T> {
    open(options).or_else(|error| {
        if options.adapter.is_some() {
            return Err(error);
        }
        let mut others = (0..count()).map(|number| GpuOptions { adapter: Some(number.to_string()), ..options.clone() });
        let opened = others.find_map(|options| open(&options).ok());
        opened.ok_or_else(|| match error.downcast_ref() {
            Some(EngineError::Surface { .. }) => {
                error.context("no adapter reaches this screen (`portrait animate` needs none, and writes a file)")
            }
            _ => error,
        })
    })
}

/// A surface of the window on the engine's device, and how to configure it.
fn surface(gpu: &Gpu, window: &Arc<Window>) -> Result<(wgpu::Surface<'static>, wgpu::SurfaceConfiguration)> {
    let (surface, capabilities) = gpu.surface(window.clone())?;
    let config = gpu.surface_configuration(&capabilities, window.inner_size().into())?;
    Ok((surface, config))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::chain;

    /// What comes of three adapters of which one reaches the screen, when this one is asked for, or the best; and which were tried.
    fn opened(asked: Option<&str>, reaches: &str) -> (Result<String>, Vec<Option<String>>) {
        let options = GpuOptions { adapter: asked.map(str::to_owned), ..GpuOptions::default() };
        let mut tried = Vec::new();
        let result = any_adapter(
            &options,
            || 3,
            |options| {
                tried.push(options.adapter.clone());
                let adapter = options.adapter.clone().unwrap_or("0".to_owned());
                let reason = "it does not reach it".to_owned();
                if adapter == reaches { Ok(adapter) } else { Err(EngineError::Surface { adapter, reason }.into()) }
            },
        );
        (result, tried)
    }

    #[test]
    fn an_adapter_that_reaches_the_screen_is_found_unless_another_was_asked_for() {
        let (best, tried) = opened(None, "0");
        assert_eq!((best.expect("opens"), tried), ("0".to_owned(), vec![None]));
        let (other, tried) = opened(None, "2");
        assert_eq!((other.expect("opens"), tried.len()), ("2".to_owned(), 4));
        let told = |result: Result<String>| chain(&result.expect_err("it reaches nothing"));
        let none = told(opened(None, "no screen").0);
        assert!(none.starts_with("no adapter reaches this screen") && none.contains("adapter `0`"), "{none}");
        let (asked, tried) = opened(Some("1"), "2");
        assert!(told(asked).starts_with("adapter `1` cannot draw on the window"));
        assert_eq!(tried, [Some("1".to_owned())]);
    }

    #[test]
    fn what_has_nothing_to_do_with_the_screen_is_told_as_it_is() {
        let none = || EngineError::NoAdapter("no adapter found".to_owned());
        let error =
            any_adapter(&GpuOptions::default(), || 0, |_| Err::<(), _>(none().into())).expect_err("there is none");
        assert_eq!(chain(&error), "no adapter found");
    }
}
