//! The engine for JavaScript: `Engine`, `Avatar`, `Session`. See the README beside it; the page in `page/` uses all of it.
//!
//! Everything runs in the page's own thread. What waits for the device is a promise; a session never waits.
#![cfg(target_arch = "wasm32")]

use portrait_runtime::wgpu;
use portrait_runtime::{Avatar as Photo, FaceChoice};
use portrait_runtime::{
    Engine as Core, EngineError, EngineOptions, Frame, GpuOptions, Idle, MotionOptions, Orientation, Placement,
    PrepareOptions, Presenter, Session as Frames, SessionOptions, Tier, WeightsSource,
};
use std::borrow::Cow;
use wasm_bindgen::prelude::*;
use web_sys::HtmlCanvasElement;

/// Device, networks and weights.
#[wasm_bindgen]
pub struct Engine(Core);

/// A photo, ready to be animated.
#[wasm_bindgen]
pub struct Avatar(Photo);

/// Turns frames of a camera, or idle motion, into pictures on a canvas.
#[wasm_bindgen]
pub struct Session {
    frames: Frames,
    presenter: Presenter,
    surface: wgpu::Surface<'static>,
    config: wgpu::SurfaceConfiguration,
    device: wgpu::Device,
    queue: wgpu::Queue,
}

/// Panics are told on the console with their place.
#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
}

#[wasm_bindgen]
impl Engine {
    /// Opens a WebGPU device and builds the networks of a preset (`"s"`, `"fast"`) from the bytes of its weights. Precision: `"f32"`,
    /// `"f16_packed"`, `"f16"`; left out, what suits the device.
    ///
    /// # Errors
    /// No WebGPU device, weights that are not the preset's, or a precision that there is not.
    pub async fn open(preset: String, weights: Vec<u8>, precision: Option<String>) -> Result<Engine, JsError> {
        let named = |name: String| {
            let unknown = || JsError::new(&format!("no precision is called `{name}`: f32, f16_packed, f16"));
            Tier::ALL.into_iter().find(|tier| tier.name() == name).ok_or_else(unknown)
        };
        let tier = precision.map(named).transpose()?;
        let gpu = GpuOptions { tier, ..GpuOptions::default() };
        let options = EngineOptions { preset, gpu, ..EngineOptions::new(WeightsSource::Bytes(Cow::Owned(weights))) };
        Ok(Self(Core::open_async(&options, |_| ()).await.map_err(told)?))
    }

    /// The device and the precision it computes in.
    pub fn adapter(&self) -> String {
        let (adapter, tier) = (self.0.gpu().adapter(), self.0.gpu().tier());
        // Browsers may keep the name to themselves.
        let name = if adapter.name.is_empty() { "WebGPU" } else { &adapter.name };
        format!("{name} ({}), {tier}", adapter.kind)
    }

    /// Makes an avatar of the largest face in a photo: RGBA, rows from the top.
    ///
    /// # Errors
    /// No face, or fewer bytes than pixels.
    pub async fn prepare(&self, rgba: Vec<u8>, width: u32, height: u32) -> Result<Avatar, JsError> {
        let options = PrepareOptions { face: FaceChoice::Largest, ..PrepareOptions::default() };
        Ok(Avatar(self.0.prepare_async(Frame { width, height, rgba: &rgba }, &options).await.map_err(told)?))
    }

    /// Starts a session that draws on a canvas and takes frames of this size.
    ///
    /// # Errors
    /// A canvas that has another context, an avatar of another preset, or frames that are too large.
    pub fn session(
        &self,
        avatar: &Avatar,
        canvas: HtmlCanvasElement,
        frame_width: u32,
        frame_height: u32,
    ) -> Result<Session, JsError> {
        let side = canvas.width().min(canvas.height()).max(self.0.preset().image);
        let options =
            SessionOptions { side: Some(side), read_back: false, ..SessionOptions::new(frame_width, frame_height) };
        let mut frames = self.0.session(&avatar.0, &options).map_err(told)?;
        // Without a driver the photo moves from its own pose.
        frames.set_neutral(&avatar.0.points()).map_err(told)?;
        let gpu = self.0.gpu();
        let size = [canvas.width(), canvas.height()];
        let (surface, capabilities) = gpu.surface(wgpu::SurfaceTarget::Canvas(canvas)).map_err(told)?;
        let config = gpu.surface_configuration(&capabilities, size).map_err(told)?;
        surface.configure(gpu.device(), &config);
        let (device, queue) = (gpu.device().clone(), gpu.queue().clone());
        Ok(Session { presenter: frames.presenter(), frames, surface, config, device, queue })
    }

    /// Draws the avatar at rest: breathing, blinking, looking about, `seconds` after the start and `step` after the picture before.
    ///
    /// # Errors
    /// A failing device.
    pub fn idle(&self, avatar: &Avatar, session: &mut Session, seconds: f64, step: f32) -> Result<(), JsError> {
        let points = self.0.pose(&avatar.0, &Idle::default().expression(seconds));
        session.frames.animate_keypoints(&points, step).map_err(told)?;
        session.show()
    }
}

#[wasm_bindgen]
impl Avatar {
    /// What may spoil the result: a small face, a head turned far, shut eyes.
    pub fn warnings(&self) -> Vec<String> {
        self.0.warnings().to_vec()
    }
}

#[wasm_bindgen]
impl Session {
    /// Whether the device has done what it was given. A frame that comes earlier is better dropped than queued.
    ///
    /// # Errors
    /// A failing device.
    pub fn ready(&mut self) -> Result<bool, JsError> {
        Ok(self.frames.pending().map_err(told)? == 0)
    }

    /// Animates the photo by a frame, RGBA, `step` seconds after the one before, and draws it. Mirrored: as in a looking glass.
    ///
    /// # Errors
    /// A frame of another size, or a failing device.
    pub fn animate(&mut self, rgba: &[u8], mirrored: bool, step: f32) -> Result<(), JsError> {
        let [width, height] = self.frames.options().frame;
        self.frames.set_orientation(Orientation { mirror: mirrored, ..Orientation::default() });
        self.frames.animate(Frame { width, height, rgba }, step).map_err(told)?;
        self.show()
    }

    /// Whether a face was seen in the newest frame whose result has arrived; nothing before the first.
    pub fn face(&self) -> Option<bool> {
        self.frames.status().map(|status| status.found)
    }

    /// Takes the driver's next moment for its neutral pose, from which motion is measured: when a camera begins, or on request.
    pub fn recalibrate(&mut self) {
        self.frames.recalibrate();
    }

    /// How much of the driver's motion reaches the photo; 1 is all of it.
    pub fn strength(&mut self, strength: f32) {
        self.frames.set_motion(MotionOptions { strength, ..MotionOptions::default() });
    }

    fn show(&mut self) -> Result<(), JsError> {
        use wgpu::CurrentSurfaceTexture as Next;
        let mut next = self.surface.get_current_texture();
        if matches!(next, Next::Outdated | Next::Lost) {
            self.surface.configure(&self.device, &self.config);
            next = self.surface.get_current_texture();
        }
        if let Next::Success(picture) | Next::Suboptimal(picture) = next {
            self.presenter.render_into(&picture.texture, &Placement::default()).map_err(told)?;
            self.queue.present(picture);
        }
        Ok(())
    }
}

fn told(error: EngineError) -> JsError {
    JsError::new(&error.to_string())
}
